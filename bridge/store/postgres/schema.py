"""The database: whether it is ours, which steps of the schema it has taken, and how it takes the others."""

from typing import Final

import asyncpg

from bridge.errors import CommitFailed, SetupError, StoreLocked, StoreTooNew, Unavailable
from bridge.store.migrate import Step, be_current, missing, steps
from bridge.store.postgres.pool import DAY_S, Connection

_LOCK: Final = 0x49737468  # "Isth"; with the schema's own number, so that one database may hold several
_ALONE: Final = "SELECT pg_advisory_xact_lock($1, hashtext(current_setting('search_path')))"
_STEPS: Final = """
    CREATE TABLE steps (number integer PRIMARY KEY, checksum text NOT NULL, reader integer NOT NULL)"""
_TAKEN: Final = "SELECT number, checksum, reader FROM steps ORDER BY number"
_IS_OURS: Final = "SELECT to_regclass(quote_ident(current_schema()) || '.steps') IS NOT NULL"
_OTHERS: Final = """
    SELECT count(*) FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind IN ('r', 'p')"""

# Whoever has the database open shares a lock with all others, for as long as each connection lasts.
_SHARE: Final = "SELECT pg_try_advisory_lock_shared(hashtext(current_schema()), -2)"
_ARE_ALONE: Final = "SELECT pg_try_advisory_xact_lock(hashtext(current_schema()), -2)"
_RESEAL: Final = """
    INSERT INTO marks VALUES ('keys', $1) ON CONFLICT (name) DO UPDATE SET value = $1 RETURNING value"""
_SEAL: Final = """
    INSERT INTO marks VALUES ('keys', $1)
    ON CONFLICT (name) DO UPDATE SET value = marks.value RETURNING value"""
_IS_USED: Final = "SELECT EXISTS (SELECT FROM marks WHERE name = 'keys') OR EXISTS (SELECT FROM accounts)"
_NOW: Final = "SELECT max(reader), (SELECT value FROM marks WHERE name = 'epoch') FROM steps"


def known_steps() -> tuple[Step, ...]:
    """Read the steps that this code knows, oldest first."""
    return steps("postgres")


async def upgrade(connection: Connection, known: tuple[Step, ...] | None = None) -> None:
    """Take the steps that are missing, all or none, while no other node does.

    Raises:
        SetupError: If the database is another program's, or cannot keep every text.
        StoreLocked: If nodes use it that could not do so any more.
        StoreTooNew: If a newer version wrote it.
        CorruptStore: If a step was changed after it was taken.
    """
    if await connection.fetchval("SHOW server_encoding") != "UTF8":
        raise SetupError("The PostgreSQL database is not in UTF-8; make one with ENCODING 'UTF8'.")
    known = known_steps() if known is None else known
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = 0")
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute(_ALONE, _LOCK, timeout=DAY_S)
        await _have_schema(connection)
        version, reader, checksums = await _state(connection)
        due = missing(known, version, reader, checksums)
        if version and any(step.reader > reader for step in due):
            await be_alone(connection, "Older hubs use this database and do not know its next schema")
        for step in due:
            if step.to == 1:
                await connection.execute(_STEPS)
            await connection.execute(step.sql, timeout=DAY_S)
            await connection.execute(
                "INSERT INTO steps VALUES ($1, $2, $3)", step.to, step.checksum, step.reader
            )


async def look(connection: Connection) -> None:
    """Make sure that a reader finds the schema that it knows; see ``be_current``."""
    be_current(known_steps(), *await _state(connection))


async def join(connection: Connection, epoch: int) -> None:
    """Be known as one who uses the database, until the connection ends; it is up to date, or was.

    Raises:
        Unavailable: If somebody wants to be alone just now.
        StoreTooNew: If a newer version took steps that this code does not know.
        CommitFailed: If the database is not the one that was opened.
    """
    if not await connection.fetchval(_SHARE):
        raise Unavailable(
            "The database is being restored or brought up to date; try again when that is done."
        )
    reader, current = await connection.fetchrow(_NOW)
    if reader > len(known_steps()):
        raise StoreTooNew
    if current != epoch:
        raise CommitFailed("The database was restored meanwhile.")


async def be_alone(connection: Connection, why: str) -> None:
    """Let nobody else use the database until the transaction's end.

    Raises:
        StoreLocked: If somebody does.
    """
    if not await connection.fetchval(_ARE_ALONE):
        raise StoreLocked(f"{why}; stop all hubs and commands on it first.")


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


async def _state(connection: Connection) -> tuple[int, int, dict[int, str]]:
    """Read the version, the oldest code that can use it, and the checksums of the steps taken."""
    if not await connection.fetchval(_IS_OURS):
        if await connection.fetchval(_OTHERS):
            raise SetupError("This is another program's database or schema; name an empty one.")
        return 0, 0, {}
    taken = await connection.fetch(_TAKEN)
    reader = max((row["reader"] for row in taken), default=0)
    return len(taken), reader, {row["number"]: row["checksum"] for row in taken}


async def is_used(connection: Connection) -> bool:
    """Say whether secrets are known, or there are accounts."""
    return bool(await connection.fetchval(_IS_USED))


async def seal(connection: Connection, own: int, *, anew: bool) -> int:
    """Keep by what the hubs' secrets are known, unless others' are kept already; give what is kept."""
    return int(await connection.fetchval(_RESEAL if anew else _SEAL, own))


async def epoch_of(connection: Connection) -> int:
    """Read the store's epoch."""
    return int(await connection.fetchval("SELECT value FROM marks WHERE name = 'epoch'"))
