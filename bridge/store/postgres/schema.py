"""The database: whether it is ours, which steps of the schema it has taken, and how it takes the others."""

from typing import Final

import asyncpg

from bridge.errors import SetupError
from bridge.store.migrate import Step, missing, steps
from bridge.store.postgres.pool import Connection

_LOCK: Final = 0x49737468  # "Isth"; with the schema's own number, so that one database may hold several
_ALONE: Final = "SELECT pg_advisory_xact_lock($1, hashtext(current_setting('search_path')))"
_STEPS: Final = """
    CREATE TABLE steps (number integer PRIMARY KEY, checksum text NOT NULL, reader integer NOT NULL)"""
_TAKEN: Final = "SELECT number, checksum, reader FROM steps ORDER BY number"
_IS_OURS: Final = "SELECT to_regclass(quote_ident(current_schema()) || '.steps') IS NOT NULL"
_OTHERS: Final = """
    SELECT count(*) FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind IN ('r', 'p')"""


def known_steps() -> tuple[Step, ...]:
    """Read the steps that this code knows, oldest first."""
    return steps("postgres")


async def upgrade(connection: Connection, known: tuple[Step, ...] | None = None) -> None:
    """Take the steps that are missing, all or none, while no other node does.

    Raises:
        SetupError: If the database is another program's, or cannot keep every text.
        StoreTooNew: If a newer version wrote it.
        CorruptStore: If a step was changed after it was taken.
    """
    if await connection.fetchval("SHOW server_encoding") != "UTF8":
        raise SetupError("The PostgreSQL database is not in UTF-8; make one with ENCODING 'UTF8'.")
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = 0")
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute(_ALONE, _LOCK)
        await _have_schema(connection)
        taken = await _taken(connection)
        for step in missing(
            known_steps() if known is None else known,
            len(taken),
            max((row["reader"] for row in taken), default=0),
            {row["number"]: row["checksum"] for row in taken},
        ):
            if step.to == 1:
                await connection.execute(_STEPS)
            await connection.execute(step.sql)
            await connection.execute(
                "INSERT INTO steps VALUES ($1, $2, $3)", step.to, step.checksum, step.reader
            )


async def _have_schema(connection: Connection) -> None:
    """Make the schema that the search path names first, if it is not there."""
    if await connection.fetchval("SELECT current_schema()") is not None:
        return
    wanted = str(await connection.fetchval("SHOW search_path")).split(",")[0].strip()
    try:
        quoted = await connection.fetchval("SELECT quote_ident((parse_ident($1))[1])", wanted)
        await connection.execute(f"CREATE SCHEMA {quoted}")
    except asyncpg.PostgresError as error:
        raise SetupError(f"The schema {wanted} cannot be made: {error}.") from error


async def _taken(connection: Connection) -> list[asyncpg.Record]:
    if not await connection.fetchval(_IS_OURS):
        if await connection.fetchval(_OTHERS):
            raise SetupError("This is another program's database or schema; name an empty one.")
        return []
    rows: list[asyncpg.Record] = await connection.fetch(_TAKEN)
    return rows


async def epoch_of(connection: Connection) -> int:
    """Read the store's epoch."""
    return int(await connection.fetchval("SELECT value FROM marks WHERE name = 'epoch'"))
