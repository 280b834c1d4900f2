"""What came from a peer and is not read yet: much of it is read by turns, and none while calls wait.

Whoever sends hundreds of frames at once would have the hub read them all before it looks at anybody else.
"""

import asyncio
from collections.abc import Callable

Read = Callable[[bytes, int], int]
"""Reads from a place on; says where it stopped for now."""


def _by_nobody(data: bytes, at: int) -> int:
    return len(data)


class Intake:
    """One connection's. Before the sign-in all waits for its turn, then only what a turn leaves over."""

    def __init__(self, read: Read, in_turn: Callable[[Callable[[], None]], None]) -> None:
        """Have nothing yet."""
        self._read = read
        self._in_turn = in_turn
        self._transport: asyncio.Transport | None = None
        self._unread: list[bytes] = []
        self._at = 0  # where what is unread begins
        self._waits = False  # whether a turn will come
        self._takes = True  # whether the transport reads
        self._stopped = False
        self._is_settled = False

    def begin(self, transport: asyncio.Transport) -> None:
        """Take what this transport brings."""
        self._transport = transport

    def settle(self) -> None:
        """Read what comes at once from now on, as far as a turn goes."""
        self._is_settled = True

    def take(self, data: bytes) -> None:
        """Read what came, or keep it."""
        if self._is_settled and not self._unread and not self._stopped:
            self._read_from(data, 0)
        else:
            self._unread.append(data)
        if self._unread:
            self._steer()

    def stop(self) -> None:
        """Read and take nothing until ``go_on``, but for what the turn under way reads still."""
        self._stopped = True
        self._steer()

    def go_on(self) -> None:
        """Read and take again."""
        self._stopped = False
        self._steer()

    def finish(self) -> None:
        """Read all that came: there will be no more."""
        while self._unread and not self._stopped:
            self._take_turn()

    def end(self) -> None:
        """Forget what was not read, and who reads it: the connection is gone, and shall be in no circle."""
        self._transport = None
        self._unread.clear()
        self._read = _by_nobody

    def _steer(self) -> None:
        """Read on when it is this peer's turn; take more from it when that is done."""
        if self._unread and not self._stopped and not self._waits:
            self._waits = True
            self._in_turn(self._turn)
        takes = not self._stopped and len(self._unread) <= (not self._is_settled)  # nearly all hellos are one
        if takes is not self._takes and self._transport is not None and not self._transport.is_closing():
            self._takes = takes
            self._transport.resume_reading() if takes else self._transport.pause_reading()

    def _turn(self) -> None:
        self._waits = False
        if self._unread and not self._stopped:
            self._take_turn()
            self._steer()

    def _take_turn(self) -> None:
        unread, self._unread = self._unread, []
        at, self._at = self._at, 0
        self._read_from(unread[0] if len(unread) == 1 else b"".join(unread), at)

    def _read_from(self, data: bytes, at: int) -> None:
        at = self._read(data, at)
        if at < len(data):
            self._unread, self._at = [data], at
