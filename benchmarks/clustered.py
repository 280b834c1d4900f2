"""What was measured of several hubs, and how it is shown."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from benchmarks.load.generator import Percentiles


class Costs(Struct, kw_only=True):
    """What a message cost. Times are microseconds of CPU, counts are for each message.

    Attributes:
        hubs: How many hubs there were.
        busy: At how many of them people were.
        rate: Messages a second.
        hub_us: Of all hubs together.
        postgres_us: Of PostgreSQL.
        nats_us: Of NATS.
        own_us: Of the load itself.
        commits: Transactions.
        packets_in: Packets that NATS took.
        packets_out: Packets that NATS brought.
        carried: Commands that one hub decided for another.
        again: Batches that were decided again.
        acknowledged: How long the answer to a send took.
        delivered: How long it took until the other side heard it.
        faults: Promises that were broken.
    """

    hubs: int
    busy: int
    rate: float
    hub_us: float
    postgres_us: float
    nats_us: float
    own_us: float
    commits: float
    packets_in: float
    packets_out: float
    carried: float
    again: float
    acknowledged: Percentiles
    delivered: Percentiles
    faults: list[str]

    @property
    def sum_us(self) -> float:
        """All but the load."""
        return self.hub_us + self.postgres_us + self.nats_us


_COLUMNS: Final[tuple[tuple[str, str, Callable[[Costs], object]], ...]] = (
    ("hubs", ">7", lambda one: one.hubs if one.busy == one.hubs else f"{one.busy} of {one.hubs}"),
    ("msg/s", ">8,.0f", lambda one: one.rate),
    ("hubs µs", ">9.0f", lambda one: one.hub_us),
    ("PostgreSQL", ">12.0f", lambda one: one.postgres_us),
    ("NATS", ">6.1f", lambda one: one.nats_us),
    ("sum", ">6.0f", lambda one: one.sum_us),
    ("commits", ">9.3f", lambda one: one.commits),
    ("packets in", ">12.2f", lambda one: one.packets_in),
    ("out", ">6.2f", lambda one: one.packets_out),
    ("carried", ">9.2f", lambda one: one.carried),
    ("again", ">7.3f", lambda one: one.again),
    ("ack p50", ">9.1f", lambda one: one.acknowledged.p50),
    ("p99", ">7.1f", lambda one: one.acknowledged.p99),
    ("told p50", ">10.1f", lambda one: one.delivered.p50),
    ("p99", ">7.1f", lambda one: one.delivered.p99),
)


def rows(found: Sequence[Costs]) -> Iterator[str]:
    """Write a table; each line's last figure is its CPU over that of the first."""
    if found:
        yield (
            "".join(format(title, form.split(".")[0].rstrip(",")) for title, form, _ in _COLUMNS) + "  x one"
        )
    for one in found:
        cells = [format(value(one), form) for _, form, value in _COLUMNS]
        yield "".join(cells) + f"{one.sum_us / found[0].sum_us:7.2f}"
