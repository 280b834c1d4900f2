"""What a device hears, and what it sees by that: each event once, in order, the same as all others hear.

A device keeps its places and its inbox while it is away, as a program on disk does,
or begins anew. Of each place in a journal one register knows what was told there, of
each message who said it: two devices that heard different things differ in it.
"""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from benchmarks.load.world import World
from bridge.domain.views import SHOW_ACCOUNTS
from bridge.errors import BridgeError, NotFound
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.events import MessageSent
from bridge.wire.values import Folder, ThreadView
from clients import Client
from clients.inbox import Inbox, Row
from clients.listeners import EventStream
from clients.notices import Push
from clients.options import State
from clients.places import Place

FOLDERS: Final = (Folder.INBOX, Folder.REQUESTS, Folder.HIDDEN, Folder.ARCHIVED)

_PAGE: Final = 200


def _whoever_is_in_it(event: object) -> object:
    """Give an event with the ids of the accounts in it: they are shown as they are when it is read."""
    name = SHOW_ACCOUNTS.get(type(event))
    if name is None:
        return event
    assert isinstance(event, Struct), "all events are"
    shown, plain = getattr(event, name), {**asdict(event), "type": type(event).__name__}
    return {**plain, name: [one.id for one in shown] if isinstance(shown, tuple) else shown.id}


class Register:
    """What was told at each place of each journal, by whomever it was heard."""

    def __init__(self, world: World) -> None:
        """Know nothing yet."""
        self._world = world
        self._told: dict[tuple[AccountId, int], int] = {}
        self._said: dict[tuple[ThreadId, Seq], tuple[AccountId, str]] = {}
        self._ends: dict[AccountId, int] = {}

    def compare(self, who: str, account: AccountId, at: int, event: object) -> None:
        """Find a fault if another event, or another message, was told there before."""
        if isinstance(
            event, MessageSent
        ):  # shown as its reader's network can at the time; the link proves it
            message = event.message
            said = (message.sender, message.link)
            if self._said.setdefault((message.thread, message.seq), said) != said:
                self._world.fault(f"{who} hears another message than others: {message.thread}/{message.seq}")
            event = (message.thread, message.seq)
        text = msgspec.json.encode(_whoever_is_in_it(event), order="deterministic")
        told = hash(text)
        if self._told.setdefault((account, at), told) != told and not self._world.may_be_erased(text):
            self._world.fault(f"{who} hears another event than others at {account}/{at}: {event}")

    def stands(self, who: str, account: AccountId, at: int) -> None:
        """Find a fault if another device has heard more of a journal, or less, now that nothing comes."""
        if self._ends.setdefault(account, at) != at:
            self._world.fault(f"{who} is at {account}/{at}, another device at {self._ends[account]}")


class Ears:
    """What one device heard and sees.

    Attributes:
        places: Where it stands in each journal: what it comes back with.
        inbox: What it sees.
    """

    def __init__(self, who: str, world: World, register: Register) -> None:
        """Begin anew."""
        self._who, self._world, self._register = who, world, register
        self.places: dict[AccountId, Place] = {}
        self.inbox = Inbox()

    async def listen(self, client: Client, stream: EventStream) -> None:
        """Hear all that comes, until the client is closed."""
        async for push in stream:
            self.hear(push)
            if self.inbox.stale and client.state is State.CONNECTED:
                await self.read_again(client)

    def hear(self, push: Push) -> None:
        """Hear one push: the next of its journal, the same as others heard there."""
        world = self._world
        if push.account is not None and push.at is not None:
            before = self.places.get(push.account)
            if before is None or push.at != before.at + 1:
                world.fault(f"{self._who} hears {push.account}/{push.at} after {before}")
            self._register.compare(self._who, push.account, push.at, push.event)
            world.told()
        if isinstance(push.event, MessageSent):
            world.done["heard"] += 1
        self.places |= push.places
        self.inbox.hear(push)

    async def read_again(self, client: Client) -> None:
        """Read what events did not tell; what cannot be read now is read at the next event."""
        try:
            for leg in tuple(self.inbox.stale):
                try:
                    self.inbox.load(leg, await views_of(client, leg))
                except NotFound:
                    self.inbox.stale.discard(leg)  # it went meanwhile, as the next event says
            for thread in self.inbox.unsure:
                self.inbox.load_thread((await client.get_thread(thread)).thread)
        except BridgeError as lost:
            self._world.done[f"read again: {lost.code}"] += 1

    async def judge(self, client: Client) -> None:
        """Compare what is seen by events with what the hub shows now, when nothing happens any more."""
        fresh = Inbox()
        for leg in client.accounts:
            fresh.load(leg, await views_of(client, leg))
        seen, shown = dict(_lines(self.inbox)), dict(_lines(fresh))
        for thread in sorted(seen.keys() | shown.keys()):
            if (one := seen.get(thread)) != (other := shown.get(thread)):
                self._world.fault(f"{self._who} sees {one}, and the hub shows {other}")
        for account, place in client.places.items():
            self._register.stands(self._who, account, place.at)


async def views_of(client: Client, leg: AccountId) -> list[ThreadView]:
    """Read all threads of an account."""
    return [view async for view in _views(client, leg)]


async def _views(client: Client, leg: AccountId) -> AsyncIterator[ThreadView]:
    for folder in FOLDERS:
        async for view in client.threads(folder, as_=leg, page=_PAGE):
            yield view


def _lines(inbox: Inbox) -> list[tuple[ThreadId, tuple[object, ...]]]:
    return [(row.id, _line(inbox, row)) for folder in FOLDERS for row in inbox.threads(folder)]


def _line(inbox: Inbox, row: Row) -> tuple[object, ...]:
    """Say what a person sees of a thread: of the others' receipts only what they mean for an own message."""
    last = row.last if row.last is not None and row.last.sender == row.leg else None
    return (
        *(row.id, row.leg, row.folder.value, row.consent.value, row.closed, row.tip, row.read, row.unread),
        *(row.answered, row.last_at, None if row.last is None else row.last.seq),
        None if last is None else inbox.state_of(last).value,
    )
