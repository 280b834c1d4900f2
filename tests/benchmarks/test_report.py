"""The report of the benchmark, made of canned measurements: no load, no clock."""

import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import orjson
import pytest

import benchmarks.raw_relay as raw
from benchmarks.__main__ import ALONE, LEFT_OUT, SHORT, WORKLOADS, main
from benchmarks.growth import Grown, Spread
from benchmarks.growth import rows as growth_rows
from benchmarks.load.generator import Measured, Percentiles
from benchmarks.load.processes import ROOT
from benchmarks.peers_beside import Beside
from benchmarks.peers_beside import rows as peer_rows
from benchmarks.picture import picture
from benchmarks.pressure import Pressed
from benchmarks.pressure import rows as pressure_rows
from benchmarks.report import Line, Report, costs_of, table


def measured(cpu_us: float, *, faults: list[str] | None = None) -> Measured:
    spread = Percentiles(1.0, 2.0, 3.0, 4.0)
    return Measured(
        seconds=1, messages=100, refused={}, rate=100, cpu_us=cpu_us, generator_us=5, acknowledged=spread,
        delivered=spread, rss_mib=40, commits=10, batch=10, verified=100, faults=faults or [],
    )  # fmt: skip


@pytest.fixture
def report() -> Report:
    hub = Line(
        workload="50 pairs x 16", server="hub, json", runs=[measured(40), measured(60), measured(50)],
        ratio_to_naive_relay=1.25, ratio_to_floor=10.0,
    )  # fmt: skip
    relay = Line(workload="50 pairs x 16", server="naive relay", runs=[measured(40)])
    peers = [
        Beside(
            name="A peer", acknowledges="it is stored", load="10 pairs x 4", runs=[measured(900)], fsyncs=2.5
        ),
        Beside(name="Another", acknowledges="it is taken", left_out="not installed: apt install another"),
    ]
    return Report(machine={"cores": "2"}, pairs=[hub, relay], crowd=[], peers=peers, left_out=list(LEFT_OUT))


def test_the_table_shows_the_median_its_bounds_and_both_ratios(report: Report) -> None:
    line = next(row for row in table(report) if "hub, json" in row).split()
    assert {"50.0", "40.0", "60.0", "1.25", "10.0"} <= set(line)


def test_the_table_says_what_a_peer_had_on_disk_and_why_another_is_missing(report: Report) -> None:
    text = "\n".join(table(report))
    assert "fsyncs/message 2.500" in text
    assert "acknowledged means: it is stored" in text
    assert "left out: not installed: apt install another" in text


def test_the_table_says_how_often_a_message_waits_for_the_disk(report: Report) -> None:
    report.pairs[0].fsyncs = 0.0083
    assert "0.0083 fsyncs a message" in "\n".join(table(report))


def test_the_table_says_when_the_load_was_late(report: Report) -> None:
    assert "sent late" not in "\n".join(table(report))
    report.pairs[0].middle.late = Percentiles(1.0, 2.0, 7.5, 9.0)
    assert "the load sent late, p99 7.5 ms after the time" in "\n".join(table(report))


def test_the_table_says_what_was_not_measured(report: Report) -> None:
    assert "not measured: groups over the wire" in "\n".join(table(report))


def test_a_broken_promise_is_in_the_table_and_in_the_faults(report: Report) -> None:
    report.pairs[0].runs[1].faults.append("a message came twice")
    assert report.faults == ["a message came twice"]
    assert "FAULT: a message came twice" in "\n".join(table(report))


def test_the_data_name_the_ratio_to_the_naive_relay(report: Report) -> None:
    data = orjson.loads(orjson.dumps(msgspec.to_builtins(report)))
    assert data["pairs"][0]["ratio_to_naive_relay"] == 1.25
    assert data["pairs"][0]["ratio_to_floor"] == 10.0


def test_the_picture_shows_every_server_that_was_measured(report: Report) -> None:
    assert costs_of(report) == [
        ("50 pairs x 16 · hub, json", 50),
        ("50 pairs x 16 · naive relay", 40),
        ("A peer", 900),
    ]


