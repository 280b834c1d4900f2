"""Time as a client needs it: a port that the event loop keeps and tests replace, and waiting by it."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from clients.errors import CallTimeout

T = TypeVar("T")


class Timer(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> None:
        """Make it not happen."""


class Clock(Protocol):
    """Monotonic time in seconds; ``asyncio.AbstractEventLoop`` is one."""

    def time(self) -> float:
        """Tell the time; only differences mean something."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call back after ``delay`` seconds, in the loop's thread."""
        ...


async def within(clock: Clock, timeout_s: float | None, future: asyncio.Future[T]) -> T:
    """Wait for a future without cancelling it, for ever or for a while.

    Raises:
        CallTimeout: If it takes longer.
    """
    waiting = asyncio.shield(future)
    if timeout_s is None:
        return await waiting
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = waiting.cancel()

    timer = clock.call_later(max(0.0, timeout_s), expire)
    try:
        return await waiting
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if expired and (task is None or not task.cancelling()):
            raise CallTimeout from None
        raise
    finally:
        timer.cancel()


async def pause(clock: Clock, seconds: float) -> None:
    """Wait."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake() -> None:
        if not future.done():
            future.set_result(None)

    timer = clock.call_later(seconds, wake)
    try:
        await future
    finally:
        timer.cancel()
