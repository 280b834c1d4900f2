"""Asking the hub: calls, sends, sign-ins, the end."""

import asyncio
import gc

import pytest

from bridge.errors import (
    Busy,
    CloseCode,
    Internal,
    NotAccepting,
    NotFound,
    RateLimited,
    RequestPending,
    SignInFailed,
)
from bridge.wire import commands as c
from bridge.wire import queries, sign_in
from bridge.wire.codec import CODECS
from bridge.wire.events import MessageSent
from clients import (
    CallTimeout,
    Client,
    ConnectionClosed,
    Options,
    SendDelayed,
    SendOptions,
    State,
)
from tests.clients.bench import Bench
from tests.clients.fake_sockets import Pipe
from tests.clients.fake_state import AB, ANA, BEN, PASSWORD
from tests.clients.fake_time import settle


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

    first, second = (call for call in bench.hub.calls if isinstance(call, sign_in.SignIn))
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


async def test_a_token_that_is_revoked_while_it_is_used_is_got_anew(bench: Bench) -> None:
    asked: list[str] = []

    async def get_token() -> str:
        asked.append("token-ana")
        return asked[-1]

    pipes: list[Pipe] = []

    async def dial() -> Pipe:
        pipes.append(Pipe(bench.hub, CODECS["isthmus.v1.json"]))
        return pipes[-1]

    client = Client("ws://hub", get_token=get_token, dial=dial, clock=bench.clock)
    bench.clients.append(client)
    await client.connect()
    pipes[-1].cut(CloseCode.REVOKED)
    await bench.clock.advance(20)

    assert client.state is State.CONNECTED
    assert len(asked) == 2


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


async def test_a_send_waits_through_any_number_of_temporary_refusals(bench: Bench) -> None:
    client = await bench.connected()
    bench.hub.thread(ANA, BEN)
    bench.hub.refuse += [(c.Send, RateLimited(retry_after_s=30))] * 9
    delays: list[SendDelayed] = []
    client.on(SendDelayed)(delays.append)

    sending = asyncio.create_task(client.send(AB, "hello"))
    await bench.clock.advance(9 * 30 - 1)
    assert not sending.done()
    await bench.clock.advance(1)

    assert (await sending).seq == 1
    assert [(type(delay.error), delay.retry_in_s) for delay in delays] == [(RateLimited, 30)] * 9


async def test_a_send_that_stays_refused_is_given_up_when_it_is_too_old(bench: Bench) -> None:
    client = await bench.connected(Options(sending=SendOptions(give_up_s=100)))
    bench.hub.thread(ANA, BEN)
    bench.hub.refuse += [(c.Send, Busy(retry_after_s=30))] * 9

    sending = asyncio.create_task(client.send(AB, "hello"))
    await bench.clock.advance(89)
    assert not sending.done()
    await bench.clock.advance(1)  # after 120 s it would be too old

    with pytest.raises(Busy):
        await sending
    assert client.unsent == 0


async def test_a_message_that_the_hub_fails_at_does_not_hold_back_the_next_for_ever(bench: Bench) -> None:
    client = await bench.connected()
    bench.hub.thread(ANA, BEN)
    bench.hub.refuse += [(c.Send, Internal())] * 5

    poison = asyncio.create_task(client.send(AB, "poison"))
    after = asyncio.create_task(client.send(AB, "after"))
    await bench.clock.advance(60)

    with pytest.raises(Internal):
        await poison
    assert (await after).seq == 1


async def test_a_call_without_answer_times_out(bench: Bench) -> None:
    client = await bench.connected()
    bench.pipes[-1].wire.receive = lambda data: None  # type: ignore[method-assign]

    asking = asyncio.create_task(client.call(queries.CountUnread(), timeout_s=3))
    await bench.clock.advance(4)

    with pytest.raises(CallTimeout):
        await asking


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


async def test_a_client_needs_exactly_one_way_to_sign_in() -> None:
    with pytest.raises(ValueError, match="only one"):
        Client("ws://hub", token="a", network="direct", handle="b", password="c" * 8)
    with pytest.raises(ValueError, match="only one"):
        Client("ws://hub")


async def test_a_call_before_connecting_says_so() -> None:
    with pytest.raises(ConnectionClosed, match="not connected yet"):
        await Client("ws://hub", token="a").count_unread()


@pytest.mark.parametrize("gives_up", ["cancelled", "too late"])
async def test_a_refusal_that_comes_after_its_caller_gave_up_troubles_nobody(
    bench: Bench, gives_up: str
) -> None:
    client = await bench.connected()
    bench.hub.refuse.append((queries.CountUnread, NotFound()))
    wire = bench.pipes[-1].wire
    receive, held = wire.receive, list[bytes | str]()
    wire.receive = held.append  # type: ignore[assignment, method-assign]
    troubles: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, trouble: troubles.append(trouble))
    asking = asyncio.create_task(client.call(queries.CountUnread(), timeout_s=3))
    await settle()

    if gives_up == "cancelled":
        asking.cancel()
    await bench.clock.advance(4)
    receive(held[0])
    await settle()
    with pytest.raises((asyncio.CancelledError, CallTimeout)):
        await asking
    del asking
    bench.clock.timers.clear()  # they know who gave up
    gc.collect()

    assert (len(held), troubles) == (1, [])
