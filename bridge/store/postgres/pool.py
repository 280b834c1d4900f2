"""Connections: a pool that comes back by itself, and what the driver's errors mean in the port's words.

What a connection needs is set once it is there, not asked for at its beginning: poolers take no
settings then, or lose them in silence.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from bridge.errors import Fault, SetupError, StorageFull, Unavailable

Connection = Any
"""An asyncpg connection, or its proxy from the pool; asyncpg has no types of its own."""

Greeting = Callable[[Connection], Awaitable[None]]
"""What is done with each new connection before anybody uses it."""

log = logging.getLogger("bridge.store")

CONNECT_S: Final = 5.0
DAY_S: Final = 86_400
"""How long the driver waits for what takes as long as it takes."""
SLOW_S: Final = 2.0
"""After so long without an answer to what all wait for, the log says so."""

_WAITS: Final = (
    "PostgreSQL has not answered %s for %g s: nothing is acknowledged until it does; after %g s it is away"
)
HELD_S: Final = 5
"""For how long a node that says nothing amid a transaction may keep what it locked from all others."""

_SETTINGS: Final = {
    "application_name": "isthmus",
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": f"{HELD_S}s",
    "lock_timeout": "10s",
    # A machine that is gone without a word must not keep its locks for hours.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "jit": "off",
    # Every question but an audit's has its index; a plan from when a table was small must not scan it.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "timezone": "UTC",
}

_POOLER: Final = (
    "The pooler before PostgreSQL gives each transaction another connection, which loses settings and locks; "
    "let it pool sessions (PgBouncer: pool_mode = session), or go past it."
)
_SET: Final = "SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS s (name, value)"
_AT_LEISURE: Final = """
    SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on"""
_WHO: Final = "SELECT pg_backend_pid()"

LOST: Final = (
    OSError,
    TimeoutError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the driver no longer knows where it is in the talk
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, crashed, starting, cancelled by the statement timeout
    asyncpg.TooManyConnectionsError,
    asyncpg.OutOfMemoryError,  # its own, or that of its locks
    asyncpg.ReadOnlySQLTransactionError,  # a standby: the primary has moved
    asyncpg.LockNotAvailableError,
)
"""What passes by itself. Of a commit that ends like this it is not known whether it happened."""


async def _leave(connection: Connection) -> None:
    """Leave a connection as it is: no verb sets anything beyond its transaction."""


@asynccontextmanager
async def _ended_if_lost(connection: Connection) -> AsyncIterator[None]:
    """End a connection that breaks: the server's last word comes before its end, and nobody may borrow it."""
    try:
        yield
    except LOST:
        _end(connection)
        raise


def _end(connection: Connection) -> None:
    with suppress(asyncpg.InterfaceError):  # the pool took it back when it broke
        connection.terminate()


def _parted(dsn: str) -> tuple[str, dict[str, str]]:
    """Part an address from the search path in it."""
    parts = urlsplit(dsn)
    query = parse_qsl(parts.query, keep_blank_values=True)
    path = {name: value for name, value in query if name == "search_path"}
    if not path:
        return dsn, {}
    rest = urlencode([(name, value) for name, value in query if name not in path])
    return urlunsplit(parts._replace(query=rest)), path


async def _be_its_own(connection: Connection, address: str) -> None:
    """Make sure that what is set in a connection stays with it.

    Raises:
        SetupError: If a pooler gives our transactions to whichever connection of its own is free.
    """
    ours = await connection.fetchval(_WHO)
    if ours == connection.get_server_pid():
        return  # nobody stands between
    other = await asyncpg.connect(address, timeout=CONNECT_S)
    try:
        async with other.transaction():
            if await other.fetchval(_WHO) != ours and await connection.fetchval(_WHO) == ours:
                return
    finally:
        other.terminate()
    raise SetupError(_POOLER)


