"""Two hubs on one store: whoever talks at one is heard at the other."""

import asyncio

import pytest

from bridge.bus.base import Bus
from bridge.bus.nats import NatsBus
from bridge.ids import Seq
from bridge.wire.commands import Send, SetTie, Typing
from bridge.wire.queries import Explain, WhoIsHere
from bridge.wire.sign_in import RevokeDevice
from bridge.wire.values import TieKind
from tests.cluster.test_homes import acquainted
from tests.cluster.town import Town
from tests.hub.house import ANA, BEN, CYD, DAN, EVE
from tests.hub.talker import Refused


async def test_a_message_said_at_one_hub_is_heard_at_the_other(pair: Town) -> None:
    await pair[0].add(ANA, CYD)
    thread = await pair[0].acquaint(ANA, CYD)
    ana, cyd = await pair.join(0, ANA), await pair.join(1, CYD)

    sent = await ana.ask(Send(thread=thread, text="over there?", token="k1"))
    heard = await cyd.event("message_sent")

    assert heard["message"]["text"] == "over there?"
    assert heard["message"]["seq"] == sent["seq"]


async def test_both_sides_of_a_thread_write_at_different_hubs_and_see_one_order(pair: Town) -> None:
    await pair[0].add(ANA, CYD)
    thread = await pair[0].acquaint(ANA, CYD)
    ana, cyd = await pair.join(0, ANA), await pair.join(1, CYD)

    await asyncio.gather(
        *(
            who.ask(Send(thread=thread, text=f"{name}{n}", token=f"{name}{n}"))
            for n in range(40)
            for name, who in (("a", ana), ("c", cyd))
        )
    )
    await ana.until(lambda: len(ana.messages()) == 80)
    await cyd.until(lambda: len(cyd.messages()) == 80)

    seqs = [[message["seq"] for message in who.messages()] for who in (ana, cyd)]
    assert seqs[0] == seqs[1] == list(range(3, 83))
    assert [m["text"] for m in ana.messages()] == [m["text"] for m in cyd.messages()]


async def test_devices_of_one_person_at_different_hubs_hear_the_same(pair: Town) -> None:
    await pair[0].add(ANA, CYD)
    thread = await pair[0].acquaint(ANA, CYD)
    here, there = await pair.join(0, ANA), await pair.join(1, ANA)

    for n in range(5):
        await (here, there)[n % 2].ask(Send(thread=thread, text=f"{n}", token=f"k{n}"))
    await here.until(lambda: len(here.messages()) == 5)
    await there.until(lambda: len(there.messages()) == 5)

    assert here.positions(ANA) == there.positions(ANA)
    assert [m["text"] for m in there.messages()] == ["0", "1", "2", "3", "4"]


async def test_typing_crosses_and_is_not_stored(pair: Town) -> None:
    await pair[0].add(ANA, CYD)
    thread = await pair[0].acquaint(ANA, CYD)
    ana, cyd = await pair.join(0, ANA), await pair.join(1, CYD)

    await ana.ask(Typing(thread=thread))

    assert (await cyd.event("typed"))["account"] == ANA
    assert cyd.positions(CYD) == []


async def test_presence_is_known_at_every_hub(pair: Town) -> None:
    await pair[0].add(ANA, CYD)
    await pair[0].acquaint(ANA, CYD)
    ana, cyd = await pair.join(0, ANA), await pair.join(1, CYD)
    again = await pair.join(0, CYD)

    assert await ana.ask(WhoIsHere(accounts=(CYD,))) == {"online": [CYD]}
    await again.close()
    await cyd.close()

    assert await ana.event("presence_changed", account=CYD, online=False)
    back = await pair.join(1, CYD)
    assert await ana.event("presence_changed", account=CYD, online=True)
    assert await back.ask(WhoIsHere(accounts=(ANA,))) == {"online": [ANA]}


