"""Connections: a pool that comes back by itself, and what the driver's errors mean in the port's words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from bridge.errors import Fault, SetupError, StorageFull, Unavailable

Connection = Any
"""An asyncpg connection, or its proxy from the pool; asyncpg has no types of its own."""

CONNECT_S: Final = 5.0
HELD_S: Final = 5
"""For how long a node that says nothing amid a transaction may keep what it locked from all others."""

_SETTINGS: Final = {
    "application_name": "isthmus",
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": f"{HELD_S}s",
    "lock_timeout": "10s",
    "jit": "off",
    # Every question but an audit's has its index; a plan from when a table was small must not scan it.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "timezone": "UTC",
}

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
        connection.terminate()
        raise


class Pool:
    """Connections to one database, opened as they are needed."""

    def __init__(self, inner: Any) -> None:
        """Take an open pool; ``open`` is the way in."""
        self._inner: Any = inner

    @classmethod
    async def open(cls, dsn: str, size: int, statement_s: float) -> "Pool":
        """Connect.

        Raises:
            SetupError: If the server does not let us in, or the address makes no sense.
            Unavailable: If there is no server.
        """
        settings = {**_SETTINGS, "statement_timeout": f"{int(statement_s * 1000)}"}
        inner = None
        try:
            inner = await asyncpg.create_pool(
                dsn,
                min_size=0,  # nobody connects behind our back while the server is away
                max_size=size,
                timeout=CONNECT_S,
                command_timeout=statement_s + CONNECT_S,
                server_settings=settings,
                reset=_leave,
            )
            async with inner.acquire(timeout=CONNECT_S):
                return cls(inner)
        except (
            asyncpg.InvalidAuthorizationSpecificationError,
            asyncpg.InvalidCatalogNameError,
            asyncpg.ClientConfigurationError,
            asyncpg.InvalidParameterValueError,
        ) as error:
            raise SetupError(f"PostgreSQL does not let us in: {error}.") from error
        except LOST as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {error}.") from error
        finally:
            if inner is not None and not inner.get_size():
                inner.terminate()

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        """Borrow a connection.

        Raises:
            Unavailable: If the pool was closed, or the server cannot be reached just now, or lets nobody in.
            StorageFull: If the server's disk is full.
            Fault: If the server fails otherwise.
        """
        try:
            async with self.borrow() as connection:
                yield connection
        except LOST as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {error}.") from error
        except asyncpg.DiskFullError as error:
            raise StorageFull from error
        except asyncpg.PostgresError as error:
            raise Fault(f"PostgreSQL failed: {error}.") from error

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Connection]:
        """Borrow a connection, and see the driver's errors as they are.

        Raises:
            Unavailable: If there is none to be had; nothing was sent.
        """
        if self._inner is None:
            raise Unavailable
        try:
            connection = await self._inner.acquire(timeout=CONNECT_S)
        except (*LOST, asyncpg.PostgresError) as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {error}.") from error
        try:
            async with _ended_if_lost(connection):
                yield connection
        finally:
            await self._inner.release(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Borrow a connection for a long look at one moment, as long as it takes."""
        async with (
            self.use() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            for kind in ("seqscan", "hashjoin", "mergejoin"):
                await connection.execute(f"SET LOCAL enable_{kind} = on")
            yield connection

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
