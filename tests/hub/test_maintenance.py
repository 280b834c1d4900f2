"""What a hub does by itself: journals are trimmed, deleted accounts erased, also across a stop."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from bridge.app import new_pipeline
from bridge.bus.local import LocalBus
from bridge.domain.deeds import ChangeAccount, CreateAccount, EraseAccount
from bridge.domain.model import Account
from bridge.errors import StorageFull, Unavailable
from bridge.hub.counters import Counters
from bridge.hub.keys import read_keys
from bridge.hub.maintenance import Maintenance
from bridge.hub.pipeline import Pipeline
from bridge.ids import AccountId
from bridge.store.base import Store
from bridge.store.memory import MemoryStore
from bridge.wire.commands import DeleteAccount, SetControls
from bridge.wire.values import AccountState, Network
from tests.hub.house import config

ANA = AccountId("a-ana")
DAY_MS = 86_400_000


class Clock:
    """A time that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000 * DAY_MS

    def __call__(self) -> int:
        return self.now


@asynccontextmanager
async def town(clock: Clock) -> AsyncIterator[tuple[Pipeline, Store]]:
    """Run a pipeline, with Ana in it, on a time of its own."""
    store = await MemoryStore.open(clock=clock)
    pipeline = new_pipeline(config(), store, LocalBus(), Counters(), read_keys(config()))
    pipeline._clock = clock
    work = asyncio.ensure_future(pipeline.run())
    await pipeline.do(
        AccountId(""), CreateAccount(network=Network.DIRECT, handle="ana", name="Ana", account=ANA)
    )
    try:
        yield pipeline, store
    finally:
        pipeline.stop()
        await work
        await store.close()


async def test_journals_are_forgotten_after_their_days_but_for_the_newest_entry() -> None:
    clock = Clock()
    async with town(clock) as (pipeline, store):
        upkeep = Maintenance(pipeline, store, clock, journal_days=30)
        for version in range(3):
            controls = {"followers": ("none", "requests")[version % 2]}
            await pipeline.do(ANA, SetControls(as_=ANA, if_version=version, controls=controls))

        await upkeep.round()
        kept = (await store.heads([ANA]))[ANA]
        clock.now += 31 * DAY_MS
        await upkeep.round()
        left = (await store.heads([ANA]))[ANA]

    assert (kept.oldest, kept.newest) == (1, 3)
    assert (left.oldest, left.newest) == (3, 3)


async def test_a_deleted_account_is_erased_once_its_grace_time_is_over() -> None:
    clock = Clock()
    async with town(clock) as (pipeline, store):
        await pipeline.do(ANA, DeleteAccount(as_=ANA, password=""), proven=frozenset({ANA}))
        upkeep = Maintenance(pipeline, store, clock, journal_days=30)

        await upkeep.round()
        (waiting,) = await store.accounts(limit=10)
        clock.now += 31 * DAY_MS
        for _ in range(60):  # accounts are gone through once an hour
            await upkeep.round()
        (erased,) = await store.accounts(limit=10)

    assert (waiting.state, waiting.handle) == (AccountState.DEACTIVATED, "ana")
    assert (erased.state, erased.name) == (AccountState.DELETED, "")


async def test_an_account_that_was_taken_back_since_it_was_listed_is_not_erased() -> None:
    clock = Clock()
    async with town(clock) as (pipeline, store):
        await pipeline.do(ANA, DeleteAccount(as_=ANA, password=""), proven=frozenset({ANA}))
        clock.now += 31 * DAY_MS
        listed = store.accounts

        async def accounts(*, after: AccountId | None = None, limit: int) -> Sequence[Account]:
            found = await listed(after=after, limit=limit)
            await pipeline.do(AccountId(""), ChangeAccount(account=ANA, state=AccountState.ACTIVE))
            return found

        store.accounts = accounts  # type: ignore[method-assign]  # somebody is quicker, in an engine's place
        await Maintenance(pipeline, store, clock, journal_days=30).round()
        (kept,) = await listed(limit=10)

    assert (kept.state, kept.handle) == (AccountState.ACTIVE, "ana")


async def test_an_erasure_that_a_stop_interrupted_is_finished_at_the_next_start() -> None:
    clock = Clock()
    asked: list[AccountId] = []
    async with town(clock) as (pipeline, store):
        await pipeline.do(ANA, DeleteAccount(as_=ANA, password=""), proven=frozenset({ANA}))
        clock.now += 31 * DAY_MS
        await Maintenance(pipeline, store, clock, journal_days=30).round()

        async def erase(account: AccountId, limit: int) -> int:
            asked.append(account)
            return 0

        store.erase = erase  # type: ignore[method-assign]  # a spy in one engine's place
        await Maintenance(pipeline, store, clock, journal_days=30).round()

    assert asked == [ANA]


async def test_an_erasure_amid_which_another_hub_dies_is_finished_within_the_hour() -> None:
    clock = Clock()
    asked: list[AccountId] = []
    async with town(clock) as (pipeline, store):
        store.shared = True
        upkeep = Maintenance(pipeline, store, clock, journal_days=30)
        await upkeep.round()
        await pipeline.do(AccountId(""), EraseAccount(account=ANA))  # the other hub comes no further

        async def erase(account: AccountId, limit: int) -> int:
            asked.append(account)
            return 0

        store.erase = erase  # type: ignore[method-assign]  # a spy in one engine's place
        for _ in range(60):
            await upkeep.round()

    assert asked == [ANA]


async def test_an_erasure_that_failed_is_finished_by_a_later_round() -> None:
    clock = Clock()
    asked: list[AccountId] = []
    async with town(clock) as (pipeline, store):
        upkeep = Maintenance(pipeline, store, clock, journal_days=30)
        await upkeep.round()
        await pipeline.do(ANA, DeleteAccount(as_=ANA, password=""), proven=frozenset({ANA}))
        clock.now += 31 * DAY_MS

        async def erase(account: AccountId, limit: int) -> int:
            asked.append(account)
            if len(asked) == 1:
                raise Unavailable  # a backup keeps the log from being emptied
            return 0

        store.erase = erase  # type: ignore[method-assign]  # a spy in one engine's place
        for _ in range(59):
            await upkeep.round()
        with pytest.raises(Unavailable):
            await upkeep.round()
        await upkeep.round()

    assert asked == [ANA, ANA]


async def test_a_round_that_fails_is_tried_again_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    rounds: list[float] = []
    stopped = asyncio.get_running_loop().create_future()

    async def pause(seconds: float) -> None:
        rounds.append(seconds)
        if len(rounds) == 3:
            stopped.set_result(None)
            await asyncio.get_running_loop().create_future()

    async with town(clock) as (pipeline, store):
        store.trim = full  # type: ignore[method-assign]  # a disk without room
        monkeypatch.setattr("bridge.hub.maintenance.asyncio.sleep", pause)
        task = asyncio.ensure_future(Maintenance(pipeline, store, clock, journal_days=30).run())
        await stopped
        task.cancel()
        await asyncio.wait([task])

    assert rounds == [60.0] * 3


async def full(before: int, limit: int) -> int:
    raise StorageFull
