"""What changes the database under its users: refused while they are there, noticed by whoever comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from bridge.errors import BridgeError, CommitFailed, StoreLocked, StoreTooNew, Unavailable
from bridge.store.migrate import Step, steps
from bridge.store.postgres import PostgresStore, schema
from bridge.store.postgres.restore import restored
from tests.builders import ANA, keep, make_account

KNOWN = steps("postgres")
END_ALL = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND pid IN (
        SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = (
            SELECT hashtext(current_schema())::bit(32)::bigint
        )::oid
    )"""


@pytest.fixture
async def beside(dsn: str, one: PostgresStore) -> AsyncIterator[Any]:
    """A connection of somebody else's, to a database that a node uses."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


def next_step(reader: int) -> Step:
    """Make a step that code from some version on can live with."""
    return replace(KNOWN[-1], to=len(KNOWN) + 1, reader=reader, sql="CREATE TABLE more (x int)")


async def test_a_step_that_running_nodes_can_live_with_is_taken_beside_them(
    one: PostgresStore, beside: Any
) -> None:
    await schema.upgrade(beside, (*KNOWN, next_step(len(KNOWN))))

    await keep(one, make_account(ANA))


async def test_a_step_that_running_nodes_do_not_know_waits_for_their_end(
    one: PostgresStore, beside: Any
) -> None:
    step = next_step(len(KNOWN) + 1)

    with pytest.raises(StoreLocked, match="Older hubs"):
        await schema.upgrade(beside, (*KNOWN, step))
    await keep(one, make_account(ANA))
    await one.close()
    await schema.upgrade(beside, (*KNOWN, step))

    assert await beside.fetchval("SELECT max(number) FROM steps") == step.to


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("INSERT INTO steps VALUES (99, 'x', 99)", StoreTooNew),
        ("UPDATE marks SET value = value + 1 WHERE name = 'epoch'", CommitFailed),
    ],
)
async def test_a_node_that_comes_back_to_another_database_does_not_go_on(
    one: PostgresStore, beside: Any, change: str, error: type[BridgeError]
) -> None:
    await beside.execute(change)
    assert await beside.fetch(END_ALL)

    async def come_back() -> None:
        while True:  # at first it may be told of the end of its connection
            try:
                await keep(one, make_account(ANA))
            except Unavailable:
                continue

    with pytest.raises(error):
        await asyncio.wait_for(come_back(), 10)


async def test_a_restore_beside_a_node_is_refused(dsn: str, one: PostgresStore, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    await one.backup(str(backup))

    with pytest.raises(StoreLocked, match="stop all hubs"):
        await restored(dsn, backup)
    await keep(one, make_account(ANA))


async def test_a_node_that_starts_amid_a_restore_is_told_why_it_has_to_wait(
    dsn: str, one: PostgresStore, beside: Any
) -> None:
    await one.close()
    async with beside.transaction():
        await schema.be_alone(beside, "")

        with pytest.raises(Unavailable, match="restored"):
            await PostgresStore.open(dsn, pool=1)
    await (await PostgresStore.open(dsn, pool=1)).close()
