"""The benchmark: ``isthmus bench``, ``python3 go.py bench``.

    python -m benchmarks [--short] [--full] [--runs N] [--json FILE] [--picture FILE] [--only NAME …]
    python -m benchmarks --cluster [--json FILE]
    python -m benchmarks PART [--help]          one part alone: soak, crowd, growth, steps, …

Every workload of pairs runs beside the naive relay and raw sockets in the same
run, so that a noisy machine is noisy for both: what counts is the hub's CPU for
each message and its ratio to the relay's. Peers run too if they are installed.
``--only`` takes words of workloads' names, and the parts ``groups``, ``crowd``,
``growth``, ``import``, ``pressure`` and ``peers``.
Exit code 1 means a broken promise (a message lost, doubled, reordered), never a
slow machine.
"""

import argparse
import os
import platform
import shlex
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.crowd import measure_crowd
from benchmarks.goals import rows as goal_rows
from benchmarks.groups import measure_groups
from benchmarks.growth import FULL, SIZES, measure_growth
from benchmarks.importing import compare
from benchmarks.load.disk import fsync_times, name_of
from benchmarks.load.processes import LOOP, cores
from benchmarks.load.trace import can_trace
from benchmarks.peers.drive import PeerLoad
from benchmarks.peers_beside import measure_peers
from benchmarks.picture import picture
from benchmarks.pressure import measure_pressure
from benchmarks.report import Line, Report, table
from benchmarks.throughput import Wanted, count_fsyncs, measure_hub, measure_relay
from bridge.wire.values import Network

Tell = Callable[[str], None]

MIX = (0.85, 0.05, 0.05, 0.05)
LEFT_OUT = ("groups over the wire: the bridge has none yet; what stands above is a fixture",)
NO_STRACE = "the hub's fsyncs: strace is not installed (apt install strace)"
_ONE_NETWORK = (Network.MESSENGER, Network.MESSENGER)  # whose texts may be long


class Pairs(Struct, frozen=True, kw_only=True):
    """A workload of people who talk in pairs.

    Attributes:
        name: What the table calls it.
        pairs: How many pairs.
        window: Unanswered sends of each.
        rate: Sends a second over all; 0: as many as the windows let through.
        codecs: With which codecs.
        relay: Whether the naive relay runs beside it.
        habits: What people say, and do beside; see ``benchmarks/load/habits.py``.
        networks: The networks of the two of each pair.
    """

    name: str
    pairs: int = 50
    window: int = 16
    rate: float = 0.0
    codecs: tuple[str, ...] = ("json",)
    relay: bool = True
    habits: str = "plain"
    networks: tuple[Network, Network] = (Network.MESSENGER, Network.DIRECT)


WORKLOADS = (
    Pairs(name="50 pairs x 16", codecs=("json", "msgpack")),
    Pairs(name="200 pairs x 16", pairs=200),
    Pairs(name="50 pairs x 1", window=1),
    Pairs(name="200 pairs x 1", pairs=200, window=1),
    Pairs(name="1,000 a second", rate=1_000),
    Pairs(name="2,000 a second", rate=2_000),
    Pairs(name="8,000 a second", rate=8_000),
    Pairs(name="real mix", habits="mixed", codecs=("json", "msgpack")),
    Pairs(name="1 KiB", habits="1024", networks=_ONE_NETWORK),
    Pairs(name="16 KiB", habits="16384", networks=_ONE_NETWORK),
    Pairs(name="64 KiB", habits="65536", networks=_ONE_NETWORK, pairs=10),
)
SHORT = (Pairs(name="50 pairs x 16"), Pairs(name="1,000 a second", rate=1_000, relay=False))


