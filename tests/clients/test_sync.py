"""The client for scripts: the same calls, without a loop."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from bridge.errors import NotFound, SignInFailed
from bridge.ids import ThreadId
from bridge.wire.events import MessageSent
from bridge.wire.queries import CountUnread
from clients import Client, Options, SyncClient
from clients.listeners import EventStream
from clients.notices import Failed
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_sockets import serving
from tests.clients.fake_state import AB, ANA, BEN


@pytest.fixture
def hub_url() -> Iterator[str]:
    """A small hub in a thread of its own."""
    ready, urls, done = threading.Event(), [], threading.Event()

    async def run() -> None:
        hub = FakeHub()
        hub.say(BEN, ANA, "hello")
        async with serving(hub) as url:
            urls.append(url)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait()
    yield urls[0]
    done.set()
    thread.join()


def client(url: str, token: str = "token-ana") -> SyncClient:
    return SyncClient(Client(url, token=token, options=Options(acknowledge=False)))


def test_a_script_sends_reads_and_listens(hub_url: str) -> None:
    with client(hub_url) as ana:
        events = ana.events()
        sent = ana.send(AB, "from a script")
        heard = next(push.event for push in events if isinstance(push.event, MessageSent))

        assert (sent.seq, heard.message.text) == (2, "from a script")
        assert [message.seq for message in ana.history(AB, page=1)] == [2, 1]
        assert [thread.id for thread in ana.threads()] == [AB]
        assert ana.call(CountUnread()).requests == 0
        assert ana.run(lambda inner: inner.get_thread(AB)).thread.tip == 2


def test_a_script_listens_from_the_thread_in_which_events_are_told(
    hub_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def noting(self: Client) -> EventStream:
        threads.append(threading.current_thread().name)
        return self._core.listeners.stream()

    monkeypatch.setattr(Client, "events", noting)
    with client(hub_url) as ana:
        ana.events()

    assert threads == ["isthmus-loop"]


def test_a_script_that_would_wait_for_ever_is_told_so(hub_url: str) -> None:
    outside = client(hub_url)
    with pytest.raises(RuntimeError, match="outside of the with"):
        outside.send(AB, "never said")

    with client(hub_url) as ana:
        failures: list[Exception] = []

        @ana.client.on("message_sent")
        def answer(event: MessageSent) -> None:
            ana.send(AB, "never said")

        ana.client.on("error")(lambda event: failures.append(event.error))
        events = ana.events()
        ana.send(AB, "hello")
        next(push for push in events if isinstance(push.event, Failed))

        assert [type(error) for error in failures] == [RuntimeError]


def test_refusals_reach_the_script(hub_url: str) -> None:
    with client(hub_url) as ana, pytest.raises(NotFound):
        ana.send(ThreadId("t-nowhere"), "hello")


def test_a_refused_sign_in_leaves_no_thread_behind(hub_url: str) -> None:
    with pytest.raises(SignInFailed), client(hub_url, "token-of-nobody"):
        pass

    assert not [thread for thread in threading.enumerate() if thread.name == "isthmus-loop"]
