"""The picture of a report: what a message costs, how long it waits, and how that goes with the load."""

from pathlib import Path
from typing import Any

from benchmarks.report import Line, Report, costs_of

_SHARES = ("p50", "p95", "p99", "max")
_COLOURS = {"hub": "tab:blue", "naive relay": "tab:gray", "raw sockets": "lightgray"}  # peers are green
_LINES = {"hub": "o-", "naive relay": "s--", "raw sockets": "^:"}


def picture(report: Report, path: Path) -> None:
    """Draw it as SVG.

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
    figure, axes = pyplot.subplot_mosaic(
        [["cost", "wait"], ["cost", "load"], ["cost", "size"]], figsize=(14, 15), layout="constrained"
    )
    _costs(axes["cost"], costs_of(report))
    _waits(axes["wait"], report.pairs)
    _loads(axes["load"], report.pairs)
    _sizes(axes["size"], report)
    figure.savefig(path, metadata={"Date": None})


def _costs(axes: Any, costs: list[tuple[str, float]]) -> None:
    colours = [
        next((hue for part, hue in _COLOURS.items() if part in name), "tab:green") for name, _ in costs
    ]
    bars = axes.barh([name for name, _ in costs], [value for _, value in costs], color=colours)
    shown = [f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for _, value in costs]
    axes.bar_label(bars, labels=shown, fontsize=7, padding=2)
    axes.set_xscale("log")
    axes.tick_params(labelsize=7)
    axes.set_xlabel("CPU for a message, µs (median of the runs)")
    axes.set_title("Cost of a message", fontsize=10)
    axes.margins(x=0.16, y=0.01)
    axes.invert_yaxis()


def _waits(axes: Any, lines: list[Line]) -> None:
    """Draw each hub's latencies where sends are due at fixed times, and the relay's beside them."""
    rates = dict.fromkeys(line.workload for line in lines if "a second" in line.workload)
    for line in lines:
        if line.workload in rates:
            ack, hue = line.middle.acknowledged, f"C{list(rates).index(line.workload)}"
            style = next(style for part, style in _LINES.items() if part in line.server)
            waits = [max(0.01, getattr(ack, one)) for one in _SHARES]
            axes.plot(
                _SHARES, waits, style, color=hue, markersize=4, label=f"{line.workload} · {line.server}"
            )
    axes.set_yscale("log")
    axes.set_ylabel("time to acknowledgement, ms")
    axes.set_title("Latency at fixed rates (median run)", fontsize=10)
    if axes.lines:
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))


def _loads(axes: Any, lines: list[Line]) -> None:
    """Draw what the hub takes a second against what is in flight, closed loop, and p99 for it."""
    points = sorted(
        (line.in_flight, line.middle.rate, line.middle.acknowledged.p99)
        for line in lines
        if line.server == "hub, json" and line.in_flight and "pairs x" in line.workload  # short texts only
    )
    axes.plot([point[0] for point in points], [point[1] for point in points], "o-", color="tab:blue")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("messages in flight")
    axes.set_ylabel("acknowledged a second", color="tab:blue")
    late = axes.twinx()
    late.plot([point[0] for point in points], [point[2] for point in points], "s--", color="tab:orange")
    late.set_ylim(bottom=0)
    late.set_ylabel("p99, ms", color="tab:orange")
    axes.set_title("Throughput and p99 against load (hub, JSON)", fontsize=10)


def _sizes(axes: Any, report: Report) -> None:
    """Draw the cost of a commit against the size of the store."""
    sizes = [one.messages for one in report.growth]
    axes.plot(sizes, [one.commit_us for one in report.growth], "o-", label="within 50 threads")
    axes.plot(sizes, [one.spread_us for one in report.growth], "s--", label="over 10,000 threads")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("messages in the store")
    axes.set_ylabel("CPU of a commit for a message, µs")
    axes.set_title("Growth", fontsize=10)
    if sizes:
        axes.legend(fontsize=7)
