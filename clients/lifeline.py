"""Keeps a client connected: dials, signs in, listens until the connection breaks, pauses, comes back."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from bridge.errors import BridgeError, CloseCode, ProtocolError, SignInFailed
from bridge.wire.codec import Codec
from bridge.wire.sign_in import Register
from clients.clock import Clock, pause, within
from clients.connection import Connection
from clients.credentials import Credentials
from clients.errors import CallTimeout, ConnectionClosed, ConnectionLost, EventsMissed
from clients.options import Options, State
from clients.places import Places
from clients.reconnect import Failures, final
from clients.session import Session, Told, Welcome
from clients.transport import Dial

log = logging.getLogger("clients")

NONSENSE_LIMIT = 3
"""So many broken frames of the hub in a row, each on its own connection, end the client."""


class Owner(Protocol):
    """What a lifeline tells its client, always from the loop and never waiting."""

    def opened(self, connection: Connection, news: Welcome) -> None:
        """Hear that the sign-in was answered.

        Raises:
            OutboxOfAnother: If nothing may be sent over it.
        """

    def heard(self, news: Told) -> None:
        """Hear an event."""

    def lost(self, error: BridgeError, retry_in_s: float) -> None:
        """Hear that the connection is gone for now."""

    def ended(self, error: BridgeError) -> None:
        """Hear that there will be no other connection."""


class Lifeline:
    """One client's connection, the present one and those to come.

    Attributes:
        state: Where it stands.
        trouble: What ended the last connection, or kept it from coming about; ``None`` once signed in.
    """

    def __init__(
        self,
        owner: Owner,
        *,
        dial: Dial,
        codec: Codec,
        credentials: Credentials,
        places: Places,
        options: Options,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        """Prepare; ``start`` begins."""
        self.state = State.DISCONNECTED
        self.trouble: BridgeError | None = None
        self._owner = owner
        self._dial = dial
        self._codec = codec
        self._credentials = credentials
        self._places = places
        self._options = options
        self._clock = clock
        self._failures = Failures(options.backoff, chance)
        self._nonsense = 0
        self._connection: Connection | None = None
        self._opened_at: float | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._error: BridgeError | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._run(), name="isthmus-client")
        self._task.add_done_callback(self._check)

    async def stop(self) -> None:
        """Close the connection, and wait until it is closed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._end(ConnectionClosed(resumable=True))

    @property
    def live(self) -> Connection | None:
        """The connection, if it is signed in and not known to be broken."""
        connection = self._connection
        if self.state is not State.CONNECTED or connection is None or connection.ended:
            return None
        return connection

    async def ready(self, timeout_s: float | None) -> Connection:
        """Wait for a connection that is signed in.

        Raises:
            BridgeError: What ended the client.
            CallTimeout: If it takes longer.
        """
        deadline = None if timeout_s is None else self._clock.time() + timeout_s
        while (connection := self.live) is None:
            if self._error is not None:
                raise self._error
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await within(self._clock, None if deadline is None else deadline - self._clock.time(), future)
        return connection

    def restart(self, why: BridgeError) -> None:
        """Drop the present connection and come back with the cursors."""
        if self._connection is not None:
            self._connection.stop(why)

    async def _run(self) -> None:
        while True:
            self._opened_at = None
            retry_in_s: float | None = None
            try:
                await self._connect()
            except BridgeError as error:
                retry_in_s = self._after(error)
            finally:
                self._connection = None
            if retry_in_s is None:
                return
            await pause(self._clock, retry_in_s)

    def _check(self, task: asyncio.Task[None]) -> None:
        """End the client if its task failed unforeseen: its callers must not wait for ever."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the client failed", exc_info=error)
            self._end(ConnectionClosed(f"The client failed: {error!r}"))

    async def _connect(self) -> None:
        """Live through one connection; always raises what ended it."""
        self.state = State.CONNECTING
        try:
            opening = await self._credentials.opening(self._places.cursors())
        except Exception as wrong:  # the caller's code; without a token there is no way on
            raise ConnectionClosed(f"get_token failed: {wrong}") from wrong
        session = Session(self._codec, self._places)
        connection = Connection(await self._dial(), session, self._clock, self._hear)
        self._connection = connection
        running = asyncio.create_task(connection.run(), name="isthmus-connection")
        try:
            await within(self._clock, self._options.sign_in_timeout_s, connection.ask(opening))
            await asyncio.shield(running)
        except (ConnectionLost, CallTimeout) as error:
            if isinstance(opening, Register) and self._opened_at is None:
                self._credentials.unanswered()
            if isinstance(error, ConnectionLost):
                await running  # what broke the connection says more than what that meant for the call
            raise
        finally:
            running.cancel()
            await asyncio.wait([running])
            if not running.cancelled():
                running.exception()  # the same that is being raised

    def _hear(self, news: Welcome | Told) -> None:
        if isinstance(news, Told):
            self._nonsense = 0
            self._owner.heard(news)
            return
        assert self._connection is not None
        self._credentials.taken(news.signed.token)
        self._opened_at = self._clock.time()
        self.state, self.trouble = State.CONNECTED, None
        log.info("signed in; to read again: %d accounts", len(news.reload))
        self._owner.opened(self._connection, news)
        self._wake(None)

    def _after(self, error: BridgeError) -> float | None:
        """Decide what follows the end of a connection: a pause in seconds, or the end."""
        held_s = 0.0 if self._opened_at is None else self._clock.time() - self._opened_at
        self._nonsense = self._nonsense + 1 if isinstance(error, ProtocolError) else 0
        unproven = isinstance(error, SignInFailed) or (
            isinstance(error, ConnectionLost) and error.close_code == CloseCode.REVOKED
        )
        renewed = unproven and self._credentials.refused()
        again = renewed or isinstance(error, EventsMissed) or 0 < self._nonsense < NONSENSE_LIMIT
        if not again and (reason := final(error)) is not None:
            self._end(reason)
            return None
        self.state, self.trouble = State.DISCONNECTED, error
        retry_in_s = self._failures.pause_after(held_s, error)
        log.info("connection gone (%s); back in %.1f s", error.code, retry_in_s)
        self._owner.lost(error, retry_in_s)
        return retry_in_s

    def _end(self, error: BridgeError) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._error = error
        self._wake(error)
        self._owner.ended(error)

    def _wake(self, error: BridgeError | None) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
                future.exception()  # nobody may be waiting any more
