"""What the benchmark found: as data, as a table, as a picture."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from msgspec import Struct

from benchmarks.crowd import rows as crowd_rows
from benchmarks.load.crowd import Crowded
from benchmarks.load.generator import Measured
from benchmarks.peers_beside import Beside
from benchmarks.peers_beside import rows as peer_rows


class Line(Struct, kw_only=True):
    """One line of the table: the runs of one workload on one server.

    Attributes:
        workload: Which.
        server: ``hub, json``, ``hub, msgpack``, ``naive relay`` or ``raw sockets``.
        runs: What each run showed.
        ratio_to_naive_relay: The median CPU for a message over that of the naive relay of the same workload.
        ratio_to_floor: The same over that of the relay on raw sockets.
    """

    workload: str
    server: str
    runs: list[Measured]
    ratio_to_naive_relay: float | None = None
    ratio_to_floor: float | None = None

    @property
    def cpu_us(self) -> float:
        """The median CPU for a message, in microseconds."""
        return median(run.cpu_us for run in self.runs)


class Report(Struct, kw_only=True):
    """All that was measured, and where.

    Attributes:
        machine: What it was measured on.
        pairs: People who talk in pairs.
        crowd: Many who sign in, stay and come back.
        peers: Other servers in the same run.
        left_out: What is not measured, and why.
    """

    machine: dict[str, str]
    pairs: list[Line]
    crowd: list[Crowded]
    peers: list[Beside] = []
    left_out: list[str] = []

    @property
    def faults(self) -> list[str]:
        """The promises that were broken; there must be none."""
        found = [fault for line in self.pairs for run in line.runs for fault in run.faults]
        return found + [fault for crowd in self.crowd for fault in crowd.faults]


def table(report: Report) -> Iterator[str]:
    """Write the report for a reader: the median of the runs, with the least and the most CPU beside it."""
    yield " · ".join(f"{name} {value}" for name, value in report.machine.items())
    yield (
        f"{'workload':18}{'server':14}{'msg/s':>9}{'CPU µs':>8}{'(min':>8}{'max)':>8}{'x relay':>9}"
        f"{'x raw':>7}{'ack p50':>9}{'p95':>8}{'p99':>8}{'max':>8}{'batch':>7}{'MiB':>6}{'load µs':>9}"
    )
    for line in report.pairs:
        middle = sorted(line.runs, key=lambda run: run.cpu_us)[len(line.runs) // 2]
        costs, ack = [run.cpu_us for run in line.runs], middle.acknowledged
        ratio = f"{line.ratio_to_naive_relay:.2f}" if line.ratio_to_naive_relay else ""
        floor = f"{line.ratio_to_floor:.1f}" if line.ratio_to_floor else ""
        yield (
            f"{line.workload:18}{line.server:14}{middle.rate:9,.0f}{middle.cpu_us:8.1f}{min(costs):8.1f}{max(costs):8.1f}"
            f"{ratio:>9}{floor:>7}{ack.p50:9.2f}{ack.p95:8.2f}{ack.p99:8.2f}{ack.max:8.1f}{middle.batch:7.1f}"
            f"{middle.rss_mib:6.0f}{middle.generator_us:9.1f}"
        )
        if middle.generator_us * middle.rate > 0.9e6:
            yield f"{'':18}the load was the bottleneck here, not the server"
    for crowd in report.crowd:
        yield from crowd_rows(crowd)
    for peer in report.peers:
        yield from peer_rows(peer)
    yield from (f"not measured: {reason}" for reason in report.left_out)
    yield from (f"FAULT: {fault}" for fault in report.faults)


def costs_of(report: Report) -> list[tuple[str, float]]:
    """Name each server that was measured and its CPU for a message, in microseconds."""
    costs = [(f"{line.workload}\n{line.server}", line.cpu_us) for line in report.pairs]
    return costs + [(peer.name, peer.measured.cpu_us) for peer in report.peers if peer.measured is not None]


def picture(report: Report, path: Path) -> None:
    """Draw the cost of a message beside the relay's, and the latency of each workload.

    Raises:
        SystemExit: If matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise SystemExit("The picture needs matplotlib: install the extra `bench`.") from None
    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams["svg.hashsalt"] = "isthmus"
    figure, (cost, wait) = pyplot.subplots(1, 2, figsize=(12, 8))
    costs = costs_of(report)
    cost.barh([name for name, _ in costs], [value for _, value in costs])
    cost.set_xscale("log")
    cost.tick_params(labelsize=7)
    cost.set_xlabel("CPU for a message, µs (median)")
    cost.invert_yaxis()
    shares = ("p50", "p95", "p99", "max")
    for line in report.pairs:
        ack = line.runs[len(line.runs) // 2].acknowledged
        wait.plot(
            shares,
            [getattr(ack, share) for share in shares],
            marker="o",
            label=f"{line.workload}, {line.server}",
        )
    wait.set_yscale("log")
    wait.set_ylabel("time to acknowledgement, ms")
    wait.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
