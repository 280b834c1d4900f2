"""A command that needs several answers of the store is decided, however much others say meanwhile."""

import asyncio
from collections.abc import Collection, Mapping
from random import Random

import pytest

from bridge.app import policy_of
from bridge.bus.local import LocalBus
from bridge.config import PolicySettings
from bridge.domain.deeds import CreateAccount
from bridge.domain.facts import for_each
from bridge.domain.keys import Key
from bridge.errors import Unavailable
from bridge.hub.counters import Counters
from bridge.hub.pipeline import Pipeline
from bridge.hub.work import Ticket, Work
from bridge.ids import AccountId, thread_of_pair
from bridge.store.base import Batch
from bridge.store.memory import MemoryStore
from bridge.wire.commands import Accept, Link, OpenThread, Send, SetTie, Unlink, Upgrade
from bridge.wire.replies import Effects
from bridge.wire.values import TieKind
from tests.hub.faulty import FaultyStore
from tests.hub.house import ANA, BEN, CYD, EVE, NETWORKS, PASSWORD

_MOST = 200
THREAD = thread_of_pair(CYD, EVE)


def pipeline_of(store: FaultyStore, most_records: int = 200_000) -> Pipeline:
    return Pipeline(
        store,
        LocalBus(),
        policy_of(PolicySettings(link_from="either")),
        Counters(),
        clock=lambda: 1_000_000,
        chance=Random(7).randbytes,
        batch=512,
        most_records=most_records,
    )


@pytest.mark.parametrize("piece", [500, 1])
async def test_an_unlink_is_decided_while_somebody_speaks_in_every_batch(
    monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr("bridge.hub.pipeline._PIECE", piece)
    store = FaultyStore(await MemoryStore.open(clock=lambda: 0))
    pipeline = pipeline_of(store)
    work = asyncio.ensure_future(pipeline.run())
    for account in (ANA, BEN, CYD, EVE):
        handle = account[2:]
        await pipeline.do(
            AccountId(""),
            CreateAccount(account=account, network=NETWORKS[account], handle=handle, name=handle),
        )
    link, linked = Link(as_=ANA, network=NETWORKS[BEN], handle=BEN[2:], password=PASSWORD), Ticket()
    pipeline.submit(Work(lane=linked, call=0, account=ANA, command=link, proven=frozenset((BEN,))))
    await linked.reply
    await pipeline.do(ANA, Upgrade(as_=ANA))
    await pipeline.do(ANA, SetTie(as_=ANA, account=EVE, tie=TieKind.RESTRICT))
    await pipeline.do(CYD, OpenThread(as_=CYD, account=EVE, confirm=True))
    await pipeline.do(CYD, Send(thread=THREAD, text="first", token="token-0"))
    await pipeline.do(EVE, Accept(threads=(THREAD,)))
    unlink, said = Ticket(), 0

    def say_more(batch: Batch) -> None:
        nonlocal said
        if said < _MOST and not unlink.reply.done():
            said += 1
            more = Send(thread=THREAD, text="more", token=f"token-{said}")
            pipeline.submit(Work(lane=Ticket(), call=said, account=CYD, command=more))

    store.before = say_more
    pipeline.submit(Work(lane=unlink, call=0, account=BEN, command=Unlink(as_=BEN)))
    pipeline.submit(
        Work(lane=Ticket(), call=0, account=CYD, command=Send(thread=THREAD, text="more", token="token-x"))
    )
    reply = await unlink.reply
    pipeline.stop()
    await work

    assert isinstance(reply, Effects)
    assert said < 40


async def test_others_are_answered_while_thousands_of_facts_are_loaded_for_one() -> None:
    store, looks, answered = await MemoryStore.open(clock=lambda: 0), [], 0
    load = store.load

    async def counted(keys: Collection[Key]) -> Mapping[Key, object]:
        looks.append(len(keys))
        return await load(keys)

    store.load = counted  # type: ignore[method-assign]  # a spy in one engine's place
    pipeline = pipeline_of(FaultyStore(store))
    work = asyncio.ensure_future(pipeline.run())
    names = [AccountId(f"a-{number}") for number in range(1_800)]

    much = asyncio.ensure_future(
        pipeline.consult(ANA, lambda scene: for_each(names, scene.facts.find_account))
    )
    while not much.done():
        await pipeline.consult(BEN, lambda scene: None)
        answered += 1
    pipeline.stop()
    await work

    assert await much == [None] * len(names)
    assert looks == [500, 500, 500, 300]
    assert answered >= len(looks) - 1


@pytest.mark.parametrize("piece", [500, 7])
async def test_who_needs_more_facts_than_memory_may_hold_is_answered_all_the_same(
    monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr("bridge.hub.pipeline._PIECE", piece)
    store, looks = await MemoryStore.open(clock=lambda: 0), 0
    load = store.load

    async def counted(keys: Collection[Key]) -> Mapping[Key, object]:
        nonlocal looks
        looks += 1
        if looks > _MOST:
            raise Unavailable  # or it would go on for ever
        return await load(keys)

    pipeline = pipeline_of(FaultyStore(store), most_records=20)
    work = asyncio.ensure_future(pipeline.run())
    names = [AccountId(f"a-{number}") for number in range(60)]
    for name in names:
        deed = CreateAccount(account=name, network=NETWORKS[ANA], handle=name[2:], name=name)
        await pipeline.do(AccountId(""), deed)

    store.load = counted  # type: ignore[method-assign]  # a spy in one engine's place
    found = await pipeline.consult(names[0], lambda scene: for_each(names, scene.facts.person_of))
    pipeline.stop()
    await work

    assert [person.accounts for person in found] == [(name,) for name in names]
