"""Plays the conversations printed in the docs against a hub: what a reader may type, and what must come back.

A block fenced as ``transcript`` has a line per frame, further lines indented::

    # a comment
    ben > {"id": 1, "op": "sign_in", "token": "$token"}
    ben < {"re": 1, "ok": {"person": "$ben", …}}
    ben x

``>`` sends (the first time a connection is opened for the name), ``<`` waits for a
frame that fits, ``x`` closes; a name that speaks again comes back on a new connection.
``"$name"`` keeps what stands there the first time, and stands for it from then on. A bare
``…`` is any value, or the rest of an object or a list. Frames that no line waits for,
such as heartbeats, are passed over, but frames of a connection are never taken twice.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

BLOCK: Final = re.compile(r"^```transcript\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEP: Final = re.compile(r"(\w+) ([<>x])(?: (.+))?")
PART: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|[…\[\]{}:,]'
)  # a string or a mark; numbers and words are passed over
NAME: Final = re.compile(r"\$([a-z]\w*)")  # a path such as "$.text" is no name
REST: Final = "…"

Names = Mapping[str, object]


class Socket(Protocol):
    """A WebSocket client's connection."""

    async def send(self, message: str, /) -> None:
        """Send a text frame."""
        ...

    async def recv(self) -> str | bytes:
        """Wait for the next frame."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...


class Step(NamedTuple):
    """One line: who does what with which frame."""

    who: str
    what: str
    frame: object


class TranscriptFailed(AssertionError):
    """The hub did not say what the page says that it does."""


async def run_transcript(
    text: str, connect: Callable[[], Awaitable[Socket]], *, patience_s: float = 10.0
) -> dict[str, object]:
    """Play all transcripts of a page, in order; names and connections go on from block to block.

    Args:
        text: The page.
        connect: Opens a connection to the hub.
        patience_s: How long each line may wait for its frame.

    Returns:
        What the names stand for in the end.

    Raises:
        TranscriptFailed: At the first line that does not come true.
    """
    names: dict[str, object] = {}
    open_now: dict[str, Socket] = {}
    unread: dict[str, list[object]] = {}
    try:
        for who, what, frame in steps(text):
            if what == "x":
                await open_now.pop(who).close()
                continue
            if who not in open_now:
                open_now[who], unread[who] = await connect(), []
            if what == ">":
                await open_now[who].send(json.dumps(filled(frame, names), ensure_ascii=False))
            else:
                names |= await _wait(open_now[who], unread[who], frame, names, patience_s)
    finally:
        for socket in open_now.values():
            await socket.close()
    return names


async def _wait(
    socket: Socket, unread: list[object], pattern: object, names: Names, patience_s: float
) -> dict[str, object]:
    """Wait until a frame fits, and give what its names stand for."""
    for place, frame in enumerate(unread):
        if (found := fits(pattern, frame, names)) is not None:
            del unread[place]
            return found
    try:
        async with asyncio.timeout(patience_s):
            while True:
                frame = json.loads(await socket.recv())
                if (found := fits(pattern, frame, names)) is not None:
                    return found
                unread.append(frame)
    except TimeoutError:
        came = "\n".join(json.dumps(frame, ensure_ascii=False) for frame in unread)
        wanted = json.dumps(pattern, ensure_ascii=False)
        raise TranscriptFailed(f"Nothing fits {wanted}\nwith {dict(names)}\nof what came:\n{came}") from None


def steps(text: str) -> Iterator[Step]:
    """Read the transcripts of a page.

    Raises:
        TranscriptFailed: At a line that is none.
    """
    for block in BLOCK.findall(text):
        for line in re.sub(r"\n +", " ", block).splitlines():
            if not line or line.startswith("#"):
                continue
            step = STEP.fullmatch(line)
            if step is None or (step[3] is None) is not (step[2] == "x"):
                raise TranscriptFailed(f"This is no line of a transcript: {line}")
            yield Step(step[1], step[2], read_pattern(step[3]) if step[3] else None)


def read_pattern(text: str) -> Any:
    """Read JSON in which a bare ``…`` may stand for a value, or for the rest of an object or a list."""
    marks = list(PART.finditer(text))
    inside: list[str] = []
    written, end = "", 0
    for before, mark in zip([None, *marks], marks, strict=False):
        written, end = written + text[end : mark.start()], mark.end()
        if mark[0] in ("{", "["):
            inside.append(mark[0])
        elif mark[0] in ("}", "]"):
            inside.pop()
        is_rest = mark[0] == REST and inside and inside[-1] == "{" and before is not None and before[0] != ":"
        written += f'"{REST}": null' if is_rest else f'"{REST}"' if mark[0] == REST else mark[0]
    return json.loads(written + text[end:])


def fits(pattern: object, value: object, names: Names) -> dict[str, object] | None:
    """Compare a frame with a line; give what its new names stand for, or None if it does not fit."""
    found: dict[str, object] = {}
    return found if _fits(pattern, value, names, found) else None


def _fits(pattern: object, value: object, names: Names, found: dict[str, object]) -> bool:
    match pattern:
        case "…":
            return True
        case str() if name := NAME.fullmatch(pattern):
            return bool(names.get(name[1], found.setdefault(name[1], value)) == value)
        case dict():
            keys = pattern.keys() - {REST}
            return (
                isinstance(value, dict)
                and (keys <= value.keys() if REST in pattern else keys == value.keys())
                and all(_fits(pattern[key], value[key], names, found) for key in pattern if key != REST)
            )
        case list():
            shown = pattern[:-1] if pattern and pattern[-1] == REST else pattern
            return (
                isinstance(value, list)
                and (len(shown) == len(value) or (shown is not pattern and len(shown) < len(value)))
                and all(_fits(part, item, names, found) for part, item in zip(shown, value, strict=False))
            )
        case _:
            return type(pattern) is type(value) and pattern == value


def filled(frame: object, names: Names) -> object:
    """Put what the names stand for into a frame.

    Raises:
        TranscriptFailed: If a name stands for nothing yet.
    """
    match frame:
        case str() if name := NAME.fullmatch(frame):
            if name[1] not in names:
                raise TranscriptFailed(f"Nothing has been kept as {frame}.")
            return names[name[1]]
        case dict():
            return {key: filled(value, names) for key, value in frame.items()}
        case list():
            return [filled(value, names) for value in frame]
        case _:
            return frame
