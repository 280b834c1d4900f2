"""A run of the benchmark as a page: ``python -m benchmarks.page all.json > docs/figures.md``.

What ``python -m benchmarks --json all.json`` measured, all of it and nothing else, so that no figure of the
page is copied by hand.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from benchmarks.goals import judged
from benchmarks.growth import Grown, Spread
from benchmarks.load.crowd import Crowded
from benchmarks.load.generator import Measured, Percentiles
from benchmarks.load.group_ears import Heard
from benchmarks.peers_beside import Beside
from benchmarks.pressure import ALONE, BESIDE, Pressed
from benchmarks.report import Line, Report

_ABOUT: Final = """\
What the words mean: `benchmarks/README.md`. Where it comes from, what was tried, and what runs before showed:
[performance](performance.md). Each line is the run of median CPU. Each message is on disk before the hub
acknowledges it."""


def page(report: Report) -> Iterator[str]:
    """Write the page, line by line."""
    yield from ("# Figures of one run", "", _ABOUT, "")
    yield from (f"    {report.command}", "")
    yield " · ".join(f"{name} {value}" for name, value in report.machine.items()) + _disk(report.disk)
    yield from ("", "![Cost of a message and latency](performance.svg)", "")
    yield from _part("Goals", ("goal", "wanted", "found", ""), _goals(report))
    yield from _part("Pairs", _PAIRS, map(_pair, report.pairs))
    yield from _part("Peers", _PEERS, (_peer(one, report) for one in report.peers))
    yield from _part("Groups, by a fixture", _GROUPS, map(_group, report.groups))
    yield from _part("A crowd", _CROWD, map(_crowd, report.crowd))
    yield from _part("Growth", _GROWTH, map(_grown, report.growth))
    yield from _part("Under pressure", _PRESSURE, map(_pressed, report.pressure))
    yield from _part("Import", ("", ""), _imported(report))
    yield from (f"Not measured: {reason}." for reason in report.left_out)
    yield (
        "\n".join(f"**A promise was broken**: {fault}." for fault in report.faults)
        or "No promise was broken."
    )


def _part(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Write a table below its title; nothing where it has no rows."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    if body:
        yield from (f"## {title}", "", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *body, "")


def _disk(looks: Sequence[Percentiles]) -> str:
    if not looks:
        return ""
    p50, p99 = median(one.p50 for one in looks), median(one.p99 for one in looks)
    worst = max(one.p99 for one in looks)
    return (
        f"\n\nThe disk's own fdatasync, {len(looks)} times on the way: p50 {p50:.2f} ms, p99 {p99:.2f} ms"
        f" (at worst {worst:.2f})."
    )


def _goals(report: Report) -> Iterator[Sequence[str]]:
    for one in judged(report):
        yield one.what, one.wanted, one.found, "met" if one.is_met else "**not met**"


_PAIRS: Final = (
    "workload", "server", "msg/s", "CPU µs", "min–max", "× naive relay (range)", "× raw", "ack p50 ms", "p95",
    "p99", "batch", "commits a message", "fsyncs, traced", "MiB", "load µs",
)  # fmt: skip


def _pair(line: Line) -> Sequence[str]:
    middle = line.middle
    least, most = line.ratio_range or (0.0, 0.0)
    ack = middle.acknowledged
    return (
        line.workload, line.server, f"{middle.rate:,.0f}", f"{middle.cpu_us:.1f}",
        _range(line.runs),
        f"{line.ratio_to_naive_relay:.2f} ({least:.2f}–{most:.2f})" if line.ratio_to_naive_relay else "",
        f"{line.ratio_to_floor:.1f}" if line.ratio_to_floor else "",
        f"{ack.p50:.2f}", f"{ack.p95:.2f}", f"{ack.p99:.2f}", f"{middle.batch:.1f}" if middle.batch else "",
        f"{middle.commits / middle.messages:.4f}" if middle.commits and middle.messages else "",
        "" if line.fsyncs is None else f"{line.fsyncs:.4f}",
        f"{middle.rss_mib:.0f}", f"{middle.generator_us:.0f}",
    )  # fmt: skip


_PEERS: Final = (
    "peer", "load", "msg/s", "CPU µs", "min–max", "ack p50 ms", "p99", "MiB", "fsyncs a message", "× the hub",
    "an acknowledgement means",
)  # fmt: skip


def _peer(peer: Beside, report: Report) -> Sequence[str]:
    if not peer.runs:
        return (peer.name, peer.left_out, *("" for _ in _PEERS[2:]))
    middle = peer.middle
    hub = next((line for line in report.pairs if line.is_hub and line.cpu_us), None)
    return (
        peer.name, peer.load, f"{middle.rate:,.0f}", f"{middle.cpu_us:,.1f}", _range(peer.runs),
        f"{middle.acknowledged.p50:.2f}", f"{middle.acknowledged.p99:.2f}", f"{middle.rss_mib:.0f}",
        "" if peer.fsyncs is None else f"{peer.fsyncs:.3g}",
        f"{peer.cpu_us / hub.cpu_us:.1f}" if hub else "", peer.acknowledges,
    )  # fmt: skip


def _range(runs: Sequence[Measured]) -> str:
    costs = [run.cpu_us for run in runs]
    return f"{min(costs):,.1f}–{max(costs):,.1f}"


def _spread(one: Percentiles | Spread) -> str:
    return f"{one.p50:.2f} / {one.p99:.2f}"


def _named(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{what} {count:,}" for what, count in counts.items())


_GROUPS: Final = (
    "members",
    "offered",
    "CPU µs a delivery",
    "deliveries a second",
    "p50 ms",
    "p95",
    "p99",
    "MiB",
)


def _group(one: Heard) -> Sequence[str]:
    told = one.delivered
    return (
        f"{one.groups} × {one.members}", one.offered, f"{one.cpu_us:.1f}", f"{one.rate:,.0f}",
        f"{told.p50:.1f}", f"{told.p95:.1f}", f"{told.p99:.1f}", f"{one.rss_mib:.0f}",
    )  # fmt: skip


_CROWD: Final = (
    "sessions", "sign-ins a second", "CPU µs each", "KiB idle", "all back after s", "CPU µs each",
    "who talks meanwhile: p50 / p99 ms alone", "beside them", "p99 ×",
)  # fmt: skip


def _crowd(one: Crowded) -> Sequence[str]:
    alone, beside = one.live_alone, one.live_beside
    return (
        f"{one.sessions:,}", f"{one.sign_ins_per_s:,.0f}", f"{one.sign_in_cpu_us:.0f}", f"{one.idle_kib:.1f}",
        f"{one.storm_s:.1f}", f"{one.storm_cpu_us:.0f}",
        _spread(alone) if alone else "",
        _spread(beside) if beside else "",
        f"{beside.p99 / alone.p99:.1f}" if alone and beside and alone.p99 else "",
    )  # fmt: skip


_GROWTH: Final = (
    "messages", "MiB", "commit µs, best third", "mean", "over 10,000 threads", "history page p50 / p99 ms",
    "search, common word", "search, no match", "open s", "process to serving s", "MiB",
)  # fmt: skip


def _grown(one: Grown) -> Sequence[str]:
    return (
        f"{one.messages:,}", f"{one.file_mib:,.0f}", f"{one.commit_us:.1f}", f"{one.commit_mean_us:.1f}",
        f"{one.spread_us:.1f}", _spread(one.history),
        _spread(one.search), _spread(one.search_rare),
        f"{one.open_s:.2f}", f"{one.serving_s:.2f}", f"{one.serving_rss_mib:.0f}",
    )  # fmt: skip


_PRESSURE: Final = (
    "beside the healthy", "msg/s", "alone p50 ms", "beside", "alone p99 ms", "beside", "×", "batch",
    "MiB before / peak", "what was done",
)  # fmt: skip


def _pressed(one: Pressed) -> Sequence[str]:
    well = one.healthy
    alone, beside = well.turns.get(ALONE), well.turns.get(BESIDE, well.acknowledged)
    return (
        one.name, f"{well.rate:,.0f}", f"{alone.p50:.2f}" if alone else "–", f"{beside.p50:.2f}",
        f"{alone.p99:.2f}" if alone else "–", f"{beside.p99:.2f}",
        f"{beside.p99 / alone.p99:.2f}" if alone and alone.p99 else "–", f"{well.batch:.0f}",
        f"{one.begin_mib:.0f} / {one.peak_mib:.0f}", _named(one.done),
    )  # fmt: skip


def _imported(report: Report) -> Iterator[Sequence[str]]:
    found = report.importing
    if found:
        yield "messages", f"{found['messages']:,}"
        yield "messages a second, whole cycle, best", f"{found['isthmus_per_s']:,}"
        yield "… the plain importer", f"{found['plain_per_s']:,}"
        yield "× the plain importer's time", f"{found['times_plain']}"
        yield "× its CPU", f"{found['times_plain_cpu']}"


def main(arguments: Sequence[str]) -> int:
    """Read the data of a run and print its page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.page", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", type=Path, metavar="FILE.json")
    file: Path = parser.parse_args(arguments).file
    try:
        report = msgspec.json.decode(file.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError) as error:
        print(
            f"{file} is no run of the benchmark ({error}).\nNext step: python -m benchmarks --json FILE.json",
            file=sys.stderr,
        )
        return 2
    print("\n".join(page(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
