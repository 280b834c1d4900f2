"""What the system keeps of a store while it is measured: a question of memory, not of what stands there."""

from pathlib import Path

import pytest

from benchmarks.growth import SYSTEM, Store
from benchmarks.store_commit import Pairs


@pytest.mark.parametrize("system", SYSTEM)
async def test_a_store_is_measured_whatever_the_system_keeps_of_it(system: str, tmp_path: Path) -> None:
    store = Store(0, tmp_path / "some.db", 16, system)
    store.pairs = Pairs(2)
    await store.open()
    await store.engine.commit(store.pairs.begin())
    store.put_system()

    await store.commit(2, store.hot)
    store.put_system()

    assert len(store.hot) == 10
    assert (await store.engine.audit()).problems == ()
    await store.engine.close()
