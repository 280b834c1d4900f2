"""What a full store costs: stores of several sizes, measured by turns.

    python -m benchmarks.growth                 10,000 and 1,000,000 messages
    python -m benchmarks.growth --full          10,000,000 too: 5 GB, and half an hour to make it
    python -m benchmarks.growth --keep FOLDER   keep the stores there, and take those that lie there already
    python -m benchmarks.growth --long          long texts: a gigabyte at 1,000,000
    python -m benchmarks.growth --system warm   the system has all files in memory at first; or cold: nothing

Commits go to the stores by turns, so that a noisy machine is noisy for each: what
counts is the CPU of a commit for each message (batches of 64) beside that on the
smallest. Then pages of history and of search at random places, and how long a hub
takes to serve on it.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Final

import msgspec
from msgspec import Struct

from benchmarks.grown import THREADS, grow, place_of
from benchmarks.load.hub_process import Order
from benchmarks.load.people import tell_much
from benchmarks.load.processes import rss_mib, started
from benchmarks.store_commit import Pairs
from benchmarks.words import WORDS
from bridge.config import Config, Listen, StoreSettings
from bridge.store.sqlite import SqliteStore

SIZES = (10_000, 1_000_000)
FULL = 10_000_000
_BATCH, _ROUNDS, _IN_A_ROUND = 64, 15, 10
_HOT = 50
_COPIED_MIB = 1_024
"""Stores of up to this size are measured on a copy, so that they keep their size."""
_PAGE, _PAGES = 50, 300


class Spread(Struct):
    """Times in milliseconds."""

    p50: float
    p99: float
    max: float


class Grown(Struct, kw_only=True):
    """A store of one size.

    Attributes:
        messages: How many it holds.
        file_mib: How large its file is.
        commit_us: CPU for each message in batches of 64, in microseconds; the best third of the batches.
        commit_mean_us: The same over all, with checkpoints and what else came between.
        spread_us: As ``commit_us``, but over all 10,000 threads instead of 50.
        history: A page of 50 messages at a random place of a random thread.
        search: A page of what one account finds by a word that every third message has.
        search_rare: The same by a word that nobody said.
        open_s: From nothing to an open store.
        serving_s: From starting the process to serving, Python's own start included.
        serving_rss_mib: Memory of that hub.
    """

    messages: int
    file_mib: float
    commit_us: float
    commit_mean_us: float
    spread_us: float
    history: Spread
    search: Spread
    search_rare: Spread
    open_s: float
    serving_s: float
    serving_rss_mib: float


async def _spread(act: Callable[[], Awaitable[object]], times: int) -> Spread:
    spans = []
    for _ in range(times):
        begun = perf_counter()
        await act()
        spans.append((perf_counter() - begun) * 1_000)
    spans.sort()
    return Spread(*(round(spans[int((times - 1) * part)], 3) for part in (0.5, 0.99, 1.0)))


def _read_whole(file: int) -> None:
    while os.read(file, 2**20):
        pass


def _forget(file: int) -> None:
    os.fdatasync(file)  # what is not on disk yet is not forgotten
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)


SYSTEM: Final[dict[str, Callable[[int], None]]] = {
    "as it is": lambda file: None,
    "warm": _read_whole,
    "cold": _forget,
}
"""What the system keeps in memory of a store's file before it is measured, and how it comes to that."""


class Store:
    """A store of one size while it is measured."""

    def __init__(self, size: int, place: Path, words: int, system: str) -> None:
        """``open`` it first."""
        self.size, self.place, self._system = size, place, system
        self.pairs = Pairs(THREADS, words=words)
        self.hot: list[float] = []
        self.spread: list[float] = []
        self.engine: SqliteStore

    async def open(self) -> float:
        """Open it; give the seconds that took."""
        begun = perf_counter()
        self.engine = await SqliteStore.open(self.place)
        return round(perf_counter() - begun, 3)

    def put_system(self) -> None:
        """Have the system keep in memory what it is to keep of the file."""
        file = os.open(self.place, os.O_RDONLY)
        try:
            SYSTEM[self._system](file)
        finally:
            os.close(file)

    async def commit(self, threads: int, spans: list[float]) -> None:
        """Commit some batches within so many threads; add the CPU microseconds for a message of each."""
        for _ in range(_IN_A_ROUND):
            batch = self.pairs.batch(_BATCH, threads)
            begun = process_time()
            await self.engine.commit(batch)
            spans.append((process_time() - begun) / _BATCH * 1e6)

    async def history(self, chance: Random) -> None:
        """Read a page of a random thread at a random place."""
        thread, tip = self.pairs.anybody(chance)[1:]
        await self.engine.history(thread, before=chance.randint(1, tip + 1), limit=_PAGE)

    async def search(self, chance: Random, word: str) -> None:
        """Search a random account's messages."""
        await self.engine.search((self.pairs.anybody(chance)[0],), word, limit=_PAGE)


