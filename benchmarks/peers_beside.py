"""Other servers under the same kind of load: those that are installed, each through its own protocol.

    python -m benchmarks.peers_beside [--runs N] [--seconds S] [--only NAME …] [--json]

Pairs talk with a window of unanswered messages between the two of each; every
delivery is checked for order. A peer that is slow to answer is first tried
shortly under several loads; the runs are at the one where a message cost it
least, so that what stands in the table is its best case. Fsyncs are counted in
a traced run of their own, beside which no figure is kept. A peer that is not
installed is one line saying how to install it.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from benchmarks.load.generator import Measured
from benchmarks.load.processes import cores, started, tree
from benchmarks.load.trace import can_trace, traced, waits
from benchmarks.peers.drive import PeerLoad
from benchmarks.peers.servers import PEERS, Peer, Served, running

BOTTLENECK: Final = 0.9
_TRY_S: Final = 4.0
_SLOW_WARM_UP_S: Final = 3.0
_TRACED_S: Final = 3.0

Tell = Callable[[str], None]


class Tried(Struct, kw_only=True):
    """What one of the loads that may suit a peer showed in a short run."""

    pairs: int
    window: int
    rate: float
    cpu_us: float


class Beside(Struct, kw_only=True):
    """What a peer showed.

    Attributes:
        name: Which peer.
        acknowledges: What its acknowledgement means.
        load: Under which load it was measured: that of least cost among those tried.
        tried: The loads that were tried for that.
        runs: What each run showed; empty if it was left out.
        fsyncs: Waits for the disk for each message, in a traced run of its own; None if not counted.
        left_out: Why it was not measured.
    """

    name: str
    acknowledges: str
    load: str = ""
    tried: list[Tried] = field(default_factory=list)
    runs: list[Measured] = field(default_factory=list)
    fsyncs: float | None = None
    left_out: str = ""

    @property
    def cpu_us(self) -> float:
        """The median CPU for a message, in microseconds."""
        return median(run.cpu_us for run in self.runs)

    @property
    def middle(self) -> Measured:
        """The run of median CPU."""
        return sorted(self.runs, key=lambda run: run.cpu_us)[len(self.runs) // 2]


def measure_peer(
    peer: Peer, load: PeerLoad, folder: Path, *, runs: int = 1, trace: bool = True, tell: Tell = print
) -> Beside:
    """Find the load that suits a peer, run it so often, and then, traced, count fsyncs."""
    found = Beside(name=peer.name, acknowledges=peer.acknowledges)
    if peer.find() is None:
        found.left_out = f"not installed: {peer.install}"
        return found
    try:
        best = _suiting(peer, load, folder, found, tell)
        found.load = f"{best.pairs} pairs x {best.window}"
        for run in range(runs):
            tell(f"{peer.name}, {found.load}, run {run + 1} of {runs}")
            measured = _measure(peer, best, folder)
            if measured.messages:
                found.runs.append(measured)
        if not found.runs:
            found.left_out = "it acknowledged nothing in the time measured: give it more --seconds"
        elif trace and can_trace():
            found.fsyncs = _fsyncs(peer, replace(best, seconds=_TRACED_S, warm_up_s=1.0), folder)
    except (RuntimeError, OSError) as problem:
        found.left_out = str(problem)
    return found


def _suiting(peer: Peer, load: PeerLoad, folder: Path, found: Beside, tell: Tell) -> PeerLoad:
    """Try the loads that may suit a peer; give the one where a message cost it least."""
    loads = [replace(load, pairs=pairs, window=window) for pairs, window in peer.loads]
    if len(loads) == 1:
        return loads[0]
    loads = [replace(one, warm_up_s=_SLOW_WARM_UP_S, seconds=2 * load.seconds) for one in loads]
    for one in loads:
        tell(f"{peer.name}: trying {one.pairs} pairs x {one.window}")
        measured = _measure(peer, replace(one, seconds=_TRY_S), folder)
        cost = measured.cpu_us if measured.messages else float("inf")
        found.tried.append(
            Tried(pairs=one.pairs, window=one.window, rate=measured.rate, cpu_us=min(cost, 1e9))
        )
    costs = [tried.cpu_us for tried in found.tried]
    return loads[costs.index(min(costs))]


def _measure(peer: Peer, load: PeerLoad, folder: Path) -> Measured:
    with _served(peer, folder) as served, _driven(peer, load, served) as answer:
        return answer()


def _fsyncs(peer: Peer, load: PeerLoad, folder: Path) -> float:
    """Count the waits for the disk for each message once all have signed in."""
    with (
        tempfile.NamedTemporaryFile(dir=folder) as report,
        _served(peer, folder) as served,
        _driven(peer, replace(load, waits=True), served) as answer,
    ):
        pids = [one for pid in served.pids for one in tree(pid)]
        with traced(pids, Path(report.name)):
            measured = answer()
        return round(len(waits(Path(report.name))) / max(1, measured.verified), 4)


@contextmanager
def _served(peer: Peer, folder: Path) -> Iterator[Served]:
    with (
        tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as place,
        running(peer, Path(place), cores()[0]) as served,
    ):
        yield served


@contextmanager
def _driven(peer: Peer, load: PeerLoad, served: Served) -> Iterator[Callable[[], Measured]]:
    """Sign the load's people in; what is given lets them talk and tells what that showed."""
    wanted = replace(load, protocol=peer.protocol, pids=served.pids, port=served.port)
    with started("benchmarks.peers.drive", order=wanted, core=cores()[-1]) as (process, _):

        def answer() -> Measured:
            assert process.stdin, "it is a pipe"
            assert process.stdout, "it is a pipe"
            if load.waits:
                process.stdin.write("\n")
                process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the load on it failed")
            return msgspec.json.decode(line, type=Measured)

        yield answer


