"""Lets people in and out a few at a time: when a crowd comes back, who talks waits for few of them."""

import asyncio
import errno
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

log = logging.getLogger("bridge.hub")

Greet = Callable[[socket.socket], Coroutine[Any, Any, None]]
"""Makes a connection of a socket that was accepted."""

A_TURN: Final = 8
"""How many connections are accepted in a turn of the loop, and how many steps taken; others wait."""

SIGN_INS_AT_ONCE: Final = 8
"""How many sign-ins are under way: the store answers so many at once, and no batch is full of them."""

_BACKLOG: Final = 4096
_NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_NO_ROOM_S: Final = 1.0  # how long nobody is accepted when the system has no room for more


class Entrance:
    """Accepts connections, and has what comes before the sign-in, and after the end, take turns.

    Whoever comes first is first. Nobody waits for a client here, so no client holds up others.

    Attributes:
        sign_ins: To be held while a sign-in is looked at, but for its password: that has a worker of its own.
    """

    def __init__(self) -> None:
        """Be closed."""
        self.sign_ins = asyncio.Semaphore(SIGN_INS_AT_ONCE)
        self._loop = asyncio.get_running_loop()
        self._steps: deque[Callable[[], None]] = deque()
        self._steps_come = False  # whether the loop will take some: a step that asks for another asks once
        self._listening: list[socket.socket] = []
        self._greeted: set[asyncio.Task[None]] = set()

    async def open(
        self,
        host: str,
        port: int,
        *,
        share_port: bool,
        tls: ssl.SSLContext | None,
        meet: Callable[[], asyncio.Protocol],
    ) -> int:
        """Listen on every address of a host; give the port of the first.

        Raises:
            OSError: If there is none, or one cannot be bound.
        """

        async def greet(came: socket.socket) -> None:
            try:
                came.setblocking(False)
                await self._loop.connect_accepted_socket(meet, came, ssl=tls)
            except OSError as wrong:  # gone already, or it speaks no TLS
                log.info("a connection ended before it began: %s", wrong)
                came.close()

        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
                self._listening.append(
                    socket.create_server(address, family=family, backlog=_BACKLOG, reuse_port=share_port)
                )
        except OSError:
            self.close()
            raise
        for listening in self._listening:
            listening.setblocking(False)
            self._loop.add_reader(listening, self._accept, listening, greet)
        bound: int = self._listening[0].getsockname()[1]
        return bound

    def in_turn(self, step: Callable[[], None]) -> None:
        """Have a step taken when it is its turn."""
        self._steps.append(step)
        if not self._steps_come:
            self._steps_come = True
            self._loop.call_soon(self._take_steps)

    def _take_steps(self) -> None:
        try:
            for _ in range(min(A_TURN, len(self._steps))):
                self._steps.popleft()()
        finally:  # the loop logs a step that fails; nobody else waits longer for it
            self._steps_come = bool(self._steps)
            if self._steps_come:
                self._loop.call_soon(self._take_steps)

    def finish(self) -> None:
        """Take all steps that are left."""
        while self._steps:
            self._steps.popleft()()

    def close(self) -> None:
        """Accept nobody any more."""
        for listening in self._listening:
            self._loop.remove_reader(listening)
            listening.close()
        self._listening.clear()

    def _accept(self, listening: socket.socket, greet: Greet) -> None:
        for came in self._next(listening, greet):
            task = self._loop.create_task(greet(came))
            self._greeted.add(task)
            task.add_done_callback(self._greeted.discard)

    def _next(self, listening: socket.socket, greet: Greet) -> Iterator[socket.socket]:
        for _ in range(A_TURN):
            try:
                yield listening.accept()[0]
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as lack:
                if lack.errno not in _NO_ROOM:
                    raise
                log.warning("no connection is accepted for %.0f s: %s", _NO_ROOM_S, lack.strerror)
                self._loop.remove_reader(listening)
                self._loop.call_later(_NO_ROOM_S, self._listen_again, listening, greet)
                return

    def _listen_again(self, listening: socket.socket, greet: Greet) -> None:
        if listening in self._listening:
            self._loop.add_reader(listening, self._accept, listening, greet)
