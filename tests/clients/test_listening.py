"""Listening: handlers, streams, waiters and receipts, none of which holds up the connection."""

import asyncio

import pytest

from bridge.ids import ThreadId
from bridge.wire import commands as c
from bridge.wire.events import MessageSent, Typed
from clients import (
    CallTimeout,
    ConnectionClosed,
    Options,
    SendSettled,
)
from tests.clients.bench import Bench
from tests.clients.fake_state import AB, ANA, BEN
from tests.clients.fake_time import settle


async def test_handlers_hear_events_in_order_and_a_slow_one_blocks_no_call(bench: Bench) -> None:
    client = await bench.connected()
    bench.hub.thread(ANA, BEN)
    heard: list[str | None] = []
    gate = asyncio.Event()

    @client.on("message_sent")
    async def slow(event: MessageSent) -> None:
        await gate.wait()
        heard.append(event.message.text)

    bench.hub.say(BEN, ANA, "one")
    bench.hub.say(BEN, ANA, "two")
    await settle()
    assert (await client.count_unread()).requests == 0
    gate.set()
    await settle()

    assert heard == ["one", "two"]


async def test_a_handler_may_ask_the_hub(bench: Bench) -> None:
    client = await bench.connected()

    @client.on(MessageSent)
    async def echo(event: MessageSent) -> None:
        if event.message.sender == BEN:
            await client.send(event.message.thread, "echo " + str(event.message.text))

    bench.hub.say(BEN, ANA, "hello")
    await settle()

    assert bench.hub.threads[AB].messages[-1].text == "echo hello"


async def test_a_handler_that_fails_is_reported_and_the_next_one_runs(bench: Bench) -> None:
    client = await bench.connected()
    failures: list[Exception] = []
    heard: list[str] = []

    @client.on("message_sent")
    def bad(event: MessageSent) -> None:
        raise KeyError("oops")

    client.on(MessageSent)(lambda event: heard.append(event.message.text))
    client.on("error")(lambda event: failures.append(event.error))
    bench.hub.say(BEN, ANA, "hello")
    await settle()

    assert heard == ["hello"]
    assert [type(error) for error in failures] == [KeyError]


async def test_the_log_shows_where_a_handler_failed(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    client = await bench.connected()

    @client.on("message_sent")
    def forgetful(event: MessageSent) -> None:
        raise KeyError("oops")

    bench.hub.say(BEN, ANA, "hello")
    await settle()

    assert "in forgetful" in caplog.text


async def test_a_mistyped_event_is_named_with_the_one_that_was_meant(bench: Bench) -> None:
    client = await bench.connected()

    with pytest.raises(ValueError, match="no event 'mesage_sent'; did you mean 'message_sent'"):
        client.on("mesage_sent")
    with pytest.raises(ValueError, match=r"there are .*message_sent"):
        await client.wait_for("???")


async def test_a_handler_that_waits_for_what_is_cancelled_is_reported_and_the_next_one_runs(
    bench: Bench,
) -> None:
    client = await bench.connected()
    failures: list[Exception] = []
    heard: list[str] = []

    @client.on("message_sent")
    async def bad(event: MessageSent) -> None:
        other = asyncio.ensure_future(asyncio.Event().wait())
        other.cancel()
        await other

    client.on(MessageSent)(lambda event: heard.append(event.message.text))
    client.on("error")(lambda event: failures.append(event.error))
    bench.hub.say(BEN, ANA, "hello")
    await settle()

    assert heard == ["hello"]
    assert [type(error) for error in failures] == [RuntimeError]


async def test_events_beyond_the_limit_wait_at_the_hub_and_none_is_lost(bench: Bench) -> None:
    client = await bench.connected(Options(event_limit=4, acknowledge=False))
    stream = client.events()
    for number in range(20):
        bench.hub.say(BEN, ANA, str(number))
    await settle()
    assert len(stream) < 8
    assert (await client.count_unread()).requests == 0  # a listener that is behind holds up no answer

    said: list[str | None] = []
    while len(said) < 20:
        waiting = asyncio.ensure_future(anext(stream))
        await bench.clock.advance(20)
        push = await waiting
        if isinstance(push.event, MessageSent):
            said.append(push.event.message.text)

    assert said == [str(number) for number in range(20)]


async def test_whoever_listens_to_a_closed_client_is_told_so_at_once(bench: Bench) -> None:
    client = await bench.connected()
    await client.close()

    with pytest.raises(ConnectionClosed):
        await client.wait_for(MessageSent)
    assert [push async for push in client.events()] == []


async def test_wait_for_takes_the_first_that_fits(bench: Bench) -> None:
    client = await bench.connected()
    waiting = asyncio.create_task(client.wait_for("message_sent", lambda event: event.message.text == "b"))
    await settle()

    bench.hub.say(BEN, ANA, "a")
    bench.hub.say(BEN, ANA, "b")

    assert (await waiting).message.seq == 2


async def test_wait_for_times_out_and_raises_what_its_check_raises(bench: Bench) -> None:
    client = await bench.connected()
    late = asyncio.create_task(client.wait_for(Typed, timeout_s=5))
    wrong = asyncio.create_task(client.wait_for(MessageSent, lambda event: 1 // 0 == 1))
    await settle()
    bench.hub.say(BEN, ANA, "a")
    await bench.clock.advance(6)

    with pytest.raises(CallTimeout):
        await late
    with pytest.raises(ZeroDivisionError):
        await wrong


async def test_delivered_receipts_are_joined(bench: Bench) -> None:
    await bench.connected(Options(acknowledge=True))

    for number in range(10):
        bench.hub.say(BEN, ANA, str(number))
    await bench.clock.advance(1)

    marks = [call for call in bench.hub.calls if isinstance(call, c.MarkDelivered)]
    assert [(mark.thread, mark.upto) for mark in marks] == [(AB, 10)]


async def test_own_messages_are_not_acknowledged(bench: Bench) -> None:
    client = await bench.connected(Options(acknowledge=True))
    bench.hub.thread(ANA, BEN)

    await client.send(AB, "mine")
    await bench.clock.advance(1)

    assert not [call for call in bench.hub.calls if isinstance(call, c.MarkDelivered)]


async def test_settled_sends_are_told(bench: Bench) -> None:
    client = await bench.connected()
    bench.hub.thread(ANA, BEN)
    settled = asyncio.create_task(client.wait_for(SendSettled))
    await settle()

    await client.send(AB, "hello", token="mine")

    notice = await settled
    assert (notice.token, notice.thread, notice.seq, notice.error) == ("mine", ThreadId(AB), 1, None)
