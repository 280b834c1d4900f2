"""What some do to the others: 200 healthy clients by turns alone, and beside each kind of trouble.

    python -m benchmarks.pressure [--turns N] [--turn-seconds S] [--json]

The healthy ones send at a fixed rate all the time. By turns they are alone, and
beside readers who are told a lot and read it, or stall, senders who flood without
waiting, those who search, page or ping without a pause, or someone who resumes a
long journal again and again: so that a noisy machine is noisy for both. A latency
belongs to the turn in which its message was due. The disk that takes 20 or 200 ms
more for each commit, or hangs once, is there all the time: it is the healthy
clients' own wait, and shows that batches grow and the memory does not.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Final

import msgspec
from msgspec import Struct

from benchmarks.load.disturber import Disturbance
from benchmarks.load.generator import Load, Measured
from benchmarks.load.hub_process import Order, Running
from benchmarks.load.processes import cores, rss_mib, started
from bridge.config import Config, Limits, Listen, StoreSettings
from bridge.wire.values import Network

ALONE, BESIDE = "alone", "beside"  # the names of turns
_LOOK_S = 0.05
_WARM_UP_S = 4.0
_SETTLING_S = 0.5  # between turns: what one has begun must not be told of the other

Process = subprocess.Popen[str]


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
    Case(name="8 readers, told as much, who read", kind="told", pairs=8),
    Case(name="1 stalled reader", kind="stalled", pairs=1),
    Case(name="8 stalled readers, 256 KiB queues", kind="stalled", pairs=8, queue_bytes=256 * 1024),
    Case(name="100 stalled readers", kind="stalled", pairs=100),
    Case(name="10 flooding senders", kind="flood", pairs=10),
    Case(name="10 flooding senders, long texts", kind="long flood", pairs=10),
    Case(name="10 who search without a pause", kind="searches", pairs=10),
    Case(name="10 who ask for pages of history", kind="histories", pairs=10),
    Case(name="10 who ping without a pause", kind="pings", pairs=10),
    Case(name="a resume of 5,000, over and over", kind="resume", pairs=1),
    Case(name="disk 20 ms slower", disk_ms=20),
    Case(name="disk 200 ms slower", disk_ms=200),
    Case(name="disk hangs once for 5 s", stall_s=5),
)


class Rhythm(Struct, frozen=True, kw_only=True):
    """How the healthy talk, and how turns go.

    Attributes:
        pairs: How many healthy pairs.
        rate: Their messages a second.
        turns: How often they are alone, and as often beside the trouble.
        turn_s: How long each of these turns takes.
    """

    pairs: int = 100
    rate: float = 1_200
    turns: int = 4
    turn_s: float = 2.0

    @property
    def seconds(self) -> float:
        """How long all turns take."""
        return 2 * self.turns * self.turn_s


USUAL: Final = Rhythm()


class Pressed(Struct, kw_only=True):
    """What a case showed.

    Attributes:
        name: Which case.
        healthy: What the healthy clients saw, by turns where there was somebody to disturb them.
        begin_mib: The hub's memory before anybody came.
        peak_mib: The most it held, looked at every 50 ms.
        done: What the disturber did, and what it was answered.
    """

    name: str
    healthy: Measured
    begin_mib: float
    peak_mib: float
    done: dict[str, int]


def measure_case(case: Case, rhythm: Rhythm, folder: Path) -> Pressed:
    """Run a hub, the healthy load, and the trouble beside it."""
    mine = cores()
    with tempfile.TemporaryDirectory(dir=folder) as place, ExitStack() as stack:
        hub, line = stack.enter_context(
            started(
                "benchmarks.load.hub_process", order=_order(case, rhythm.pairs, Path(place)), core=mine[0]
            )
        )
        target = msgspec.json.decode(line, type=Running)
        well, ill = target.pairs[: rhythm.pairs], target.pairs[rhythm.pairs :]
        begin = rss_mib(hub.pid)
        load = Load(
            pid=hub.pid, target=Running(url=target.url, pairs=well), rate=rhythm.rate, seconds=rhythm.seconds,
            warm_up_s=_WARM_UP_S, told=bool(case.kind),
        )  # fmt: skip
        watch = stack.enter_context(Watch(hub.pid))
        disturber = None
        if case.kind:
            wanted = Disturbance(kind=case.kind, target=Running(url=target.url, pairs=ill))
            disturber, _ = stack.enter_context(
                started("benchmarks.load.disturber", order=wanted, core=mine[-1])
            )
        healthy, line = stack.enter_context(started("benchmarks.load.generator", order=load, core=mine[-1]))
        done: dict[str, int] = {}
        if disturber is not None:
            _take_turns(healthy, disturber, rhythm)
            done, line = msgspec.json.decode(_end(disturber), type=dict[str, int]), _end(healthy)
        measured = msgspec.json.decode(line, type=Measured)
        return Pressed(
            name=case.name,
            healthy=measured,
            begin_mib=round(begin, 1),
            peak_mib=round(watch.peak, 1),
            done=done,
        )


def _order(case: Case, pairs: int, place: Path) -> Order:
    """Say which hub a case needs."""
    limits = Limits(send_queue_bytes=case.queue_bytes) if case.queue_bytes else Limits()
    if case.kind == "pings":  # they would be sent away
        limits = Limits(calls_per_second=1e9, calls_burst=10**9)
    store = StoreSettings(path=str(place / "hub.db"))
    config = Config(listen=Listen(port=0), store=store, limits=limits, log_level="error")
    return Order(
        config=config, pairs=pairs + case.pairs, disk_ms=case.disk_ms, stall_s=case.stall_s,
        networks=(Network.MESSENGER, Network.MESSENGER),  # whose texts may be long
    )  # fmt: skip


def _take_turns(healthy: Process, disturber: Process, rhythm: Rhythm) -> None:
    """Let the disturber be calm and disturb by turns, and tell the healthy load which is on."""
    for _ in range(rhythm.turns):
        _tell(healthy, ALONE)
        sleep(rhythm.turn_s)
        _tell(healthy, "")
        _tell(disturber, "on")
        sleep(_SETTLING_S)
        _tell(healthy, BESIDE)
        sleep(rhythm.turn_s)
        _tell(healthy, "")
        _tell(disturber, "off")
        assert disturber.stdout, "it is a pipe"
        if disturber.stdout.readline() != "calm\n":
            raise RuntimeError("the disturber failed")
        sleep(_SETTLING_S)


def _tell(process: Process, word: str) -> None:
    assert process.stdin, "it is a pipe"
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


def _end(process: Process) -> str:
    """Let a process end; give what it says last."""
    assert process.stdin, "it is a pipe"
    assert process.stdout, "it is a pipe"
    process.stdin.close()
    return process.stdout.readline()


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
    folder: Path, rhythm: Rhythm = USUAL, *, only: Sequence[str] = (), tell: Callable[[str], None] = _say
) -> Iterator[Pressed]:
    """Measure the cases whose names hold one of these words; all if none is given."""
    for case in CASES:
        if not only or any(word in case.name for word in only):
            tell(case.name)
            yield measure_case(case, rhythm, folder)


def rows(found: list[Pressed]) -> Iterator[str]:
    """Write the results for a reader."""
    yield (
        f"{'beside the healthy':34}{'msg/s':>8}{'p50 ms':>9}{'alone':>8}{'p99 ms':>9}{'alone':>8}{'x':>7}"
        f"{'max':>9}{'batch':>7}{'MiB':>6}{'peak':>6}"
    )
    for one in found:
        well = one.healthy
        alone, beside = well.turns.get(ALONE), well.turns.get(BESIDE, well.acknowledged)
        p50, p99 = (f"{alone.p50:8.2f}", f"{alone.p99:8.2f}") if alone else ("", "")
        ratio = f"{beside.p99 / alone.p99:7.2f}" if alone and alone.p99 else ""
        yield (
            f"{one.name:34}{well.rate:8,.0f}{beside.p50:9.2f}{p50:>8}{beside.p99:9.2f}{p99:>8}{ratio:>7}"
            f"{beside.max:9.1f}{well.batch:7.1f}{one.begin_mib:6.0f}{one.peak_mib:6.0f}"
        )
        if one.done:
            yield f"{'':4}" + ", ".join(f"{what} {count:,}" for what, count in one.done.items())
        yield from (f"{'':4}{word}" for word in well.lateness())
        yield from (f"{'':4}FAULT: {fault}" for fault in well.faults)


def main(arguments: list[str]) -> int:
    """Measure and print; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pressure",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--pairs", type=int, default=USUAL.pairs, help="healthy pairs (100)")
    parser.add_argument("--rate", type=float, default=USUAL.rate, help="their messages a second (1200)")
    parser.add_argument("--turns", type=int, default=USUAL.turns, help="turns alone, and beside (4)")
    parser.add_argument("--turn-seconds", type=float, default=USUAL.turn_s, help="how long each takes (2)")
    parser.add_argument("--only", nargs="*", default=[], help="cases whose names hold one of these words")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the database lies"
    )
    parser.add_argument("--json", action="store_true", help="print data")
    options = parser.parse_args(arguments)
    rhythm = Rhythm(pairs=options.pairs, rate=options.rate, turns=options.turns, turn_s=options.turn_seconds)
    found = list(measure_pressure(options.folder, rhythm, only=options.only))
    print(msgspec.json.encode(found).decode() if options.json else "\n".join(rows(found)))
    return 1 if any(one.healthy.faults for one in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
