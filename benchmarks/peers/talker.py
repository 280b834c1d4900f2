"""What every peer's client has in common: numbered messages, joined writes, one count of it all."""

import asyncio
from array import array
from time import perf_counter
from typing import ClassVar, cast

TEXT = " See you at nine by the boat house; bring the old papers."


class Count:
    """What was counted over all talkers of one load."""

    def __init__(self) -> None:
        """Count nothing yet."""
        self.recording = False
        self.acknowledged = 0
        self.delivered = 0
        self.acknowledged_s = array("d")
        self.delivered_s = array("d")
        self.faults: list[str] = []
        self._next: asyncio.Future[None] | None = None

    def note(self) -> None:
        """Count an acknowledgement."""
        self.acknowledged += 1
        if self._next is not None and not self._next.done():
            self._next.set_result(None)

    async def another(self) -> None:
        """Wait for the next acknowledgement."""
        self._next = asyncio.get_running_loop().create_future()
        await self._next


class Talker(asyncio.Protocol):
    """One connection to a peer; a protocol's subclass says how messages look.

    Attributes:
        name: Who it is; unique.
        partner: Whom it writes to.
        waiting: How many messages have no acknowledgement.
        window: How many may.
        ready: Done when it is signed in and can hear its partner.
    """

    gone: ClassVar[str] = "the server closed the connection"

    def __init__(self, count: Count, name: str, partner: str) -> None:
        """Be silent yet."""
        self._loop = asyncio.get_running_loop()
        self._count = count
        self.name, self.partner = name, partner
        self.window = self.waiting = 0
        self.said = array("d")
        self.other: Talker | None = None
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self._heard = 0
        self._out: list[bytes] = []
        self._leaving = False

    # --- what a protocol must say

    def greet(self) -> None:
        """Begin to sign in."""
        raise AssertionError("a protocol greets in its own way")

    def frame(self, number: int, text: str) -> bytes:
        """Make the bytes of a message to the partner."""
        raise AssertionError("a protocol has its own frames")

    async def meet(self) -> None:
        """Do what two need before they can talk, once both are signed in; asked of the first of a pair."""

    # --- the same for all

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sign in."""
        self._transport = cast(asyncio.Transport, transport)
        self.greet()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(self.gone))
        elif not self._leaving:
            self._count.faults.append(f"{self.name}: {self.gone}")

    def leave(self) -> None:
        """Go without a word."""
        self._leaving = True
        self._transport.close()

    def fill(self) -> None:
        """Send until the window is full."""
        while self.waiting < self.window:
            self.say(perf_counter())

    def say(self, at: float) -> None:
        """Send the next message; its time counts from ``at``."""
        number = len(self.said)
        self.said.append(at)
        self.waiting += 1
        self.write(self.frame(number, f"{number:08d}{TEXT}"))

    def acknowledged(self, number: int) -> None:
        """Take in that a message was acknowledged."""
        self.waiting -= 1
        self._count.note()
        if self._count.recording:
            self._count.acknowledged_s.append(perf_counter() - self.said[number])
        if self.window:
            self.fill()

    def heard(self, number: int) -> None:
        """Take in a message of the partner's."""
        if number != self._heard:
            self._count.faults.append(f"{self.name} heard {number} where {self._heard} was due")
        self._heard = number + 1
        self._count.delivered += 1
        if self._count.recording and self.other is not None:
            self._count.delivered_s.append(perf_counter() - self.other.said[number])

    def write(self, data: bytes) -> None:
        """Queue bytes; all of one turn of the loop leave in one write."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if not self._transport.is_closing():
            self._transport.write(b"".join(out))
