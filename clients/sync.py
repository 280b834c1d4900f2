"""The SDK for scripts without a loop: the same client, in a thread of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.replies import Sent
from bridge.wire.values import Folder, MessageView, ThreadView
from clients.client import DEFAULT, Client
from clients.listeners import EventStream
from clients.notices import Push
from clients.session import Asks, R_co

T = TypeVar("T")


class SyncClient:
    """Calls a client and waits: ``with SyncClient(Client(url, token=…)) as client``.

    ``run`` reaches everything that the client can do; the other methods are for
    convenience. All raise what the client raises.
    """

    def __init__(self, client: Client) -> None:
        """Take over a client that is not connected yet."""
        self.client = client
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="isthmus-loop", daemon=True)
        self._thread.start()
        try:
            self.run(lambda client: client.connect())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.run(lambda client: client.close())
        finally:
            self._end()

    def run(self, make: Callable[[Client], Awaitable[T]]) -> T:
        """Do something with the client in its loop and wait: ``run(lambda c: c.accept(thread))``.

        Raises:
            RuntimeError: Outside of ``with``, and in a handler: there the client's own methods are awaited.
        """
        if self._loop is None:
            raise RuntimeError("There is no connection outside of the with statement.")
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "A handler awaits the methods of the client itself; waiting here would never end."
            )

        async def done() -> T:
            return await make(self.client)

        future = asyncio.run_coroutine_threadsafe(done(), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # an interrupted script must not leave the call behind
            raise

    def call(self, operation: Asks[R_co], *, timeout_s: float | None = DEFAULT) -> R_co:
        """Ask the hub and wait for the answer."""
        return self.run(lambda client: client.call(operation, timeout_s=timeout_s))

    def send(self, thread: ThreadId, text: str, *, reply_to: Seq | None = None) -> Sent:
        """Post a message to a thread."""
        return self.run(lambda client: client.send(thread, text, reply_to=reply_to))

    def history(self, thread: ThreadId, *, after: int | None = None, page: int = 50) -> Iterator[MessageView]:
        """Walk through a thread, newest first; with ``after``, oldest first from there."""
        return self._walk(self.client.history(thread, after=after, page=page))

    def threads(self, folder: Folder = Folder.INBOX, *, as_: AccountId | None = None) -> Iterator[ThreadView]:
        """Walk through a folder, newest first."""
        return self._walk(self.client.threads(folder, as_=as_))

    def events(self) -> Iterator[Push]:
        """Stream everything that happens from now on."""

        async def listen() -> EventStream:
            return self.client.events()  # in the loop's thread: it goes through the streams meanwhile

        stream = self.run(lambda client: listen()) if self._loop is not None else self.client.events()
        return self._walk(aiter(stream))

    def _walk(self, items: AsyncIterator[T]) -> Iterator[T]:
        async def step() -> tuple[T, ...]:
            try:
                return (await anext(items),)
            except StopAsyncIteration:
                return ()

        while found := self.run(lambda client: step()):
            yield found[0]

    def _end(self) -> None:
        loop, self._loop = self._loop, None
        assert loop is not None
        assert self._thread is not None
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()
