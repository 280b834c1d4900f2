"""What a commit costs with PostgreSQL: CPU per message of this process and of the server, by batch size.

    python -m benchmarks.store_postgres DSN [--pid POSTMASTER] [--messages N] [--hot THREADS] [--writers N]

The same messages as in ``benchmarks.store_commit``, plus what a shared store checks: the facts that a send
reads. Building the batches is not counted; the server's checkpoints and writers are, if its process is named.
"""

import argparse
import asyncio
import os
import time
from pathlib import Path

from benchmarks.store_commit import Pairs
from bridge.domain.keys import Key
from bridge.domain.model import Account, Controls, Member, Person, Thread, Tie
from bridge.ids import home_of
from bridge.store.base import Batch
from bridge.store.postgres import PostgresStore

SIZES = (1, 4, 16, 64, 256)
_TICK = 1 / os.sysconf("SC_CLK_TCK")


def server_seconds(postmaster: int) -> float:
    """Add up the CPU time of a server's processes, those that ended included."""
    return sum(_cpu(pid) for pid in (postmaster, *_children(postmaster)))


def _children(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in listed.split()]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) * _TICK


def with_reads(batch: Batch, known: dict[Key, object]) -> Batch:
    """Add what the decisions on these sends would have read."""
    versions: dict[Key, object] = {}
    for _, accounts in batch.told:
        for one in accounts:
            versions[Account, one] = versions[Person, home_of(one)] = versions[Controls, one] = None
            for other in accounts:
                if one != other:
                    versions[Tie, (one, other)] = None
    for key in batch.records:
        if key[0] in (Thread, Member):
            versions[key] = known.get(key)
    known.update(batch.records)
    batch.versions = versions
    return batch


async def measure(store: PostgresStore, pid: int | None, options: argparse.Namespace, size: int) -> str:
    """Commit messages in batches of a size, by some writers at once; return a row of the table."""
    lanes = [Pairs(options.hot, seed=size * 100 + lane) for lane in range(options.writers)]
    known: list[dict[Key, object]] = [{} for _ in lanes]
    for lane, facts in zip(lanes, known, strict=True):
        begun = lane.begin()
        await store.commit(begun)
        facts.update(begun.records)
    rounds = max(8, options.messages // size // options.writers)
    client = server = wall = 0.0
    spent: list[float] = []

    async def commit(batch: Batch) -> None:
        begun = time.perf_counter()
        await store.commit(batch)
        spent.append(time.perf_counter() - begun)

    for _ in range(rounds):
        batches = [
            with_reads(lane.batch(size, options.hot), facts) for lane, facts in zip(lanes, known, strict=True)
        ]
        before = time.process_time(), server_seconds(pid) if pid else 0.0, time.perf_counter()
        await asyncio.gather(*map(commit, batches))
        client += time.process_time() - before[0]
        wall += time.perf_counter() - before[2]
        server += (server_seconds(pid) if pid else 0.0) - before[1]
    done = rounds * size * options.writers
    p50 = sorted(spent)[len(spent) // 2] * 1e3
    return (
        f"{size:>6} {client / done * 1e6:>10.0f} {server / done * 1e6:>10.0f}"
        f" {(client + server) / done * 1e6:>8.0f} {p50:>9.2f} {done / wall:>9.0f}"
    )


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dsn")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--messages", type=int, default=8_000)
    parser.add_argument("--hot", type=int, default=50)
    parser.add_argument("--writers", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options = parser.parse_args()
    store = await PostgresStore.open(options.dsn)
    try:
        print(" batch  client µs  server µs   sum µs  p50 ms     msg/s")
        for size in options.sizes:
            print(await measure(store, options.pid, options, size))
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())
