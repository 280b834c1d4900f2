"""The player of the printed conversations believes nothing that did not happen."""

import asyncio
import json
from collections.abc import Callable

import pytest

from tests.wire.transcript import TranscriptFailed, filled, fits, read_pattern, run_transcript, steps

Hub = Callable[[dict[str, object]], list[object]]


class Line:
    """A connection to a hub that answers at once."""

    def __init__(self, hub: Hub, log: list[str]) -> None:
        self._hub = hub
        self._log = log
        self._frames: asyncio.Queue[str] = asyncio.Queue()
        log.append("opened")

    async def send(self, message: str, /) -> None:
        self._log.append(message)
        for frame in self._hub(json.loads(message)):
            self._frames.put_nowait(json.dumps(frame))

    async def recv(self) -> str:
        return await self._frames.get()

    async def close(self) -> None:
        self._log.append("closed")


async def play(text: str, hub: Hub, patience_s: float = 0.01) -> tuple[dict[str, object], list[str]]:
    """Play a transcript against a hub; give what was kept and what happened."""
    log: list[str] = []

    async def connect() -> Line:
        return Line(hub, log)

    return await run_transcript(f"Text.\n\n```transcript\n{text}\n```\n", connect, patience_s=patience_s), log


def echo(frame: dict[str, object]) -> list[object]:
    """Tell a heartbeat, answer, and tell what was said."""
    return [{"event": {"type": "heartbeat"}}, {"re": frame["id"], "ok": {"seq": 7}}, {"event": frame}]


async def test_frames_are_sent_awaited_and_kept_by_name() -> None:
    text = """# a comment
ben > {"id": 1, "op": "send",
    "text": "hi"}
ben < {"re": 1, "ok": {"seq": "$seq"}}

ben < {"event": {"text": "hi", …}}
ben > {"id": 2, "seq": "$seq", "all": ["$seq"]}
ben < {"event": {"id": 2, "seq": 7, "all": [7]}}"""

    names, log = await play(text, echo)

    assert names == {"seq": 7}
    assert log == [
        "opened",
        '{"id": 1, "op": "send", "text": "hi"}',
        '{"id": 2, "seq": 7, "all": [7]}',
        "closed",
    ]


async def test_frames_may_come_in_another_order_than_the_lines_but_only_once() -> None:
    order = 'a > {"id": 1}\na < {"event": {"id": 1}}\na < {"re": 1, "ok": …}'
    names, _ = await play(order, echo)
    assert names == {}

    with pytest.raises(TranscriptFailed, match="heartbeat"):
        await play(order + '\na < {"re": 1, "ok": …}', echo)


async def test_a_name_that_closed_comes_back_on_a_new_connection() -> None:
    _, log = await play('a > {"id": 1}\na x\na > {"id": 2}\na < {"re": 2, …}', echo)

    assert log == ["opened", '{"id": 1}', "closed", "opened", '{"id": 2}', "closed"]


async def test_connections_are_closed_when_a_line_does_not_come_true() -> None:
    closed: list[str] = []

    async def connect() -> Line:
        return Line(echo, closed)

    with pytest.raises(TranscriptFailed):
        await run_transcript(
            '```transcript\na > {"id": 1}\na < {"re": 2, …}\n```\n', connect, patience_s=0.01
        )
    assert closed[-1] == "closed"


@pytest.mark.parametrize("line", ["a", "a >", 'a x {"id": 1}', "a ? {}", "two words > {}"])
def test_what_is_no_line_is_refused(line: str) -> None:
    with pytest.raises(TranscriptFailed, match="no line"):
        list(steps(f"```transcript\n{line}\n```\n"))


def test_only_transcripts_are_played() -> None:
    page = '```json\n{"id": 1}\n```\n\n```transcript\na > {"id": 2}\n```\n\n```transcript\nb x\n```\n'

    assert [(step.who, step.what) for step in steps(page)] == [("a", ">"), ("b", "x")]


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("…", {"any": "thing"}, True),
        ("5", 5, True),
        ("1", True, False),
        ('{"a": 1}', {"a": 1}, True),
        ('{"a": 1}', {"a": 1, "b": 2}, False),
        ('{"a": 1, …}', {"a": 1, "b": 2}, True),
        ('{…, "a": 1}', {"a": 1, "b": 2}, True),
        ('{"a": …, "b": {…}}', {"a": [1], "b": {"c": 1}}, True),
        ('{"a": …}', {}, False),
        ('{"a": 1}', [1], False),
        ("[1, 2]", [1, 2], True),
        ("[1, …]", [1, 2, 3], True),
        ("[1, …]", [1], True),
        ("[1, …]", [], False),
        ("[1]", [1, 2], False),
        ("[1]", {"0": 1}, False),
        ('["a…b", "\\" …"]', ["a…b", '" …'], True),
        ('["$x", "$x"]', [1, 1], True),
        ('["$x", "$x"]', [1, 2], False),
        ('"$known"', 3, True),
        ('"$known"', 4, False),
        ('"$.known"', "$.known", True),
        ('"$.known"', "$.other", False),
    ],
)
def test_a_frame_fits_or_does_not(pattern: str, value: object, expected: bool) -> None:
    assert (fits(read_pattern(pattern), value, {"known": 3}) is not None) is expected


def test_nothing_is_kept_of_a_frame_that_does_not_fit() -> None:
    assert fits(read_pattern('{"a": "$a", "b": 1}'), {"a": 1, "b": 2}, {}) is None
    assert fits(read_pattern('{"a": "$a", "b": 1}'), {"a": 1, "b": 1}, {}) == {"a": 1}


def test_a_name_must_have_been_kept_before_it_is_said() -> None:
    with pytest.raises(TranscriptFailed, match="nobody"):
        filled({"id": 1, "to": "$nobody"}, {})
