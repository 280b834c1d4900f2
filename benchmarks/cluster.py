"""What one, two and three hubs cost on one PostgreSQL and one NATS: ``python -m benchmarks --cluster``.

Pairs whose two people sit at different hubs wherever there is more than one, so that
every message crosses; the load runs in this process. CPU is that of all hubs
together, of PostgreSQL and of NATS, for each message taken. A last line has hubs
at which nobody is: what a message costs must not grow by them.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final
from urllib.request import urlopen

from benchmarks.clustered import Costs, rows
from benchmarks.load.generator import Load, Pair, Percentiles
from benchmarks.load.hub_process import Running
from benchmarks.load.line import Line
from benchmarks.load.people import Person
from benchmarks.load.processes import LOOP, cpu_s
from benchmarks.load.talk import Tally
from bridge.errors import SetupError
from tests.cluster.rig import Cluster
from tests.cluster.servers import Nats, nats_binary
from tests.engines_postgres import PostgresServer, find_binaries

PAIRS: Final = 24
WINDOW: Final = 8
SECONDS: Final = 6.0
SIZES: Final = ((1, 1), (2, 2), (3, 3), (5, 2))
"""How many hubs, and at how many of them people are."""

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


async def measure(folder: Path, binaries: Path, hubs: int, busy: int, seconds: float) -> Costs:
    """Measure with so many hubs, and people at so many of them."""
    postgres, nats = PostgresServer(binaries), Nats(folder, "-m", "-1")
    try:
        await asyncio.to_thread(postgres.start)
        await nats.start()
        names = [f"p{number}" for number in range(PAIRS)]
        async with Cluster(folder, postgres, nats, names, 0.0, hubs=hubs) as cluster:
            return await _load(cluster, postgres, nats, _counts_of(folder, nats), busy, seconds)
    finally:
        await nats.kill()
        await asyncio.to_thread(postgres.stop)


def _counts_of(folder: Path, nats: Nats) -> Callable[[Sequence[str]], Counter[str]]:
    """Find where NATS and the hubs tell what they counted."""
    ports = json.loads((folder / f"nats-server_{nats.pid}.ports").read_text())

    def count(urls: Sequence[str]) -> Counter[str]:
        with urlopen(f"{ports['monitoring'][0]}/varz", timeout=10) as page:
            varz = json.loads(page.read())
        found = Counter(packets_in=varz["in_msgs"], packets_out=varz["out_msgs"])
        for url in urls:
            with urlopen(f"{url.replace('ws', 'http', 1)}/metrics", timeout=10) as page:
                lines = [line.split() for line in page.read().decode().splitlines() if line[0] != "#"]
            found.update({_COUNTED[name]: int(value) for name, value in lines if name in _COUNTED})
        return found

    return count


_COUNTED: Final = {
    "isthmus_commits_total": "commits",
    "isthmus_carried_commands_total": "carried",
    "isthmus_stale_batches_total": "again",
}


async def _load(
    cluster: Cluster,
    postgres: PostgresServer,
    nats: Nats,
    counts: Callable[[Sequence[str]], Counter[str]],
    busy: int,
    seconds: float,
) -> Costs:
    tally = Tally()
    pairs = await _talking(cluster, tally, busy)
    await asyncio.sleep(_WARM_UP_S)
    counted = await asyncio.to_thread(counts, cluster.urls)
    begun, before, taken = perf_counter(), _spent(cluster, postgres, nats), tally.said["ok"]
    tally.begin()
    await asyncio.sleep(seconds)
    tally.end()
    took, messages = perf_counter() - begun, max(1, tally.said["ok"] - taken)
    steps = _spent(cluster, postgres, nats)
    steps.subtract(before)
    steps.update(await asyncio.to_thread(counts, cluster.urls))
    steps.subtract(counted)
    await _finish(pairs)
    return Costs(
        hubs=len(cluster.urls),
        busy=busy,
        rate=messages / took,
        **{name: round(steps[name] / messages, 4) for name in (*_SPENT, *_COUNTED.values())},
        acknowledged=Percentiles.of(tally.acknowledged_s),
        delivered=Percentiles.of(tally.delivered_s),
        faults=tally.faults,
    )


_SPENT: Final = ("hub_us", "postgres_us", "nats_us", "own_us", "packets_in", "packets_out")


def _spent(cluster: Cluster, postgres: PostgresServer, nats: Nats) -> Counter[str]:
    """Add up the CPU of the hubs, PostgreSQL, NATS and this process, in microseconds."""
    own = os.times()
    seconds = (sum(map(cpu_s, cluster.pids)), cpu_s(postgres.pid), cpu_s(nats.pid), own.user + own.system)
    return Counter({name: round(one * 1e6) for name, one in zip(_SPENT[:4], seconds, strict=True)})


async def _talking(cluster: Cluster, tally: Tally, busy: int) -> list[Crossing]:
    """Bring the pairs to talk."""
    pairs = _pairs(cluster, tally, busy)
    for pair in pairs:
        await pair.connect()
    for pair in pairs:
        for side, share in zip(pair.sides, pair.shares, strict=True):
            side.window = share
            side.fill()
    return pairs


def _pairs(cluster: Cluster, tally: Tally, busy: int) -> list[Crossing]:
    urls = cluster.urls[:busy]
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


async def measure_all(tell: Callable[[str], None], seconds: float = SECONDS) -> list[Costs]:
    """Measure one hub, two, three, and two among idle ones.

    Raises:
        SetupError: If there is no PostgreSQL or no NATS.
    """
    binaries = find_binaries()
    if binaries is None or nats_binary() is None:
        raise SetupError("Several hubs need PostgreSQL and nats-server: python3 go.py bench --cluster.")
    found: list[Costs] = []
    for hubs, busy in SIZES:
        tell(f"{busy} of {hubs} hubs")
        with tempfile.TemporaryDirectory() as folder:
            found.append(await measure(Path(folder), binaries, hubs, busy, seconds))
    return found


def measure_cluster(tell: Callable[[str], None], seconds: float = SECONDS) -> list[Costs]:
    """Do it on a loop of its own."""
    with asyncio.Runner(loop_factory=LOOP) as runner:
        return runner.run(measure_all(tell, seconds))


if __name__ == "__main__":
    costs = measure_cluster(lambda text: print(text, file=sys.stderr, flush=True))
    print("\n".join(rows(costs)))
    sys.exit(1 if any(one.faults for one in costs) else 0)