def best_third(spans: list[float]) -> float:
    """Give the mean of the third of least cost: what it costs when nothing else goes on."""
    third = sorted(spans)[: max(1, len(spans) // 3)]
    return round(sum(third) / len(third), 2)


def _serving(path: Path) -> tuple[float, float, float]:
    """Start a hub on the store; give the file's MiB, the seconds until it serves, and its memory."""
    file_mib = round(path.stat().st_size / 2**20, 1)
    config = Config(listen=Listen(port=0), store=StoreSettings(path=str(path)), log_level="warning")
    order = Order(config=config, pairs=1, fresh=True)
    begun = perf_counter()
    with started("benchmarks.load.hub_process", order=order) as (process, _):
        return file_mib, round(perf_counter() - begun, 3), round(rss_mib(process.pid), 1)


async def measure(stores: list[Store], tell: Callable[[str], None]) -> list[Grown]:
    """Commit to all stores by turns, then read each."""
    for store in stores:
        await store.open()
        await store.pairs.go_on(store.engine)
        store.put_system()
    for threads, spans in ((_HOT, "hot"), (THREADS, "spread")):
        for store in stores:
            await tell_much(store.engine, store.pairs.accounts(threads))
        for turn in range(_ROUNDS):
            for store in stores:
                await store.commit(threads, getattr(store, spans))
            tell(f"commits within {threads:,} threads, turn {turn + 1} of {_ROUNDS}")
    return [await _read(store, tell) for store in stores]


async def _read(store: Store, tell: Callable[[str], None]) -> Grown:
    """Read pages at random places; then close the store, and start a hub on it."""
    tell(f"pages of {store.size:,} messages")
    chance = Random(1)
    await store.search(chance, "x")  # the index catches up
    store.put_system()
    history = await _spread(lambda: store.history(chance), _PAGES)
    search = await _spread(lambda: store.search(chance, WORDS[0]), _PAGES)
    rare = await _spread(lambda: store.search(chance, "zyzzyva"), _PAGES)
    await store.engine.close()
    file_mib, serving_s, memory = await asyncio.to_thread(_serving, store.place)
    open_s = await store.open()
    await store.engine.close()
    return Grown(
        messages=store.size, file_mib=file_mib, commit_us=best_third(store.hot),
        commit_mean_us=round(sum(store.hot) / len(store.hot), 2), spread_us=best_third(store.spread),
        history=history, search=search, search_rare=rare, open_s=open_s, serving_s=serving_s,
        serving_rss_mib=memory,
    )  # fmt: skip


def measure_growth(
    sizes: Sequence[int],
    folder: Path,
    keep: Path | None,
    words: int,
    tell: Callable[[str], None],
    system: str = "as it is",
) -> list[Grown]:
    """Make the stores that are not kept, and measure all."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        grown = keep or Path(scratch)
        grown.mkdir(parents=True, exist_ok=True)
        asyncio.run(grow(grown, sizes, words, tell))
        stores = []
        for size in sorted(sizes):
            place = place_of(grown, size)
            if keep and place.stat().st_size < _COPIED_MIB * 2**20:
                place = Path(shutil.copy(place, Path(scratch) / f"copy-{size}.db"))
            stores.append(Store(size, place, words, system))
        return asyncio.run(measure(stores, tell))


def rows(found: list[Grown]) -> Iterator[str]:
    """Write the results for a reader."""
    yield (
        f"{'messages':>12}{'MiB':>8}{'commit µs':>11}{'mean':>8}{'spread':>8}{'history p50':>13}{'p99 ms':>8}"
        f"{'search p50':>12}{'p99 ms':>8}{'rare p50':>10}{'p99 ms':>8}{'open s':>8}"
        f"{'serving s':>11}{'MiB':>7}"
    )
    for one in found:
        yield (
            f"{one.messages:12,}{one.file_mib:8,.0f}{one.commit_us:11.1f}{one.commit_mean_us:8.1f}{one.spread_us:8.1f}"
            f"{one.history.p50:13.2f}{one.history.p99:8.2f}{one.search.p50:12.2f}{one.search.p99:8.2f}"
            f"{one.search_rare.p50:10.2f}{one.search_rare.p99:8.2f}{one.open_s:8.2f}{one.serving_s:11.2f}"
            f"{one.serving_rss_mib:7.0f}"
        )
    if len(found) > 1:
        first, last = found[0], found[-1]
        yield (
            f"at {last.messages:,} a message costs {last.commit_us / first.commit_us:.2f} × what it costs at"
            f" {first.messages:,}; {last.spread_us / first.spread_us:.2f} × over 10,000 threads"
        )


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--full", action="store_true", help="grow to 10,000,000 messages")
    parser.add_argument("--long", action="store_true", help="texts of 150 words")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="other sizes")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the database lies"
    )
    parser.add_argument("--keep", type=Path, help="a folder where stores are kept, and taken from")
    parser.add_argument(
        "--system",
        choices=SYSTEM,
        default="as it is",
        help="what it keeps of the files in memory before commits and before pages are read",
    )
    parser.add_argument("--json", action="store_true", help="print data")
    options = parser.parse_args(arguments)
    sizes = (*options.sizes, FULL) if options.full else tuple(options.sizes)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    found = measure_growth(
        sizes, options.folder, options.keep, 150 if options.long else 16, tell, options.system
    )
    print(msgspec.json.encode(found).decode() if options.json else "\n".join(rows(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
