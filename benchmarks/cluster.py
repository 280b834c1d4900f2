"""What one, two and three hubs cost on one PostgreSQL and one NATS: ``python -m benchmarks.cluster``.

Pairs whose two people sit at different hubs wherever there is more than one, so that
every message crosses; the load runs in this process. CPU is that of all hubs
together, of PostgreSQL and of NATS, for each message taken.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Final

from msgspec import Struct

from benchmarks.load.generator import Load, Pair, Percentiles
from benchmarks.load.hub_process import Running
from benchmarks.load.line import Line
from benchmarks.load.people import Person
from benchmarks.load.processes import LOOP, cpu_s
from benchmarks.load.talk import Tally
from tests.cluster.rig import Cluster
from tests.cluster.servers import Nats
from tests.engines_postgres import PostgresServer, find_binaries

PAIRS: Final = 24
WINDOW: Final = 8
SECONDS: Final = 6.0
_WARM_UP_S: Final = 1.5


class Crossing(Pair):
    """Two people at different hubs."""

    def __init__(
        self, load: Load, tally: Tally, kind: str, people: tuple[Person, Person], urls: tuple[str, str]
    ) -> None:
        """Take the people and where each connects."""
        super().__init__(load, tally, kind, people)
        self._urls = urls

    async def connect(self) -> None:
        """Sign both in, each at a hub of its own, and bring them to talk."""
        for side, person, url in zip(self.sides, self._people, self._urls, strict=True):
            side.line = await Line.open(url, f"isthmus.v1.{self._load.codec}", side.on_frame)
            await side.ask("sign_in", token=person.token)
        writer, reader = self.sides
        theirs = self._people[1]
        opened = await writer.ask("open_thread", network=theirs.network, handle=theirs.handle)
        writer.thread = reader.thread = opened["thread"]["id"]
        await self._say(writer, "May I?")
        await reader.ask("accept", threads=[reader.thread])
        await self._say(reader, "Of course.")


class Costs(Struct):
    """What was measured: microseconds of CPU are for each message."""

    hubs: int
    rate: float
    hub_us: float
    postgres_us: float
    nats_us: float
    own_us: float
    acknowledged: Percentiles
    delivered: Percentiles
    faults: list[str]


async def measure(folder: Path, binaries: Path, hubs: int) -> Costs:
    """Measure with so many hubs."""
    postgres, nats = PostgresServer(binaries), Nats(folder)
    try:
        await asyncio.to_thread(postgres.start)
        await nats.start()
        names = [f"p{number}" for number in range(PAIRS)]
        async with Cluster(folder, postgres, nats, names, 0.0, hubs=hubs) as cluster:
            return await _load(cluster, postgres, nats)
    finally:
        await nats.kill()
        await asyncio.to_thread(postgres.stop)


async def _load(cluster: Cluster, postgres: PostgresServer, nats: Nats) -> Costs:
    tally = Tally()
    pairs = _pairs(cluster, tally)
    for pair in pairs:
        await pair.connect()
    for pair in pairs:
        for side, share in zip(pair.sides, pair.shares, strict=True):
            side.window = share
            side.fill()
    await asyncio.sleep(_WARM_UP_S)

    def spent() -> list[float]:
        own = os.times()
        hubs = sum(cpu_s(pid) for pid in cluster.pids)
        return [hubs, cpu_s(postgres.pid), cpu_s(nats.pid), own.user + own.system]

    begun, before, taken = perf_counter(), spent(), tally.said["ok"]
    tally.begin()
    await asyncio.sleep(SECONDS)
    tally.end()
    seconds, after, messages = perf_counter() - begun, spent(), tally.said["ok"] - taken
    hub, kept, told, own = (
        (late - early) / max(1, messages) * 1e6 for early, late in zip(before, after, strict=True)
    )
    await _finish(pairs)
    return Costs(
        hubs=len(cluster.urls),
        rate=messages / seconds,
        hub_us=hub,
        postgres_us=kept,
        nats_us=told,
        own_us=own,
        acknowledged=Percentiles.of(tally.acknowledged_s),
        delivered=Percentiles.of(tally.delivered_s),
        faults=tally.faults,
    )


def _pairs(cluster: Cluster, tally: Tally) -> list[Crossing]:
    urls = cluster.urls
    people = list(zip(cluster.people[:PAIRS], cluster.people[PAIRS:], strict=True))
    load = Load(pid=os.getpid(), target=Running(url=urls[0], pairs=people), codec="json", window=WINDOW)
    return [
        Crossing(load, tally, "accepted", pair, (urls[at % len(urls)], urls[(at + 1) % len(urls)]))
        for at, pair in enumerate(people)
    ]


async def _finish(pairs: list[Crossing]) -> None:
    """Stop sending, wait until all is answered, and leave."""
    sides = [side for pair in pairs for side in pair.sides]
    for side in sides:
        side.window = 0
    async with asyncio.timeout(30):
        while not all(side.is_done for side in sides):  # noqa: ASYNC110 -- no event
            await asyncio.sleep(0.01)
    for side in sides:
        assert side.line is not None
        side.line.close()


async def main() -> int:
    """Measure and print a table."""
    binaries = find_binaries()
    if binaries is None:
        print("There is no PostgreSQL here.", file=sys.stderr)
        return 1
    print("hubs   msg/s  hubs us  postgres us  nats us  load us  ack p50/p99 ms  told p50/p99 ms")
    faults = 0
    for hubs in (1, 2, 3):
        with tempfile.TemporaryDirectory() as folder:
            seen = await measure(Path(folder), binaries, hubs)
        faults += len(seen.faults)
        print(
            f"{seen.hubs:4}  {seen.rate:6.0f}  {seen.hub_us:7.0f}  {seen.postgres_us:11.0f}"
            f"  {seen.nats_us:7.1f}  {seen.own_us:7.0f}"
            f"  {seen.acknowledged.p50:6.1f} /{seen.acknowledged.p99:6.1f}"
            f"  {seen.delivered.p50:7.1f} /{seen.delivered.p99:6.1f}",
            flush=True,
        )
    return 1 if faults else 0


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=LOOP) as runner:
        sys.exit(runner.run(main()))
