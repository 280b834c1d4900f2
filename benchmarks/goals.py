"""The goals of one node, and what a run says of each: met or not, by the median of the runs."""

from collections.abc import Callable, Iterator
from statistics import median
from typing import Final, NamedTuple

from benchmarks.growth import Grown
from benchmarks.load.generator import Measured
from benchmarks.report import Line, Report

_FULL: Final = "50 pairs x 16"
_PACED: Final = "2,000 a second"
_EMBEDDED: Final = "SQLite"
_XMPP: Final = ("Prosody", "ejabberd")
_DISK_TIMES: Final = 3


class Goal(NamedTuple):
    """One figure that is wanted.

    Attributes:
        what: What is measured, with its unit.
        limit: The most, or the least, that it may be; ``limit_of`` may give more.
        found: What a report says of it, run by run; nothing if it was not measured.
        is_floor: Whether the limit is the least, and not the most.
        limit_of: What the limit is on the machine of a report, if that is more.
    """

    what: str
    limit: float
    found: Callable[[Report], list[float]]
    is_floor: bool = False
    limit_of: Callable[[Report], float] | None = None


class Judged(NamedTuple):
    """What a run says of a goal.

    Attributes:
        what: What is measured.
        wanted: The limit, in words.
        found: The median, and the least and the most if they differ, in words.
        is_met: Whether the median keeps to the limit.
    """

    what: str
    wanted: str
    found: str
    is_met: bool


def _hub(report: Report, workload: str) -> Line | None:
    return next((line for line in report.pairs if line.is_hub and line.workload == workload), None)


def _ratios(report: Report) -> list[float]:
    """Give each run's ratio to the naive relay's beside it."""
    hub = _hub(report, _FULL)
    relay = next((one for one in report.pairs if one.server == "naive relay" and one.workload == _FULL), None)
    if hub is None or relay is None:
        return []
    return [
        own.cpu_us / other.cpu_us for own, other in zip(hub.runs, relay.runs, strict=True) if other.cpu_us
    ]


def _runs(workload: str, pick: Callable[[Measured], float]) -> Callable[[Report], list[float]]:
    def found(report: Report) -> list[float]:
        line = _hub(report, workload)
        return [] if line is None else [pick(run) for run in line.runs]

    return found


def _to_best_peer(report: Report) -> list[float]:
    """Give the ratio of the cheapest XMPP server that keeps its archive in a file to the hub."""
    hub = _hub(report, _FULL)
    peers = [one for one in report.peers if one.runs and one.name.startswith(_XMPP) and _EMBEDDED in one.name]
    return [min(one.cpu_us for one in peers) / hub.cpu_us] if hub is not None and peers else []


def _grown(pick: Callable[[Grown], float]) -> Callable[[Report], list[float]]:
    """Give how much dearer the largest store is than the smallest."""

    def found(report: Report) -> list[float]:
        sizes = report.growth
        return [pick(sizes[-1]) / pick(sizes[0])] if len(sizes) > 1 else []

    return found


def _largest(pick: Callable[[Grown], float]) -> Callable[[Report], list[float]]:
    return lambda report: [pick(report.growth[-1])] if report.growth else []


def _slow_disk(report: Report) -> float:
    """Give thrice the disk's own slowest percent, the median of the looks at it."""
    return _DISK_TIMES * median(one.p99 for one in report.disk) if report.disk else 0.0


GOALS: Final = (
    Goal("CPU of a durable message, × the naive relay's", 1.0, _ratios),
    Goal("CPU of a durable message, µs", 50, _runs(_FULL, lambda run: run.cpu_us)),
    Goal("acknowledged a second", 15_000, _runs(_FULL, lambda run: run.rate), is_floor=True),
    Goal("p50 at 2,000 a second, ms", 2, _runs(_PACED, lambda run: run.acknowledged.p50)),
    Goal(
        "p99 at 2,000 a second, ms", 10, _runs(_PACED, lambda run: run.acknowledged.p99), limit_of=_slow_disk
    ),
    Goal("cheaper than the best XMPP peer on SQLite, ×", 20, _to_best_peer, is_floor=True),
    Goal(
        "CPU of a delivery in groups of 100, the hub full, µs", 8,
        lambda report: [one.cpu_us for one in report.groups if "unanswered" in one.offered],
    ),
    Goal("idle session, KiB", 22, lambda report: [one.idle_kib for one in report.crowd]),
    Goal(
        "sign-ins a second", 1_000, lambda report: [one.sign_ins_per_s for one in report.crowd], is_floor=True
    ),
    Goal("all back at once, s", 10, lambda report: [one.storm_s for one in report.crowd]),
    Goal(
        "p99 of those who talk meanwhile, × without them", 2,
        lambda report: [
            one.live_beside.p99 / one.live_alone.p99
            for one in report.crowd
            if one.live_alone and one.live_beside and one.live_alone.p99
        ],
    ),
    Goal("a message in the largest store, × in the smallest", 1.3, _grown(lambda one: one.commit_us)),
    Goal("… over 10,000 threads, ×", 1.3, _grown(lambda one: one.spread_us)),
    Goal("p99 of a page of history in the largest, ms", 10, _largest(lambda one: one.history.p99)),
    Goal("from the process's start to serving the largest, s", 1, _largest(lambda one: one.serving_s)),
    Goal(
        "import, × the plain importer's time", 3,
        lambda report: [float(report.importing["times_plain"])] if report.importing else [],
    ),
    Goal(
        "memory more under pressure, MiB", 128,
        lambda report: sorted(one.peak_mib - one.begin_mib for one in report.pressure)[-1:],
    ),
)  # fmt: skip
"""In the order of the design: what one node shall do."""


def judged(report: Report) -> Iterator[Judged]:
    """Say of each goal that the report can judge whether it is met."""
    for goal in GOALS:
        found = goal.found(report)
        if not found:
            continue
        limit = max(goal.limit, goal.limit_of(report)) if goal.limit_of else goal.limit
        middle = median(found)
        spread = f" ({_number(min(found))}–{_number(max(found))})" if len(found) > 1 else ""
        yield Judged(
            what=goal.what,
            wanted=f"{'≥' if goal.is_floor else '≤'} {_number(limit)}",
            found=_number(middle) + spread,
            is_met=middle >= limit if goal.is_floor else middle <= limit,
        )


def rows(report: Report) -> Iterator[str]:
    """Write what is found of each goal, for a reader."""
    for one in judged(report):
        yield f"{one.what:54}{one.wanted:>9}  {one.found:24}{'met' if one.is_met else 'NOT MET'}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"