def test_a_picture_without_its_library_says_what_to_install(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit, match="extra `bench`"):
        picture(report, tmp_path / "one.svg")


def test_every_full_workload_runs_beside_both_ends_of_the_scale() -> None:
    assert all(workload.relay for workload in WORKLOADS)
    assert any(workload.relay for workload in SHORT)
    assert {(one.pairs, one.window) for one in WORKLOADS} >= {(50, 1), (50, 16), (200, 16)}
    assert {one.rate for one in WORKLOADS} >= {1_000, 2_000, 8_000}


def test_the_floor_speaks_no_websocket_and_joins_its_writes() -> None:
    source = inspect.getsource(raw)
    assert "import websockets" not in source
    assert 'write(b"".join(' in source
    assert source.count("orjson.dumps") == 3  # the sign-in; delivery, acknowledgement


def test_a_line_tells_the_ratio_of_each_run_beside_the_median(report: Report) -> None:
    hub = Line(workload="w", server="hub, json", runs=[measured(40), measured(60), measured(50)])
    relay = Line(workload="w", server="naive relay", runs=[measured(40), measured(40), measured(20)])

    hub.beside(relay, Line(workload="w", server="raw sockets", runs=[measured(5)] * 3))

    assert (hub.ratio_to_naive_relay, hub.ratio_to_floor, hub.ratio_range) == (1.25, 10.0, (1.0, 2.5))


def test_a_peer_is_held_against_the_hub(report: Report) -> None:
    assert "A peer takes 18.0 × the CPU of hub, json at 50 pairs x 16" in "\n".join(table(report))


def test_a_load_that_was_the_bottleneck_says_so() -> None:
    slow = measured(40)
    slow.generator_us, slow.rate = 50, 19_000
    line = Line(workload="w", server="hub, json", runs=[slow])
    report = Report(machine={}, pairs=[line], crowd=[])
    assert "the load was the bottleneck" in "\n".join(table(report))


def test_growth_names_the_ratio_of_its_ends() -> None:
    spread = Spread(0.1, 0.2, 0.3)

    def grown(messages: int, us: float) -> Grown:
        return Grown(
            messages=messages, file_mib=1, commit_us=us, commit_mean_us=us, spread_us=us,
            history=spread, search=spread, search_rare=spread, open_s=0.1, serving_s=0.5, serving_rss_mib=40,
        )  # fmt: skip

    assert (
        "at 1,000,000 a message costs 1.10 ×"
        in list(growth_rows([grown(10_000, 20), grown(1_000_000, 22)]))[-1]
    )


def test_pressure_shows_healthy_clients_beside_those_alone() -> None:
    well = measured(50)
    well.turns = {"alone": Percentiles(1, 2, 10, 4), "beside": Percentiles(1, 2, 12.5, 4)}
    by_turns = Pressed(name="stalled", healthy=well, begin_mib=30, peak_mib=50, done={"ok": 7})
    slow = Pressed(name="slow disk", healthy=measured(50), begin_mib=30, peak_mib=35, done={})
    text = "\n".join(pressure_rows([by_turns, slow]))
    assert {"12.50", "10.00", "1.25"} <= set(text.split())
    assert "ok 7" in text


def test_a_peer_that_was_measured_but_not_traced_says_so() -> None:
    peer = Beside(name="A", acknowledges="stored", runs=[measured(9)], left_out="no strace")
    assert list(peer_rows(peer))[-1].endswith("fsyncs not counted: no strace")


def test_help_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "--short" in capsys.readouterr().out


@pytest.mark.parametrize("part", ALONE)
def test_each_part_runs_alone_by_its_name(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Became(Exception):
        pass

    def execv(path: str, command: list[str]) -> None:
        assert command == [path, "-m", f"benchmarks.{part}", "--seconds", "1"]
        raise Became

    monkeypatch.setattr(os, "execv", execv)
    with pytest.raises(Became):
        main([part, "--seconds", "1"])
    assert importlib.util.find_spec(f"benchmarks.{part}")


def test_a_part_that_runs_alone_has_its_own_help() -> None:
    command = [sys.executable, "-m", "benchmarks", "soak", "--help"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert "--minutes" in ran.stdout
    assert ran.stderr == ""
