"""What a group of 100 costs for each delivery, by a fixture: the bridge has no live groups yet.

python -m benchmarks.groups [--members N] [--groups N] [--window N] [--rate R] [--json]

Each group has some posts unanswered, or all post at a rate. A post is one stored message, a thin journal line
for each member, one encoding and a push for each; ``benchmarks/load/group_process.py`` says what the fixture
does itself.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.load.group_ears import EarsOrder, Heard
from benchmarks.load.group_process import GroupOrder, Groups, Posted
from benchmarks.load.processes import cores, started
from bridge.config import Config, Limits, Listen, StoreSettings


def measure_groups(
    folder: Path, *, members: int, groups: int, seconds: float, rate: float = 0.0, window: int = 16
) -> Heard:
    """Run a hub with groups, and all their members."""
    mine = cores()
    offered = f"{rate:,.0f} posts a second" if rate else f"{window} posts unanswered in each"
    with tempfile.TemporaryDirectory(dir=folder) as place:
        config = Config(
            listen=Listen(port=0),
            store=StoreSettings(path=str(Path(place) / "hub.db")),
            limits=Limits(
                connections_per_address=members * groups + 100, sign_ins_per_minute=10 * members * groups
            ),
            log_level="warning",
        )
        order = GroupOrder(config=config, groups=groups, members=members, rate=rate, window=window)
        with started("benchmarks.load.group_process", order=order, core=mine[0]) as (hub, line):
            target = msgspec.json.decode(line, type=Groups)
            listening = EarsOrder(pid=hub.pid, target=target, offered=offered, seconds=seconds)
            with started("benchmarks.load.group_ears", order=listening, core=mine[-1]) as (ears, _):
                assert hub.stdin, "it is a pipe"
                assert hub.stdout, "it is a pipe"
                assert ears.stdout, "it is a pipe"
                print("go", file=hub.stdin, flush=True)
                heard = msgspec.json.decode(ears.stdout.readline(), type=Heard)
                print("stop", file=hub.stdin, flush=True)
                posted = msgspec.json.decode(hub.stdout.readline(), type=list[Posted])
    refused = sum(one.refused for one in posted)
    if refused:
        heard.faults.append(f"{refused} of {sum(one.posts for one in posted)} posts were refused")
    return heard


def rows(found: list[Heard]) -> Iterator[str]:
    """Write the results for a reader."""
    for one in found:
        told = one.delivered
        yield (
            f"groups of {one.members} (a fixture; {one.groups} of them, {one.offered}): {one.cpu_us:.1f} µs"
            f" of the hub's CPU for each delivery, {one.rate:,.0f} deliveries a second, after"
            f" {told.p50:.2f} / {told.p95:.2f} / {told.p99:.2f} ms (p50, p95, p99);"
            f" load {one.load_us:.1f} µs; {one.rss_mib:.0f} MiB"
        )
        if one.load_us * one.rate > 0.9e6:
            yield "    the load was the bottleneck here, not the server"
        yield from (f"    FAULT: {fault}" for fault in one.faults)


def main(arguments: list[str]) -> int:
    """Measure and print; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.groups",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--members", type=int, default=100, help="members of each (100)")
    parser.add_argument("--groups", type=int, default=5, help="how many groups (5)")
    parser.add_argument("--window", type=int, default=16, help="unanswered posts of each (16)")
    parser.add_argument("--rate", type=float, default=0.0, help="posts a second over all; 0: by windows")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to measure (5)")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the database lies"
    )
    parser.add_argument("--json", action="store_true", help="print data")
    options = parser.parse_args(arguments)
    found = measure_groups(
        options.folder, members=options.members, groups=options.groups, seconds=options.seconds,
        rate=options.rate, window=options.window,
    )  # fmt: skip
    print(msgspec.json.encode(found).decode() if options.json else "\n".join(rows([found])))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
