"""What a crowd costs: sign-ins, idle sessions, and everyone coming back at once beside people who talk.

python -m benchmarks.crowd [--people N] [--json]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.load.crowd import Crowded, CrowdLoad
from benchmarks.load.generator import Load, Measured
from benchmarks.load.hub_process import Order, Running
from benchmarks.load.processes import cores, started
from bridge.config import Config, Limits, Listen, StoreSettings

_FILES: Final = 16_384
_LIVE: Final = 25
"""Pairs who talk while the others come back."""
_LIVE_PER_S: Final = 500.0


def measure_crowd(people: int, folder: Path, live_s: float = 5.0) -> Crowded:
    """Run a hub, a crowd on it, and people who talk while the crowd comes back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, _FILES)), hard))
    mine = cores()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        config = Config(
            listen=Listen(port=0),
            store=StoreSettings(path=str(Path(place) / "hub.db")),
            limits=Limits(
                connections_per_address=people + 200,
                connects_burst=3 * people + 1_000,
                sign_ins_per_minute=10 * people + 1_000,
            ),
            log_level="warning",
        )
        order = Order(config=config, pairs=people // 2 + 2 * _LIVE)
        with started("benchmarks.load.hub_process", order=order, core=mine[0]) as (hub, line):
            target = msgspec.json.decode(line, type=Running)
            crowd = CrowdLoad(pid=hub.pid, target=Running(url=target.url, pairs=target.pairs[2 * _LIVE :]))
            alone, beside = (
                Load(
                    pid=hub.pid, target=Running(url=target.url, pairs=some), rate=_LIVE_PER_S, seconds=live_s,
                    told=told,
                )
                for some, told in ((target.pairs[:_LIVE], False), (target.pairs[_LIVE : 2 * _LIVE], True))
            )  # fmt: skip
            with started("benchmarks.load.crowd", order=crowd, core=mine[-1]) as (comers, _):
                return _storm(comers, alone, beside, mine[-1])


def _storm(comers: "subprocess.Popen[str]", quiet: Load, busy: Load, core: int) -> Crowded:
    """Measure those who talk alone, then others while the crowd, which has gone, comes back."""
    assert comers.stdin, "it is a pipe"
    assert comers.stdout, "it is a pipe"
    with started("benchmarks.load.generator", order=quiet, core=core) as (_, line):
        alone = msgspec.json.decode(line, type=Measured)
    with started("benchmarks.load.generator", order=busy, core=core) as (talkers, _):
        assert talkers.stdin, "it is a pipe"
        assert talkers.stdout, "it is a pipe"
        print("come", file=comers.stdin, flush=True)
        found = msgspec.json.decode(comers.stdout.readline(), type=Crowded)
        talkers.stdin.close()
        beside = msgspec.json.decode(talkers.stdout.readline(), type=Measured)
    found.live_alone, found.live_beside = alone.acknowledged, beside.acknowledged
    found.faults += alone.faults + beside.faults
    return found


def rows(found: Crowded) -> list[str]:
    """Write the result for a reader."""
    lines = [
        f"{found.sessions:,} sessions: {found.sign_ins_per_s:,.0f} sign-ins a second,"
        f" {found.sign_in_cpu_us:.0f} µs of the hub's CPU each;"
        f" {found.idle_kib:.1f} KiB for each idle session",
        f"all back at once, with {found.replayed:,} missed events, in {found.storm_s:.2f} s;"
        f" {found.storm_cpu_us:.0f} µs of CPU each",
    ]
    if found.live_alone and found.live_beside:
        alone, beside = found.live_alone, found.live_beside
        times = f" ({beside.p99 / alone.p99:.1f} ×)" if alone.p99 else ""
        lines.append(
            f"who talks meanwhile waits {alone.p50:.2f} / {alone.p99:.2f} ms (p50, p99) alone,"
            f" {beside.p50:.2f} / {beside.p99:.2f} ms beside them{times}"
        )
    return [*lines, *(f"FAULT: {fault}" for fault in found.faults)]


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
