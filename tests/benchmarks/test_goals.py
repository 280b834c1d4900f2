"""Goals and the page of a run, made of canned measurements."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from benchmarks.goals import GOALS, Goal, judged, rows
from benchmarks.growth import Grown, Spread
from benchmarks.load.crowd import Crowded
from benchmarks.load.generator import Measured, Percentiles
from benchmarks.load.group_ears import Heard
from benchmarks.page import main, page
from benchmarks.peers_beside import Beside
from benchmarks.pressure import Pressed
from benchmarks.report import Line, Report

SPREAD = Percentiles(1.0, 2.0, 3.0, 4.0)


def measured(cpu_us: float, *, p99: float = 3.0) -> Measured:
    ack = replace(SPREAD, p99=p99)
    return Measured(
        seconds=1, messages=100, refused={}, rate=16_000, cpu_us=cpu_us, generator_us=5, acknowledged=ack,
        delivered=ack, rss_mib=40, commits=10, batch=10, verified=100,
    )  # fmt: skip


def grown(messages: int, us: float) -> Grown:
    spread = Spread(0.1, 0.2, 0.3)
    return Grown(
        messages=messages, file_mib=1, commit_us=us, commit_mean_us=us, spread_us=2 * us,
        history=spread, search=spread, search_rare=spread, open_s=0.1, serving_s=0.5, serving_rss_mib=40,
    )  # fmt: skip


@pytest.fixture
def report() -> Report:
    """A run of everything, in which the hub costs 1.5 × the relay and everything else is well."""
    full = [
        Line(workload="50 pairs x 16", server="hub, json", runs=[measured(45), measured(30), measured(45)]),
        Line(workload="50 pairs x 16", server="naive relay", runs=[measured(30)] * 3),
        Line(workload="50 pairs x 16", server="raw sockets", runs=[measured(5)] * 3),
    ]
    full[0].beside(full[1], full[2])
    crowd = Crowded(
        sessions=5_000, sign_ins_per_s=1_500, sign_in_cpu_us=600, idle_kib=8.1, storm_s=4.8, storm_cpu_us=900,
        replayed=5_000, live_alone=SPREAD, live_beside=replace(SPREAD, p99=4.5), faults=[],
    )  # fmt: skip
    group = Heard(
        members=100, groups=5, offered="16 posts unanswered in each", deliveries=9, rate=9, cpu_us=7.9,
        load_us=1, delivered=SPREAD, rss_mib=50, faults=[],
    )  # fmt: skip
    well = measured(50)
    well.turns = {"alone": SPREAD, "beside": SPREAD}
    return Report(
        machine={"cores": "2"},
        command="python -m benchmarks --json all.json",
        pairs=[*full, Line(workload="2,000 a second", server="hub, json", runs=[measured(300)])],
        crowd=[crowd],
        disk=[SPREAD],
        peers=[
            Beside(name="Prosody, SQLite", acknowledges="stored", load="2 pairs", runs=[measured(2_700)]),
            Beside(name="ejabberd, SQLite", acknowledges="stored", load="50 pairs", runs=[measured(1_350)]),
            Beside(name="ejabberd, PostgreSQL", acknowledges="stored", load="50", runs=[measured(450)]),
            Beside(name="Synapse", acknowledges="kept", left_out="not installed: pip install it"),
        ],
        groups=[group],
        growth=[grown(10_000, 40), grown(1_000_000, 44)],
        importing={"messages": 100_000, "times_plain": 2.71, "times_plain_cpu": 3.05, "isthmus_per_s": 18_000,
                   "plain_per_s": 43_600},
        pressure=[Pressed(name="stalled", healthy=well, begin_mib=30, peak_mib=82, done={"ok": 7})],
        left_out=["what nobody can measure"],
    )  # fmt: skip


def verdict(report: Report, what: str) -> tuple[str, bool]:
    """What is found of a goal, and whether it is met."""
    one = next(one for one in judged(report) if one.what.startswith(what))
    return one.found, one.is_met


def test_every_goal_can_be_judged_by_a_run_of_everything(report: Report) -> None:
    assert [one.what for one in judged(report)] == [goal.what for goal in GOALS]


def test_a_goal_is_judged_by_the_median_of_the_runs_and_shows_their_ends(report: Report) -> None:
    assert verdict(report, "CPU of a durable message, ×") == ("1.5 (1–1.5)", False)
    assert verdict(report, "CPU of a durable message, µs") == ("45 (30–45)", True)


def test_what_must_be_reached_is_met_from_there_on(report: Report) -> None:
    assert verdict(report, "acknowledged a second") == ("16,000 (16,000–16,000)", True)
    report.pairs[0].runs = [replace(measured(45), rate=14_999)] * 3
    assert verdict(report, "acknowledged a second") == ("14,999 (14,999–14,999)", False)


def test_the_cheapest_peer_on_sqlite_is_the_one_that_counts(report: Report) -> None:
    assert verdict(report, "cheaper than the best XMPP peer") == ("30", True)


@pytest.mark.parametrize(("disk", "wanted", "is_met"), [(3.0, "≤ 10", False), (5.0, "≤ 15", True)])
def test_latency_may_be_thrice_that_of_a_slow_disk(
    report: Report, disk: float, wanted: str, is_met: bool
) -> None:
    report.disk = [replace(SPREAD, p99=disk)]
    report.pairs[-1].runs = [measured(300, p99=12.0)]
    found = next(one for one in judged(report) if one.what.startswith("p99 at 2,000"))
    assert (found.wanted, found.is_met) == (wanted, is_met)


def test_what_was_not_measured_is_not_judged() -> None:
    assert list(judged(Report(machine={}, pairs=[], crowd=[]))) == []


def test_the_table_names_what_is_not_met(report: Report) -> None:
    lines = list(rows(report))
    assert [line for line in lines if line.endswith("NOT MET")] == [lines[0]]
    assert isinstance(GOALS[0], Goal)


def test_the_page_of_a_run_has_all_of_it(report: Report) -> None:
    text = "\n".join(page(report))
    for title in ("Goals", "Pairs", "Peers", "Groups", "A crowd", "Growth", "Under pressure", "Import"):
        assert f"## {title}" in text
    assert "    python -m benchmarks --json all.json" in text
    assert "| 50 pairs x 16 | hub, json | 16,000 | 45.0 | 30.0–45.0 | 1.50 (1.00–1.50) | 9.0 |" in text
    assert "| Synapse | not installed: pip install it |" in text
    assert "Not measured: what nobody can measure." in text
    assert text.endswith("No promise was broken.")


def test_every_row_of_a_table_is_as_wide_as_its_head(report: Report) -> None:
    width = 0
    for line in page(report):
        if line.startswith("|"):
            width = width or line.count("|")
            assert line.count("|") == width, line
        else:
            width = 0


def test_a_page_leaves_out_what_was_left_out(report: Report) -> None:
    report.peers, report.importing = [], {}
    text = "\n".join(page(report))
    assert "## Peers" not in text
    assert "## Import" not in text


def test_a_page_says_which_promise_was_broken(report: Report) -> None:
    report.crowd[0].faults.append("somebody missed a message")
    assert list(page(report))[-1] == "**A promise was broken**: somebody missed a message."


def test_a_page_is_made_from_the_data_of_a_run(
    report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.json"
    file.write_bytes(msgspec.json.encode(report))
    assert main([str(file)]) == 0
    assert capsys.readouterr().out == "\n".join(page(report)) + "\n"


@pytest.mark.parametrize("text", ["", "{}", "[1]"])
def test_what_is_no_data_of_a_run_is_said_to_be_none(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.json"
    file.write_text(text)
    assert main([str(file)]) == 2
    assert "is no run of the benchmark" in capsys.readouterr().err
    assert main([str(tmp_path / "none.json")]) == 2
