"""Opening: only what is ours, only what we understand, and by several nodes at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from bridge.errors import CorruptStore, SetupError, StoreTooNew, Unavailable
from bridge.store.migrate import steps
from bridge.store.postgres import PostgresStore, pool, schema
from tests.builders import ANA, keep, make_account
from tests.engines_postgres import the_server


async def opened_and_closed(dsn: str) -> int:
    store = await PostgresStore.open(dsn, pool=1)
    await store.close()
    return store.epoch


@pytest.fixture
async def raw(dsn: str) -> AsyncIterator[Any]:
    """A connection to a database that was opened once."""
    await opened_and_closed(dsn)
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def test_nodes_that_start_at_once_make_the_schema_once(dsn: str) -> None:
    assert await asyncio.gather(*(opened_and_closed(dsn) for _ in range(4))) == [1] * 4


async def test_a_database_of_a_newer_version_is_left_alone(dsn: str, raw: Any) -> None:
    await raw.execute("INSERT INTO steps VALUES (99, 'x', 99)")

    with pytest.raises(StoreTooNew):
        await opened_and_closed(dsn)


async def test_a_newer_step_that_this_version_can_live_with_is_no_hindrance(dsn: str, raw: Any) -> None:
    newest = len(steps("postgres"))
    await raw.execute("INSERT INTO steps VALUES ($1, 'x', $2)", newest + 1, newest)

    assert await opened_and_closed(dsn) == 1


async def test_a_step_that_was_changed_after_it_was_taken_is_noticed(dsn: str, raw: Any) -> None:
    await raw.execute("UPDATE steps SET checksum = 'other' WHERE number = 1")

    with pytest.raises(CorruptStore):
        await opened_and_closed(dsn)


async def test_another_programs_tables_are_left_alone(dsn: str, raw: Any) -> None:
    await raw.execute("DROP TABLE steps")

    with pytest.raises(SetupError):
        await opened_and_closed(dsn)


async def test_a_database_that_stopped_at_the_first_step_is_brought_up_to_date(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await schema.upgrade(connection, steps("postgres")[:1])
    await connection.close()

    store = await PostgresStore.open(dsn, pool=1)

    await keep(store, make_account(ANA))
    assert [one.id for one in await store.accounts(limit=2)] == [ANA]
    await store.close()


@pytest.mark.parametrize(("taken", "says"), [(0, "is empty"), (1, "An older version")])
async def test_whoever_only_reads_takes_no_step(dsn: str, taken: int, says: str) -> None:
    connection = await asyncpg.connect(dsn)
    if taken:
        await schema.upgrade(connection, steps("postgres")[:taken])

    with pytest.raises(SetupError, match=says):
        await PostgresStore.open(dsn, pool=1, read_only=True)

    assert (await schema._state(connection))[0] == taken
    await connection.close()


async def test_a_step_that_fails_leaves_the_database_as_it_was(dsn: str, raw: Any) -> None:
    known = steps("postgres")
    broken = replace(known[-1], to=len(known) + 1, sql="CREATE TABLE half (x int); SELECT 1 / 0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await schema.upgrade(raw, (*known, broken))

    assert await raw.fetchval("SELECT count(*) FROM steps") == len(known)
    assert await raw.fetchval("SELECT to_regclass('half')") is None


async def test_a_step_takes_as_long_as_it_takes(dsn: str, raw: Any) -> None:
    known = steps("postgres")
    long = replace(known[-1], to=len(known) + 1, sql="SELECT pg_sleep(1.2)")
    connection = await asyncpg.connect(dsn, command_timeout=1)

    await schema.upgrade(connection, (*known, long))

    assert await connection.fetchval("SELECT count(*) FROM steps") == len(known) + 1
    await connection.close()


async def test_a_look_at_one_moment_takes_as_long_as_it_takes(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CONNECT_S", 1.0)
    store = await PostgresStore.open(dsn, pool=1, statement_s=0.2)

    async with store._pool.snapshot() as connection:
        await connection.execute("SELECT pg_sleep(1.5)")

    with pytest.raises(Unavailable):
        async with store._pool.use() as connection:
            await connection.execute("SELECT pg_sleep(1.5)")
    await store.close()


async def test_a_schema_is_made_by_the_name_that_postgresql_reads(dsn: str) -> None:
    upper = dsn.replace("search_path=", "search_path=Big_")

    assert await opened_and_closed(upper) == await opened_and_closed(upper.lower()) == 1


async def test_a_search_path_that_makes_no_sense_is_said_so() -> None:
    with pytest.raises(SetupError):
        await PostgresStore.open(the_server().dsn("two words"))


async def test_a_database_that_does_not_exist_is_said_so() -> None:
    with pytest.raises(SetupError):
        await PostgresStore.open(the_server().dsn(database="nowhere"))


async def test_a_server_that_does_not_exist_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await PostgresStore.open("postgresql://isthmus@/postgres?host=/nonexistent")
