"""What the benchmark found: as data, as a table, as a picture."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from msgspec import Struct

from benchmarks.clustered import Costs
from benchmarks.clustered import rows as cluster_rows
from benchmarks.crowd import rows as crowd_rows
from benchmarks.groups import rows as group_rows
from benchmarks.growth import Grown
from benchmarks.growth import rows as growth_rows
from benchmarks.importing import table as import_table
from benchmarks.load.crowd import Crowded
from benchmarks.load.generator import Measured, Percentiles
from benchmarks.load.group_ears import Heard
from benchmarks.peers_beside import BOTTLENECK, Beside
from benchmarks.peers_beside import rows as peer_rows
from benchmarks.pressure import Pressed
from benchmarks.pressure import rows as pressure_rows


class Line(Struct, kw_only=True):
    """One line of the table: the runs of one workload on one server.

    Attributes:
        workload: Which.
        server: ``hub, json``, ``hub, msgpack``, ``naive relay`` or ``raw sockets``.
        runs: What each run showed.
        ratio_to_naive_relay: The median CPU for a message over that of the naive relay of the same workload.
        ratio_to_floor: The same over that of the relay on raw sockets.
        ratio_range: The least and the most of the ratios to the naive relay, run by run.
        in_flight: Messages unanswered at any time, in a closed loop; 0 where sends are due at fixed times.
        fsyncs: The hub's waits for the disk for each message, in a traced run of its own; None: not counted.
    """

    workload: str
    server: str
    runs: list[Measured]
    ratio_to_naive_relay: float | None = None
    ratio_to_floor: float | None = None
    ratio_range: tuple[float, float] | None = None
    in_flight: int = 0
    fsyncs: float | None = None

    @property
    def cpu_us(self) -> float:
        """The median CPU for a message, in microseconds."""
        return median(run.cpu_us for run in self.runs)

    @property
    def middle(self) -> Measured:
        """The run of median CPU."""
        return sorted(self.runs, key=lambda run: run.cpu_us)[len(self.runs) // 2]

    @property
    def is_hub(self) -> bool:
        """Whether the hub served it."""
        return self.server.startswith("hub")

    def beside(self, relay: "Line", floor: "Line") -> None:
        """Take the ratios to the two ends of the scale."""
        if not relay.cpu_us or not floor.cpu_us:
            return
        self.ratio_to_naive_relay = round(self.cpu_us / relay.cpu_us, 2)
        self.ratio_to_floor = round(self.cpu_us / floor.cpu_us, 2)
        pairs = zip(self.runs, relay.runs, strict=True)
        ratios = [round(own.cpu_us / other.cpu_us, 2) for own, other in pairs if other.cpu_us]
        self.ratio_range = (min(ratios), max(ratios)) if ratios else None


class Report(Struct, kw_only=True):
    """All that was measured, and where.

    Attributes:
        machine: What it was measured on.
        command: What measured it.
        pairs: People who talk in pairs.
        crowd: Many who sign in, stay and come back.
        disk: How long the disk itself took for an fdatasync, between the parts.
        peers: Other servers in the same run.
        groups: What a delivery in a group costs, by a fixture.
        growth: Stores of several sizes.
        importing: The import of an archive beside a plain importer.
        pressure: Healthy clients beside each kind of trouble.
        cluster: Several hubs on one PostgreSQL and one NATS.
        left_out: What is not measured, and why.
    """

    machine: dict[str, str]
    command: str = ""
    pairs: list[Line]
    crowd: list[Crowded]
    disk: list[Percentiles] = []
    peers: list[Beside] = []
    groups: list[Heard] = []
    growth: list[Grown] = []
    importing: dict[str, Any] = {}
    pressure: list[Pressed] = []
    cluster: list[Costs] = []
    left_out: list[str] = []

    @property
    def faults(self) -> list[str]:
        """The promises that were broken; there must be none."""
        found = [fault for line in self.pairs for run in line.runs for fault in run.faults]
        found += [fault for crowd in self.crowd for fault in crowd.faults]
        found += [fault for heard in self.groups for fault in heard.faults]
        found += [fault for one in self.cluster for fault in one.faults]
        return found + [fault for one in self.pressure for fault in one.healthy.faults]


def table(report: Report) -> Iterator[str]:
    """Write the report for a reader: the median of the runs, with the least and the most CPU beside it."""
    yield " · ".join(f"{name} {value}" for name, value in report.machine.items())
    if report.disk:
        p50, p99 = median(one.p50 for one in report.disk), median(one.p99 for one in report.disk)
        worst = max(one.p99 for one in report.disk)
        yield (
            f"the disk's own fdatasync, {len(report.disk)} times on the way: p50 {p50:.2f} ms,"
            f" p99 {p99:.2f} ms (at worst {worst:.2f})"
        )
    if report.pairs:
        yield (
            f"{'workload':18}{'server':14}{'msg/s':>9}{'CPU µs':>8}{'(min':>8}{'max)':>8}{'x relay':>9}"
            f"{'x raw':>7}{'ack p50':>9}{'p95':>8}{'p99':>8}{'max':>8}{'batch':>7}{'MiB':>6}{'load µs':>9}"
        )
    for line in report.pairs:
        yield from _row(line)
    for peer in report.peers:
        yield from peer_rows(peer)
    yield from _ratios_to_peers(report)
    yield from group_rows(report.groups)
    for crowd in report.crowd:
        yield from crowd_rows(crowd)
    if report.growth:
        yield from growth_rows(report.growth)
    if report.importing:
        yield import_table(report.importing)
    if report.pressure:
        yield from pressure_rows(report.pressure)
    yield from cluster_rows(report.cluster)
    yield from (f"not measured: {reason}" for reason in report.left_out)
    yield from (f"FAULT: {fault}" for fault in report.faults)


def _row(line: Line) -> Iterator[str]:
    middle = line.middle
    costs, ack = [run.cpu_us for run in line.runs], middle.acknowledged
    ratio = f"{line.ratio_to_naive_relay:.2f}" if line.ratio_to_naive_relay else ""
    floor = f"{line.ratio_to_floor:.1f}" if line.ratio_to_floor else ""
    yield (
        f"{line.workload:18}{line.server:14}{middle.rate:9,.0f}{middle.cpu_us:8.1f}{min(costs):8.1f}{max(costs):8.1f}"
        f"{ratio:>9}{floor:>7}{ack.p50:9.2f}{ack.p95:8.2f}{ack.p99:8.2f}{ack.max:8.1f}{middle.batch:7.1f}"
        f"{middle.rss_mib:6.0f}{middle.generator_us:9.1f}"
    )
    if line.fsyncs is not None:
        yield f"{'':18}{line.fsyncs:.4f} fsyncs a message (a traced run of its own)"
    if middle.generator_us * middle.rate > BOTTLENECK * 1e6:
        yield f"{'':18}the load was the bottleneck here, not the server"
    yield from (f"{'':18}{word}" for word in middle.lateness())


def _ratios_to_peers(report: Report) -> Iterator[str]:
    """Hold each peer's cost against the hub's first line of pairs."""
    hub = next((line for line in report.pairs if line.is_hub and line.cpu_us), None)
    if hub is not None:
        for peer in report.peers:
            if peer.runs:
                times = peer.cpu_us / hub.cpu_us
                yield f"{peer.name} takes {times:.1f} × the CPU of {hub.server} at {hub.workload}"


def costs_of(report: Report) -> list[tuple[str, float]]:
    """Name each server that was measured and its CPU for a message, in microseconds."""
    costs = [(f"{line.workload} · {line.server}", line.cpu_us) for line in report.pairs]
    return costs + [(peer.name, peer.cpu_us) for peer in report.peers if peer.runs]
