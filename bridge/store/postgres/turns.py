"""Turns: what two nodes must not do at once, they do one after the other."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import asyncpg

from bridge.errors import Unavailable
from bridge.store.postgres.pool import DAY_S, Connection, Pool

log = logging.getLogger("bridge.store")

_TRY: Final = "SELECT pg_try_advisory_lock(hashtext(current_schema()), -3)"
_WAIT: Final = "SELECT pg_advisory_lock(hashtext(current_schema()), -3)"


@asynccontextmanager
async def turn(pool: Pool) -> AsyncIterator[Callable[[], None]]:
    """Have a turn, which a connection of its own holds; give what looks whether it still does."""
    async with AsyncExitStack() as waiting:
        connection = await waiting.enter_async_context(pool.use())
        await _wait(connection)
        held = waiting.pop_all()  # what fails from here on has nothing to do with the connection
    try:
        yield partial(_look, connection)
    finally:
        if not _is_lost(connection):
            connection.terminate()  # so that nothing can keep the turn from its end
        await held.aclose()


async def _wait(connection: Connection) -> None:
    if await connection.fetchval(_TRY):
        return
    log.info("somebody else imports into this database; this import waits for its turn")
    async with connection.transaction():  # the lock outlives it, the settings do not
        await connection.execute("SET LOCAL lock_timeout = 0")
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute(_WAIT, timeout=DAY_S)


def _look(connection: Connection) -> None:
    if _is_lost(connection):
        raise Unavailable("PostgreSQL went away amid the import; what it had done stays: start it again.")


def _is_lost(connection: Connection) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # the pool took it back when it broke
        return True
