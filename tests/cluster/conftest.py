"""Servers and hubs for the tests of a cluster."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster.losing import lose
from tests.cluster.servers import Nats, nats_binary, nats_server
from tests.cluster.town import OneDatabase, OneMemory, Shared, Town, town
from tests.hub.conftest import password_hash
from tests.store.engines import Postgres

__all__ = ["password_hash"]


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[Nats]:
    """A NATS server."""
    if nats_binary() is None:
        pytest.skip("NOT PROVEN HERE: hubs hear of each other over NATS (there is no nats-server)")
    async with nats_server(tmp_path) as server:
        yield server


@pytest.fixture(params=["memory", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Shared:
    """A store that several hubs use: each engine that can be shared."""
    return OneMemory() if request.param == "memory" else OneDatabase(Postgres().dsn(tmp_path))


@pytest.fixture
async def pair(password_hash: str, shared: Shared, tmp_path: Path, nats: Nats) -> AsyncIterator[Town]:
    """Two hubs."""
    async with town(password_hash, shared, tmp_path, nats.url) as made:
        yield made


@pytest.fixture
async def deaf(
    password_hash: str, shared: Shared, tmp_path: Path, nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Town]:
    """Two hubs that lose all their news, and look at journals alone while a test lasts, not at persons."""
    lose(monkeypatch, 1.0)
    async with town(password_hash, shared, tmp_path, nats.url) as made:
        yield made
