"""Sends messages through the outbox: kept first, sent once or again under the same token, settled once.

A message that the hub refuses for now waits as long as the hub asks, and goes out again until it
is taken, refused for good, or too old for its sender. Only one that the hub itself fails at is
given up after a few tries: it would hold back all that was said after it, for ever.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bridge.errors import BridgeError, Internal, Refusal
from bridge.ids import AccountId
from bridge.wire.commands import Send
from bridge.wire.replies import Reply, Sent
from clients.clock import Clock, Timer
from clients.connection import Connection
from clients.errors import OutboxBroken, OutboxOfAnother
from clients.notices import SendDelayed, SendSettled
from clients.outbox import Entry, Outbox, check
from clients.outbox_file import OutboxFile

log = logging.getLogger("clients")

FAULTS: Final = 5
"""A hub that failed so often at one message is not asked again."""

DAMAGED: Final = "A part of the outbox could not be read and was set aside in"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """How the outbox behaves.

    Attributes:
        limit: So many unsent messages may wait.
        in_flight: So many may be on their way at once, at most one of each thread.
        give_up_s: How old a message may grow while the hub refuses it with temporary errors; ``None``: it is
            tried until it is taken or refused for good.
    """

    limit: int = 1_000
    in_flight: int = 32
    give_up_s: float | None = None


class Sender:
    """The outbox at work: on disk if it has a path, on the wire while there is a connection."""

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        options: SendOptions,
        clock: Clock,
        pause_s: Callable[[int, float | None], float],
        tell: Callable[[SendSettled | SendDelayed], None],
    ) -> None:
        """Draw pauses between attempts from ``pause_s``; report to ``tell``."""
        self._path = path
        self._options = options
        self._clock = clock
        self._pause_s = pause_s
        self._tell = tell
        self._outbox = Outbox(options.limit, options.in_flight)
        self._waiters: dict[str, asyncio.Future[Sent]] = {}
        self._timers: dict[str, Timer] = {}
        self._idle: list[asyncio.Future[None]] = []
        self._connection: Connection | None = None
        self._file: OutboxFile | None = None
        self._disk: ThreadPoolExecutor | None = None
        self._ended: BridgeError | None = None
        self._owner: AccountId | None = None

    def __len__(self) -> int:
        """Count the unsent messages."""
        return len(self._outbox)

    async def open(self) -> OutboxBroken | None:
        """Open the outbox on disk, if there is one, and queue what an earlier client left in it.

        Returns:
            What is wrong with it, if a part of it could not be read.

        Raises:
            OutboxInUse: If another process has it open.
            OutboxBroken: If the file is no outbox.
        """
        if self._path is None or self._file is not None:
            return None
        disk = self._disk = ThreadPoolExecutor(1, "isthmus-outbox")  # one thread: records stay in order
        opening = asyncio.get_running_loop().run_in_executor(disk, OutboxFile, self._path)
        try:
            self._file = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_let_go)  # it is being opened all the same
            await asyncio.wait([opening])
            raise
        finally:
            if self._file is None:
                disk.shutdown(wait=False)
        for send in self._file.unsent():
            self._outbox.restore(send, self._clock.time())
            self._owner = self._file.owner
        aside = self._file.set_aside
        return None if aside is None else OutboxBroken(f"{DAMAGED} {aside}; what it held may not be sent.")

    def fail(self, error: BridgeError) -> None:
        """Fail those who wait; what is on disk stays there for the next client."""
        self._connection = None
        self._ended = error
        for timer in self._timers.values():
            timer.cancel()
        waiting: list[asyncio.Future[Any]] = [*self._waiters.values(), *self._idle]
        for future in waiting:
            if not future.done():
                future.set_exception(error)
                future.exception()  # nobody may be waiting
        self._waiters.clear()

    async def close(self) -> None:
        """Let go of the file; more often than once does no harm."""
        if self._disk is not None and self._file is not None:
            file, self._file = self._file, None
            await asyncio.get_running_loop().run_in_executor(self._disk, file.close)
            self._disk.shutdown(wait=False)

    def post(self, send: Send) -> asyncio.Future[Sent]:
        """Keep a message and send it when that is possible.

        Returns:
            A future that resolves once the hub has answered for it, however many connections later.

        Raises:
            Invalid: If a field is of a wrong type.
            OutboxFull: If too many wait already.
            BridgeError: What ended the client.
        """
        check(send)
        if self._ended is not None:
            raise self._ended
        if send.token in self._waiters:
            return self._waiters[send.token]
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Sent] = loop.create_future()
        if send.token not in self._outbox:
            entry = self._outbox.add(send, self._clock.time())
            if self._file is not None and self._disk is not None:
                entry.waiting = True  # it may not go out before it is on disk
                kept = loop.run_in_executor(self._disk, self._file.add, send)
                kept.add_done_callback(partial(self._kept, entry))
        self._waiters[send.token] = waiter
        self._pump()
        return waiter

    def claim(self, accounts: Sequence[AccountId]) -> None:
        """See to it that all that is unsent was said as one of these accounts; the first is who signed in.

        Raises:
            OutboxOfAnother: If it was said as another one.
        """
        owner = self._owner
        if owner is None or owner not in accounts:
            if owner is not None and len(self._outbox):
                raise OutboxOfAnother
            self._owner = owner = accounts[0]
        if self._file is not None and self._disk is not None and self._file.owner != owner:
            bound = asyncio.get_running_loop().run_in_executor(self._disk, self._file.belong_to, owner)
            bound.add_done_callback(partial(_noted, "whose outbox this is cannot be kept"))

    def connected(self, connection: Connection) -> None:
        """Begin to send over a new connection, oldest first."""
        self._connection = connection
        self._pump()

    def disconnected(self) -> None:
        """Keep everything until the next connection."""
        self._connection = None

    async def idle(self) -> None:
        """Wait until nothing is unsent.

        Raises:
            BridgeError: What ended the client, if it did with messages unsent.
        """
        if len(self._outbox):
            if self._ended is not None:
                raise self._ended
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(future)
            await future

    def _kept(self, entry: Entry, kept: asyncio.Future[None]) -> None:
        entry.waiting = False
        if not kept.cancelled() and (error := kept.exception()) is not None:
            self._finish(entry, None, error)
        self._pump()

    def _pump(self) -> None:
        connection = self._connection
        if connection is None or connection.ended:
            return
        for entry in self._outbox.due():
            connection.ask(entry.send, partial(self._answered, entry))

    def _answered(self, entry: Entry, answer: asyncio.Future[Reply]) -> None:
        error = answer.exception()
        if error is None:
            reply = answer.result()
            assert isinstance(reply, Sent)
            self._finish(entry, reply, None)
        elif not isinstance(error, Refusal):
            self._outbox.back(entry)  # unanswered: again under the same token on the next connection
        elif error.temporary:
            self._put_off(entry, error)
        else:
            self._finish(entry, None, error)
        self._pump()

    def _put_off(self, entry: Entry, error: Refusal) -> None:
        """Try a message again later; give it up if it were too old then, or if the hub fails at it."""
        entry.attempts += 1
        entry.faults += isinstance(error, Internal)
        pause_s = self._pause_s(entry.attempts, error.retry_after_s)
        age_s = self._clock.time() + pause_s - entry.said_at
        give_up_s = self._options.give_up_s
        if entry.faults >= FAULTS or (give_up_s is not None and age_s > give_up_s):
            self._finish(entry, None, error)
            return
        self._outbox.back(entry, waiting=True)
        send = entry.send
        self._timers[send.token] = self._clock.call_later(pause_s, partial(self._again, entry))
        self._tell(SendDelayed(token=send.token, thread=send.thread, error=error, retry_in_s=pause_s))

    def _again(self, entry: Entry) -> None:
        self._timers.pop(entry.send.token, None)
        entry.waiting = False
        self._pump()

    def _finish(self, entry: Entry, reply: Sent | None, error: BaseException | None) -> None:
        send = entry.send
        self._outbox.settle(entry)
        if self._file is not None and self._disk is not None:
            done = asyncio.get_running_loop().run_in_executor(self._disk, self._file.done, send.token)
            done.add_done_callback(partial(_noted, "what was settled cannot be dropped"))
        waiter = self._waiters.pop(send.token, None)
        if waiter is not None and not waiter.done():
            if reply is not None:
                waiter.set_result(reply)
            elif error is not None:
                waiter.set_exception(error)
                waiter.exception()  # nobody may be waiting any more
        refusal = error
        if refusal is not None and not isinstance(refusal, BridgeError):
            refusal = OutboxBroken(f"The outbox cannot keep this message: {error}")
        seq, at = (None, None) if reply is None else (reply.seq, reply.at)
        self._tell(
            SendSettled(token=send.token, thread=send.thread, text=send.text, seq=seq, at=at, error=refusal)
        )
        if not len(self._outbox):
            idle, self._idle = self._idle, []
            for future in idle:
                if not future.done():
                    future.set_result(None)


def _noted(lack: str, kept: asyncio.Future[None]) -> None:
    """Go on although the disk did not take it: the next client says it once more, which does no harm."""
    if not kept.cancelled() and (error := kept.exception()) is not None:
        log.warning("%s: %s", lack, error)


def _let_go(opening: asyncio.Future[OutboxFile]) -> None:
    """Close a file that was opened for a client that is no longer wanted."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
