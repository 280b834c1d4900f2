"""Lets people in and out a few at a time: when a crowd comes back, who talks waits for few of them."""

import asyncio
import errno
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final

log = logging.getLogger("bridge.hub")

Greet = Callable[[socket.socket], Coroutine[Any, Any, None]]
"""Makes a connection of a socket that was accepted."""

Refuse = Callable[[str], bytes | None]
"""Gives what a newcomer of an address is answered who is not taken; None for one who is."""

A_TURN: Final = 8
"""How many connections are accepted in a turn of the loop, and how many steps taken; others wait."""

SIGN_INS_AT_ONCE: Final = 8
"""How many sign-ins are under way: the store answers so many at once, and no batch is full of them."""

_BACKLOG: Final = 4096
_NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_HELD: Final = 256  # so many who are turned away wait for their answer at once
_HELD_S: Final = 1.0  # so long: who comes again at each answer comes once a second, not thousands of times
_A_REQUEST: Final = 16_384  # bytes: more than any client of ours says before it is answered
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
        self._held: dict[socket.socket, tuple[asyncio.TimerHandle, bytes]] = {}
        self._greeted: set[asyncio.Task[None]] = set()

    async def open(
        self,
        host: str,
        port: int,
        *,
        share_port: bool,
        tls: ssl.SSLContext | None,
        shake_s: float = 10.0,
        meet: Callable[[], asyncio.Protocol],
        refuse: Refuse = lambda address: None,
    ) -> int:
        """Listen on every address of a host; give the port of the first.

        Whoever is refused gets an answer, and nothing is made of the socket. With TLS, who is accepted has
        ``shake_s`` seconds to shake hands, and is under way so long.

        Raises:
            OSError: If there is none, or one cannot be bound.
        """

        async def greet(came: socket.socket) -> None:
            try:
                came.setblocking(False)
                await self._loop.connect_accepted_socket(
                    meet, came, ssl=tls, ssl_handshake_timeout=shake_s if tls is not None else None
                )
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
        take = partial(self._take, refuse, greet)
        for listening in self._listening:
            listening.setblocking(False)
            self._loop.add_reader(listening, self._accept, listening, take)
        bound: int = self._listening[0].getsockname()[1]
        return bound

    @property
    def under_way(self) -> int:
        """Count those who are accepted and no connections yet: with TLS, their hands are not shaken."""
        return len(self._greeted)

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
        for greeting in self._greeted:
            greeting.cancel()
        for held, (timer, answer) in list(self._held.items()):
            timer.cancel()
            self._turn_away(held, answer)

    def _accept(self, listening: socket.socket, take: Callable[[socket.socket, str], None]) -> None:
        for _ in range(A_TURN):
            try:
                came, (address, *_) = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as lack:
                if lack.errno not in _NO_ROOM:
                    raise
                log.warning("no connection is accepted for %.0f s: %s", _NO_ROOM_S, lack.strerror)
                self._loop.remove_reader(listening)
                self._loop.call_later(_NO_ROOM_S, self._listen_again, listening, take)
                return
            take(came, address)

    def _listen_again(self, listening: socket.socket, take: Callable[[socket.socket, str], None]) -> None:
        if listening in self._listening:
            self._loop.add_reader(listening, self._accept, listening, take)

    def _take(self, refuse: Refuse, greet: Greet, came: socket.socket, address: str) -> None:
        if (answer := refuse(address)) is not None:
            self._hold(came, answer)
            return
        task = self._loop.create_task(greet(came))
        self._greeted.add(task)
        task.add_done_callback(self._greeted.discard)

    def _hold(self, came: socket.socket, answer: bytes) -> None:
        """Let somebody wait who will be turned away."""
        came.setblocking(False)
        if len(self._held) < _HELD:
            timer = self._loop.call_later(_HELD_S, self._turn_away, came, answer)
            self._held[came] = timer, answer
        else:
            self._turn_away(came, answer)

    def _turn_away(self, came: socket.socket, answer: bytes) -> None:
        self._held.pop(came, None)
        with suppress(OSError):  # it said nothing, or is gone
            came.recv(_A_REQUEST)  # what nobody has read would reset the connection before the answer is
        with suppress(OSError):
            came.send(answer)
        came.close()
