"""Every test that asks for a store is run once with each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.store.base import Store
from bridge.store.sqlite import tails
from tests.store.engines import ENGINES, Clockwork, Engine, closing


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]


@pytest.fixture(autouse=True)
def short_tails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay lines into journals all the time, and not only after tens of thousands."""
    monkeypatch.setattr(tails, "MOST", 3)


@pytest.fixture
def clock() -> Clockwork:
    return Clockwork()


@pytest.fixture
async def store(engine: Engine, clock: Clockwork, tmp_path: Path) -> AsyncIterator[Store]:
    async with closing(engine.open(tmp_path, clock)) as opened:
        yield opened
