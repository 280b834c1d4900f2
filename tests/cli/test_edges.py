"""The edges of the command line: programs behind a command, terminals, pipes, logs, failing hubs."""

import asyncio
import io
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge.archive.cast import demo_people
from bridge.cli import exits, serve
from bridge.cli.printing import Printer, count, when
from bridge.config import Config
from bridge.errors import CommitFailed
from tests.cli.conftest import Isthmus, Served, started_with


class Terminal(io.StringIO):
    """A terminal that remembers what it shows."""

    def isatty(self) -> bool:
        return True


def test_chat_starts_the_line_mode_client(isthmus: Isthmus, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    async def chat(url: str, **given: object) -> int:
        asked.append((url, given))
        return 3

    monkeypatch.setattr("clients.terminal.plain.chat", chat)

    ran = isthmus("chat", "--plain", "ws://127.0.0.1:1", "--network", "direct", "--handle", "ana", "--forget")

    assert ran.code == 3
    assert asked == [
        ("ws://127.0.0.1:1", {"network": "direct", "handle": "ana", "codec": "json", "keep_token": False})
    ]


def test_bench_passes_its_arguments_on(isthmus: Isthmus, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    def call(command: list[str]) -> int:
        called.append(command)
        return 5

    monkeypatch.setattr(subprocess, "call", call)

    ran = isthmus("bench", "throughput", "--pairs", "2")

    assert ran.code == 5
    assert called[0][1:] == ["-m", "benchmarks", "throughput", "--pairs", "2"]


def test_bench_says_where_the_benchmarks_are_if_not_here(
    isthmus: Isthmus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    ran = isthmus("bench")

    assert (ran.code, "go.py bench" in ran.err) == (exits.FAILED, True)


def test_progress_is_shown_to_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        monkeypatch.setattr("sys.stderr", stream)
        printer = Printer(json=False)
        for done in (1, 2, 10):
            printer.progress(done, 10)
        printer.progress(0, 0)

    assert pipe.getvalue() == ""
    assert "100%  10 of 10\n" in terminal.getvalue()
    assert "2 of 10" not in terminal.getvalue()  # too soon after the first


def test_numbers_and_times_read_well() -> None:
    assert [count(1, "entry"), count(2, "entry"), count(1_000, "chat")] == [
        "1 entry",
        "2 entries",
        "1,000 chats",
    ]
    assert (when(0), len(when(1))) == ("-", 19)


def test_names_cannot_move_a_terminal_s_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    Printer(json=False).table(("NAME",), [("\x1b[2Jana\u202e",)])

    assert capsys.readouterr().out == "NAME\n?[2Jana?\n"


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    process = started_with(tmp_path, "config", "env")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (0, "")


def test_log_lines_may_be_data(serve: Callable[..., Served], isthmus: Isthmus) -> None:
    hub = serve("--log-format", "json")
    isthmus("account", "create", "direct/ana", "--no-password")
    hub.stop()
    assert hub.process.stderr is not None
    lines = [json.loads(line) for line in hub.process.stderr]

    assert {"at", "level", "logger", "text"} == set(lines[0])
    assert "the operator: CreateAccount" in [line["text"] for line in lines]


def test_a_hub_tells_how_far_an_import_has_come(serve: Callable[..., Served], tmp_path: Path) -> None:
    serve()
    archive = demo_people(tmp_path / "archives")[0].path

    process = started_with(tmp_path, "import", str(archive), "--json")
    out, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert json.loads(out)["added"] == 7


async def test_a_hub_that_cannot_commit_ends_with_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @asynccontextmanager
    async def failing(config: Config) -> AsyncIterator[SimpleNamespace]:
        stopped = asyncio.get_running_loop().create_future()
        stopped.set_exception(CommitFailed("The disk is gone."))
        yield SimpleNamespace(url="ws://x", port=1, config=config, stopped=stopped)

    monkeypatch.setattr(serve, "running_hub", failing)
    monkeypatch.setattr(serve, "spare_the_collector", lambda: None)

    code = await serve._serve(Config(), Printer(json=False))

    assert code == exits.BROKEN
    assert "The disk is gone." in capsys.readouterr().err
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)


def test_ctrl_c_has_the_exit_code_of_shells(isthmus: Isthmus, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bridge.cli.options.load", interrupted)

    assert isthmus("config", "check").code == exits.INTERRUPTED


def test_a_hub_of_another_user_is_out_of_reach(isthmus: Isthmus, tmp_path: Path) -> None:
    (tmp_path / "isthmus.db.admin").mkdir()

    ran = isthmus("account", "list")

    assert ran.code in (exits.UNAVAILABLE, exits.FAILED)
    assert "Traceback" not in ran.err
    assert os.path.isdir(tmp_path / "isthmus.db.admin")
