"""Two nodes on one database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.store.postgres import PostgresStore
from tests.store.engines import Postgres


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    """An empty schema of its own."""
    return Postgres().dsn(tmp_path)


@pytest.fixture
async def one(dsn: str) -> AsyncIterator[PostgresStore]:
    """A node's store."""
    store = await PostgresStore.open(dsn, pool=4)
    yield store
    await store.close()


@pytest.fixture
async def other(dsn: str, one: PostgresStore) -> AsyncIterator[PostgresStore]:
    """Another node's store, on the same database."""
    store = await PostgresStore.open(dsn, pool=4)
    yield store
    await store.close()
