"""Servers and hubs for the tests of a cluster."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.store.memory import MemoryStore
from tests.cluster.servers import Nats, nats_binary, nats_server
from tests.cluster.town import Town, town
from tests.hub.conftest import password_hash

__all__ = ["password_hash"]


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[Nats]:
    """A NATS server."""
    if nats_binary() is None:
        pytest.skip("NOT PROVEN HERE: hubs hear of each other over NATS (there is no nats-server)")
    async with nats_server(tmp_path) as server:
        yield server


@pytest.fixture
async def pair(password_hash: str, tmp_path: Path, nats: Nats) -> AsyncIterator[Town]:
    """Two hubs."""
    async with town(password_hash, await MemoryStore.open(), tmp_path, nats.url) as made:
        yield made
