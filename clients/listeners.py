"""Who listens to a client: handlers, streams and waiters, none of which can block the reading of the socket.

Each handler queue and stream is bounded. While one is full, the client leaves
events with a place in a journal at the hub and fetches them again when there is
room; events without a place (typing, presence) are dropped for it.
"""

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeVar
from weakref import WeakSet

from bridge.errors import BridgeError
from bridge.wire.events import AnyEvent
from clients.notices import AnyNotice, Failed, Push

log = logging.getLogger("clients")

GRACE_S = 5.0
"""So long may the handlers take over what still waits for them when the client is closed."""

E = TypeVar("E")
Handler = Callable[[Any], Awaitable[object] | None]


class EventStream:
    """Pushes one by one, in order, from the moment it was made; ``async for`` ends when the client is closed.

    Dropping it, or ``close``, stops it.
    """

    def __init__(self, drained: Callable[[], None]) -> None:
        """Call ``drained`` after each push that was taken."""
        self._pushes: deque[Push] = deque()
        self._news = asyncio.Event()
        self._ended = False
        self._drained = drained

    def __len__(self) -> int:
        """Count what waits."""
        return len(self._pushes)

    def put(self, push: Push) -> None:
        """Add a push."""
        self._pushes.append(push)
        self._news.set()

    def close(self) -> None:
        """Take nothing more; what waits can still be read."""
        self._ended = True
        self._news.set()

    @property
    def closed(self) -> bool:
        """Whether it takes nothing more."""
        return self._ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Push:
        while not self._pushes:
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        push = self._pushes.popleft()
        self._drained()
        return push


class Waiter:
    """One ``wait_for``: a future for the first event that fits."""

    def __init__(self, kind: type[object], check: Callable[[Any], bool] | None) -> None:
        """Wait for an event of ``kind`` for which ``check`` says yes."""
        self.future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._kind = kind
        self._check = check

    def hear(self, event: object) -> None:
        """Resolve, if the event fits."""
        if not self.future.done() and isinstance(event, self._kind):
            try:
                fits = self._check is None or self._check(event)
            except Exception as wrong:  # the caller's code: its failure belongs to the caller
                self.future.set_exception(wrong)
                self.future.exception()  # the caller may have gone just now
            else:
                if fits:
                    self.future.set_result(event)


class Listeners:
    """All who listen to one client."""

    def __init__(self, limit: int, on_room: Callable[[], None]) -> None:
        """Let each queue hold ``limit`` pushes; call ``on_room`` when all that were full have room again."""
        self._limit = limit
        self._on_room = on_room
        self._handlers: dict[type[object], list[Handler]] = {}
        self._queue: EventStream | None = None
        self._streams: WeakSet[EventStream] = WeakSet()
        self._waiters: set[Waiter] = set()
        self._task: asyncio.Task[None] | None = None
        self._over: Exception | None = None

    def add(self, kind: type[object], handler: Handler) -> None:
        """Call ``handler`` with each event of a kind."""
        self._handlers.setdefault(kind, []).append(handler)

    def remove(self, kind: type[object], handler: Handler) -> None:
        """Stop calling it."""
        self._handlers[kind].remove(handler)

    def stream(self) -> EventStream:
        """Make a stream of all pushes from now on; it ends at once if all is over."""
        stream = EventStream(self._drained)
        if self._over is not None:
            stream.close()
        self._streams.add(stream)
        return stream

    def waiter(self, kind: type[object], check: Callable[[Any], bool] | None) -> Waiter:
        """Make a waiter; ``forget`` it afterwards. If all is over, it raises why."""
        waiter = Waiter(kind, check)
        if self._over is not None:
            waiter.future.set_exception(self._over)
        self._waiters.add(waiter)
        return waiter

    def forget(self, waiter: Waiter) -> None:
        """Drop a waiter."""
        self._waiters.discard(waiter)

    @property
    def full(self) -> bool:
        """Whether somebody has as much waiting as may wait."""
        return any(len(queue) >= self._limit for queue in self._queues())

    def tell(self, push: Push, *, always: bool = True) -> None:
        """Give a push to all; those that are full miss it unless ``always``."""
        for waiter in tuple(self._waiters):
            waiter.hear(push.event)
        for queue in self._queues():
            if always or len(queue) < self._limit:
                queue.put(push)

    def fail(self, error: Exception) -> None:
        """Tell of a failure that no call can report."""
        trace = (
            None if isinstance(error, BridgeError) else error
        )  # of the caller's own code he wants to see all
        log.warning("%s: %s", type(error).__name__, error, exc_info=trace)
        self.tell(Push(Failed(error=error)))

    def start(self) -> None:
        """Begin to call handlers, one after the other, in a task of their own."""
        if self._task is None:
            self._queue = EventStream(self._drained)
            self._task = asyncio.create_task(self._call_handlers(self._queue), name="isthmus-handlers")

    def end(self, error: Exception) -> None:
        """Take nothing more: streams end after what waits in them, waiters raise ``error``."""
        self._over = self._over or error
        for stream in self._queues(idle=True):
            stream.close()
        for waiter in self._waiters:
            if not waiter.future.done():
                waiter.future.set_exception(error)
                waiter.future.exception()  # nobody may be waiting any more

    async def stop(self, error: Exception) -> None:
        """End, and wait until the handlers have seen what waits for them."""
        self.end(error)
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            await asyncio.wait([task], timeout=GRACE_S)
            task.cancel()
            await asyncio.wait([task])

    def _queues(self, *, idle: bool = False) -> list[EventStream]:
        own = [] if self._queue is None or not (self._handlers or idle) else [self._queue]
        return own + [stream for stream in self._streams if not stream.closed]

    def _drained(self) -> None:
        if all(len(queue) <= self._limit // 2 for queue in self._queues()):
            self._on_room()

    async def _call_handlers(self, queue: EventStream) -> None:
        async for push in queue:
            for kind in type(push.event).__mro__:
                for handler in tuple(self._handlers.get(kind, ())):
                    await self._call(handler, push.event)

    async def _call(self, handler: Handler, event: AnyEvent | AnyNotice) -> None:
        try:
            result = handler(event)
            if inspect.isawaitable(result):
                await result
        except asyncio.CancelledError as wrong:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._fail(event, RuntimeError(f"A handler waited for what was cancelled: {wrong!r}"))
        except Exception as wrong:  # the caller's code: it must not stop the others
            self._fail(event, wrong)

    def _fail(self, event: AnyEvent | AnyNotice, wrong: Exception) -> None:
        if isinstance(event, Failed):
            log.error("a handler of errors failed", exc_info=wrong)
        else:
            self.fail(wrong)


def as_event(value: object, kind: type[E]) -> E:
    """Narrow what a waiter of ``kind`` resolved to."""
    assert isinstance(value, kind)
    return value
