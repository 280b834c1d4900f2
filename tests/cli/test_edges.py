"""The edges of the command line: programs behind a command, terminals, pipes, logs, failing hubs."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from bridge.__main__ import main
from bridge.archive.cast import demo_people
from bridge.cli import exits, reach, run, serve, watch
from bridge.cli.printing import Printer, count, when
from bridge.cli.reach import _ask
from bridge.config import Config, StoreSettings
from bridge.errors import CommitFailed, Unavailable
from bridge.hub.orders import ReadStatus
from tests.cli.conftest import ROOT, Isthmus, Served, started_with


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

    ran = isthmus(
        *("chat", "--plain", "ws://127.0.0.1:1", "--network", "direct", "--handle", "ana", "--forget"),
        *("--password-file", "secret", "--outbox", "unsent"),
    )

    assert ran.code == 3
    assert asked == [
        (
            "ws://127.0.0.1:1",
            {
                "network": "direct",
                "handle": "ana",
                "codec": "json",
                "keep": False,
                "password_file": Path("secret"),
                "token_file": None,
                "outbox": Path("unsent"),
            },
        )
    ]


def test_chat_takes_one_secret(isthmus: Isthmus) -> None:
    ran = isthmus("chat", "--password-file", "a", "--token-file", "b")

    assert (ran.code, "not both" in ran.err) == (exits.USAGE, True)


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


def _in_a_shell(folder: Path, line: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a line of shell in which ``isthmus`` is the command."""
    return subprocess.run(
        ["sh", "-c", line.replace("isthmus", f"{sys.executable} -m bridge")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("line", "code", "err"),
    [
        ("isthmus version >&-", 0, ""),
        ("isthmus account create direct/ana <&-", 1, "Nobody is here to type a password"),
        ("isthmus account show direct/ana 2>&-", 1, ""),
        ("isthmus version >/dev/full", 75, "No space left on device"),
        ("isthmus version --json >/dev/full", 75, "Make room, then try again."),
        ("isthmus account show direct/ana --json >/dev/full", 1, "There is no database"),
        ("isthmus account --what 2>/dev/full", 2, ""),
        ("isthmus account --what --json >/dev/full", 2, "See: isthmus account --help"),
        ("{ isthmus account show direct/ana --json; echo code $? >&2; } | true", 0, "code 1"),
    ],
)
def test_streams_that_are_closed_or_full_end_in_a_sentence(
    tmp_path: Path, line: str, code: int, err: str
) -> None:
    ran = _in_a_shell(tmp_path, line)

    assert (ran.returncode, err in ran.stderr) == (code, True)
    assert "Traceback" not in ran.stderr


def test_a_terminal_that_lacks_a_letter_shows_the_rest_and_data_lacks_none(tmp_path: Path) -> None:
    poor = {"PYTHONIOENCODING": "ascii"}
    made = _in_a_shell(tmp_path, "isthmus account create direct/zoe --name Zoë --no-password", **poor)
    listed = _in_a_shell(tmp_path, "isthmus account list --json", **poor)

    assert "Made direct/zoe (Zo?)" in made.stdout
    assert json.loads(listed.stdout)["name"] == "Zoë"


def test_what_is_no_text_is_refused_wherever_it_would_go(isthmus: Isthmus) -> None:
    asked = isthmus("account", "create", "direct/\udcff", "--no-password", "--json")
    named = isthmus("check", "--db", "\udcff.db", "--json")

    assert (asked.code, asked.data["error"]["code"]) == (exits.USAGE, "invalid")
    assert "\udcff.db" in named.data["checks"][0]["text"]


def test_a_password_that_is_not_typed_changes_nothing(
    isthmus: Isthmus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(question: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", ended)
    monkeypatch.setattr("sys.stdin", Terminal())

    ran = isthmus("account", "create", "direct/ana")

    assert (ran.code, "No password was typed" in ran.err) == (exits.FAILED, True)


def test_a_handle_is_made_without_its_sign(isthmus: Isthmus) -> None:
    ran = isthmus("account", "create", "direct/@ana", "--no-password")

    assert (ran.code, "without the @" in ran.err) == (exits.USAGE, True)


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


def test_who_stops_it_while_it_is_still_loading_sees_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "bridge.cli", Slow("bridge.cli"))

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == exits.INTERRUPTED


async def test_who_waits_no_longer_for_a_hub_is_told_that_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ordered = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        ordered.set()
        await reader.read()
        writer.close()

    config = Config(store=StoreSettings(path=str(tmp_path / "hub.db")))
    async with await asyncio.start_unix_server(never, tmp_path / "hub.db.admin"):
        asking = asyncio.create_task(_ask(config, ReadStatus(), Printer(json=False), "missed"))
        await ordered.wait()
        asking.cancel()  # as Ctrl-C does
        await asyncio.wait([asking])

    assert asking.cancelled()
    assert "the hub does it all the same" in capsys.readouterr().err


async def test_a_hub_that_hangs_is_not_waited_for_when_asked_how_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    monkeypatch.setattr(reach, "STATUS_S", 0.05)
    config = Config(store=StoreSettings(path=str(tmp_path / "hub.db")))
    async with await asyncio.start_unix_server(never, tmp_path / "hub.db.admin"):
        with pytest.raises(Unavailable, match="has not answered for"):
            await _ask(config, ReadStatus(), Printer(json=False), "missed")
        await gone.wait()


@pytest.mark.parametrize(("every", "paused_s"), [("nan", 0.1), ("inf", 86_400.0), ("3", 3.0)])
def test_a_hub_is_watched_on_a_terminal_that_is_cleared_each_time(
    isthmus: Isthmus, monkeypatch: pytest.MonkeyPatch, every: str, paused_s: float
) -> None:
    terminal, pauses = Terminal(), list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        raise KeyboardInterrupt

    status = {"version": "1", "url": "ws://here", "process": 7, "up_s": 1.0, "metrics": {}}
    monkeypatch.setattr(watch, "ask", lambda config, order, printer: status)
    monkeypatch.setattr("time.sleep", pause)
    monkeypatch.setattr("sys.stdout", terminal)

    code = run(["top", "--every", every])

    assert (code, pauses) == (exits.INTERRUPTED, [paused_s])
    assert terminal.getvalue().startswith("\x1b[H\x1b[2Jisthmus 1 on ws://here")
