"""What a full store costs: one that grows, measured on the way.

    python -m benchmarks.growth                 10,000, 100,000 and 1,000,000 messages
    python -m benchmarks.growth --full          10,000,000 too: some gigabytes, and a quarter of an hour
    python -m benchmarks.growth --long          the same with long texts: a gigabyte at 1,000,000

At each size: the CPU of a commit for each message (batches of 64), pages of
history and of search at random places, and how long a hub takes to serve on it.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from time import perf_counter, process_time

import msgspec
from msgspec import Struct

from benchmarks.load.hub_process import Order
from benchmarks.load.processes import rss_mib, started
from benchmarks.store_commit import Pairs
from benchmarks.words import WORDS
from bridge.config import Config, Listen, StoreSettings
from bridge.store.sqlite import SqliteStore

SIZES = (10_000, 100_000, 1_000_000)
FULL = 10_000_000
_THREADS = 10_000
_BATCH, _BATCHES = 64, 150
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


async def _commits(store: SqliteStore, pairs: Pairs) -> tuple[float, float]:
    """Commit batches; give the best third's CPU microseconds for a message, and the mean."""
    spans = []
    for _ in range(_BATCHES):
        batch = pairs.batch(_BATCH, 50)
        begun = process_time()
        await store.commit(batch)
        spans.append((process_time() - begun) / _BATCH * 1e6)
    spans.sort()
    third = spans[: len(spans) // 3]
    return round(sum(third) / len(third), 2), round(sum(spans) / len(spans), 2)


def _serving(path: Path) -> tuple[float, float, float]:
    """Start a hub on the store; give the file's MiB, the seconds until it serves, and its memory."""
    file_mib = round(path.stat().st_size / 2**20, 1)
    config = Config(listen=Listen(port=0), store=StoreSettings(path=str(path)), log_level="warning")
    order = msgspec.json.encode(Order(config=config, pairs=1)).decode()
    begun = perf_counter()
    with started("benchmarks.load.hub_process", order) as (process, _):
        return file_mib, round(perf_counter() - begun, 3), round(rss_mib(process.pid), 1)


async def measure(sizes: tuple[int, ...], path: Path, words: int, tell: Callable[[str], None]) -> list[Grown]:
    """Let a store grow, and measure it at each size."""
    pairs, chance, stored, found = Pairs(_THREADS, words=words), Random(1), 0, []
    store = await SqliteStore.open(path)
    await store.commit(pairs.begin())
    for size in sizes:
        tell(f"growing to {size:,} messages")
        while stored < size:
            await store.commit(pairs.batch(min(2_000, size - stored), _THREADS))
            stored += 2_000
        await store.search((pairs.anybody(chance)[0],), "x", limit=1)  # the index catches up
        tell(f"measuring {size:,} messages")
        commit_us, mean = await _commits(store, pairs)
        stored += _BATCH * _BATCHES

        async def history(store: SqliteStore = store) -> None:
            thread, tip = pairs.anybody(chance)[1:]
            await store.history(thread, before=chance.randint(1, tip + 1), limit=_PAGE)

        async def search(word: str = WORDS[0], store: SqliteStore = store) -> None:
            await store.search((pairs.anybody(chance)[0],), word, limit=_PAGE)

        told = await _spread(history, _PAGES), await _spread(search, _PAGES)
        rare = await _spread(lambda: search("zyzzyva"), _PAGES)
        await store.close()
        file_mib, serving_s, memory = await asyncio.to_thread(_serving, path)
        begun = perf_counter()
        store = await SqliteStore.open(path)
        found.append(
            Grown(
                messages=size, file_mib=file_mib, commit_us=commit_us, commit_mean_us=mean, history=told[0],
                search=told[1], search_rare=rare, open_s=round(perf_counter() - begun, 3),
                serving_s=serving_s, serving_rss_mib=memory,
            )
        )  # fmt: skip
    await store.close()
    return found


def rows(found: list[Grown]) -> Iterator[str]:
    """Write the results for a reader."""
    yield (
        f"{'messages':>12}{'MiB':>8}{'commit µs':>11}{'mean':>8}{'history p50':>13}{'p99 ms':>8}"
        f"{'search p50':>12}{'p99 ms':>8}{'rare p50':>10}{'p99 ms':>8}{'open s':>8}"
        f"{'serving s':>11}{'MiB':>7}"
    )
    for one in found:
        yield (
            f"{one.messages:12,}{one.file_mib:8,.0f}{one.commit_us:11.1f}{one.commit_mean_us:8.1f}"
            f"{one.history.p50:13.2f}{one.history.p99:8.2f}{one.search.p50:12.2f}{one.search.p99:8.2f}"
            f"{one.search_rare.p50:10.2f}{one.search_rare.p99:8.2f}{one.open_s:8.2f}{one.serving_s:11.2f}"
            f"{one.serving_rss_mib:7.0f}"
        )
    if len(found) > 1:
        ratio = found[-1].commit_us / found[0].commit_us
        yield (
            f"at {found[-1].messages:,} a message costs {ratio:.2f} × what it costs at {found[0].messages:,}"
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
    parser.add_argument("--json", action="store_true", help="print data")
    options = parser.parse_args(arguments)
    sizes = (*options.sizes, FULL) if options.full else tuple(options.sizes)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        found = asyncio.run(measure(sizes, Path(place) / "grown.db", 150 if options.long else 16, tell))
    print(msgspec.json.encode(found).decode() if options.json else "\n".join(rows(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
