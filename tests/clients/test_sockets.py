"""The client over real sockets: cut at any byte, refused at the door, closed by the hub."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from bridge.errors import CloseCode
from bridge.wire.codec import JSON, MSGPACK
from bridge.wire.events import MessageSent
from clients import (
    Backoff,
    CannotConnect,
    Client,
    ConnectionClosed,
    Disconnected,
    Options,
    SocketOptions,
    State,
)
from clients.transport import dial
from tests.clients.cutting import cut_wire
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_sockets import serving
from tests.clients.fake_state import AB, ANA, BEN

AT_ONCE = Options(backoff=Backoff(min_s=0, max_s=0), acknowledge=False)


async def test_no_proxy_stands_before_ones_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    async with serving(FakeHub()) as url:
        for here in (url, url.replace("127.0.0.1", "localhost")):
            await (await dial(here, JSON, SocketOptions())).close()
        with pytest.raises(CannotConnect):
            await dial("ws://hub.invalid:1", JSON, SocketOptions())


@settings(max_examples=40)
@given(
    cuts=st.lists(st.tuples(st.integers(0, 2_500), st.integers(0, 6_000)), max_size=6),
    codec=st.sampled_from(["json", "msgpack"]),
)
async def test_however_the_wire_is_cut_each_message_is_said_once_and_heard_once(
    cuts: list[tuple[int, int]], codec: str
) -> None:
    hub = FakeHub()
    hub.thread(ANA, BEN)
    async with serving(hub) as address, cut_wire(address, cuts) as url:
        client = Client(url, token="token-ana", codec=codec, options=AT_ONCE)
        stream = client.events()
        async with client:
            # One after the other, as a person types; then all at once, as a program may.
            for number in range(4):
                await client.send(AB, f"slow {number}")
            sent = await asyncio.gather(*(client.send(AB, f"fast {number}") for number in range(4)))
            await client.count_unread()
            last = hub.say(BEN, ANA, "the end")
            heard: list[int] = []
            async for push in stream:
                if isinstance(push.event, MessageSent):
                    heard.append(push.event.message.seq)
                    if push.event.message.seq == last.seq:
                        break

    said = [message.text for message in hub.threads[AB].messages]
    assert said == [f"{way} {number}" for way in ("slow", "fast") for number in range(4)] + ["the end"]
    assert [reply.seq for reply in sent] == [5, 6, 7, 8]
    assert heard == sorted(set(heard))
    assert heard[-1] == 9


async def test_without_a_snapshot_in_between_every_event_is_heard_exactly_once() -> None:
    hub = FakeHub()
    hub.thread(ANA, BEN)
    async with (
        serving(hub) as address,
        cut_wire(address, [(5_000, 900 + cut) for cut in range(0, 900, 60)]) as url,
    ):
        client = Client(url, token="token-ana", options=AT_ONCE)
        stream = client.events()
        async with client:
            for number in range(30):
                await client.send(AB, str(number))
            heard = []
            async for push in stream:
                if isinstance(push.event, MessageSent):
                    heard.append(push.event.message.seq)
                    if len(heard) == 30:
                        break

    assert heard == list(range(1, 31))


@asynccontextmanager
async def door(answer: Callable[[ServerConnection, Request], Response | None]) -> AsyncIterator[str]:
    """Serve a door that answers handshakes, with nobody behind it."""

    async def nobody(socket: ServerConnection) -> None:
        await socket.close(CloseCode.DRAINING, "moving")

    async with serve(nobody, "127.0.0.1", 0, process_request=answer, close_timeout=1) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


def refuse(status: HTTPStatus) -> Callable[[ServerConnection, Request], Response]:
    return lambda socket, request: socket.respond(status, "no\n")


@pytest.mark.parametrize(("header", "wait_s"), [("7", 7.0), ("soon", None), ("-1", None)])
async def test_a_refused_handshake_says_when_to_come_back(header: str, wait_s: float | None) -> None:
    def later(socket: ServerConnection, request: Request) -> Response:
        response = socket.respond(HTTPStatus.TOO_MANY_REQUESTS, "later\n")
        response.headers["Retry-After"] = header
        return response

    async with door(later) as url:
        with pytest.raises(CannotConnect) as caught:
            await dial(url, JSON, SocketOptions())

    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize(
    ("status", "temporary"),
    [
        (HTTPStatus.SERVICE_UNAVAILABLE, True),
        (HTTPStatus.TOO_MANY_REQUESTS, True),
        (HTTPStatus.FORBIDDEN, False),
    ],
)
async def test_a_refused_handshake_says_whether_to_come_back(status: HTTPStatus, temporary: bool) -> None:
    async with door(refuse(status)) as url:
        with pytest.raises(CannotConnect, match=str(status.value)) as caught:
            await dial(url, JSON, SocketOptions())

    assert caught.value.temporary is temporary


async def test_a_forbidden_door_closes_the_client() -> None:
    async with door(refuse(HTTPStatus.FORBIDDEN)) as url:
        client = Client(url, token="t")
        with pytest.raises(ConnectionClosed, match="403"):
            await client.connect()

    assert client.state is State.CLOSED


async def test_a_hub_without_the_codec_is_no_hub_for_this_client() -> None:
    async with door(lambda socket, request: None) as url:
        with pytest.raises(CannotConnect, match="msgpack") as caught:
            await dial(url, MSGPACK, SocketOptions())

    assert not caught.value.temporary


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ws://", "nonsense"])
async def test_an_address_that_is_none_is_said_to_be_none(url: str) -> None:
    with pytest.raises(CannotConnect) as caught:
        await dial(url, JSON, SocketOptions())

    assert not caught.value.temporary


async def test_nobody_at_the_address_is_temporary() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()

    with pytest.raises(CannotConnect) as caught:
        await dial(f"ws://127.0.0.1:{port}", JSON, SocketOptions())

    assert caught.value.temporary


async def test_the_hub_hears_headers_and_the_programs_name() -> None:
    heard: list[str | None] = []

    def note(socket: ServerConnection, request: Request) -> None:
        heard.extend(request.headers.get(name) for name in ("User-Agent", "X-Desk"))

    async with door(note) as url:
        options = SocketOptions(user_agent="my-bot/1", headers={"X-Desk": "7"})
        await (await dial(url, JSON, options)).close()

    assert heard == ["my-bot/1", "7"]


async def test_a_hub_that_drains_is_come_back_to_with_its_code_and_reason() -> None:
    async with door(lambda socket, request: None) as url:
        client = Client(url, token="t", options=AT_ONCE)
        stream = client.events()
        await client.connect(wait=False)
        push = await anext(stream)
        await client.close()

    assert isinstance(push.event, Disconnected)
    assert (getattr(push.event.error, "close_code", 0), push.event.error.text) == (
        CloseCode.DRAINING,
        "moving",
    )


Step = Callable[[Client], Awaitable[object]]


@pytest.mark.parametrize(
    "step",
    [
        lambda client: client.find_account("messenger", "ben"),
        lambda client: client.set_tie(ANA, BEN, "block"),
        lambda client: client.upgrade(ANA),
    ],
)
async def test_what_a_hub_does_not_know_is_refused_and_the_connection_lives(step: Step) -> None:
    hub = FakeHub()
    async with serving(hub) as url, Client(url, token="token-ana", options=AT_ONCE) as client:
        with pytest.raises(Exception, match="does not know"):
            await step(client)

        assert (await client.list_devices()).devices[0].here
