"""What some do to the others: 200 healthy clients measured alone, and beside each kind of trouble.

    python -m benchmarks.pressure [--seconds S] [--json]

The healthy ones send at a fixed rate. Beside them readers stall while they are
told a lot, senders flood without waiting, someone resumes a long journal again
and again, or the disk takes 20 or 200 ms more for each commit (which is the
healthy clients' own wait, and shows that batches grow and the memory does not).
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from time import sleep

import msgspec
from msgspec import Struct

from benchmarks.load.disturber import Disturbance
from benchmarks.load.generator import Load, Measured
from benchmarks.load.hub_process import Order, Running
from benchmarks.load.processes import cores, rss_mib, started
from bridge.config import Config, Limits, Listen, StoreSettings
from bridge.wire.values import Network

_LOOK_S = 0.05
_WARM_UP_S = 4.0


class Case(Struct, frozen=True, kw_only=True):
    """One kind of trouble.

    Attributes:
        name: What the table calls it.
        kind: What the disturber does; empty: nothing.
        pairs: How many pairs of people do it.
        disk_ms: How much longer each commit takes.
        stall_s: How much longer one commit takes, in the midst.
        queue_bytes: The hub's limit of what waits for one socket, if another than its own.
    """

    name: str
    kind: str = ""
    pairs: int = 0
    disk_ms: float = 0.0
    stall_s: float = 0.0
    queue_bytes: int = 0


CASES = (
    Case(name="healthy alone"),
    Case(name="1 stalled reader", kind="stalled", pairs=1),
    Case(name="8 stalled readers, 256 KiB queues", kind="stalled", pairs=8, queue_bytes=256 * 1024),
    Case(name="10 flooding senders", kind="flood", pairs=10),
    Case(name="a resume of 5,000, over and over", kind="resume", pairs=1),
    Case(name="disk 20 ms slower", disk_ms=20),
    Case(name="disk 200 ms slower", disk_ms=200),
    Case(name="disk hangs once for 5 s", stall_s=5),
)


class Pressed(Struct, kw_only=True):
    """What a case showed.

    Attributes:
        name: Which case.
        healthy: What the healthy clients saw.
        begin_mib: The hub's memory before anybody came.
        peak_mib: The most it held, looked at every 50 ms.
        done: What the disturber did, and what it was answered.
    """

    name: str
    healthy: Measured
    begin_mib: float
    peak_mib: float
    done: dict[str, int]


def measure_case(case: Case, *, pairs: int, rate: float, seconds: float, folder: Path) -> Pressed:
    """Run a hub, the healthy load, and the trouble beside it."""
    mine = cores()
    with tempfile.TemporaryDirectory(dir=folder) as place, ExitStack() as stack:
        limits = Limits(send_queue_bytes=case.queue_bytes) if case.queue_bytes else Limits()
        store = StoreSettings(path=str(Path(place) / "hub.db"))
        config = Config(listen=Listen(port=0), store=store, limits=limits, log_level="error")
        order = Order(
            config=config, pairs=pairs + case.pairs, disk_ms=case.disk_ms, stall_s=case.stall_s,
            networks=(Network.MESSENGER, Network.MESSENGER),  # whose texts may be long
        )  # fmt: skip
        hub, line = stack.enter_context(
            started("benchmarks.load.hub_process", msgspec.json.encode(order).decode(), core=mine[0])
        )
        target = msgspec.json.decode(line, type=Running)
        well, ill = target.pairs[:pairs], target.pairs[pairs:]
        begin, done = rss_mib(hub.pid), {}
        load = Load(
            pid=hub.pid, target=Running(url=target.url, pairs=well), rate=rate, seconds=seconds,
            warm_up_s=_WARM_UP_S,
        )  # fmt: skip
        with Watch(hub.pid) as watch, ThreadPoolExecutor(1) as thread, ExitStack() as beside:
            healthy = thread.submit(_healthy, load, mine[-1])
            disturber = None
            if case.kind:
                sleep(_WARM_UP_S / 2)  # the healthy ones are there first
                wanted = Disturbance(kind=case.kind, target=Running(url=target.url, pairs=ill))
                disturber, _ = beside.enter_context(
                    started("benchmarks.load.disturber", msgspec.json.encode(wanted).decode(), core=mine[-1])
                )
            measured = healthy.result()
            if disturber is not None and disturber.stdin and disturber.stdout:
                disturber.stdin.close()
                done = msgspec.json.decode(disturber.stdout.readline(), type=dict[str, int])
        return Pressed(
            name=case.name,
            healthy=measured,
            begin_mib=round(begin, 1),
            peak_mib=round(watch.peak, 1),
            done=done,
        )


def _healthy(load: Load, core: int) -> Measured:
    with started("benchmarks.load.generator", msgspec.json.encode(load).decode(), core=core) as (_, found):
        return msgspec.json.decode(found, type=Measured)


class Watch:
    """Looks at a process's memory, in a thread, while a block runs.

    Attributes:
        peak: The most that was seen, in MiB.
    """

    def __init__(self, pid: int) -> None:
        """Watch this process."""
        self.peak = 0.0
        self._pid = pid
        self._ended = Event()
        self._thread = Thread(target=self._look)

    def __enter__(self) -> "Watch":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_S):
            self.peak = max(self.peak, rss_mib(self._pid))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure_pressure(
    folder: Path,
    *,
    only: Sequence[str] = (),
    pairs: int = 100,
    rate: float = 1_200,
    seconds: float = 8.0,
    tell: Callable[[str], None] = _say,
) -> Iterator[Pressed]:
    """Measure the healthy alone, and the cases whose names hold one of these words; all if none is given."""
    for case in CASES:
        if not only or case is CASES[0] or any(word in case.name for word in only):
            tell(case.name)
            yield measure_case(case, pairs=pairs, rate=rate, seconds=seconds, folder=folder)


def rows(found: list[Pressed]) -> Iterator[str]:
    """Write the results for a reader."""
    yield (
        f"{'beside the healthy':34}{'msg/s':>8}{'p50 ms':>8}{'p95':>8}{'p99':>8}{'max':>9}{'x alone':>9}"
        f"{'batch':>7}{'MiB':>6}{'peak':>6}"
    )
    for one in found:
        ack = one.healthy.acknowledged
        ratio = ack.p99 / found[0].healthy.acknowledged.p99 if found[0].healthy.acknowledged.p99 else 0.0
        yield (
            f"{one.name:34}{one.healthy.rate:8,.0f}{ack.p50:8.2f}{ack.p95:8.2f}{ack.p99:8.2f}{ack.max:9.1f}"
            f"{ratio:9.2f}{one.healthy.batch:7.1f}{one.begin_mib:6.0f}{one.peak_mib:6.0f}"
        )
        if one.done:
            yield f"{'':4}" + ", ".join(f"{what} {count:,}" for what, count in one.done.items())
        yield from (f"{'':4}FAULT: {fault}" for fault in one.healthy.faults)


def main(arguments: list[str]) -> int:
    """Measure and print; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pressure",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--pairs", type=int, default=100, help="healthy pairs (100)")
    parser.add_argument("--rate", type=float, default=1_200, help="their messages a second (1200)")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long to measure each (8)")
    parser.add_argument("--only", nargs="*", default=[], help="cases whose names hold one of these words")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the database lies"
    )
    parser.add_argument("--json", action="store_true", help="print data")
    options = parser.parse_args(arguments)
    found = list(
        measure_pressure(
            options.folder, only=options.only, pairs=options.pairs, rate=options.rate, seconds=options.seconds
        )
    )
    print(msgspec.json.encode(found).decode() if options.json else "\n".join(rows(found)))
    return 1 if any(one.healthy.faults for one in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
