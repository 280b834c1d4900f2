"""Stores of every engine, and a pipeline upon them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.store.base import Store
from tests.store.engines import ENGINES, Clockwork, Engine, closing
from tests.transfer.making import House, housed


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]


@pytest.fixture
async def store(engine: Engine, tmp_path: Path) -> AsyncIterator[Store]:
    async with closing(engine.open(tmp_path, Clockwork())) as opened:
        yield opened


@pytest.fixture
async def house(store: Store) -> AsyncIterator[House]:
    """A store with a pipeline that works on it."""
    async with housed(store) as made:
        yield made
