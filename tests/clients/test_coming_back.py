"""Losing the connection and coming back: nothing lost, nothing doubled, no storm."""

import asyncio

import pytest

from bridge.errors import CloseCode
from bridge.wire.events import LegRemoved, MessageSent
from clients import (
    CallTimeout,
    CannotConnect,
    Closed,
    ConnectionClosed,
    ConnectionLost,
    Disconnected,
    Reconnected,
    State,
)
from tests.clients.bench import Bench
from tests.clients.fake_state import AB, ANA, BEN
from tests.clients.fake_time import settle


async def test_a_lost_connection_loses_no_event_and_doubles_none(bench: Bench) -> None:
    client = await bench.connected()
    stream = client.events()
    bench.hub.say(BEN, ANA, "one")
    await settle()
    bench.cut()
    await settle()
    bench.hub.say(BEN, ANA, "two")
    await bench.clock.advance(20)
    bench.hub.say(BEN, ANA, "three")
    await settle()
    await client.close()

    events = [push.event async for push in stream]
    said = [event.message.text for event in events if isinstance(event, MessageSent)]
    notices = [type(event) for event in events if isinstance(event, Disconnected | Reconnected | Closed)]
    assert said == ["one", "two", "three"]
    assert notices == [Disconnected, Reconnected, Closed]


async def test_a_journal_that_began_anew_is_told_as_a_reload(bench: Bench) -> None:
    client = await bench.connected()
    stream = client.events()
    bench.hub.forget_journal(ANA)
    bench.cut()
    await bench.clock.advance(20)
    bench.hub.say(BEN, ANA, "after")
    await settle()
    await client.close()

    events = [push.event async for push in stream]
    (back,) = (event for event in events if isinstance(event, Reconnected))
    assert (back.reload, back.resumed) == ((ANA,), False)
    assert [event.message.text for event in events if isinstance(event, MessageSent)] == ["after"]


async def test_a_resumed_session_asks_for_no_reload(bench: Bench) -> None:
    client = await bench.connected()
    stream = client.events()
    bench.cut()
    await bench.clock.advance(20)
    await client.close()

    (back,) = [push.event async for push in stream if isinstance(push.event, Reconnected)]
    assert back.resumed


async def test_a_hole_in_the_numbering_is_repaired_by_coming_back(bench: Bench) -> None:
    client = await bench.connected()
    stream = client.events()
    wire = bench.hub.wires[0]
    bench.hub.wires.clear()  # the hub forgets to tell
    bench.hub.say(BEN, ANA, "untold")
    bench.hub.wires.append(wire)
    bench.hub.say(BEN, ANA, "told")
    await bench.clock.advance(20)
    await client.close()

    said = [push.event.message.text async for push in stream if isinstance(push.event, MessageSent)]
    assert said == ["untold", "told"]
    assert len(bench.pipes) == 2


async def test_a_deaf_client_finds_out_at_the_second_heartbeat(bench: Bench) -> None:
    client = await bench.connected()
    wire = bench.hub.wires[0]
    bench.hub.wires.clear()
    bench.hub.say(BEN, ANA, "untold")
    bench.hub.wires.append(wire)
    told = asyncio.create_task(client.wait_for(MessageSent))

    bench.hub.heartbeat()
    await settle()
    assert len(bench.pipes) == 1
    bench.hub.heartbeat()
    await bench.clock.advance(20)

    assert (await told).message.text == "untold"


async def test_a_silent_hub_is_a_lost_connection(bench: Bench) -> None:
    client = await bench.connected()
    lost = asyncio.create_task(client.wait_for(Disconnected))

    await bench.clock.advance(50)
    assert client.state is State.CONNECTED
    await bench.clock.advance(11)

    error = (await lost).error
    assert isinstance(error, ConnectionLost)
    assert error.close_code == CloseCode.HEARTBEAT_LOST


async def test_heartbeats_keep_a_quiet_connection(bench: Bench) -> None:
    client = await bench.connected()

    for _ in range(10):
        await bench.clock.advance(20)
        bench.hub.heartbeat()
    await settle()

    assert (client.state, len(bench.pipes)) == (State.CONNECTED, 1)


async def test_an_event_told_twice_is_heard_once(bench: Bench) -> None:
    client = await bench.connected()
    stream = client.events()
    bench.hub.say(BEN, ANA, "once")
    head = bench.hub.journals[ANA].head
    bench.hub.wires[0].push(ANA, head, bench.hub.journals[ANA].events[-1])
    await settle()
    await client.close()

    said = [push async for push in stream if isinstance(push.event, MessageSent)]
    assert [push.at for push in said] == [head]


@pytest.mark.parametrize("code", [CloseCode.REVOKED, CloseCode.TOO_MANY, CloseCode.SIGN_IN_FAILED])
async def test_some_close_codes_end_the_client(bench: Bench, code: int) -> None:
    client = await bench.connected()
    stream = client.events()

    bench.cut(code)
    await settle()

    assert client.state is State.CLOSED
    with pytest.raises(ConnectionClosed) as caught:
        await client.count_unread()
    assert caught.value.close_code == code
    assert isinstance([push.event async for push in stream][-1], Closed)


