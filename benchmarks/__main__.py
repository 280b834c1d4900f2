"""The benchmark: ``isthmus bench``, ``python3 go.py bench``.

    python -m benchmarks [--short] [--runs N] [--json FILE] [--picture FILE] [--only NAME …]

Every workload runs beside the naive relay and raw sockets in the same run, so
that a noisy machine is noisy for both: what counts is the hub's CPU for each
message and its ratio to the relay's. Peers run too if they are installed.
Exit code 1 means a broken promise (a message lost, doubled, reordered), never a
slow machine.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import orjson
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.crowd import measure_crowd
from benchmarks.load.processes import cores
from benchmarks.peers.drive import PeerLoad
from benchmarks.peers_beside import measure_peers
from benchmarks.report import Line, Report, picture, table
from benchmarks.throughput import Wanted, measure_hub, measure_relay

MIX = (0.85, 0.05, 0.05, 0.05)
LEFT_OUT = (
    "groups of 100: the bridge has no groups yet",
    "growth, pressure, imports, commits, rules: python -m benchmarks.growth, .pressure, .importing, …",
)


class Pairs(Struct, frozen=True, kw_only=True):
    """A workload of people who talk in pairs.

    Attributes:
        name: What the table calls it.
        pairs: How many pairs.
        window: Unanswered sends of each.
        rate: Sends a second over all; 0: as many as the windows let through.
        codecs: With which codecs.
        relay: Whether the naive relay runs beside it.
    """

    name: str
    pairs: int = 50
    window: int = 16
    rate: float = 0.0
    codecs: tuple[str, ...] = ("json",)
    relay: bool = True


WORKLOADS = (
    Pairs(name="50 pairs x 16", codecs=("json", "msgpack")),
    Pairs(name="200 pairs x 16", pairs=200),
    Pairs(name="50 pairs x 1", window=1),
    Pairs(name="1,000 a second", rate=1_000),
    Pairs(name="2,000 a second", rate=2_000),
    Pairs(name="8,000 a second", rate=8_000),
)
SHORT = (Pairs(name="50 pairs x 16"), Pairs(name="1,000 a second", rate=1_000, relay=False))


def machine(folder: Path) -> dict[str, str]:
    """Name what the figures were taken on."""
    from importlib.metadata import version

    return {
        "cores": str(len(cores())),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "websockets": version("websockets"),
        "sqlite": __import__("sqlite3").sqlite_version,
        "disk": f"{folder} on {os.stat(folder).st_dev}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def measure_pairs(workload: Pairs, base: Wanted, runs: int, tell: Callable[[str], None]) -> list[Line]:
    """Run one workload, hub and relay by turns, so that both meet the same weather."""
    wanted = replace(base, pairs=workload.pairs, window=workload.window, rate=workload.rate)
    lines = [Line(workload=workload.name, server=f"hub, {codec}", runs=[]) for codec in workload.codecs]
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
    if not workload.relay:
        return lines
    for line in lines:
        line.ratio_to_naive_relay = round(line.cpu_us / relay.cpu_us, 2) if relay.cpu_us else None
        line.ratio_to_floor = round(line.cpu_us / floor.cpu_us, 2) if floor.cpu_us else None
    return [*lines, relay, floor]


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="isthmus bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="a smoke run of less than a minute")
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
    return parser.parse_args(arguments)


def measure(options: argparse.Namespace, tell: Callable[[str], None]) -> Report:
    """Run everything that was asked for."""
    mine = cores()
    base = Wanted(
        pairs=50, window=16, seconds=1.5 if options.short else options.seconds, rate=0.0, marks=16,
        chain=False, mix=MIX, gather_ms=0.0, batch=512, memory=False, uvloop=True, folder=options.folder,
        hub_core=mine[0], load_core=mine[-1],
    )  # fmt: skip
    report = Report(machine=machine(options.folder), pairs=[], crowd=[])
    for workload in SHORT if options.short else WORKLOADS:
        if not options.only or any(word in workload.name for word in options.only):
            report.pairs += measure_pairs(workload, base, 1 if options.short else options.runs, tell)
    if not options.only or "crowd" in options.only:
        people = 300 if options.short else options.people
        tell(f"{people:,} people come, stay, go and come back")
        report.crowd.append(measure_crowd(people, options.folder))
    if not options.short and (not options.only or "peers" in options.only):
        load = PeerLoad(protocol="", port=0, pid=0, seconds=options.seconds)
        for peer in measure_peers(load, options.folder, []):
            tell(f"{peer.name}: {peer.left_out or 'measured'}")
            report.peers.append(peer)
    report.left_out = list(LEFT_OUT)
    return report


def main(arguments: list[str]) -> int:
    """Measure and tell; return 1 if a promise was broken."""
    options = parsed(arguments)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    report = measure(options, tell)
    data: dict[str, Any] = msgspec.to_builtins(report)
    if options.json == "-":
        print(orjson.dumps(data).decode())
    else:
        print("\n".join(table(report)))
        if options.json:
            Path(options.json).write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))
    if options.picture:
        picture(report, options.picture)
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
