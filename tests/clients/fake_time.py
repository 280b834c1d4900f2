"""A clock that stands still until a test moves it."""

import asyncio
from collections.abc import Callable


class FakeTimer:
    """A callback that will be called when the time has come."""

    def __init__(self, at: float, callback: Callable[[], object]) -> None:
        self.at, self.callback, self.cancelled = at, callback, False

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """Time that a test advances."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[FakeTimer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], object]) -> FakeTimer:
        timer = FakeTimer(self.now + delay, callback)
        self.timers.append(timer)
        return timer

    def pauses(self) -> list[float]:
        """Say how long is left of each timer, shortest first."""
        return sorted(timer.at - self.now for timer in self.timers if not timer.cancelled)

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that then happens."""
        await settle()
        end = self.now + seconds
        while due := [timer for timer in self.timers if not timer.cancelled and timer.at <= end]:
            timer = min(due, key=lambda timer: timer.at)
            self.timers.remove(timer)
            self.now = max(self.now, timer.at)
            timer.callback()
            await settle()
        self.now = end
        await settle()


async def settle() -> None:
    """Let everything happen that can happen without time or sockets."""
    for _ in range(50):
        await asyncio.sleep(0)
