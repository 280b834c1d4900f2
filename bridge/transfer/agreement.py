"""Two archives' testimonies of one chat, laid side by side in the order of time."""

from bisect import insort_right
from collections import deque
from collections.abc import AsyncIterator
from itertools import islice
from typing import Final

from msgspec import Struct

from bridge.domain.content import Content, unpack
from bridge.domain.model import Message
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Store

PAGE: Final = 500
MOST: Final = 10_000
"""How many messages of about one time are compared."""
TOLERANCE_MS: Final = 1_000
"""How far apart two archives may date one message."""
ENOUGH: Final = 20
"""On how many messages two archives must agree before their namesakes are one."""
_MOST_ALIKE: Final = 64


class Said(Struct, eq=False):
    """A message as one testimony has it.

    Attributes:
        at: When, in milliseconds since 1970.
        speaker: Who of the two real people: the one whose archive it is, or the other.
        content: What.
        packed: The content as it is kept.
    """

    at: int
    speaker: AccountId
    content: Content
    packed: bytes

    def equals(self, other: "Said") -> bool:
        """Say whether this is the same message, told by another."""
        return (
            self.speaker == other.speaker
            and abs(self.at - other.at) <= TOLERANCE_MS
            and self.content.kind == other.content.kind
            and self.content.text == other.content.text
        )


class Row(Struct, eq=False):
    """A message of the chat, as told by the one, by the other or by both."""

    at: int
    one: Said | None
    two: Said | None


class Testimony(Struct, frozen=True):
    """One side's thread: its messages are the owner's or anybody else's, who is then the other."""

    thread: ThreadId
    count: int
    owner: AccountId
    other: AccountId


async def told(store: Store, testimony: Testimony) -> AsyncIterator[Said]:
    """Read a testimony, oldest first; what was erased is left out."""
    after = 0
    while after < testimony.count and (
        page := await store.history(testimony.thread, after=after, limit=min(PAGE, testimony.count - after))
    ):
        for message in page:
            if message.content is not None:
                yield _said(message, message.content, testimony)
        after = page[-1].seq


def _said(message: Message, packed: bytes, testimony: Testimony) -> Said:
    speaker = testimony.owner if message.sender == testimony.owner else testimony.other
    return Said(message.at, speaker, unpack(packed), packed)


class _Window:
    """The rows whose time is near.

    What the one tells is looked up by what was said: messages of one time cost no more than others.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._alone: dict[tuple[object, ...], deque[Row]] = {}

    def add(self, said: Said) -> None:
        """Add what the one tells."""
        row = Row(said.at, said, None)
        self.rows.append(row)
        self._alone.setdefault(_matter(said), deque()).append(row)

    def join(self, said: Said) -> None:
        """Add what the two tells: to the first row that says the same, else in its place."""
        alike = self._alone.get(_matter(said), ())
        for row in islice(alike, _MOST_ALIKE):
            if row.one is not None and row.one.equals(said):
                row.two = said
                self._found(row)
                return
        insort_right(self.rows, Row(said.at, None, said), key=_at)

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= MOST

    def leave(self, before: int, at_least: int = 0) -> list[Row]:
        """Take out the rows from before a time, or at least so many."""
        gone = at_least
        while gone < len(self.rows) and self.rows[gone].at < before:
            gone += 1
        left, self.rows[:gone] = self.rows[:gone], []
        for row in left:
            if row.two is None:
                self._found(row)
        return left

    def _found(self, row: Row) -> None:
        assert row.one is not None, "what the two tells is not looked for"
        alike = self._alone[_matter(row.one)]
        alike.remove(row)
        if not alike:
            del self._alone[_matter(row.one)]


def _matter(said: Said) -> tuple[object, ...]:
    return said.speaker, said.content.kind, said.content.text


def _at(row: Row) -> int:
    return row.at


async def aligned(store: Store, one: Testimony, two: Testimony) -> AsyncIterator[Row]:
    """Go through both testimonies at once; a message that both tell comes once. Memory stays flat."""
    window = _Window()
    ones = told(store, one)
    ahead = await anext(ones, None)
    async for said in told(store, two):
        soonest, latest = said.at - TOLERANCE_MS, said.at + TOLERANCE_MS
        while ahead is not None and ahead.at <= latest:
            if window.is_full:
                for row in window.leave(soonest):
                    yield row
                if window.is_full:
                    break
            window.add(ahead)
            ahead = await anext(ones, None)
        for row in window.leave(soonest):
            yield row
        window.join(said)
        for row in window.leave(soonest, at_least=int(window.is_full)):
            yield row
    for row in window.rows:
        yield row
    while ahead is not None:
        yield Row(ahead.at, ahead, None)
        ahead = await anext(ones, None)


class Agreement(Struct):
    """What two testimonies have in common.

    Attributes:
        rows: How many messages they tell together.
        agreed: How many with a text both tell.
        speakers: Who speaks in those.
        writers: Who speaks in any.
    """

    rows: int
    agreed: int
    speakers: set[AccountId]

    @property
    def is_proof(self) -> bool:
        """Say whether it proves that both tell of one chat: enough messages, and both speak in them."""
        return self.agreed >= ENOUGH and len(self.speakers) > 1


async def agreement(store: Store, one: Testimony, two: Testimony) -> Agreement:
    """Compare two testimonies."""
    found = Agreement(0, 0, set())
    async for row in aligned(store, one, two):
        found.rows += 1
        if row.one is not None and row.two is not None and row.one.content.text:
            found.agreed += 1
            found.speakers.add(row.one.speaker)
    return found