def machine(folder: Path) -> dict[str, str]:
    """Name what the figures were taken on."""
    return {
        "cores": str(len(cores())),
        "load average before": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "sqlite": sqlite3.sqlite_version,
        "disk": name_of(folder),
        **{name: version(name) for name in ("websockets", "orjson", "msgspec", "msgpack")},
        "loop": "asyncio" if LOOP is None else f"uvloop {version('uvloop')}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def measure_pairs(
    workload: Pairs, base: Wanted, runs: int, tell: Tell, *, counts: bool = False
) -> list[Line]:
    """Run one workload, hub and relay by turns, so that both meet the same weather.

    Args:
        workload: Which.
        base: What all workloads have alike.
        runs: How often.
        tell: Hears what goes on.
        counts: Whether to count the hub's fsyncs, in a traced run more.
    """
    wanted = replace(
        base, pairs=workload.pairs, window=workload.window, rate=workload.rate, habits=workload.habits,
        networks=workload.networks,
    )  # fmt: skip
    flight = 0 if workload.rate else workload.pairs * workload.window
    lines = [
        Line(workload=workload.name, server=f"hub, {codec}", runs=[], in_flight=flight)
        for codec in workload.codecs
    ]
    relay = Line(workload=workload.name, server="naive relay", runs=[])
    floor = Line(workload=workload.name, server="raw sockets", runs=[])
    for run in range(runs):
        for line, codec in zip(lines, workload.codecs, strict=True):
            tell(f"{workload.name}, {line.server}, run {run + 1} of {runs}")
            line.runs.append(measure_hub(wanted, codec))
        if workload.relay:
            tell(f"{workload.name}, naive relay and raw sockets, run {run + 1} of {runs}")
            relay.runs.append(measure_relay(wanted))
            floor.runs.append(measure_relay(wanted, raw=True))
    if counts:
        tell(f"{workload.name}, {lines[0].server}, traced")
        lines[0].fsyncs = count_fsyncs(wanted, workload.codecs[0])
    if not workload.relay:
        return lines
    for line in lines:
        line.beside(relay, floor)
    return [*lines, relay, floor]


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="isthmus bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="a smoke run of less than a minute")
    parser.add_argument(
        "--full", action="store_true", help="stores of 10,000,000 messages too: half an hour more"
    )
    parser.add_argument(
        "--cluster", action="store_true",
        help="only one, two and three hubs on PostgreSQL and NATS, beside a single node with the same load",
    )  # fmt: skip
    parser.add_argument("--keep", type=Path, help="a folder where grown stores are kept, and taken from")
    parser.add_argument("--runs", type=int, default=3, help="runs of each workload (3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to measure each run (5)")
    parser.add_argument("--people", type=int, default=5_000, help="sessions of the crowd (5000)")
    parser.add_argument("--only", nargs="*", default=[], help="workloads whose names hold one of these words")
    parser.add_argument(
        "--json", nargs="?", const="-", help="write data to a file, or alone to standard output"
    )
    parser.add_argument("--picture", type=Path, help="draw an SVG")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the databases lie"
    )
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(f"Unknown: {shlex.join(unknown)}. Parts that run alone: {', '.join(ALONE)}.")
    options.command = shlex.join(("python", "-m", "benchmarks", *arguments))
    names = [workload.name for workload in (SHORT if options.short else WORKLOADS)]
    for word in options.only:
        if word not in PARTS and not any(word in name for name in names):
            parser.error(f"Nothing is called {word!r}; there are: {', '.join((*names, *PARTS))}.")
    return options


def measure(options: argparse.Namespace, tell: Tell, keep: Callable[[Report], None]) -> Report:
    """Run everything that was asked for; what was found is kept as it comes, since all of it takes long."""
    mine = cores()
    base = Wanted(
        pairs=50, window=16, seconds=1.5 if options.short else options.seconds, rate=0.0, marks=16,
        chain=False, mix=MIX, gather_ms=0.0, batch=512, memory=False, uvloop=True, folder=options.folder,
        hub_core=mine[0], load_core=mine[-1],
    )  # fmt: skip
    report = Report(
        machine=machine(options.folder), command=options.command, disk=[fsync_times(options.folder)],
        pairs=[], crowd=[],
    )  # fmt: skip
    if options.cluster:
        _cluster(base, report, tell)
        return report
    counts = can_trace() and not options.short
    for workload in SHORT if options.short else WORKLOADS:
        if not options.only or any(word in workload.name for word in options.only):
            runs = 1 if options.short else options.runs
            report.pairs += measure_pairs(workload, base, runs, tell, counts=counts)
            report.disk.append(fsync_times(options.folder))
            keep(report)
    for part, begin in PARTS.items():
        if part in options.only if options.only else part in IN_SHORT or not options.short:
            tell(part)
            begin(options, report, tell)
            keep(report)
    report.disk.append(fsync_times(options.folder))
    report.left_out = [*LEFT_OUT, *(() if can_trace() else (NO_STRACE,))]
    return report


