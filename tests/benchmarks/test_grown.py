"""Stores that grow by copies of their own rows: as good to read and to go on with as if all had been said."""

from itertools import chain
from pathlib import Path
from random import Random

from benchmarks.multiplied import multiply
from benchmarks.store_commit import Pairs
from bridge.ids import Position
from bridge.store.sqlite import SqliteStore

THREADS, SAID, TIMES = 5, 40, 3


async def test_a_multiplied_store_reads_whole_and_goes_on(tmp_path: Path) -> None:
    place, pairs = tmp_path / "some.db", Pairs(THREADS)
    store = await SqliteStore.open(place)
    await store.commit(pairs.begin())
    await store.commit(pairs.batch(SAID, THREADS))
    account, thread, tip = pairs.anybody(Random(1))
    await store.close()

    multiply(place, TIMES)

    store = await SqliteStore.open(place)
    await pairs.go_on(store)
    made = await store.commit(pairs.batch(SAID, THREADS))
    newest = dict(chain.from_iterable(made))[account]
    history = await store.history(thread, limit=1_000)
    journal = await store.replay(account, Position(0), 1_000)
    while await store.catch_up():
        pass
    await store.close()
    assert {message.seq for message in history} == set(range(1, len(history) + 1))
    assert len(history) >= TIMES * tip
    assert [entry.position for entry in journal] == list(range(1, newest + 1))
