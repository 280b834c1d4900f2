"""What tests of the clients share: a bench with a small hub, and the real hub on a free port."""

from collections.abc import AsyncIterator

import pytest

from bridge.app import Hub, running_hub
from bridge.config import Config, HubSettings, Listen, PolicySettings, StoreSettings
from tests.clients.bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    for client in made.clients:
        await client.close()


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    """The real hub, in memory; people may make accounts."""
    config = Config(
        listen=Listen(port=0),
        store=StoreSettings(path=""),
        policy=PolicySettings(register=True),
        hub=HubSettings(drain_s=0.1),
    )
    async with running_hub(config) as running:
        yield running