def _cluster(base: Wanted, report: Report, tell: Tell) -> None:
    from benchmarks.cluster import PAIRS, WINDOW, measure_cluster  # servers are the tests' to start

    single = Pairs(name=f"{PAIRS} pairs x {WINDOW}", pairs=PAIRS, window=WINDOW, relay=False)
    report.pairs += measure_pairs(single, base, 1, tell)
    report.cluster = measure_cluster(tell, base.seconds)


def _groups(options: argparse.Namespace, report: Report, tell: Tell) -> None:
    if options.short:
        report.groups.append(measure_groups(options.folder, members=20, groups=2, rate=100, seconds=1))
        return
    for _ in range(options.runs):
        for rate in (0, 400):
            found = measure_groups(options.folder, members=100, groups=5, rate=rate, seconds=options.seconds)
            report.groups.append(found)


def _crowd(options: argparse.Namespace, report: Report, tell: Tell) -> None:
    people, live_s = (300, 1.0) if options.short else (options.people, options.seconds)
    for _ in range(1 if options.short else options.runs):
        tell(f"{people:,} people come, stay, go and come back")
        report.crowd.append(measure_crowd(people, options.folder, live_s))


def _growth(options: argparse.Namespace, report: Report, tell: Tell) -> None:
    sizes = (*SIZES, FULL) if options.full else SIZES
    report.growth = measure_growth(sizes, options.folder, options.keep, 16, tell)


def _import(options: argparse.Namespace, report: Report, tell: Tell) -> None:
    report.importing = compare(100_000, 0, options.runs)


def _pressure(options: argparse.Namespace, report: Report, tell: Tell) -> None:
    report.pressure = list(measure_pressure(options.folder, tell=tell))


def _peers(options: argparse.Namespace, report: Report, tell: Tell) -> None:
    load = PeerLoad(protocol="", port=0, pids=(), seconds=options.seconds)
    report.peers = list(measure_peers(load, options.folder, [], runs=options.runs, tell=tell))


PARTS: Final[dict[str, Callable[[argparse.Namespace, Report, Tell], None]]] = {
    "peers": _peers,
    "groups": _groups,
    "crowd": _crowd,
    "growth": _growth,
    "import": _import,
    "pressure": _pressure,
}
IN_SHORT: Final = ("groups", "crowd")
ALONE: Final = (
    "throughput", "crowd", "growth", "groups", "pressure", "importing", "peers_beside", "soak", "steps",
    "hot_path", "beside", "store_commit", "store_postgres", "decide", "simulate", "page",
)  # fmt: skip
"""Parts with options of their own: ``python -m benchmarks soak`` is ``python -m benchmarks.soak``."""


def main(arguments: list[str]) -> int:
    """Measure and tell; return 1 if a promise was broken."""
    if arguments and arguments[0] in ALONE:
        os.execv(sys.executable, [sys.executable, "-m", f"benchmarks.{arguments[0]}", *arguments[1:]])
    options = parsed(arguments)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def keep(report: Report) -> None:
        if options.json and options.json != "-":
            data: dict[str, Any] = msgspec.to_builtins(report)
            Path(options.json).write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))

    report = measure(options, tell, keep)
    if options.json == "-":
        print(orjson.dumps(msgspec.to_builtins(report)).decode())
    else:
        print("\n".join((*table(report), *(() if options.short else goal_rows(report)))))
        keep(report)
    if options.picture:
        picture(report, options.picture)
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
