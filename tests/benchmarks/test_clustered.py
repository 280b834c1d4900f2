"""What was measured of several hubs is shown whole, and what was broken there fails the run."""

from array import array

import msgspec
from msgspec.structs import replace

from benchmarks.clustered import Costs, rows
from benchmarks.load.generator import Percentiles
from benchmarks.report import Report, table

NONE = Percentiles.of(array("d"))
ONE = Costs(
    hubs=1, busy=1, rate=4_000.0, hub_us=90.0, postgres_us=30.0, nats_us=0.0, own_us=20.0, commits=0.02,
    packets_in=0.25, packets_out=0.0, carried=0.0, again=0.0, acknowledged=NONE, delivered=NONE, faults=[],
)  # fmt: skip


def test_each_line_is_held_against_the_first() -> None:
    idle = replace(ONE, hubs=5, busy=2, hub_us=130.0, postgres_us=50.0)

    head, first, second = rows([ONE, idle])

    assert head.split()[0] == "hubs"
    assert first.split()[0] == "1"
    assert first.split()[-1] == "1.00"
    assert second.split()[:3] == ["2", "of", "5"]
    assert second.split()[-1] == "1.50"
    assert list(rows([])) == []


def test_a_fault_at_several_hubs_is_a_fault_of_the_run() -> None:
    report = Report(machine={}, pairs=[], crowd=[], cluster=[ONE, replace(ONE, faults=["lost"])])

    assert report.faults == ["lost"]
    assert "FAULT: lost" in table(report)
    assert msgspec.to_builtins(report)["cluster"][0]["packets_in"] == 0.25
