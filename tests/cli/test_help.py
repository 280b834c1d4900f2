"""Help and usage: at once, without colour in pipes, with the next step."""

import json
import subprocess
import sys

import pytest

from bridge import __version__
from bridge.cli import TOPICS, exits, new_app
from bridge.errors import (
    Busy,
    CommitFailed,
    ConfigInvalid,
    Invalid,
    NotAllowed,
    NotFound,
    SetupError,
    StorageFull,
    StoreLocked,
    Unavailable,
)
from tests.cli.conftest import ROOT, Isthmus


def test_help_names_every_command_and_nothing_is_done(isthmus: Isthmus) -> None:
    ran = isthmus("--help")

    assert ran.code == 0
    assert "\x1b" not in ran.out
    for name in TOPICS:
        assert f"\n  {name}: " in ran.out, name


def test_without_a_command_help_is_shown_and_the_usage_is_wrong(isthmus: Isthmus) -> None:
    ran = isthmus()

    assert ran.code == exits.USAGE
    assert "Commands:" in ran.out


@pytest.mark.parametrize("name", TOPICS)
def test_every_command_has_help(name: str, isthmus: Isthmus) -> None:
    ran = isthmus(name, "--help")

    assert ran.code == 0
    assert ran.out.startswith("Usage: isthmus ")


def test_help_loads_no_command() -> None:
    code = (
        "import sys; from bridge.cli import run; run(['--help']); "
        "print(sorted(m for m in sys.modules if m.startswith('bridge.') and '.cli' not in m))"
    )

    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert said.splitlines()[-1] == "['bridge.errors']"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["acount"], "Did you mean account?"),
        (["qwertz"], "isthmus --help"),
        (["account", "lst"], "list"),
        (["serve", "--prot", "1"], "--port"),
        (["serve", "--port", "many"], "many"),
        (["serve", "too", "much"], "isthmus serve --help"),
        (["--nothing"], "--nothing"),
        (["", ""], "isthmus --help"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(arguments: list[str], hint: str, isthmus: Isthmus) -> None:
    ran = isthmus(*arguments)

    assert ran.code == exits.USAGE
    assert hint in ran.err
    assert len(ran.err.splitlines()) == 1


def test_the_version_is_told_both_ways(isthmus: Isthmus) -> None:
    assert isthmus("version", "--json").data["isthmus"] == __version__
    assert isthmus("version").out.startswith(f"isthmus {__version__} ")
    assert isthmus("--version").out.strip() == __version__


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound(), exits.MISSING),
        (Invalid(), exits.USAGE),
        (ConfigInvalid("x"), exits.USAGE),
        (StoreLocked(), exits.UNAVAILABLE),
        (Unavailable(), exits.UNAVAILABLE),
        (Busy(), exits.TRY_AGAIN),
        (StorageFull(), exits.TRY_AGAIN),
        (CommitFailed("x"), exits.BROKEN),
        (NotAllowed(), exits.FAILED),
        (SetupError("x"), exits.FAILED),
    ],
)
def test_an_exit_code_tells_what_to_do_next(error: Exception, code: int) -> None:
    assert exits.exit_code(error) == code  # type: ignore[arg-type]  # all of them are of our own tree


def test_every_command_takes_json() -> None:
    app = new_app()
    bare = []
    for name in TOPICS:
        command = app[name]
        parts = [command[part] for part in command if not part.startswith("-")] or [command]
        bare += [
            " ".join(part.name)
            for part in parts
            if name != "bench"
            and not any("--json" in argument.names for argument in part.assemble_argument_collection())
        ]

    assert bare == []


def test_a_chat_which_speaks_to_people_alone_refuses_to_speak_to_programs(isthmus: Isthmus) -> None:
    ran = isthmus("chat", "--json")

    assert ran.code == exits.USAGE
    assert "the SDK, or python -m clients.tap" in json.loads(ran.out)["error"]["text"]