def rows(found: Beside) -> Iterator[str]:
    """Write the result for a reader."""
    if not found.runs:
        yield f"{found.name:22}left out: {found.left_out}"
        return
    middle, costs = found.middle, [run.cpu_us for run in found.runs]
    ack = middle.acknowledged
    synced = "not counted" if found.fsyncs is None else f"{found.fsyncs:.3f}"
    yield (
        f"{found.name:22}{found.load:16}{middle.rate:9,.0f} msg/s{found.cpu_us:9.1f} µs CPU"
        f" ({min(costs):.1f} to {max(costs):.1f}) {ack.p50:9.2f}{ack.p95:9.2f}{ack.p99:9.2f}{ack.max:9.1f} ms"
        f"{middle.rss_mib:7.0f} MiB  fsyncs/message {synced}"
    )
    yield f"{'':22}acknowledged means: {found.acknowledges}"
    if found.tried:
        costs_tried = (f"{one.pairs} x {one.window}: {_cost(one)}" for one in found.tried)
        yield f"{'':22}tried, µs: " + ", ".join(costs_tried)
    if middle.generator_us * middle.rate > BOTTLENECK * 1e6:
        yield f"{'':22}the load was the bottleneck here, not the server"
    yield from (f"{'':22}FAULT: {fault}" for run in found.runs for fault in run.faults)
    if found.left_out:
        yield f"{'':22}fsyncs not counted: {found.left_out}"


def _cost(tried: Tried) -> str:
    return "nothing acknowledged" if tried.cpu_us >= 1e9 else f"{tried.cpu_us:,.0f}"


def measure_peers(
    load: PeerLoad, folder: Path, only: list[str], *, runs: int = 1, trace: bool = True, tell: Tell = print
) -> Iterator[Beside]:
    """Measure each peer that is asked for; all if none is named."""
    for peer in PEERS:
        if not only or any(word.lower() in peer.name.lower() for word in only):
            yield measure_peer(peer, load, folder, runs=runs, trace=trace, tell=tell)


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers_beside",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each (3)")
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="how long to measure; slow peers twice (5)"
    )
    parser.add_argument(
        "--rate", type=float, default=0.0, help="messages a second; 0: what the windows allow"
    )
    parser.add_argument("--only", nargs="*", default=[], help="peers whose names hold one of these words")
    parser.add_argument("--no-trace", action="store_true", help="do not count fsyncs")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where their data lie"
    )
    parser.add_argument("--json", action="store_true", help="print data")
    options = parser.parse_args(arguments)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    load = PeerLoad(protocol="", port=0, pids=(), rate=options.rate, seconds=options.seconds)
    found = list(
        measure_peers(
            load, options.folder, options.only, runs=options.runs, trace=not options.no_trace, tell=tell
        )
    )
    if options.json:
        print(msgspec.json.encode(found).decode())
    else:
        print("\n".join(row for one in found for row in rows(one)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
