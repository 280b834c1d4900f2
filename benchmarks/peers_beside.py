"""Other servers under the same kind of load: those that are installed, each through its own protocol.

    python -m benchmarks.peers_beside [--seconds S] [--rate R] [--only NAME …] [--json]

Pairs talk with 16 unanswered messages between the two of each; every delivery
is checked for order. Fsyncs are counted in a traced run of their own, beside
which no figure is kept. A peer that is not installed is one line saying how to install it.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.load.generator import Measured
from benchmarks.load.processes import cores, counted_fsyncs, started
from benchmarks.peers.drive import PeerLoad
from benchmarks.peers.servers import PEERS, Peer, running

_TRACE = ("strace", "-f", "-c", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-o")


class Beside(Struct, kw_only=True):
    """What a peer showed.

    Attributes:
        name: Which peer.
        acknowledges: What its acknowledgement means.
        measured: What the load showed; None if it was left out.
        fsyncs: Waits for the disk for each message, in a traced run of its own; None if not counted.
        left_out: Why it was not measured.
    """

    name: str
    acknowledges: str
    measured: Measured | None = None
    fsyncs: float | None = None
    left_out: str = ""


def measure_peer(peer: Peer, load: PeerLoad, folder: Path, *, trace: bool = True) -> Beside:
    """Run a peer and the load on it; then, traced, a shorter one to count fsyncs."""
    found = Beside(name=peer.name, acknowledges=peer.acknowledges)
    if peer.find() is None:
        found.left_out = f"not installed: {peer.install}"
        return found
    load = replace(load, pairs=min(load.pairs, peer.pairs))
    try:
        found.measured = _measure(peer, load, folder)
        if not found.measured.messages:
            found.measured = None
            found.left_out = "it acknowledged nothing in the time measured: give it more --seconds"
            return found
        if trace and shutil.which("strace"):
            with tempfile.NamedTemporaryFile(dir=folder) as report:
                short = replace(load, seconds=2.0, pairs=min(load.pairs, 10))
                traced = _measure(peer, short, folder, (*_TRACE, report.name))
                calls = counted_fsyncs(Path(report.name).read_text())
                found.fsyncs = round(calls / max(1, traced.verified), 4)
    except (RuntimeError, OSError) as problem:
        found.left_out = str(problem)
    return found


def _measure(peer: Peer, load: PeerLoad, folder: Path, before: tuple[str, ...] = ()) -> Measured:
    mine = cores()
    with (
        tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as place,
        running(peer, Path(place), mine[0], before) as (pid, port),
    ):
        order = msgspec.json.encode(replace(load, protocol=peer.protocol, pid=pid, port=port)).decode()
        with started("benchmarks.peers.drive", order, core=mine[-1]) as (_, line):
            return msgspec.json.decode(line, type=Measured)


def rows(found: Beside) -> Iterator[str]:
    """Write the result for a reader."""
    measured = found.measured
    if measured is None:
        yield f"{found.name:18}left out: {found.left_out}"
        return
    ack = measured.acknowledged
    synced = "not counted" if found.fsyncs is None else f"{found.fsyncs:.3f}"
    yield (
        f"{found.name:18}{measured.rate:9,.0f} msg/s{measured.cpu_us:9.1f} µs CPU{ack.p50:9.2f}{ack.p95:9.2f}"
        f"{ack.p99:9.2f}{ack.max:9.1f} ms{measured.rss_mib:7.0f} MiB  fsyncs/message {synced}"
    )
    yield f"{'':18}acknowledged means: {found.acknowledges}"
    yield from (f"{'':18}FAULT: {fault}" for fault in measured.faults)
    if found.left_out:
        yield f"{'':18}fsyncs not counted: {found.left_out}"


def measure_peers(load: PeerLoad, folder: Path, only: list[str], *, trace: bool = True) -> Iterator[Beside]:
    """Measure each peer that is asked for; all if none is named."""
    for peer in PEERS:
        if not only or any(word.lower() in peer.name.lower() for word in only):
            yield measure_peer(peer, load, folder, trace=trace)


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers_beside",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--pairs", type=int, default=50, help="pairs of people (50)")
    parser.add_argument("--window", type=int, default=16, help="unanswered messages of each pair (16)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to measure each (5)")
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
    load = PeerLoad(
        protocol="", port=0, pid=0, pairs=options.pairs, window=options.window, rate=options.rate,
        seconds=options.seconds,
    )  # fmt: skip
    found = list(measure_peers(load, options.folder, options.only, trace=not options.no_trace))
    if options.json:
        print(msgspec.json.encode(found).decode())
    else:
        print("\n".join(row for one in found for row in rows(one)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
