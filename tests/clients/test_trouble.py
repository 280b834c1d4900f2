"""Trouble on the way: tokens, sign-ins, receipts, handlers and bugs that go wrong."""

import asyncio

import pytest

from bridge.errors import RateLimited
from bridge.wire import commands as c
from bridge.wire import sign_in
from bridge.wire.events import MessageSent
from clients import Client, ConnectionClosed, Disconnected, Options, State
from clients.session import Session
from tests.clients.bench import Bench
from tests.clients.fake_state import AB, ANA, BEN
from tests.clients.fake_time import settle


async def test_a_function_that_cannot_get_a_token_ends_the_client(bench: Bench) -> None:
    async def get_token() -> str:
        raise KeyError("vault is closed")

    client = Client("ws://hub", get_token=get_token, clock=bench.clock)
    bench.clients.append(client)

    with pytest.raises(ConnectionClosed, match="vault is closed"):
        await client.connect()


async def test_a_hub_that_does_not_answer_the_sign_in_is_left_and_tried_again(bench: Bench) -> None:
    bench.deaf = 1
    client = bench.client()
    await client.connect(wait=False)
    await bench.clock.advance(9)
    states = [client.state]
    await bench.clock.advance(11)
    states.append(client.state)

    assert states == [State.CONNECTING, State.CONNECTED]


async def test_a_busy_hub_is_given_the_time_it_asks_for(bench: Bench) -> None:
    bench.hub.refuse.append((sign_in.SignIn, RateLimited(retry_after_s=33)))
    client = bench.client()
    await client.connect(wait=False)

    await bench.clock.advance(32)
    states = [client.state]
    await bench.clock.advance(2)
    states.append(client.state)

    assert states == [State.DISCONNECTED, State.CONNECTED]


async def test_receipts_that_were_lost_with_the_connection_are_told_after_it(bench: Bench) -> None:
    await bench.connected(Options(acknowledge=True))
    bench.hub.say(BEN, ANA, "hello")
    await settle()
    bench.pipes[-1].wire.receive = lambda data: bench.cut()  # type: ignore[method-assign]

    await bench.clock.advance(30)

    marks = [call for call in bench.hub.calls if isinstance(call, c.MarkDelivered)]
    assert [(mark.thread, mark.upto) for mark in marks] == [(AB, 1)]


async def test_a_connection_that_held_starts_the_pauses_anew(bench: Bench) -> None:
    client = await bench.connected()
    pauses = []
    for _ in range(3):
        await bench.clock.advance(6)
        lost = asyncio.create_task(client.wait_for(Disconnected))
        await settle()
        bench.cut()
        pauses.append((await lost).retry_in_s)
        await bench.clock.advance(1)

    assert pauses == [0.25] * 3


async def test_a_handler_may_close_the_client(bench: Bench) -> None:
    client = await bench.connected()
    closed = asyncio.Event()

    @client.on(MessageSent)
    async def enough(event: MessageSent) -> None:
        await client.close()
        closed.set()

    bench.hub.say(BEN, ANA, "stop")
    await closed.wait()

    assert client.state is State.CLOSED


async def test_a_bug_of_ours_fails_those_who_wait_instead_of_leaving_them_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await bench.connected()
    asking = asyncio.create_task(client.wait_for(MessageSent))
    await settle()

    def broken(session: Session, data: bytes) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Session, "receive", broken)
    bench.hub.heartbeat()

    with pytest.raises(ConnectionClosed, match="a bug"):
        await asking