async def test_a_block_at_one_hub_ends_the_presence_that_is_watched_at_the_other(pair: Town) -> None:
    await pair[0].add(ANA, CYD, EVE)
    for other in (CYD, EVE):
        await pair[0].acquaint(ANA, other)
    ana, cyd, eve = await pair.join(0, ANA), await pair.join(1, CYD), await pair.join(1, EVE)
    for who in (cyd, eve):
        assert await who.ask(WhoIsHere(accounts=(ANA,))) == {"online": [ANA]}

    await ana.ask(SetTie(as_=ANA, account=CYD, tie=TieKind.BLOCK))
    await ana.close()
    await eve.event("presence_changed", account=ANA, online=False)
    await cyd.settled()

    assert cyd.events("presence_changed") == []


async def test_people_of_a_hub_that_dies_without_a_word_are_told_to_be_gone(pair: Town) -> None:
    await pair[0].add(ANA, CYD, EVE)
    for other in (CYD, EVE):
        await pair[0].acquaint(ANA, other)
    ana = await pair.join(0, ANA)
    for number, account in ((1, EVE), (1, CYD), (0, EVE)):
        await pair.join(number, account)
    online = await ana.ask(WhoIsHere(accounts=(CYD, EVE)))

    await die(pair.hub(1).bus)
    seen = await ana.event("presence_changed", online=False)

    assert sorted(online["online"]) == [CYD, EVE]
    assert seen["account"] == CYD  # Eve is at the other hub, too
    assert await ana.ask(WhoIsHere(accounts=(CYD, EVE))) == {"online": [EVE]}


async def die(bus: Bus) -> None:
    """End a bus as the death of its process would: its connection is closed, and it says nothing."""
    assert isinstance(bus, NatsBus)
    client, bus.is_up = bus._client, False
    for task in list(bus._tasks):
        task.cancel()
    await asyncio.wait(bus._tasks)
    assert client is not None
    await client.close()


async def test_a_device_revoked_at_one_hub_is_closed_at_the_other(pair: Town) -> None:
    await pair[0].add(ANA)
    here, there = await pair.join(0, ANA), (await pair[1].sign_in(ANA))
    await pair[0].device(ANA)
    other = await pair.join(0, ANA)
    _, answer = await pair[0].sign_in(ANA)
    device = answer["device"]
    gone, _ = await pair[1].sign_in(ANA)

    await here.ask(RevokeDevice(device=device))

    assert await gone.closed() == 4504
    assert await other.closed() == 4504
    assert there[0].socket.close_code is None


async def test_a_device_revoked_at_a_hub_that_dies_before_it_tells_is_closed_within_seconds(
    pair: Town,
) -> None:
    await acquainted(pair)
    await pair[0].add(ANA)
    here, (gone, answer) = await pair.join(0, ANA), await pair[1].sign_in(ANA)
    await die(pair.hub(0).bus)

    await pair[0].device(ANA)
    revoking, _ = await pair[0].sign_in(ANA)
    await revoking.ask(RevokeDevice(device=answer["device"]))

    assert await gone.closed() == 4504
    assert here.socket.close_code == 4504  # it was the same device


async def test_people_linked_at_one_hub_have_both_accounts_at_the_other(pair: Town) -> None:
    await pair[0].add(ANA, BEN, DAN)
    there = await pair.join(1, ANA)

    await pair[0].link(ANA, BEN)
    await there.until(lambda: any("event" in f and f["event"]["type"] == "leg_added" for f in there.frames))
    thread = await pair[0].open(BEN, DAN)
    await pair[0].send(BEN, thread, "from my other self")

    assert (await there.event("message_sent"))["message"]["text"] == "from my other self"


async def test_a_message_that_was_not_said_when_a_hub_looked_for_it_is_found_once_it_is(pair: Town) -> None:
    await pair[0].add(ANA, BEN)
    thread = await pair[0].acquaint(BEN, ANA)
    ana, ben = await pair.join(0, ANA), await pair.join(1, BEN)
    with pytest.raises(Refused) as too_early:
        await ben.ask(Explain(as_=BEN, thread=thread, seq=Seq(3)))

    await ana.ask(Send(thread=thread, text="now", token="k1"))
    await ben.event("message_sent")
    explained = await ben.ask(Explain(as_=BEN, thread=thread, seq=Seq(3)))
    answer = await ben.ask(Send(thread=thread, text="to that", token="k2", reply_to=Seq(3)))

    assert too_early.value.code == "not_found"
    assert explained["decision"]["outcome"] == "inbox"
    assert answer["seq"] == 4
