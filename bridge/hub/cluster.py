"""This hub among others on the same store: takes in their news, and looks for what it may have missed.

The store is the truth. News of other nodes make this one quick; that it is right
follows from the commits, which check what was decided on, and from the journals,
which are looked at every few seconds, and at once when news may have been lost.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final, TypeVar

from bridge.bus.base import Bus, News
from bridge.domain.answers import is_present_for
from bridge.domain.facts import Facts, Missing
from bridge.domain.keys import Key
from bridge.domain.model import Account, Device, Message, Person
from bridge.domain.outcome import is_usable, legs_of
from bridge.errors import BridgeError, Fault
from bridge.hub.pipeline import Pipeline
from bridge.hub.sessions import Listening, Sessions
from bridge.hub.usage import Usage
from bridge.ids import AccountId, Position
from bridge.store.base import Store

log = logging.getLogger("bridge.hub")

T = TypeVar("T")

_AT_ONCE: Final = 1_000  # accounts asked about in one query
_DEAF_S: Final = 0.5  # how often to look while nobody tells


class Cluster:
    """The other nodes, as this one sees them. Keeps the port ``bridge.bus.base.Elsewhere``.

    Attributes:
        store_is_up: Whether the store answered when it was asked last.
        usage: What people use, over all hubs.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        pipeline: Pipeline,
        sessions: Sessions,
        store: Store,
        usage: Usage,
        poll_s: float,
        look_again_s: float,
    ) -> None:
        """Take the parts; ``run`` works until it is cancelled.

        Args:
            bus: Brings the others' news.
            pipeline: Holds the facts.
            sessions: Who is here.
            store: The truth.
            usage: What people use, over all hubs.
            poll_s: How often journals are looked at although nothing hints at a loss, in seconds.
            look_again_s: How often devices, accounts and persons are.
        """
        self.store_is_up = True
        self._bus = bus
        self._pipeline = pipeline
        self._sessions = sessions
        self._store = store
        self.usage = usage
        self._poll_s = poll_s
        self._look_again_s = look_again_s
        self._doubts = asyncio.Event()

    # --- what the bus brings

    def heard(self, news: News) -> None:
        """Take in another node's news, once no batch is on its way: what it says of facts is committed."""
        said = {told.thread for told, _ in news.told if isinstance(told, Message)}
        self._pipeline.post.homes.wrote(news.node, said)
        self._pipeline.between(partial(self._take, news))

    def woken(self, account: AccountId, head: Position) -> None:
        """Let whoever is behind this head read the journal."""
        self._pipeline.between(partial(self._sessions.woken, account, head))

    def wrote(self, node: str, letter: bytes) -> None:
        """Take in letters and answers."""
        try:
            self._pipeline.post.wrote(node, letter)
        except Fault as fault:
            log.warning("%s", fault.text)

    def announced(self, data: bytes) -> None:
        """Take in what was used at another hub."""
        self.usage.heard(data)

    def gone(self, node: str) -> None:
        """Wait for nothing from this hub any more, and look: its last commits it may have told nobody."""
        self._pipeline.post.gone(node)
        self.doubted()

    def doubted(self) -> None:
        """Look at everything again."""
        self._doubts.set()

    def _take(self, news: News) -> None:
        try:
            self._pipeline.refresh(news.records)
            for account in news.moved:
                self._forget(account)
            self._sessions.hear(news)
        except Exception:  # as with own news: what is committed stays, and is looked for
            log.exception("taking in another hub's news failed")
            self.doubted()

    def _forget(self, account: AccountId) -> None:
        """Drop what says who may use the account: it is read again before anything else is told."""
        facts = self._pipeline.facts
        devices = [(Device, session.device) for session in self._sessions.of_device(account)]
        facts.forget([*_standing(facts, account), *devices])

    # --- looking

    async def run(self, *, looks: bool = True) -> None:
        """Show who comes and goes, for ever, and look, in rounds, unless this hub is alone on its store."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._show_presence())
            if looks:
                both.create_task(self._look())

    async def _show_presence(self) -> None:
        """Show who came and went to those who may know it by what is committed, whatever news were lost."""
        while True:
            some = await self._sessions.next_to_show()
            await asyncio.gather(
                *(self._show(account, online, watchers) for account, online, watchers in some)
            )

    async def _show(self, account: AccountId, online: bool, watchers: Sequence[Listening]) -> None:
        seen = await asyncio.gather(*(self._is_shown(account, session) for session in watchers))
        allowed = [session for session, is_shown in zip(watchers, seen, strict=True) if is_shown]
        self._sessions.show(account, allowed, online=online)

    async def _is_shown(self, account: AccountId, session: Listening) -> bool:
        try:
            return await self._pipeline.consult(session.account, lambda scene: is_present_for(scene, account))
        except BridgeError:  # the store is away: who comes and goes is told by nobody meanwhile
            return False

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        looked, doubts = loop.time(), True  # what was in doubt stays so until it was looked at
        while True:
            doubts = await self._wait() or doubts
            try:
                await self._look_at_journals()
                if doubts or not self._bus.is_up or loop.time() - looked >= self._look_again_s:
                    await self._look_at_persons()
                    looked, doubts = loop.time(), False
            except (BridgeError, OSError) as wrong:
                if self.store_is_up:
                    log.warning("the store is away: writes are refused until it is back: %s", wrong)
                self.store_is_up = False
            else:
                self.store_is_up = True

    async def _wait(self) -> bool:
        """Wait for a hint or for the next round; say which it was."""
        pause = self._poll_s if self._bus.is_up and self.store_is_up else min(self._poll_s, _DEAF_S)
        try:
            async with asyncio.timeout(pause):
                await self._doubts.wait()
        except TimeoutError:
            return False
        self._doubts.clear()
        return True

    async def _look_at_journals(self) -> None:
        """Find the journals that went on without this node's knowledge."""
        accounts = list(self._sessions.heads)
        for some in _pieces(accounts) if accounts else ((),):
            for account, head in (await self._store.heads(some)).items():
                self.woken(account, head.newest)

    async def _look_at_persons(self) -> None:
        """Find sessions whose device, account or person is not as this node believes."""
        for sessions in _pieces(self._sessions.everyone()):
            keys = {key for session in sessions for key in self._keys(session)}
            found = await self._store.load(keys)
            self._pipeline.between(partial(self._compare, sessions, found))

    def _keys(self, session: Listening) -> Iterator[Key]:
        yield Device, session.device
        for account in session.legs:
            yield from _standing(self._pipeline.facts, account)

    def _compare(self, sessions: Sequence[Listening], found: Mapping[Key, object]) -> None:
        facts = self._pipeline.facts
        moved = {key for key, value in found.items() if _differs(facts, key, value)}
        concerned = [
            session
            for session in sessions
            if any(key in moved for key in self._keys(session)) or not _uses_what_it_may(facts, session)
        ]
        facts.forget(moved)
        for session in concerned:
            session.look_again()


def _standing(facts: Facts, account: AccountId) -> Iterator[Key]:
    """Name what says who may use an account, as far as memory knows: what one is decides what others may."""
    yield Account, account
    known = facts.known((Account, account))
    if isinstance(known, Account):
        yield Person, known.person
        person = facts.known((Person, known.person))
        if isinstance(person, Person):
            yield from ((Account, other) for other in person.accounts)


def _uses_what_it_may(facts: Facts, session: Listening) -> bool:
    """Say whether memory, which a decision may have brought up to date, gives a session just what it has."""
    try:
        is_open = is_usable(facts.account(session.account))
        return is_open and frozenset(legs_of(facts, session.account)) == session.legs.keys()
    except Missing:
        return False


def _differs(facts: Facts, key: Key, value: object) -> bool:
    """Say whether a session with this key must look again; devices are rarely in memory."""
    if key[0] is Device:
        return not isinstance(value, Device) or value.revoked
    return facts.known(key) != value


def _pieces(things: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of a size that one query bears."""
    rest = iter(things)
    while piece := tuple(islice(rest, _AT_ONCE)):
        yield piece
