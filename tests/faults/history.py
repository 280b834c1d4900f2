"""What clients saw, frame by frame, in one order: the only thing that the judge may read.

All clients of a history live in one process, so that the order of its records is
real: an answer recorded before a call was heard before that call was made.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from bridge.wire.codec import Codec
from clients.transport import Transport

Fields = dict[str, Any]


class Opened(Struct):
    """A client has a new connection."""

    session: int
    client: str


class Asked(Struct):
    """A call left."""

    session: int
    call: int
    op: str
    fields: Fields


class Answered(Struct):
    """An answer came: ``ok`` or ``error``."""

    session: int
    call: int
    ok: Fields | None
    error: Fields | None


class Told(Struct):
    """An event came; with a place in a journal, or in passing."""

    session: int
    event: Fields
    account: str | None = None
    at: int | None = None
    cursor: str | None = None


class Ended(Struct):
    """A connection is gone."""

    session: int


Record = Opened | Asked | Answered | Told | Ended


class History:
    """The records, in the order in which they were made."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._records: list[Record] = []
        self._sessions = 0

    def __len__(self) -> int:
        """Count the records."""
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        """Yield the records, oldest first."""
        return iter(self._records)

    def __getitem__(self, index: int) -> Record:
        """Give one record."""
        return self._records[index]

    def opened(self, client: str) -> int:
        """Note a new connection; give its number."""
        self._sessions += 1
        self._records.append(Opened(self._sessions, client))
        return self._sessions

    def ended(self, session: int) -> None:
        """Note that a connection is gone."""
        self._records.append(Ended(session))

    def left(self, session: int, frame: Fields) -> None:
        """Note a frame of the client."""
        fields = {name: value for name, value in frame.items() if name not in ("id", "op")}
        self._records.append(Asked(session, frame["id"], frame["op"], fields))

    def came(self, session: int, frame: Fields) -> None:
        """Note a frame of the hub."""
        if "re" in frame:
            self._records.append(Answered(session, frame["re"], frame.get("ok"), frame.get("error")))
        else:
            place = frame.get("account"), frame.get("at"), frame.get("cursor")
            self._records.append(Told(session, frame["event"], *place))


class Recorded:
    """A connection whose frames are written down, both ways, as they pass."""

    def __init__(self, inner: Transport, history: History, client: str, codec: Codec) -> None:
        """Pass everything on to ``inner``."""
        self._inner, self._history, self._codec = inner, history, codec
        self._session = history.opened(client)
        self._closing: asyncio.Future[None] | None = None

    async def send(self, frame: bytes) -> None:
        """Write down a call, then hand it over."""
        self._history.left(self._session, self._plain(frame))
        await self._inner.send(frame)

    async def receive(self) -> bytes | str:
        """Write down what came."""
        frame = await self._inner.receive()
        self._history.came(self._session, self._plain(frame))
        return frame

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and note that it is over; a client that is closed itself may leave before that is done."""
        if self._closing is None:
            self._history.ended(self._session)
            self._closing = asyncio.ensure_future(self._inner.close(code, reason))
        await asyncio.shield(self._closing)

    async def closed(self) -> None:
        """Wait until a close that began is done."""
        if self._closing is not None:
            await self._closing

    def _plain(self, frame: bytes | str) -> Fields:
        plain = self._codec.unpack(frame)
        assert isinstance(plain, dict)
        return plain
