"""``isthmus demo``: the whole conversation, checked by itself, in a process of its own."""

import asyncio
import json
import re
import signal
from pathlib import Path

import pytest

from bridge.archive.cast import demo_people
from bridge.cli.demo import demo
from tests.cli.conftest import started_with


def test_the_demonstration_plays_and_proves_itself(tmp_path: Path) -> None:
    process = started_with(tmp_path, "demo", "--once")
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, out + err
    assert err == ""
    assert len(out.splitlines()) <= 60
    assert max(map(len, out.splitlines())) <= 110
    for heading in ("1. Ana", "2. Ben", "3. Cleo", "4. Ana"):
        assert f"\n{heading}" in out
    for told in (
        "lands in Cleo's requests",
        "is refused. All that Ben sees: This account can't receive your message.",
        "Cleo alone may ask why: closed:others_on_messenger",
        "1 chat across networks: read-only from now on",
        "Undone",
        "no problems.",
    ):
        assert told in out
    assert list(tmp_path.iterdir()) == []


def test_the_same_comes_as_data(tmp_path: Path) -> None:
    process = started_with(tmp_path, "demo", "--once", "--json")
    out, err = process.communicate(timeout=60)
    lines = [json.loads(line) for line in out.splitlines()]

    assert process.returncode == 0, err
    assert [line["code"] for line in lines if line.get("what") == "refused"] == [
        "request_pending",
        "not_accepting",
        "not_accepting",
    ]
    assert lines[-1]["what"] == "audited"
    assert lines[-1]["problems"] == 0


def test_it_stays_up_for_the_reader_until_told_to_stop(tmp_path: Path) -> None:
    process = started_with(tmp_path, "demo")
    assert process.stdout is not None
    joins: list[tuple[str, str]] = []
    while len(joins) < 2:
        line = process.stdout.readline()
        assert line, "it ended by itself"
        joins += re.findall(r"chat --plain --network (\w+) --handle (\w+) --forget ws://127.0.0.1:\d+", line)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)

    assert joins == [("direct", "cleo"), ("messenger", "ben")]
    assert process.returncode == 0


def test_a_conversation_that_is_cut_short_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    def told_at_once() -> asyncio.Future[None]:
        told = asyncio.get_running_loop().create_future()
        told.set_result(None)
        return told

    monkeypatch.setattr("bridge.cli.demo.told_to_stop", told_at_once)
    monkeypatch.setattr("bridge.cli.demo.signal.signal", lambda number, handler: None)

    assert demo(once=True) == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("until", ["Official archives", "The hub stays up"])
def test_a_terminal_that_is_closed_leaves_no_scratch_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, until: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = started_with(tmp_path, "demo")
    assert process.stdout is not None
    while not process.stdout.readline().startswith(until):
        assert process.poll() is None
    scratch = list(tmp_path.iterdir())
    process.send_signal(number)
    _, err = process.communicate(timeout=30)

    assert len(scratch) == 1
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in err


@pytest.mark.parametrize("which", [2, 3])
def test_a_reader_s_own_archive_is_written_to_by_a_guest(tmp_path: Path, which: int) -> None:
    archive = demo_people(tmp_path / "archives")[which].path

    process = started_with(tmp_path, "demo", "--once", "--archive", str(archive))
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, out + err
    assert "Gus Guest writes to" in out


def test_an_archive_that_is_none_ends_it_with_a_sentence(tmp_path: Path) -> None:
    process = started_with(tmp_path, "demo", "--once", "--archive", "absent.zip")
    _, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "absent.zip" in err
    assert "Traceback" not in err