async def at_leisure(connection: Connection, statement: str) -> None:
    """Run what takes as long as it takes, and must not be part of a transaction."""
    usual = await connection.fetchval("SHOW statement_timeout")
    await connection.execute("SET statement_timeout = 0")
    try:
        await connection.execute(statement, timeout=DAY_S)
    finally:
        await connection.execute(f"SET statement_timeout = '{usual}'")


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Say what the driver raises as the port does."""
    try:
        yield
    except LOST as error:
        raise Unavailable(f"PostgreSQL cannot be reached: {error or 'it does not answer'}.") from error
    except asyncpg.DiskFullError as error:
        raise StorageFull from error
    except asyncpg.PostgresError as error:
        raise Fault(f"PostgreSQL failed: {error}.") from error


class Pool:
    """Connections to one database, opened as they are needed."""

    def __init__(self, address: str, settings: Mapping[str, str], answer_s: float) -> None:
        """Know where to connect and what to set; ``open`` is the way in."""
        self._inner: Any = None
        self._address = address
        self._answer_s = answer_s
        self._settings = settings
        self._greeting: Greeting | None = None

    @classmethod
    async def open(cls, dsn: str, size: int, statement_s: float, answer_s: float) -> "Pool":
        """Connect.

        Raises:
            SetupError: If the server does not let us in, or a pooler stands before it that we cannot live
                with, or the address makes no sense.
            Unavailable: If there is no server.
        """
        address, settings = _parted(dsn)
        settings = {**_SETTINGS, "statement_timeout": f"{int(statement_s * 1000)}", **settings}
        pool = cls(address, settings, answer_s)
        inner = None
        try:
            inner = pool._inner = await asyncpg.create_pool(
                address,
                min_size=0,  # nobody connects behind our back while the server is away
                max_size=size,
                timeout=CONNECT_S,
                command_timeout=statement_s + CONNECT_S,
                init=pool._begin,
                reset=_leave,
            )
            async with inner.acquire(timeout=CONNECT_S) as connection:
                await _be_its_own(connection, address)
                return pool
        except (
            asyncpg.InvalidAuthorizationSpecificationError,
            asyncpg.InvalidCatalogNameError,
            asyncpg.ClientConfigurationError,
            asyncpg.InvalidParameterValueError,
        ) as error:
            raise SetupError(f"PostgreSQL does not let us in: {error}.") from error
        except (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError) as error:
            raise SetupError(_POOLER) from error  # what others prepared there, or what we did elsewhere
        except LOST as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {error or 'it does not answer'}.") from error
        finally:
            if inner is not None and not inner.get_size():
                inner.terminate()

    async def _begin(self, connection: Connection) -> None:
        await connection.fetch(_SET, list(self._settings), list(self._settings.values()))
        if self._greeting is not None:
            await self._greeting(connection)

    async def greet(self, connection: Connection, greeting: Greeting) -> None:
        """Do something with a connection, the only one so far, and with each that will be opened."""
        await greeting(connection)
        self._greeting = greeting

    @asynccontextmanager
    async def use(self, urgent: str = "") -> AsyncIterator[Connection]:
        """Borrow a connection.

        Args:
            urgent: What all wait for, if they do: see ``borrow``.

        Raises:
            Unavailable: If the pool was closed, or the server cannot be reached just now, or lets nobody in.
            StorageFull: If the server's disk is full.
            Fault: If the server fails otherwise.
        """
        with _in_our_words():
            async with self.borrow(urgent) as connection:
                yield connection

    @asynccontextmanager
    async def borrow(self, urgent: str = "") -> AsyncIterator[Connection]:
        """Borrow a connection, and see the driver's errors as they are.

        Args:
            urgent: What all wait for, if they do: it is said when the server does not answer, and then it
                is given up, which counts as a connection lost.

        Raises:
            Unavailable: If there is none to be had; nothing was sent.
        """
        if self._inner is None:
            raise Unavailable
        try:
            connection = await self._inner.acquire(timeout=CONNECT_S)
        except (*LOST, asyncpg.PostgresError) as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {error or 'it does not answer'}.") from error
        try:
            async with _ended_if_lost(connection):
                if urgent:
                    async with self._in_time(connection, urgent):
                        yield connection
                else:
                    yield connection
        finally:
            await self._inner.release(connection)

    @asynccontextmanager
    async def _in_time(self, connection: Connection, what: str) -> AsyncIterator[None]:
        """End a connection on which no answer comes: to cancel what it does would wait for one, too."""
        loop = asyncio.get_running_loop()
        is_late = False

        def give_up() -> None:
            nonlocal is_late
            is_late = True
            _end(connection)

        timers = (
            loop.call_later(SLOW_S, log.warning, _WAITS, what, SLOW_S, self._answer_s),
            loop.call_later(self._answer_s, give_up),
        )
        try:
            yield
        except LOST as error:
            if is_late:
                raise TimeoutError(f"no answer to {what} within {self._answer_s:g} s") from error
            raise
        finally:
            for timer in timers:
                timer.cancel()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Have a connection beside the others for a long look at one moment, as long as it takes.

        Raises:
            Unavailable, StorageFull, Fault: As ``use``.
        """
        if self._inner is None:
            raise Unavailable
        with _in_our_words():
            connection = await asyncpg.connect(self._address, timeout=CONNECT_S)  # the others lose patience
            try:
                await self._begin(connection)
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    await connection.execute(_AT_LEISURE)
                    yield connection
            finally:
                connection.terminate()

    async def close(self) -> None:
        """Let go of all connections, after what is under way."""
        inner, self._inner = self._inner, None
        if inner is None:
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                await inner.close()
        except LOST:
            inner.terminate()
