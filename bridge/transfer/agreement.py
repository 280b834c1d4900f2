"""Two archives' testimonies of one chat, laid side by side in the order of time."""

from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from msgspec import Struct

from bridge.domain.content import Content, unpack
from bridge.domain.model import Message
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Store

PAGE: Final = 2_000
TOLERANCE_MS: Final = 1_000
"""How far apart two archives may date one message."""
ENOUGH: Final = 20
"""On how many messages two archives must agree before their namesakes are one."""


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


async def aligned(store: Store, one: Testimony, two: Testimony) -> AsyncIterator[Row]:
    """Go through both testimonies at once; a message that both tell comes once. Memory stays flat."""
    window: deque[Row] = deque()
    ones = told(store, one)
    ahead = await anext(ones, None)
    async for said in told(store, two):
        while ahead is not None and ahead.at <= said.at + TOLERANCE_MS:
            window.append(Row(ahead.at, ahead, None))
            ahead = await anext(ones, None)
        while window and window[0].at < said.at - TOLERANCE_MS:
            yield window.popleft()
        for row in window:
            if row.one is not None and row.two is None and row.one.equals(said):
                row.two = said
                break
        else:
            place = sum(row.at <= said.at for row in window)
            window.insert(place, Row(said.at, None, said))
    while window:
        yield window.popleft()
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