@pytest.mark.parametrize("code", [1001, 1006, CloseCode.SLOW_READER, CloseCode.DRAINING, CloseCode.FAULT])
async def test_other_close_codes_make_it_come_back(bench: Bench, code: int) -> None:
    client = await bench.connected()

    bench.cut(code)
    await bench.clock.advance(20)

    assert client.state is State.CONNECTED


async def test_pauses_grow_with_failures_and_stay_within_bounds(bench: Bench) -> None:
    bench.unreachable = [CannotConnect() for _ in range(12)]
    client = bench.client()
    await client.connect(wait=False)

    pauses = []
    for _ in range(12):
        await settle()
        (pause,) = bench.clock.pauses()
        pauses.append(pause)
        await bench.clock.advance(pause)

    assert pauses[:4] == [0.25, 0.5, 1.0, 2.0]
    assert all(0.1 <= pause <= 20 for pause in pauses)
    assert client.state is State.CONNECTED


async def test_an_address_without_a_hub_ends_the_client(bench: Bench) -> None:
    error = CannotConnect("There is no hub at this address.")
    error.temporary = False
    bench.unreachable = [error]

    with pytest.raises(ConnectionClosed, match="no hub"):
        await bench.client().connect()


async def test_nobody_answering_in_time_is_a_timeout(bench: Bench) -> None:
    bench.unreachable = [CannotConnect() for _ in range(99)]
    connecting = asyncio.create_task(bench.client().connect(timeout_s=30))

    await bench.clock.advance(31)

    with pytest.raises(CallTimeout):
        await connecting


async def test_reads_are_asked_again_after_a_lost_connection(bench: Bench) -> None:
    client = await bench.connected()
    bench.pipes[-1].wire.receive = lambda data: bench.cut()  # type: ignore[method-assign]

    asking = asyncio.create_task(client.list_devices())
    await bench.clock.advance(20)

    assert (await asking).devices[0].here


async def test_commands_say_that_it_is_unknown_whether_they_were_done(bench: Bench) -> None:
    client = await bench.connected()
    bench.pipes[-1].wire.receive = lambda data: bench.cut()  # type: ignore[method-assign]

    with pytest.raises(ConnectionLost):
        await client.accept(AB)


async def test_calls_made_while_away_wait_for_the_connection(bench: Bench) -> None:
    client = await bench.connected()
    bench.cut()
    await settle()

    asking = asyncio.create_task(client.count_unread())
    await bench.clock.advance(20)

    assert (await asking).requests == 0


async def test_what_is_said_while_away_arrives_in_order(bench: Bench) -> None:
    client = await bench.connected()
    bench.hub.thread(ANA, BEN)
    bench.cut()
    await settle()

    sending = [asyncio.create_task(client.send(AB, str(number))) for number in range(5)]
    await bench.clock.advance(20)

    assert [(await task).seq for task in sending] == [1, 2, 3, 4, 5]
    assert [message.text for message in bench.hub.threads[AB].messages] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    "broken", [b"{", b"[]", b'{"re":999,"ok":{}}', b'{"event":{"type":"typed"}}', b'{"re":1}']
)
async def test_a_broken_frame_of_the_hub_makes_the_client_come_back(bench: Bench, broken: bytes) -> None:
    client = await bench.connected()

    bench.hub.wires[0].write(broken)
    await bench.clock.advance(20)

    assert bench.pipes[0].closed_with == CloseCode.PROTOCOL
    assert (client.state, len(bench.pipes)) == (State.CONNECTED, 2)


async def test_a_hub_that_only_talks_nonsense_ends_the_client(bench: Bench) -> None:
    def nonsense(wire: object, accounts: object) -> None:
        bench.pipes[-1].wire.write(b"{")

    bench.hub.replay = nonsense  # type: ignore[assignment]
    client = bench.client()
    await client.connect(wait=False)

    await bench.clock.advance(60)

    assert (client.state, len(bench.pipes)) == (State.CLOSED, 3)


async def test_an_event_of_a_newer_hub_is_passed_over_without_a_hole(bench: Bench) -> None:
    client = await bench.connected()
    bench.hub.wires[0].write(
        b'{"account":"a-ana","at":1,"cursor":"a-ana.1.1","event":{"type":"sung","song":1}}'
    )
    bench.hub.wires[0].push(ANA, 2, LegRemoved(account=BEN))
    await settle()

    assert (client.places[ANA].at, len(bench.pipes)) == (2, 1)


@pytest.mark.parametrize("turns", range(12))
async def test_a_client_closed_at_any_moment_of_its_connecting_leaves_no_socket_open(
    bench: Bench, turns: int
) -> None:
    client = bench.client()
    await client.connect(wait=False)
    for _ in range(turns):
        await asyncio.sleep(0)

    await client.close()

    assert all(pipe.closed_with is not None for pipe in bench.pipes)
