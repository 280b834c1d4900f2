"""One connection: a transport, a session over it, and the calls that wait for answers."""

import asyncio
import logging
from collections.abc import Callable

from bridge.errors import BridgeError, CloseCode, ProtocolError
from bridge.wire.replies import Reply
from clients.clock import Clock, Timer
from clients.errors import ConnectionLost, EventsMissed
from clients.session import Answer, Asks, Session, Told, Welcome
from clients.transport import Transport

log = logging.getLogger("clients")

Answered = Callable[[asyncio.Future[Reply]], None]

SILENT_HEARTBEATS = 3
"""So many heartbeats without any frame mean a lost connection."""


class Connection:
    """Reads one transport until it breaks; hands on what is news, in order, never waiting for a listener."""

    def __init__(
        self, transport: Transport, session: Session, clock: Clock, hear: Callable[[Welcome | Told], None]
    ) -> None:
        """Hand events and the answer to the sign-in to ``hear``."""
        self._transport = transport
        self._session = session
        self._clock = clock
        self._hear = hear
        self._answers: dict[int, tuple[asyncio.Future[Reply], Answered | None]] = {}
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()  # bounded by the calls that wait for answers
        self._stopped: BridgeError | None = None
        self._stopping = asyncio.Event()
        self._heard_at = clock.time()
        self._silence_s: float | None = None
        self._watch: Timer | None = None

    def ask(self, operation: Asks[Reply], then: Answered | None = None) -> asyncio.Future[Reply]:
        """Send a call; the future gets its reply, its refusal, or ``ConnectionLost``.

        ``then`` is called with the future once it is done: of an answer before the next frame is read.
        """
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        try:
            if self._stopped is not None:
                raise _loss_from(self._stopped)
            call, frame = self._session.call(operation)
        except BridgeError as error:
            _fail(future, error)
            if then is not None:
                future.add_done_callback(then)
            return future
        self._answers[call] = future, then
        log.debug("> %d %s", call, type(operation).__name__)
        self._frames.put_nowait(frame)
        return future

    @property
    def ended(self) -> bool:
        """Whether calls can no longer be answered."""
        return self._stopped is not None

    def hold(self) -> None:
        """Leave events with a place at the hub until the next connection."""
        self._session.holding = True

    def stop(self, error: BridgeError) -> None:
        """End the connection for a reason; ``run`` raises it."""
        if self._stopped is None:
            self._stopped = error
            self._stopping.set()

    async def run(self) -> None:
        """Read and write until the connection ends; always raises.

        Raises:
            ConnectionLost: If it broke.
            ProtocolError: If the hub broke the wire.
            EventsMissed: If events are missing.
        """
        tasks = [
            asyncio.create_task(part, name=f"isthmus-{name}")
            for name, part in (
                ("read", self._read()),
                ("write", self._write()),
                ("stop", self._stopping.wait()),
            )
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done() and (error := task.exception()) is not None:
                    raise error
            assert self._stopped is not None
            raise self._stopped
        except BaseException as error:
            self._end(error if isinstance(error, BridgeError) else ConnectionLost(close_code=1000))
            raise
        finally:
            if self._watch is not None:
                self._watch.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._transport.close(*self._farewell())

    def _farewell(self) -> tuple[int, str]:
        if isinstance(self._stopped, ProtocolError):
            return CloseCode.PROTOCOL, "the hub broke the wire"
        return 1000, ""

    def _end(self, error: BridgeError) -> None:
        if self._stopped is None:
            self._stopped = error
        answers, self._answers = self._answers, {}
        for future, then in answers.values():
            if not future.done():
                _fail(future, _loss_from(error))
                if then is not None:
                    then(future)

    async def _write(self) -> None:
        while True:
            await self._transport.send(await self._frames.get())

    async def _read(self) -> None:
        while True:
            data = await self._transport.receive()
            self._heard_at = self._clock.time()
            news = self._session.receive(data)
            log.debug("< %s", type(news).__name__)
            if isinstance(news, Answer):
                self._answer(news.call, news.reply, news.error)
            elif isinstance(news, Welcome):
                self._keep_watch(SILENT_HEARTBEATS * news.signed.heartbeat_s)
                self._hear(news)
                self._answer(news.call, news.signed, None)
            elif news is not None:
                self._hear(news)

    def _answer(self, call: int, reply: Reply | None, error: BridgeError | None) -> None:
        future, then = self._answers.pop(call, (None, None))
        if future is None or future.done():
            return
        if error is not None:
            _fail(future, error)
        else:
            assert reply is not None
            future.set_result(reply)
        if then is not None:
            then(future)

    def _keep_watch(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._watch = self._clock.call_later(silence_s, self._look)

    def _look(self) -> None:
        """End a connection on which nothing was heard for too long; look again later otherwise."""
        assert self._silence_s is not None
        left_s = self._heard_at + self._silence_s - self._clock.time()
        if left_s <= 0:
            self.stop(ConnectionLost("The hub fell silent.", close_code=CloseCode.HEARTBEAT_LOST))
        else:
            self._watch = self._clock.call_later(left_s, self._look)


def _fail(future: asyncio.Future[Reply], error: BridgeError) -> None:
    """Give an error to whoever asked; he may have gone, which is no failure."""
    future.set_exception(error)
    future.exception()


def _loss_from(error: BridgeError) -> BridgeError:
    """Say to a waiting call what the end of its connection means for it."""
    if isinstance(error, EventsMissed | ProtocolError):
        return ConnectionLost(close_code=CloseCode.FAULT)
    if isinstance(error, ConnectionLost):
        return ConnectionLost(
            close_code=error.close_code
        )  # its own for each: a raised error holds its frames
    return error
