"""The hash chain on the client's side: any loss, doubling, reordering or change is found."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.events import MessageSent
from bridge.wire.values import MessageView
from clients import ChainBroken, Failed, Options
from clients.chain import Chains, check_page
from tests.clients.bench import Bench
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_state import AB, ANA, BEN
from tests.clients.fake_time import settle


def said(count: int) -> list[MessageView]:
    hub = FakeHub()
    for number in range(count):
        hub.say((ANA, BEN)[number % 2], (BEN, ANA)[number % 2], f"text {number}")
    return hub.threads[AB].messages


def test_an_unbroken_page_holds_in_either_order() -> None:
    messages = said(6)

    check_page(messages)
    check_page(reversed(messages[2:5]))

    assert messages[0].seq == 1


CHANGES = {
    "another sender": lambda m: replace(m, sender=AccountId("a-eve")),
    "another number": lambda m: replace(m, seq=Seq(m.seq + 7)),
    "another digest": lambda m: replace(m, digest="00" * 32),
    "another link": lambda m: replace(m, link="11" * 32),
    "another thread": lambda m: replace(m, thread=ThreadId("t-other")),
    "no hex": lambda m: replace(m, link="zz"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("place", [0, 2, 5])
def test_a_changed_message_breaks_its_page(change: object, place: int) -> None:
    messages = said(6)
    assert callable(change)
    messages[place] = change(messages[place])

    with pytest.raises(ChainBroken):
        check_page(messages)


@given(st.integers(0, 5), st.sampled_from(["drop", "double", "swap"]))
def test_what_is_told_is_proven_message_by_message(place: int, harm: str) -> None:
    messages, chains = said(8), Chains()
    told = list(messages)
    if harm == "drop":
        del told[place]
    elif harm == "double":
        told.insert(place, replace(told[place], link="22" * 32))
    else:
        told[place], told[place + 1] = told[place + 1], told[place]

    def hear_all() -> int:
        broken = 0
        for message in told:
            try:
                chains.hear(message, ANA)
            except ChainBroken:
                broken += 1
        return broken

    joined_late = (harm == "drop" and place == 0) or (harm == "swap" and place == 0)
    assert hear_all() >= (0 if joined_late else 1)


def test_a_told_thread_that_holds_raises_nothing() -> None:
    chains = Chains()

    for message in said(20):
        chains.hear(message, ANA)
        chains.hear(message, ANA)  # heard twice is no break

    with pytest.raises(ChainBroken, match="changed its link"):
        chains.hear(replace(said(20)[-1], link="33" * 32), ANA)


def test_a_thread_that_is_listed_again_must_agree_with_what_was_proven() -> None:
    hub, chains = FakeHub(), Chains()
    hub.say(ANA, BEN, "one")
    view = hub.view(hub.threads[AB], ANA)
    chains.know(view)
    chains.know(view)

    with pytest.raises(ChainBroken, match="tip"):
        chains.know(replace(view, link="44" * 32))


async def test_a_client_that_verifies_reports_a_break_and_goes_on(bench: Bench) -> None:
    client = await bench.connected(Options(verify=True, acknowledge=False))
    stream: AsyncIterator[object] = client.events()
    bench.hub.say(BEN, ANA, "one")
    forged = replace(bench.hub.threads[AB].messages[0], seq=Seq(2), digest="00" * 32)
    bench.hub.tell(ANA, MessageSent(message=forged))
    await settle()
    await client.close()

    events = [push.event async for push in stream]  # type: ignore[attr-defined]  # pushes
    assert [broken.seq for broken in client.chain_breaks] == [2]
    assert [type(event.error) for event in events if isinstance(event, Failed)] == [ChainBroken]


async def test_what_was_said_while_a_journal_was_not_heard_is_no_break(bench: Bench) -> None:
    client = await bench.connected(Options(verify=True, acknowledge=False))
    bench.hub.say(BEN, ANA, "one")
    await settle()
    bench.cut()
    bench.hub.say(BEN, ANA, "two")
    bench.hub.forget_journal(ANA)
    await bench.clock.advance(20)

    bench.hub.say(BEN, ANA, "three")
    await settle()

    assert client.chain_breaks == []


def test_an_account_that_comes_back_is_followed_anew_and_others_go_on() -> None:
    (first, *_, last), chains = said(9), Chains()
    chains.hear(first, ANA)

    chains.forget(ANA)
    chains.hear(last, ANA)
    chains.forget(BEN)

    with pytest.raises(ChainBroken):
        chains.hear(replace(last, seq=Seq(11)), ANA)


async def test_history_of_a_client_that_verifies_raises_at_the_break(bench: Bench) -> None:
    client = await bench.connected(Options(verify=True, acknowledge=False))
    for number in range(9):
        bench.hub.say(BEN, ANA, str(number))
    good = [message.seq async for message in client.history(AB, page=2)]
    messages = bench.hub.threads[AB].messages
    messages[4] = replace(messages[4], sender=ANA)

    with pytest.raises(ChainBroken):
        [message async for message in client.history(AB, page=2)]

    assert good == list(range(9, 0, -1))
