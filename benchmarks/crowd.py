"""What a crowd costs: sign-ins, idle sessions, and everyone coming back at once.

python -m benchmarks.crowd [--people N] [--json]
"""

import argparse
import resource
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks.load.crowd import Crowded, CrowdLoad
from benchmarks.load.hub_process import Order, Running
from benchmarks.load.processes import cores, started
from bridge.config import Config, Limits, Listen, StoreSettings

_FILES = 16_384


def measure_crowd(people: int, folder: Path) -> Crowded:
    """Run a hub and a crowd on it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, _FILES)), hard))
    mine = cores()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        config = Config(
            listen=Listen(port=0),
            store=StoreSettings(path=str(Path(place) / "hub.db")),
            limits=Limits(connections_per_address=people + 100, sign_ins_per_minute=10 * people),
            log_level="warning",
        )
        order = msgspec.json.encode(Order(config=config, pairs=people // 2)).decode()
        with started("benchmarks.load.hub_process", order, core=mine[0]) as (process, line):
            load = CrowdLoad(pid=process.pid, target=msgspec.json.decode(line, type=Running))
            wanted = msgspec.json.encode(load).decode()
            path = Path(place) / "order.json"
            path.write_text(wanted)
            with started("benchmarks.load.crowd", str(path), core=mine[-1]) as (_, found):
                return msgspec.json.decode(found, type=Crowded)


def rows(found: Crowded) -> list[str]:
    """Write the result for a reader."""
    return [
        f"{found.sessions:,} sessions: {found.sign_ins_per_s:,.0f} sign-ins a second,"
        f" {found.sign_in_cpu_us:.0f} µs of the hub's CPU each;"
        f" {found.idle_kib:.1f} KiB for each idle session",
        f"all back at once, with {found.replayed:,} missed events, in {found.storm_s:.2f} s;"
        f" {found.storm_cpu_us:.0f} µs of CPU each",
        *(f"FAULT: {fault}" for fault in found.faults),
    ]


def main(arguments: list[str]) -> int:
    """Measure and print; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--people", type=int, default=5_000, help="sessions (5000)")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the database lies"
    )
    parser.add_argument("--json", action="store_true", help="print data")
    options = parser.parse_args(arguments)
    found = measure_crowd(options.people, options.folder)
    print(msgspec.json.encode(found).decode() if options.json else "\n".join(rows(found)))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
