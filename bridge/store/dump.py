"""Everything that a store holds, as a stream that any engine can take in; and that stream as a file.

Records, messages in the order in which they were committed, events, and journals line by
line: nothing is numbered anew, so that every id, cursor and token goes on meaning what it meant.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol
from zlib import crc32

import msgspec
from msgspec import Struct

from bridge.domain.hold import HOLDS
from bridge.domain.model import Message, StoredRecord, Tie
from bridge.errors import CorruptStore, SetupError
from bridge.ids import AccountId, Position, ThreadId
from bridge.store.base import Progress
from bridge.store.rows import TABLES
from bridge.store.unfinished import unfinished
from bridge.wire.events import JournalEvent

_MAGIC: Final = b"isthmus dump 1\n"


class Beginning(Struct, frozen=True, tag="beginning"):
    """What comes first.

    Attributes:
        epoch: The store's epoch.
        items: About how many items follow, for whoever shows how far it has come.
    """

    epoch: int
    items: int


class Event(Struct, frozen=True, tag="event"):
    """An event that journals refer to.

    Attributes:
        number: How the lines of this stream call it.
        event: What happened.
        uses: How many lines refer to it.
    """

    number: int
    event: JournalEvent
    uses: int


class Line(Struct, frozen=True, tag="line"):
    """A line of a journal.

    Attributes:
        account: Whose journal.
        position: Where in it.
        at: When it was noted, in milliseconds since 1970.
        thread: The message's thread; None: it refers to an event.
        seq: The message's seq, or the event's number.
    """

    account: AccountId
    position: Position
    at: int
    thread: ThreadId | None
    seq: int


Item = Beginning | StoredRecord | Message | Event | Line
"""One thing in the stream: first the beginning, then records, messages, events and lines, each before
what refers to it; lines of one journal follow each other."""


class Source(Protocol):
    """A store that can be walked through."""

    def dump(self) -> AsyncIterator[Sequence[Item]]:
        """Walk through everything, in pieces, as it is at one moment."""


class Target(Protocol):
    """An empty store that can be filled."""

    async def fill(self, pieces: AsyncIterator[Sequence[Item]]) -> None:
        """Take in everything; all of it or nothing.

        Raises:
            StoreNotEmpty: If there is anything here already.
        """


_KINDS: Final[dict[str, type[Any]]] = {
    **{kind.__name__: kind for kind in TABLES},
    **{kind.__name__: kind for kind in (Beginning, Event, Line)},
}
_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode
_decode_name: Final = msgspec.msgpack.Decoder(tuple[str, list[msgspec.Raw]]).decode


async def heard(
    pieces: AsyncIterator[Sequence[Item]], progress: Progress | None
) -> AsyncIterator[Sequence[Item]]:
    """Tell how far a walk has come; the last word is that all is done."""
    done, total = 0, 0
    async for piece in pieces:
        for item in piece:
            if isinstance(item, Beginning):
                total = item.items
        done += len(piece)
        if progress is not None and total:
            progress(min(done, total), max(total, 1))
        yield piece
    if progress is not None:
        progress(max(total, 1), max(total, 1))


async def write(path: Path, source: Source, progress: Progress | None = None) -> None:
    """Write a whole store into a file; it gets its name when all of it is on disk.

    Raises:
        StoreNotEmpty: If there is a file of this name.
        StorageFull: If there is no room for it.
        SetupError: If it cannot be written.
    """
    with unfinished(path) as part, part.open("wb") as file:
        file.write(_MAGIC)
        async for piece in heard(source.dump(), progress):
            await asyncio.to_thread(file.write, _frames(piece))
        file.write(_frame(b""))  # an end that is there shows that nothing is missing
        await asyncio.to_thread(_to_disk, file)


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _frames(piece: Sequence[Item]) -> bytes:
    """Write a piece as one frame per run of one kind."""
    runs: list[tuple[str, list[Item]]] = []
    for item in piece:
        name = type(item).__name__
        if not runs or runs[-1][0] != name:
            runs.append((name, []))
        runs[-1][1].append(item)
    return b"".join(_frame(_encode(run)) for run in runs)


def _frame(body: bytes) -> bytes:
    return len(body).to_bytes(4) + crc32(body).to_bytes(4) + body


async def read(path: Path) -> AsyncIterator[Sequence[Item]]:
    """Read what ``write`` wrote.

    Raises:
        CorruptStore: If it is damaged, or its end is missing.
        SetupError: If there is no such file, or it is not ours.
    """
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except OSError as error:
        raise SetupError(f"There is no backup {path}: {error.strerror}.") from error
    try:
        if await asyncio.to_thread(file.read, len(_MAGIC)) != _MAGIC:
            raise SetupError(f"{path} is not a dump of isthmus.")
        while body := await asyncio.to_thread(_next_body, file):
            name, items = _decode_name(body)
            yield [_item(_KINDS[name], item) for item in items]
    except (msgspec.DecodeError, KeyError) as error:
        raise CorruptStore(f"{path} is damaged: {error}.") from error
    finally:
        file.close()


def _item(kind: type[Any], item: msgspec.Raw) -> Any:
    """Read one thing; ties of older dumps hold yes or no."""
    if kind is not Tie:
        return msgspec.msgpack.decode(item, type=kind)
    fields = msgspec.msgpack.decode(item)
    return msgspec.convert(fields | {name: int(fields[name]) for name in HOLDS if name in fields}, Tie)


def _next_body(file: BinaryIO) -> bytes:
    head = file.read(8)
    body = file.read(int.from_bytes(head[:4]))
    if len(head) < 8 or crc32(body) != int.from_bytes(head[4:]):
        raise CorruptStore("The dump is damaged, or its end is missing.")
    return body
