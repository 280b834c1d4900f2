"""Who is here: sessions by account, and what each of them is told.

An event is encoded once per codec and account, whatever the number of devices.
A session is handed positions without a gap: what it cannot take live, because it
is still catching up or because news was lost, it reads from the journal.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final, Protocol

from msgspec import Struct

from bridge.bus.base import Bus, Count, News
from bridge.domain.facts import Facts, Missing
from bridge.domain.model import Account, Message
from bridge.domain.outcome import Told
from bridge.domain.translate import shows_alike, shows_as_said
from bridge.domain.views import message_view, view_as_said
from bridge.errors import CloseCode
from bridge.hub.counters import Counters
from bridge.hub.crowd import Crowd
from bridge.ids import AccountId, DeviceId, Position
from bridge.wire.codec import Codec, Envelope
from bridge.wire.events import AnyEvent, JournalEvent, MessageSent, PresenceChanged
from bridge.wire.values import Hybrid, Network

log = logging.getLogger("bridge.hub")


NOWHERE: Final = -1
_SHOWN_AT_ONCE: Final = 100  # who came and went, in one round
_FRESH_S: Final = 2.0  # how long after it came a session may turn out to have been one too many


class Leg(Struct):
    """Where a session stands in one account's journal.

    Attributes:
        epoch: The journal's epoch.
        sent: The newest position that was handed to the socket; ``NOWHERE`` until it is known where to begin.
        live: Whether it takes news as they come; else it is catching up.
        catches_up: Whether its journal is being read.
        envelope: Writes this journal's pushes for this session.
    """

    epoch: int
    sent: int
    envelope: Envelope
    live: bool = False
    catches_up: bool = False


class Listening(Protocol):
    """A signed-in session, as far as telling it things goes."""

    account: AccountId
    device: DeviceId
    codec: Codec
    legs: dict[AccountId, Leg]

    def push(self, frame: bytes) -> None:
        """Hand a frame to the socket."""

    def fell_behind(self, account: AccountId) -> None:
        """Begin to catch up from the journal."""

    def look_again(self) -> None:
        """Find out anew which accounts the session may use."""

    def close(self, code: int, reason: str) -> None:
        """End the session."""


class Bodies:
    """The encodings of one event: one per codec, and one for each kind of reader of a translation."""

    __slots__ = ("_event", "_facts", "_made", "_various")

    def __init__(self, facts: Facts, told: Told) -> None:
        """Encode nothing yet."""
        self._facts = facts
        self._made: dict[Codec | tuple[Codec, Network, Hybrid], bytes] = {}
        self._various: Message | None = None  # a message that not all readers see as it was said
        self._event: JournalEvent
        if type(told) is not Message:
            self._event = told  # type: ignore[assignment]  # what is no message is an event
            return
        said = view_as_said(told)
        self._event = MessageSent(message=said)
        if not shows_alike(said.text, said.reply_to is not None):
            self._various = told

    def body(self, codec: Codec, viewer: AccountId) -> bytes:
        """Encode the event as the account sees it.

        Raises:
            Missing: If memory lacks the message that a translation would quote.
        """
        told = self._various
        if told is None or viewer == told.sender:
            return self._made.get(codec) or self._as_said(codec)
        reader = self._facts.account(viewer)
        kind = codec, reader.network, reader.hybrid  # a group has hundreds of readers, of few kinds
        made = self._made.get(kind)
        if made is None:
            made = self._made[kind] = self._as_shown(codec, told, reader)
        return made

    def _as_said(self, codec: Codec) -> bytes:
        made = self._made[codec] = codec.body(self._event)
        return made

    def _as_shown(self, codec: Codec, told: Message, reader: Account) -> bytes:
        assert type(self._event) is MessageSent, "of a message"
        said = self._event.message
        if shows_as_said(said.text, said.reply_to is not None, reader.network, reader.hybrid):
            return self._made.get(codec) or self._as_said(codec)
        return codec.body(MessageSent(message=message_view(self._facts, told, reader)))


class Sessions:
    """All signed-in sessions of this node."""

    def __init__(
        self, facts: Facts, counters: Counters, bus: Bus, *, most: int, clock: Callable[[], float]
    ) -> None:
        """Begin with nobody here; a person may have so many at most; the clock gives monotonic seconds."""
        self._most = most
        self._clock = clock
        self._crowd = Crowd(bus, self._count_here, clock)
        self._bus = bus
        self.heads: dict[AccountId, int] = {}
        self._facts = facts
        self._counters = counters
        self._by_leg: dict[AccountId, dict[Listening, Leg]] = {}
        self._by_device: dict[AccountId, dict[Listening, float]] = {}  # with the time when it came
        self._watchers: dict[AccountId, dict[Listening, None]] = {}
        self._watched: dict[
            Listening, set[AccountId]
        ] = {}  # the other way round: thousands may leave at once
        self._unshown: dict[AccountId, bool] = {}
        self._to_show = asyncio.Event()

    # --- coming and going

    def add(self, session: Listening) -> None:
        """Note a session that signed in."""
        self._by_device.setdefault(session.account, {})[session] = self._clock()
        self._counters.sessions += 1
        self._crowd.tell(session.account, (session.account,), asks=True)

    def remove(self, session: Listening) -> None:
        """Forget a session that ended."""
        if self._by_device.get(session.account, {}).pop(session, _ABSENT) is not _ABSENT:
            if not self._by_device[session.account]:
                del self._by_device[session.account]
            self._counters.sessions -= 1
            self._crowd.tell(session.account, (session.account,))
        for account in list(session.legs):  # it may have got some after it was sent away
            self.leave(session, account)
        for account in self._watched.pop(session, ()):
            watchers = self._watchers[account]
            del watchers[session]
            if not watchers:
                del self._watchers[account]
                self._bus.unwatch(account)

    def join(self, session: Listening, account: AccountId) -> bool:
        """Let a session hear a journal in which it has a leg; say whether the account came online with it.

        Other nodes' news of it come once ``Bus.settled`` returned: look at the journal's head after that.
        """
        listeners = self._by_leg.setdefault(account, {})
        listeners[session] = session.legs[account]
        self.heads.setdefault(account, 0)
        if len(listeners) == 1:
            self._bus.serve(account)
            return True
        return False

    def leave(self, session: Listening, account: AccountId) -> None:
        """End that a session hears an account's journal."""
        session.legs.pop(account, None)
        listeners = self._by_leg.get(account)
        if listeners is None:
            return
        listeners.pop(session, None)
        if not listeners:
            del self._by_leg[account]
            self.heads.pop(account, None)
            self._crowd.forget(account)
            self._bus.leave(account)
            self.came(account, online=False)

    def of_device(self, account: AccountId) -> list[Listening]:
        """Give the sessions of devices that signed in to this account."""
        return list(self._by_device.get(account, ()))

    def everyone(self) -> list[Listening]:
        """Give all sessions."""
        return [session for sessions in self._by_device.values() for session in sessions]

    def is_full(self, accounts: Iterable[AccountId]) -> bool:
        """Say whether a person with these accounts has as many sessions as may be, here and elsewhere."""
        return self._count(accounts) >= max(1, self._most // self._crowd.hubs)

    def doubt_counts(self, accounts: Iterable[AccountId]) -> None:
        """Ask anew how many sessions of a person are elsewhere: some may have ended unheard."""
        for account in accounts:
            self._crowd.doubt(account)

    def _count(self, accounts: Iterable[AccountId]) -> int:
        return sum(self._count_here(account) + self._crowd.elsewhere(account) for account in accounts)

    def _count_here(self, account: AccountId) -> int:
        return len(self._by_device.get(account, ()))

    def _hear_count(self, node: str, count: Count) -> None:
        """Learn how many sessions are elsewhere; those that just came here may have been too many."""
        if count.via not in self._by_leg or count.account not in self._by_leg:
            return
        self._crowd.heard(node, count)
        sessions = tuple(self._by_leg[count.via])
        if count.asks:  # whoever came last is looked at by the hub where he came
            self._crowd.tell(count.via, {session.account for session in sessions})
            return
        for session in reversed(sessions):
            came_at = self._by_device.get(session.account, {}).get(session, 0.0)
            if self._clock() - came_at > _FRESH_S or self._count(session.legs) <= self._most:
                break
            self.remove(session)
            session.close(CloseCode.TOO_MANY, "too many connections of this person")

    def note_head(self, account: AccountId, head: Position) -> int:
        """Take in where a journal stands on disk; give where it stands by all that is known here."""
        self.heads[account] = max(self.heads.get(account, 0), head)
        return self.heads[account]

    # --- presence

    def is_online(self, account: AccountId) -> bool:
        """Say whether any session of this node hears this account's journal."""
        return account in self._by_leg

    async def online(self, accounts: Iterable[AccountId]) -> tuple[AccountId, ...]:
        """Name those of these accounts whose journal a session hears, on whatever node."""
        asked = tuple(accounts)
        elsewhere = await self._bus.served_elsewhere([one for one in asked if not self.is_online(one)])
        return tuple(account for account in asked if self.is_online(account) or account in elsewhere)

    def watch(self, session: Listening, accounts: Iterable[AccountId]) -> None:
        """Tell a session when these accounts come and go; who may be watched was decided before."""
        for account in accounts:
            if account not in self._watchers:
                self._bus.watch(account)
            self._watchers.setdefault(account, {})[session] = None
            self._watched.setdefault(session, set()).add(account)

    def came(self, account: AccountId, *, online: bool) -> None:
        """Tell all nodes that an account came to this one, or left it."""
        self._bus.publish(News(presence=((account, online),)))

    def _note_presence(self, account: AccountId, *, online: bool) -> None:
        """Have it shown who came or went, once it is known who may see it by then."""
        if account in self._watchers:
            self._unshown.pop(account, None)
            self._unshown[account] = online
            self._to_show.set()

    async def next_to_show(self) -> list[tuple[AccountId, bool, tuple[Listening, ...]]]:
        """Wait until somebody came or went on whatever node; give who, whether online, and who watches."""
        while not self._unshown:
            self._to_show.clear()
            await self._to_show.wait()
        some = list(islice(self._unshown, _SHOWN_AT_ONCE))
        return [(one, self._unshown.pop(one), tuple(self._watchers.get(one, ()))) for one in some]

    def show(self, account: AccountId, watchers: Iterable[Listening], *, online: bool) -> None:
        """Tell some of those who watch an account that it came or went."""
        event = PresenceChanged(account=account, online=online)
        for session in watchers:
            if session in self._watchers.get(account, ()):
                session.push(session.codec.passing(session.codec.body(event)))

    # --- telling

    def hear(self, news: News) -> None:
        """Tell the sessions of this node what was committed, in order; here or on another node."""
        try:
            self._hear_told(news)
        finally:  # whatever failed there is in the journal; who may read it is not
            for event, accounts in news.passing:
                self._pass(event, accounts)
            for account in news.moved:
                for session in self.of_device(account):
                    session.look_again()
            for count in news.counts:
                self._hear_count(news.node, count)
            for account, online in news.presence:
                self._note_presence(account, online=online)

    def _hear_told(self, news: News) -> None:
        by_leg, heads = self._by_leg, self.heads
        for told, places in news.told:
            bodies: Bodies | None = None
            for account, position in places:
                listeners = by_leg.get(account)
                if listeners is not None:
                    if position > heads[account]:  # nodes overtake each other
                        heads[account] = position
                    if bodies is None:
                        bodies = Bodies(self._facts, told)
                    self._tell(bodies, account, position, listeners)

    def woken(self, account: AccountId, head: Position) -> None:
        """Let the sessions that are behind this head read the journal."""
        if head > self.heads.get(account, head):
            self.heads[account] = head
            for session, leg in tuple(self._by_leg[account].items()):
                if leg.live and leg.sent < head:
                    session.fell_behind(account)

    def _tell(
        self, bodies: Bodies, account: AccountId, position: Position, listeners: dict[Listening, Leg]
    ) -> None:
        codec: Codec | None = None
        frame = b""
        for session, leg in tuple(listeners.items()):
            if not leg.live or position != leg.sent + 1:
                if leg.live and position > leg.sent:
                    session.fell_behind(account)
                continue
            if session.codec is not codec:  # several devices mostly speak alike
                codec = session.codec
                try:
                    frame = leg.envelope(bodies.body(codec, account), position)
                except Missing:  # the quoted message left the memory: the journal's way loads it
                    session.fell_behind(account)
                    codec = None
                    continue
            leg.sent = position
            self._counters.pushes_total += 1
            session.push(frame)

    def _pass(self, event: AnyEvent, accounts: Iterable[AccountId]) -> None:
        frames: dict[Codec, bytes] = {}
        for account in accounts:
            for session, leg in self._by_leg.get(account, _NOBODY).items():
                if not leg.live:
                    continue
                codec = session.codec
                frame = frames.get(codec) or frames.setdefault(codec, codec.passing(codec.body(event)))
                session.push(frame)


_ABSENT = object()
_NOBODY: Final[dict[Listening, Leg]] = {}
