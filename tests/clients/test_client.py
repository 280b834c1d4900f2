"""The client against a small hub in memory: asking, listening, losing the connection and coming back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.errors import Busy, CloseCode, NotAccepting, NotFound, RateLimited, RequestPending, SignInFailed
from bridge.ids import ThreadId
from bridge.wire import commands as c
from bridge.wire.codec import CODECS
from bridge.wire.events import LegRemoved, MessageSent, Typed
from clients import (
    CallTimeout,
    CannotConnect,
    Client,
    Closed,
    ConnectionClosed,
    ConnectionLost,
    Disconnected,
    Options,
    Reconnected,
    SendOptions,
    SendSettled,
    State,
)
from tests.clients.fake_hub import AB, ANA, BEN, PASSWORD, FakeHub, Pipe
from tests.clients.fake_time import FakeClock, settle


class Bench:
    """A hub, a clock and the pipes between them and one client."""

    def __init__(self) -> None:
        self.hub = FakeHub()
        self.clock = FakeClock()
        self.pipes: list[Pipe] = []
        self.unreachable: list[CannotConnect] = []
        self.clients: list[Client] = []

    def client(self, options: Options | None = None, token: str = "token-ana", codec: str = "json") -> Client:
        async def dial() -> Pipe:
            if self.unreachable:
                raise self.unreachable.pop(0)
            self.pipes.append(Pipe(self.hub, CODECS[f"isthmus.v1.{codec}"]))
            return self.pipes[-1]

        client = Client(
            "ws://hub", token=token, codec=codec, dial=dial, clock=self.clock, chance=lambda: 0.5,
            options=options or Options(acknowledge=False),
        )  # fmt: skip
        self.clients.append(client)
        return client

    async def connected(self, options: Options | None = None, codec: str = "json") -> Client:
        client = self.client(options, codec=codec)
        await client.connect()
        return client

    def cut(self, code: int = 1006) -> None:
        self.pipes[-1].cut(code)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    for client in made.clients:
        await client.close()


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_a_send_is_answered_with_its_place(bench: Bench, codec: str) -> None:
    client = await bench.connected(codec=codec)
    opened = await client.open_thread(BEN, as_=ANA, confirm=True)
    assert opened.thread is not None

    sent = await client.send(opened.thread.id, "ad astra ✨")

    assert (sent.thread, sent.seq) == (AB, 1)
    assert client.state is State.CONNECTED


async def test_a_password_makes_a_token_that_is_used_from_then_on(bench: Bench) -> None:
    async def dial() -> Pipe:
        bench.pipes.append(Pipe(bench.hub, CODECS["isthmus.v1.json"]))
        return bench.pipes[-1]

    client = Client(
        "ws://hub", network="direct", handle="ana", password=PASSWORD, dial=dial, clock=bench.clock
    )
    bench.clients.append(client)
    await client.connect()
    bench.cut()
    await bench.clock.advance(20)

    first, second = (call for call in bench.hub.calls if isinstance(call, c.SignIn))
    assert (first.password, second.password, second.token) == (PASSWORD, None, client.token)


async def test_a_refused_sign_in_is_raised_and_closes(bench: Bench) -> None:
    client = bench.client(token="token-of-nobody")

    with pytest.raises(SignInFailed):
        await client.connect()

    assert client.state is State.CLOSED


async def test_a_token_that_is_no_longer_good_is_got_anew(bench: Bench) -> None:
    tokens = iter(["stale", "token-ana"])

    async def get_token() -> str:
        return next(tokens)

    async def dial() -> Pipe:
        return Pipe(bench.hub, CODECS["isthmus.v1.json"])

    client = Client("ws://hub", get_token=get_token, dial=dial, clock=bench.clock)
    bench.clients.append(client)
    await client.connect(wait=False)
    await bench.clock.advance(20)

    assert client.state is State.CONNECTED


@pytest.mark.parametrize("error", [NotAccepting, RequestPending, NotFound])
async def test_refusals_come_back_as_the_classes_that_the_hub_raised(
    bench: Bench, error: type[NotAccepting]
) -> None:
    client = await bench.connected()
    bench.hub.thread(ANA, BEN)
    bench.hub.refuse.append((c.Send, error()))

    with pytest.raises(error) as caught:
        await client.send(AB, "hello")

    assert caught.value.code == error.code


async def test_a_temporary_refusal_of_a_send_is_tried_again_under_the_same_token(bench: Bench) -> None:
    client = await bench.connected()
    bench.hub.thread(ANA, BEN)
    bench.hub.refuse += [(c.Send, Busy()), (c.Send, RateLimited(retry_after_s=7))]

    sending = asyncio.create_task(client.send(AB, "hello"))
    await bench.clock.advance(6)
    assert not sending.done()
    await bench.clock.advance(7)

    assert (await sending).seq == 1
    assert len({call.token for call in bench.hub.calls if isinstance(call, c.Send)}) == 1


async def test_a_send_that_stays_refused_is_given_up(bench: Bench) -> None:
    client = await bench.connected(Options(sending=SendOptions(attempts=2)))
    bench.hub.thread(ANA, BEN)
    bench.hub.refuse += [(c.Send, Busy()), (c.Send, Busy())]

    sending = asyncio.create_task(client.send(AB, "hello"))
    await bench.clock.advance(20)

    with pytest.raises(Busy):
        await sending
    assert client.unsent == 0


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


async def test_a_call_without_answer_times_out(bench: Bench) -> None:
    client = await bench.connected()
    bench.pipes[-1].wire.receive = lambda data: None  # type: ignore[method-assign]

    asking = asyncio.create_task(client.call(c.CountUnread(), timeout_s=3))
    await bench.clock.advance(4)

    with pytest.raises(CallTimeout):
        await asking


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


async def test_drain_sends_what_waits_and_then_closes(bench: Bench) -> None:
    client = await bench.connected()
    bench.hub.thread(ANA, BEN)
    bench.cut()
    await settle()
    sending = asyncio.create_task(client.send(AB, "last words"))
    await settle()

    draining = asyncio.create_task(client.drain())
    await bench.clock.advance(20)
    await draining

    assert (await sending).seq == 1
    assert client.state is State.CLOSED


async def test_close_fails_those_who_wait(bench: Bench) -> None:
    client = await bench.connected()
    bench.cut()
    await settle()
    sending = asyncio.create_task(client.send(AB, "never"))
    asking = asyncio.create_task(client.count_unread())
    waiting = asyncio.create_task(client.wait_for(MessageSent))
    await settle()

    await client.close()

    for task in (sending, asking, waiting):
        with pytest.raises(ConnectionClosed):
            await task


async def test_history_walks_through_all_pages_in_both_directions(bench: Bench) -> None:
    client = await bench.connected()
    for number in range(7):
        bench.hub.say(BEN, ANA, str(number))

    back = [message.seq async for message in client.history(AB, page=3)]
    forth = [message.seq async for message in client.history(AB, after=2, page=2)]

    assert (back, forth) == ([7, 6, 5, 4, 3, 2, 1], [3, 4, 5, 6, 7])


async def test_a_sign_out_closes_the_client(bench: Bench) -> None:
    client = await bench.connected()

    await client.sign_out()

    assert client.state is State.CLOSED


async def test_settled_sends_are_told(bench: Bench) -> None:
    client = await bench.connected()
    bench.hub.thread(ANA, BEN)
    settled = asyncio.create_task(client.wait_for(SendSettled))
    await settle()

    await client.send(AB, "hello", token="mine")

    notice = await settled
    assert (notice.token, notice.thread, notice.seq, notice.error) == ("mine", ThreadId(AB), 1, None)


async def test_a_client_needs_exactly_one_way_to_sign_in() -> None:
    with pytest.raises(ValueError, match="only one"):
        Client("ws://hub", token="a", network="direct", handle="b", password="c" * 8)
    with pytest.raises(ValueError, match="only one"):
        Client("ws://hub")


async def test_a_call_before_connecting_says_so() -> None:
    with pytest.raises(ConnectionClosed, match="not connected yet"):
        await Client("ws://hub", token="a").count_unread()
