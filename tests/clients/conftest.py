"""What tests of the clients share."""

from collections.abc import AsyncIterator

import pytest

from tests.clients.bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    for client in made.clients:
        await client.close()
