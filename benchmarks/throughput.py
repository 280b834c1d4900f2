"""How fast, and at what cost: pairs talk across networks over real sockets, every delivery verified.

    python -m benchmarks.throughput                 both codecs, closed loop, and the naive relay beside them
    python -m benchmarks.throughput --rate 2000     open loop: latency at 2,000 messages a second

The hub has one core, the load another. Rates on such machines are noisy; the
hub's CPU for each message and the ratio to the naive relay of the same run are what counts.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.load.generator import Load, Measured
from benchmarks.load.hub_process import Order, Running
from benchmarks.load.people import Person
from benchmarks.load.processes import cores, started
from benchmarks.load.trace import traced, waits
from bridge.config import Config, HubSettings, Listen, StoreSettings
from bridge.wire.values import Network

RELAY = "naive relay"


class Result(Struct, kw_only=True):
    """One row of the table.

    Attributes:
        name: What was measured.
        measured: What it showed.
        fsyncs: How often the hub waited for the disk for each message, if that was counted.
    """

    name: str
    measured: Measured
    fsyncs: float | None = None


class Wanted(Struct, kw_only=True):
    """What to measure; see the command's options."""

    pairs: int
    window: int
    seconds: float
    rate: float
    marks: int
    chain: bool
    mix: tuple[float, float, float, float]
    gather_ms: float
    batch: int
    memory: bool
    uvloop: bool
    folder: Path
    hub_core: int
    load_core: int
    habits: str = "plain"
    networks: tuple[Network, Network] = (Network.MESSENGER, Network.DIRECT)

    def load(self, pid: int, target: Running, codec: str) -> Load:
        """Say what load to make."""
        return Load(
            pid=pid,
            target=target,
            codec=codec,
            window=self.window,
            mix=self.mix,
            rate=self.rate,
            seconds=self.seconds,
            marks=self.marks,
            chain=self.chain,
            habits=self.habits,
        )


def measure_hub(wanted: Wanted, codec: str, waits_in: Path | None = None) -> Measured:
    """Run a hub and a load on it; write its waits for the disk to a file, if one is given."""
    with tempfile.TemporaryDirectory(dir=wanted.folder) as place:
        config = Config(
            listen=Listen(port=0),
            store=StoreSettings(path="" if wanted.memory else str(Path(place) / "hub.db")),
            hub=HubSettings(gather_ms=wanted.gather_ms, batch=wanted.batch),
            log_level="warning",
        )
        order = Order(config=config, pairs=wanted.pairs, uvloop=wanted.uvloop, networks=wanted.networks)
        with started("benchmarks.load.hub_process", order=order, core=wanted.hub_core) as (process, line):
            target = msgspec.json.decode(line, type=Running)
            with traced([process.pid], waits_in) if waits_in else nullcontext():
                return generate(wanted, wanted.load(process.pid, target, codec))


def measure_relay(wanted: Wanted, *, raw: bool = False) -> Measured:
    """Run the naive relay, or the one on raw sockets, and the same load on it."""
    loop = "uvloop" if wanted.uvloop else "asyncio"
    module, scheme = ("benchmarks.raw_relay", "tcp") if raw else ("benchmarks.naive_relay", "ws")
    with started(module, loop, core=wanted.hub_core) as (process, port):
        names = [(f"w{number}", f"r{number}") for number in range(wanted.pairs)]
        pairs = [(Person(one, "", one, one), Person(two, "", two, two)) for one, two in names]
        target = Running(url=f"{scheme}://127.0.0.1:{int(port)}", pairs=pairs)
        load = wanted.load(process.pid, target, "relay")
        load.marks, load.chain = 0, False
        return generate(wanted, load)


def generate(wanted: Wanted, load: Load) -> Measured:
    """Run the load in its own process; its answer is one line."""
    with started("benchmarks.load.generator", order=load, core=wanted.load_core) as (_, line):
        return msgspec.json.decode(line, type=Measured)


def count_fsyncs(wanted: Wanted, codec: str) -> float:
    """Count the hub's fsyncs for each message, in a short run of its own: to be traced makes it slow."""
    with tempfile.NamedTemporaryFile(dir=wanted.folder) as report:
        path = Path(report.name)
        measured = measure_hub(msgspec.structs.replace(wanted, seconds=2.0), codec, path)
        return round(len(waits(path)) / max(1, measured.verified), 4)


