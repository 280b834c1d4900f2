"""The one road of a message: decide what waits, commit it in one transaction, then answer and tell.

While a batch commits, the next one gathers; so the batch grows with the load.
Nobody hears anything of a batch before it is on disk.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from time import monotonic, perf_counter
from typing import TypeVar

from bridge.bus.base import Bus
from bridge.domain.decide import decide
from bridge.domain.deeds import Deed
from bridge.domain.facts import UNKNOWN, Facts, Missing
from bridge.domain.keys import Key, key_of
from bridge.domain.model import Message, StoredRecord, Thread
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.policy import Policy
from bridge.domain.reads import WatchedFacts
from bridge.errors import (
    Busy,
    Internal,
    NotSignedIn,
    Refusal,
    Stale,
    StorageFull,
    Unavailable,
    Unresolved,
)
from bridge.hub.counters import Counters
from bridge.hub.homes import Homes
from bridge.hub.post import Post
from bridge.hub.telling import Telling
from bridge.hub.turns import Turns
from bridge.hub.work import NO_DEVICE, Decided, Lane, Ticket, Work, refuse
from bridge.ids import AccountId, DeviceId
from bridge.process import let_the_collector_look
from bridge.store.base import Batch, Places, Store
from bridge.wire.commands import Command, LeaveHybrid, Send, SetControls, Unlink
from bridge.wire.replies import Reply

log = logging.getLogger("bridge.hub")

T = TypeVar("T")

_MOST_TRIES = 50
_PATIENCE = 4
"""How often a work waits for facts beside others, who may move what it waited for before it has all."""
_PIECE = 500
"""How many facts are loaded for a work between two batches: all of thousands would hold everybody up."""
_ALONE = 32  # how often those who waited for that long are looked at, one time after the other
_COUNTING = frozenset((Unlink, LeaveHybrid, SetControls))  # whose answers tell how much is in flight


class Pipeline:
    """Runs works through the rules and the store, batch by batch.

    Attributes:
        facts: What is in memory; between batches it equals the disk, as far as it goes.
        failed: The reason why the pipeline stopped for good, once it did.
        post: Carries what another hub should decide.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        policy: Policy,
        counters: Counters,
        *,
        clock: Callable[[], int],
        chance: Callable[[int], bytes],
        phone_key: bytes = b"",
        batch: int = 512,
        most_waiting: int = 50_000,
        most_records: int = 200_000,
        most_bytes: int = 16 * 1024 * 1024,
        gather_s: float = 0.0,
    ) -> None:
        """Put the parts together; ``run`` must be running for anything to happen."""
        watched = WatchedFacts() if store.shared else None
        self.facts = watched or Facts()
        self._reads = watched.begin if watched else dict[Key, object]
        self.failed: BaseException | None = None
        self._store = store
        self._bus = bus
        self._counters = counters
        self._scene = Scene(
            facts=self.facts, policy=policy, account=AccountId(""), now=0, chance=chance, phone_key=phone_key
        )
        self._clock = clock
        self._most = batch
        self._most_waiting = most_waiting
        self._most_records, self._most_bytes = most_records, most_bytes
        self._gather_s = gather_s
        self._waiting = Turns()
        self._telling = Telling(bus, counters)
        homes = Homes(bus.name, bus.nodes, monotonic)
        self.post = Post(bus, homes, counters, submit=self.submit, take_back=self._take_back)
        self._busy = False
        self._later: list[Callable[[], None]] = []
        self._wake: asyncio.Future[None] | None = None
        self._stopping = False

    def submit(self, work: Work) -> None:
        """Put a work behind those that wait.

        Raises:
            Busy: If too many wait.
            Unavailable: If the pipeline stopped.
        """
        if self._stopping or self.failed is not None:
            raise Unavailable
        if self._waiting.weight >= self._most_waiting:
            raise Busy(retry_after_s=1.0)
        self._waiting.append(work)
        self._awake()

    async def do(
        self,
        account: AccountId,
        command: Command | Deed,
        *,
        proven: frozenset[AccountId] = frozenset(),
        device: DeviceId = NO_DEVICE,
    ) -> Reply:
        """Do one command, which a device may have asked for, and wait until it is on disk.

        Raises:
            BridgeError: If it was refused.
        """
        ticket = Ticket()
        self.submit(Work(ticket, 0, account, command, proven=proven, device=device))
        return await ticket.reply

    async def consult(
        self,
        account: AccountId,
        ask: Callable[[Scene], T],
        *,
        counts: bool = False,
        device: DeviceId = NO_DEVICE,
    ) -> T:
        """Compute something from the facts, after everything that was decided before.

        Args:
            account: Who asks.
            ask: What to compute; it may be called again, with more facts.
            counts: Whether the scene must say how much is in flight.
            device: With which device, if one asks.

        Raises:
            BridgeError: If it was refused.
        """
        found: list[T] = []

        def run(scene: Scene) -> Outcome:
            found.append(ask(scene))
            return Outcome()

        ticket = Ticket()
        self.submit(Work(ticket, 0, account, run=run, counts=counts, device=device))
        await ticket.reply
        return found[-1]

    def scene_of(self, account: AccountId) -> Scene:
        """Give the facts as they are in memory, for a look that decides nothing."""
        own, now = self._scene, self._clock()
        return Scene(facts=own.facts, policy=own.policy, account=account, now=now, chance=own.chance)

    def between(self, act: Callable[[], None]) -> None:
        """Do something to the facts that must not meet half of a batch: now, or once that is done."""
        self._later.append(act) if self._busy else act()

    def refresh(self, records: Iterable[StoredRecord]) -> None:
        """Take over what another node committed, where memory holds its forerunner; within ``between``.

        Should it be the older of the two, the next commit that depends on it finds out.
        """
        facts = self.facts
        for record in records:
            key = key_of(record)
            known = facts.known(key)
            if known is UNKNOWN or (
                isinstance(known, Thread) and isinstance(record, Thread) and record.tip < known.tip
            ):
                continue
            facts.put(record)

    async def run(self) -> None:
        """Work until ``stop``; what waits then is still done.

        Raises:
            CommitFailed: If it is not known what is on disk; nothing is acknowledged after that.
        """
        try:
            while await self._has_work():
                await self._next_batch()
                let_the_collector_look()
        except BaseException as cause:
            self.failed = cause
            self._refuse_all()
            raise

    def stop(self) -> None:
        """Take nothing new; finish what waits."""
        self._stopping = True
        self._awake()

    def _awake(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _take_back(self, works: Sequence[Work]) -> None:
        self._waiting.put_back(works)
        self._awake()

    async def _has_work(self) -> bool:
        while not self._waiting:
            if self._stopping and not self.post:
                return False
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
            self._wake = None
        if self._gather_s and len(self._waiting) < self._most:
            await asyncio.sleep(self._gather_s)
        return True

    async def _next_batch(self) -> None:
        works: Sequence[Work] = self.post.carry(self._waiting.take(self._most), stops=self._stopping)
        if not works:
            return
        self._busy = True
        for _ in range(_ALONE):
            works = await self._do(works)
            if all(work.waits < _PATIENCE or work.lacks for work in works):
                break
        self._waiting.put_back(works)
        self._busy = False
        self._do_later()

    async def _do(self, works: Sequence[Work]) -> Sequence[Work]:
        """Decide and commit; load what is missing, and give back whom it is for."""
        missing, parked = await self._try(works)
        # Everything that was decided is on disk now: loading cannot see half of a batch.
        if not missing:  # one who waits for a second answer must still find the first: it would wait for ever
            self.facts.forget_answers()
        # Likewise, whoever needs more than memory may hold must find what was loaded for him before.
        if not missing or all(work.waits < _PATIENCE for work in parked):
            self.facts.shrink(self._most_records, self._most_bytes)
        try:
            if missing and not await self._load(missing):
                refuse(parked, Unavailable)
                return ()
        except BaseException:
            self._waiting.put_back(parked)
            raise
        for work in parked:
            work.lacks = work.lacks[_PIECE:]
        return parked

    def _do_later(self) -> None:
        later, self._later = self._later, []
        for act in later:
            act()

    async def _try(self, works: Sequence[Work]) -> tuple[set[Key], list[Work]]:
        for again in range(_MOST_TRIES):
            if again and len(works) > 1:  # the fewer facts a batch rests on, the likelier they stand still
                half = (len(works) + 1) // 2
                self._waiting.put_back(works[half:])
                works = works[:half]
            try:
                return await self._attempt(works)
            except Stale as stale:
                self._counters.stale_total += 1
                self.post.homes.moved(stale.keys)
                try:
                    if not await self._load(stale.keys):  # type: ignore[arg-type]  # a store names facts by keys
                        break
                except BaseException:
                    refuse(works, Internal)
                    raise
        refuse(works, Unavailable)
        return set(), []

    async def _attempt(self, works: Sequence[Work]) -> tuple[set[Key], list[Work]]:
        """Decide, commit, answer and tell; give back what must be loaded first for whom."""
        begun = perf_counter()
        decided, missing, parked = self._decide(works)
        self._counters.decide_seconds_total += perf_counter() - begun
        made: Sequence[Places] = ()
        if decided.batch.changes or decided.batch.versions:  # answers too rest on what another node may move
            try:
                made = await self._commit(decided)
            except (StorageFull, Unavailable) as lack:
                self._forget(decided.batch)
                return missing, self._telling.lack(decided, lack) + parked
            except Unresolved:
                self._forget(decided.batch)
                refuse((work for work, _ in decided.done), Internal)
                return missing, parked
            except Stale:
                self._forget(decided.batch)
                raise
            except BaseException:  # it is not known what is on disk: nothing of this is acknowledged
                refuse(works, Internal)
                raise
        self._do_later()  # what other nodes told meanwhile: their sessions hear what came first, first
        self._telling.tell(decided, made)
        return missing, parked

    def _decide(self, works: Sequence[Work]) -> tuple[Decided, set[Key], list[Work]]:
        batch = Batch(records={}, messages=[], told=[], audit=[], versions=self._reads())
        decided = Decided(batch, [])
        parked: list[Work] = []
        blocked: set[Lane] = set()
        self._scene.now = self._clock()
        for place, work in enumerate(works):
            if work.lacks or work.lane in blocked:
                parked.append(work)
                blocked.add(work.lane)
                continue
            try:
                counts = work.counts or type(work.command) in _COUNTING
                self._scene.in_flight = self._sends_behind(work, works[place + 1 :]) if counts else 0
                outcome = self._outcome(work)
            except Missing as lacking:
                work.lacks = lacking.keys
                work.waits += 1
                parked.append(work)
                blocked.add(work.lane)
            except Refusal as refusal:
                decided.done.append((work, refusal))
            except Exception:
                log.exception("a rule failed on %s", type(work.command or work.run).__name__)
                decided.done.append((work, Internal()))
            else:
                self._take(batch, outcome)
                decided.done.append((work, outcome))
        return decided, {key for work in parked for key in work.lacks[:_PIECE]}, parked

    def _outcome(self, work: Work) -> Outcome:
        scene = self._scene
        scene.account = work.account
        scene.proven = work.proven
        scene.doubtful = work.doubtful
        command = work.command
        if work.device and self._store.shared and self.facts.is_revoked(work.device):
            raise NotSignedIn  # another node said so; its news are on their way
        if command is None:
            assert work.run is not None, "a work has a command or something to run"
            return work.run(scene)
        return decide(scene, command)

    def _sends_behind(self, work: Work, batch: Sequence[Work]) -> int:
        """Count the sends of the person that wait behind a work, in its batch and after it."""
        accounts = self.facts.person_of(work.account).accounts if work.account else ()
        sends = (other for other in chain(batch, self._waiting) if type(other.command) is Send)
        return sum(1 for other in sends if other.account in accounts)

    def _take(self, batch: Batch, outcome: Outcome) -> None:
        """Move the facts, so that the next work is decided on top of this one."""
        put, records = self.facts.put, batch.records
        for record in outcome.records:
            records[put(record)] = record
        for message in outcome.messages:
            self.facts.say(message)
            batch.messages.append(message)
        batch.told += outcome.told
        if outcome.audit:
            batch.audit += outcome.audit

    async def _commit(self, decided: Decided) -> Sequence[Places]:
        begun = perf_counter()
        made = await self._store.commit(decided.batch)
        self._counters.committed(perf_counter() - begun, len(decided.done))
        return made

    def _forget(self, batch: Batch) -> None:
        self.facts.forget(batch.records)
        self.facts.forget((Message, (message.thread, message.seq)) for message in batch.messages)
        self.facts.forget_answers()

    async def _load(self, keys: Sequence[Key] | set[Key]) -> bool:
        """Learn what the store knows; False if it cannot say just now."""
        try:
            found = await self._store.load(tuple(keys))
        except Unavailable:
            return False
        for key, value in found.items():
            self.facts.learn(key, value)
        return True

    def _refuse_all(self) -> None:
        refuse((*self.post.clear(), *self._waiting.clear()), Unavailable)
