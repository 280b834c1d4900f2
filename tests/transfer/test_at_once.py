"""Several nodes import into one database at once: one after the other, whatever they import."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bridge.errors import Unavailable
from bridge.ids import AccountId
from bridge.store.postgres import PostgresStore
from bridge.wire.values import Network
from tests.store.engines import Postgres
from tests.transfer.making import Chat, House, archive, chat, housed

CHATS = [Chat(name, chat("Ana Lima", name, 200)) for name in ("Ben", "Cleo", "Dan", "Eve", "Fay")]


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[list[House]]:
    """Two nodes on one database."""
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            store = await PostgresStore.open(Postgres().dsn(tmp_path), pool=4)
            stack.push_async_callback(store.close)
            made.append(await stack.enter_async_context(housed(store)))
        yield made


async def test_one_archive_imported_by_two_nodes_at_once_comes_once(
    nodes: list[House], tmp_path: Path
) -> None:
    path = archive(tmp_path / "ana.zip", "messenger", "Ana Lima", None, *CHATS)
    await nodes[0].make(Network.MESSENGER, "ana")

    reports = await asyncio.gather(*(node.take(path, owner="messenger/ana") for node in nodes))

    assert sorted(report.added for report in reports) == [0, 1_000]
    audited = await nodes[0].store.audit()
    assert audited.problems == ()


async def test_both_sides_of_a_chat_imported_at_once_meet(nodes: list[House], tmp_path: Path) -> None:
    talk = chat("Ana Lima", "Ben Roth", 40)
    sides = {"Ana Lima": "Ben Roth", "Ben Roth": "Ana Lima"}
    paths = [
        archive(tmp_path / f"{name}.zip", "messenger", name, None, Chat(other, talk))
        for name, other in sides.items()
    ]

    reports = await asyncio.gather(*(node.take(path) for node, path in zip(nodes, paths, strict=True)))

    assert sum(len(report.resolved) for report in reports) == 1
    tally = await nodes[0].store.tally([AccountId(report.account) for report in reports])
    assert tally.threads == 0
    assert (await nodes[0].store.audit()).problems == ()


async def test_who_lost_his_turn_knows(nodes: list[House]) -> None:
    store = nodes[0].store
    assert isinstance(store, PostgresStore)
    async with store.turn() as look:
        look()
        async with store._pool.use() as connection:
            await connection.fetch(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE locktype = 'advisory' AND objid = ((1::bigint << 32) - 3)::oid"
            )

        async def lose() -> None:
            while True:
                look()
                await asyncio.sleep(0)

        with pytest.raises(Unavailable, match="start it again"):
            await asyncio.wait_for(lose(), 10)
