"""A command that needs several answers of the store is decided, however much others say meanwhile."""

import asyncio
from random import Random

from bridge.app import policy_of
from bridge.bus.local import LocalBus
from bridge.config import PolicySettings
from bridge.domain.deeds import CreateAccount
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


def pipeline_of(store: FaultyStore) -> Pipeline:
    return Pipeline(
        store,
        LocalBus(),
        policy_of(PolicySettings(link_from="either")),
        Counters(),
        clock=lambda: 1_000_000,
        chance=Random(7).randbytes,
        batch=512,
    )


async def test_an_unlink_is_decided_while_somebody_speaks_in_every_batch() -> None:
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
    assert said < 20
