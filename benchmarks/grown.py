"""Stores that have grown: one of each size, made once and kept for as many measurements as one likes.

One store grows, and is copied at each size on the way; a folder that holds such copies is taken as it is.
From 100,000 messages on it grows by copies of its own rows: see ``benchmarks.multiplied``.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.multiplied import multiply
from benchmarks.store_commit import Pairs
from bridge.store.sqlite import SqliteStore

THREADS: Final = 10_000
_BATCH: Final = 10_000
"""Messages of a commit while it grows: large, so that each page is written seldom."""
_INDEXED: Final = 50_000
_BASE: Final = 100_000
"""From this size on a store grows by multiplication."""


def place_of(folder: Path, size: int) -> Path:
    """Say where the store of a size lies."""
    return folder / f"{size}.db"


async def grow(folder: Path, sizes: Sequence[int], words: int, tell: Callable[[str], None]) -> None:
    """Make the stores of these sizes that are not there yet, each out of the next smaller one."""
    steps = {*sizes, _BASE} if any(size > _BASE and size % _BASE == 0 for size in sizes) else {*sizes}
    for size in sorted(steps):
        place = place_of(folder, size)
        if place.exists():
            continue
        unfinished = place.with_suffix(".growing")
        smaller = [one for one in sorted(_sizes_in(folder)) if one < size]
        stored = smaller[-1] if smaller else 0
        if stored:
            await asyncio.to_thread(shutil.copyfile, place_of(folder, stored), unfinished)
        if stored >= _BASE and size % stored == 0:
            tell(f"multiplying {stored:,} messages to {size:,}")
            await asyncio.to_thread(multiply, unfinished, size // stored)
            stored = size
        await _fill(unfinished, stored, size, words, tell)
        unfinished.rename(place)


def _sizes_in(folder: Path) -> list[int]:
    return [int(place.stem) for place in folder.glob("*.db") if place.stem.isdecimal()]


async def _fill(place: Path, stored: int, size: int, words: int, tell: Callable[[str], None]) -> None:
    """Let one store grow, its index of words too, and close it, so that no log is left."""
    pairs = Pairs(THREADS, words=words)
    store = await SqliteStore.open(place)
    try:
        if stored:
            await pairs.go_on(store)
        else:
            await store.commit(pairs.begin())
        told = stored
        while stored < size:
            if stored == told:
                tell(f"growing to {size:,} messages: {stored:,}")
                told += max(size // 10, _BATCH)
            count = min(_BATCH, size - stored)
            await store.commit(pairs.batch(count, THREADS))
            stored += count
            if stored % _INDEXED == 0 or stored == size:
                await _index(store, tell)
        await _index(store, tell)
    finally:
        await store.close()


async def _index(store: SqliteStore, tell: Callable[[str], None]) -> None:
    """Let the index of words catch up."""
    taken = told = 0
    while piece := await store.catch_up(_BATCH):  # fewer than that, by what it is worth
        taken += piece
        if taken - told >= 2 * _INDEXED:
            told = taken
            tell(f"indexed {taken:,} messages")
