"""The counters as Prometheus text: read at a scrape, never touched on the hot path.

Format: the Prometheus text exposition format 0.0.4. Names end in their unit,
counters in ``_total``.
"""

from collections import Counter
from typing import Final

from bridge.hub.counters import Counters

METRICS: Final[dict[str, tuple[str, str, str]]] = {
    "isthmus_connections": ("connections", "gauge", "Open sockets."),
    "isthmus_sessions": ("sessions", "gauge", "Signed-in sockets."),
    "isthmus_connections_total": ("connections_total", "counter", "Sockets ever opened."),
    "isthmus_turned_away_total": (
        "turned_away_total",
        "counter",
        "Connections not taken: `too_many`, or of their address `too_fast`.",
    ),
    "isthmus_calls_total": ("calls_total", "counter", "Calls read."),
    "isthmus_frames_in_total": ("frames_in_total", "counter", "Frames read."),
    "isthmus_frames_out_total": ("frames_out_total", "counter", "Frames written."),
    "isthmus_bytes_out_total": ("bytes_out_total", "counter", "Bytes written."),
    "isthmus_pushes_total": ("pushes_total", "counter", "Events handed to sockets."),
    "isthmus_messages_total": ("messages_total", "counter", "Messages committed, by where they landed."),
    "isthmus_refusals_total": ("refusals_total", "counter", "Calls refused, by code."),
    "isthmus_commits_total": ("commits_total", "counter", "Transactions."),
    "isthmus_commit_seconds_total": (
        "commit_seconds_total",
        "counter",
        "Time spent waiting for transactions.",
    ),
    "isthmus_commit_max_seconds": ("commit_seconds_max", "gauge", "The longest transaction."),
    "isthmus_decide_seconds_total": ("decide_seconds_total", "counter", "Time spent deciding."),
    "isthmus_batched_commands_total": (
        "batched_total",
        "counter",
        "Commands that were part of a transaction.",
    ),
    "isthmus_batch_max_commands": ("batch_max", "gauge", "The most commands in one transaction."),
    "isthmus_stale_batches_total": (
        "stale_total",
        "counter",
        "Batches decided again since a fact had moved.",
    ),
    "isthmus_carried_commands_total": (
        "carried_total",
        "counter",
        "Commands decided here for other hubs.",
    ),
    "isthmus_slow_readers_total": ("slow_readers_total", "counter", "Connections told to come back."),
    "isthmus_replayed_entries_total": ("replayed_total", "counter", "Journal entries replayed."),
    "isthmus_closed_sockets_total": ("closed_total", "counter", "Sockets closed by the hub, by code."),
}
"""Metric name: the counter's field, its type, its meaning."""

_LABELS: Final = {
    "messages_total": "outcome",
    "refusals_total": "code",
    "closed_total": "code",
    "turned_away_total": "cause",
}


def exposition(counters: Counters) -> str:
    """Write all metrics."""
    lines: list[str] = []
    for name, (field, kind, meaning) in METRICS.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        value = getattr(counters, field)
        if isinstance(value, Counter):
            lines += [
                f'{name}{{{_LABELS[field]}="{label}"}} {count}' for label, count in sorted(value.items())
            ]
        else:
            lines.append(f"{name} {value}")
    return "\n".join(lines) + "\n"