def table(results: list[Result]) -> Iterator[str]:
    """Write the results for a reader."""
    yield (
        f"{'':22}{'msg/s':>9}{'CPU µs':>8}{'load µs':>9}{'ack p50':>9}{'p95':>8}{'p99':>8}{'max':>8}"
        f"{'deliv p50':>11}{'p99':>8}{'batch':>7}{'MiB':>6}"
    )
    for result in results:
        found = result.measured
        ack, told = found.acknowledged, found.delivered
        yield (
            f"{result.name:22}{found.rate:9,.0f}{found.cpu_us:8.1f}{found.generator_us:9.1f}{ack.p50:9.2f}"
            f"{ack.p95:8.2f}{ack.p99:8.2f}{ack.max:8.1f}{told.p50:11.2f}{told.p99:8.2f}{found.batch:7.1f}"
            f"{found.rss_mib:6.0f}"
        )
        if found.refused:
            yield f"{'':22}refused: " + ", ".join(
                f"{code} {count:,}" for code, count in found.refused.items()
            )
        if result.fsyncs is not None:
            yield f"{'':22}{result.fsyncs} fsyncs for each message (a traced run of its own)"
        yield from (f"{'':22}FAULT: {fault}" for fault in found.faults)
    relay = [result.measured.cpu_us for result in results if result.name == RELAY]
    for result in results:
        if relay and relay[0] and result.name != RELAY:
            ratio = result.measured.cpu_us / relay[0]
            yield f"{result.name} costs {ratio:.2f} × the naive relay's CPU for each message."


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--pairs", type=int, default=50, help="pairs of people (50)")
    parser.add_argument("--window", type=int, default=16, help="unanswered sends of each pair (16)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to measure each (5)")
    parser.add_argument(
        "--rate", type=float, default=0.0, help="sends a second over all; 0: what the windows allow"
    )
    parser.add_argument("--codec", choices=("both", "json", "msgpack"), default="both")
    parser.add_argument("--mix", default="0.85,0.05,0.05,0.05", help="shares: inbox,requests,waiting,refused")
    parser.add_argument("--marks", type=int, default=16, help="deliveries to one receipt; 0: none (16)")
    parser.add_argument("--chain", action="store_true", help="prove every thread's chain too")
    parser.add_argument(
        "--gather-ms", type=float, default=HubSettings().gather_ms, help="as the hub's setting"
    )
    parser.add_argument("--batch", type=int, default=HubSettings().batch, help="as the hub's setting")
    parser.add_argument("--memory", action="store_true", help="keep nothing on disk")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop", help="the hub's loop")
    parser.add_argument("--no-relay", action="store_true", help="leave the naive relay out")
    parser.add_argument("--fsyncs", action="store_true", help="count fsyncs with strace, in a run of its own")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the database lies"
    )
    parser.add_argument("--json", action="store_true", help="print data")
    return parser.parse_args(arguments)


def wanted_of(options: argparse.Namespace) -> Wanted:
    """Make of the options what to measure."""
    mine = cores()
    shares = tuple(float(share) for share in options.mix.split(","))
    return Wanted(
        pairs=options.pairs,
        window=options.window,
        seconds=options.seconds,
        rate=options.rate,
        marks=options.marks,
        chain=options.chain,
        mix=msgspec.convert(shares, tuple[float, float, float, float]),
        gather_ms=options.gather_ms,
        batch=options.batch,
        memory=options.memory,
        uvloop=options.loop == "uvloop",
        folder=options.folder,
        hub_core=mine[0],
        load_core=mine[-1],
    )


def main(arguments: list[str]) -> int:
    """Measure and print; return 1 if a promise was broken."""
    options = parsed(arguments)
    wanted = wanted_of(options)
    results = []
    for codec in ("json", "msgpack") if options.codec == "both" else (options.codec,):
        name = f"hub, {codec}" + (", in memory" if wanted.memory else "")
        fsyncs = count_fsyncs(wanted, codec) if options.fsyncs else None
        results.append(Result(name=name, measured=measure_hub(wanted, codec), fsyncs=fsyncs))
    if not options.no_relay:
        results.append(Result(name=RELAY, measured=measure_relay(wanted)))
    if options.json:
        print(msgspec.json.encode(results).decode())
    else:
        print("\n".join(table(results)))
    return 1 if any(result.measured.faults for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
