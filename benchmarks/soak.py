"""Whether a hub that runs for long stays as it was: memory, files, threads, latency, and all promises.

    python -m benchmarks.soak [--minutes M] [--pairs N] [--devices N] [--pause-s S] [--every-s S]
        [--seed N] [--age-s S] [--kill-every-s S] [--hubs N] [--database URL] [--bus URL] [--json]

People live with the SDK for as long as is wanted: they talk, read, look around, write
to strangers, change controls, relations and links, are cut off, leave and come back.
With ``--kill-every-s`` a hub is killed, stopped or held every so often, and goes on: nothing
acknowledged may be lost, nothing heard twice, and people come back by themselves.
The hub keeps few records in memory, so that its caches are full long before half of
the time is over: what its memory grows by after that would grow for ever. At the end
everything on disk is proven, as ``isthmus audit`` does.

Exit code 1 means that something grew, or a broken promise; 2 that it could not run.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.load.generator import Percentiles
from benchmarks.load.hub_process import Order
from benchmarks.load.hubs import Hubs
from benchmarks.load.processes import cores, started
from benchmarks.load.world import Living, Seen
from bridge.app import open_store
from bridge.config import BusSettings, Config, Limits, Listen, PolicySettings, StoreSettings
from bridge.store.base import Audited

Tell = Callable[[str], None]

_CACHE: Final = 5_000  # records of each kind
_OFTEN: Final = 60_000  # a minute
_MAY_GROW: Final = 0.05  # of the memory at half-time: noise of the allocator
_MINUTE: Final = 60.0
_FEW: Final = 4  # looks that are compared, on either side
_BEFORE_THE_END_S: Final = 5.0  # no hub dies any more
_COMPLAINTS: Final = 5  # of a log are told
_STRAY_FILES: Final = 16  # that a store opens when they are wanted, for each hub


class Soaked(Struct, kw_only=True):
    """What was seen.

    Attributes:
        rows: What each interval showed; the last one when all had gone.
        growth: The hub's memory in the last looks over that from half-time on, less one.
        faults: What grew, and which promises were broken; must be empty.
        audited: Messages that the audit proved.
    """

    rows: list[Seen]
    growth: float
    faults: list[str]
    audited: int


def soak(living: Living, folder: Path, tell: Tell, *, database: str = "", bus: str = "") -> Soaked:
    """Run a hub and people on it; ``living`` lacks only where the hub is.

    Args:
        living: Who lives, and for how long.
        folder: Where scratch files lie.
        tell: Takes each row of the table when it is there.
        database: An empty PostgreSQL database; absent: SQLite, in the folder.
        bus: A NATS server; absent: none.
    """
    mine = cores()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "hub.db"
        config = Config(
            listen=Listen(port=0),
            store=StoreSettings(path=database or str(path), keys=Path(place) / "keys", cache_records=_CACHE),
            bus=BusSettings(url=bus),
            limits=Limits(look_ups_per_minute=_OFTEN, sign_ins_per_minute=_OFTEN),
            policy=PolicySettings(register=True),
            log_level="error",
        )
        order = Order(
            config=config, pairs=living.pairs, devices=living.devices, passwords=True, age_s=living.age_s
        )
        with Hubs(order, living.hubs, mine[0], Path(place) / "log") as hubs:
            target, empty = hubs.start(), hubs.look()
            living = replace(living, urls=hubs.urls, target=target)
            rows = list(_lives(hubs, living, path, mine[-1], tell))
        audited = asyncio.run(_audit(config))  # the hubs have ended before everything is proven
        complaints = [*hubs.crashes, *hubs.complaints()]
    faults = [*rows[-1].faults, *(f"{one.kind} {one.where}: {one.text}" for one in audited.problems)]
    faults += [f"a hub: {text}" for text in complaints[:_COMPLAINTS]]
    if rows[-1].files > empty.files + living.hubs * _STRAY_FILES:
        faults.append(f"{rows[-1].files} files are open when all have gone, and {empty.files} were at first")
    if not rows[-1].sent:
        faults.append("nobody said anything")
    if audited.messages < rows[-1].sent:
        faults.append(f"{rows[-1].sent} messages were acknowledged, {audited.messages} are there")
    growth = 0.0 if living.kill_every_s else growth_of([row.rss_mib for row in rows])
    if growth > _MAY_GROW:
        faults.append(f"the memory grew by {growth:.0%} after half the time")
    return Soaked(rows=rows, growth=round(growth, 3), faults=faults, audited=audited.messages)


def _lives(hubs: Hubs, living: Living, path: Path, core: int, tell: Tell) -> Iterator[Seen]:
    """Let people live, and hubs die meanwhile; look at both again and again."""
    over = threading.Event()
    timer = threading.Timer(living.seconds - _BEFORE_THE_END_S, over.set)
    with ThreadPoolExecutor(1) as beside:
        timer.start()  # before those who live print their first row
        dying = beside.submit(hubs.disturb, living.kill_every_s, Random(living.seed), over)
        try:
            with started("benchmarks.load.lives", order=living, core=core) as (lives, line):
                assert lives.stdout is not None, "it is a pipe"
                while line:
                    row = _looked_at(hubs, msgspec.json.decode(line, type=Seen), path)
                    tell(text_of(row))
                    yield row
                    line = lives.stdout.readline()
                if lives.wait() != 0:
                    raise RuntimeError("those who live failed")
        finally:
            timer.cancel()
            over.set()
        dying.result()


def _looked_at(hubs: Hubs, row: Seen, path: Path) -> Seen:
    look, kept = hubs.look(), [Path(f"{path}{end}") for end in ("", "-wal")]
    return replace(
        row,
        rss_mib=look.rss_mib,
        files=look.files,
        threads=look.threads,
        database_mib=round(sum(one.stat().st_size for one in kept if one.exists()) / 2**20, 1),
        ended=hubs.ended,
    )


async def _audit(config: Config) -> Audited:
    store = await open_store(config)
    try:
        return await store.audit()
    finally:
        await store.close()


def judges(looks: Sequence[object]) -> bool:
    """Say whether there were looks enough to tell whether anything grows."""
    return len(looks) // 2 >= 2 * _FEW


def growth_of(memory: list[float]) -> float:
    """Compare the last looks with those at half-time, medians of a few; 0.0 if there are too few."""
    if not judges(memory):
        return 0.0
    half = len(memory) // 2
    return median(memory[-1 - _FEW : -1]) / median(memory[half : half + _FEW]) - 1


HEAD: Final = (
    f"{'s':>6} {'there':>6} {'lives':>7} {'cuts':>7} {'sent':>9} {'heard':>9} {'ack p50':>8} {'p99 ms':>8}"
    f" {'MiB':>7} {'files':>6} {'threads':>8} {'on disk':>8}"
)


def text_of(row: Seen) -> str:
    """Write a row of the table."""
    ack = row.ack or Percentiles(0.0, 0.0, 0.0, 0.0)
    return (
        f"{row.at_s:6.0f} {row.connected:6} {row.lives:7,} {row.cuts:7,} {row.sent:9,} {row.heard:9,}"
        f" {ack.p50:8.1f} {ack.p99:8.1f} {row.rss_mib:7.1f} {row.files:6} {row.threads:8}"
        f" {row.database_mib:8.1f}"
    )


def _given() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="how long people live (20)")
    parser.add_argument("--pairs", type=int, default=100, help="pairs of people (100)")
    parser.add_argument("--devices", type=int, default=2, help="devices of each account (2)")
    parser.add_argument("--pause-s", type=float, default=0.3, help="between what one does (0.3)")
    parser.add_argument("--every-s", type=float, default=30.0, help="how often to look at the hub (30)")
    parser.add_argument("--hubs", type=int, default=1, help="hubs on the database; several need a bus (1)")
    parser.add_argument(
        "--kill-every-s", type=float, default=0.0,
        help="how often a hub is killed, stopped or held, and goes on (never)",
    )  # fmt: skip
    parser.add_argument(
        "--age-s", type=float, default=0.0,
        help="what is so old counts as 30 days old: journals are trimmed, deleted accounts erased (off)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="of all chance (1)")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the database lies"
    )
    parser.add_argument(
        "--database", default="", help="an empty PostgreSQL database's URL (SQLite, in a scratch folder)"
    )
    parser.add_argument("--bus", default="", help="a NATS server's URL (none)")
    parser.add_argument("--json", action="store_true", help="print data")
    given = parser.parse_args()
    if (
        min(given.minutes, given.pairs, given.devices, given.hubs, given.every_s) <= 0
        or min(given.pause_s, given.age_s, given.kill_every_s) < 0
    ):
        parser.error("minutes, pairs and seconds are more than 0")
    if given.hubs > 1 and not (given.database and given.bus):
        parser.error("several hubs need --database and --bus")
    if not given.folder.is_dir():
        parser.error(f"{given.folder} is no folder")
    return given


def main() -> int:
    """Soak a hub, and say what was seen."""
    given = _given()
    living = Living(
        pairs=given.pairs, devices=given.devices, seconds=given.minutes * _MINUTE, every_s=given.every_s,
        pause_s=given.pause_s, seed=given.seed, age_s=given.age_s,
        hubs=given.hubs, kill_every_s=given.kill_every_s,
    )  # fmt: skip
    print(HEAD, file=sys.stderr)
    try:
        found = soak(
            living,
            given.folder,
            lambda text: print(text, file=sys.stderr, flush=True),
            database=given.database,
            bus=given.bus,
        )
    except RuntimeError as failed:  # what it was stands above: the process told it
        print(f"The soak could not run: {failed}.", file=sys.stderr)
        return 2
    if given.json:
        print(msgspec.json.encode(found).decode())
    else:
        memory = f"{found.growth:+.1%}" if judges(found.rows) else "too few looks to judge it"
        if (ended := found.rows[-1].ended) > 0:
            memory = f"not judged, as hubs were killed, stopped or held {ended} times"
        print(f"Memory after half the time: {memory}. {found.audited:,} messages proven.")
        print(
            "What else was done:",
            ", ".join(f"{n:,} {what}" for what, n in sorted(found.rows[-1].done.items())),
        )
        print("\n".join(found.faults) or "No promise was broken, and nothing was seen to grow.")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
