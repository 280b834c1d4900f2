"""The load: pairs of people who talk over one hub, in a process of its own; prints one line of JSON.

``python -m benchmarks.load.generator FILE``. Closed loop: each side keeps its window
of unanswered sends full. Open loop (``rate``): sends are due at fixed times,
whatever becomes of those before. How late each leaves is only the load's own fault,
its timer's or its core's, and is told apart from how long it took from then on.
"""

import asyncio
import os
import sys
from array import array
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from benchmarks.load.habits import habits_of
from benchmarks.load.hub_process import Running
from benchmarks.load.line import Line
from benchmarks.load.people import Person
from benchmarks.load.processes import LOOP, cpu_s, ordered, rss_mib
from benchmarks.load.talk import Side, Tally
from bridge.wire.values import Network

_TICK_S: Final = 0.001
_LATE_MS: Final = 5.0
_PATIENCE_S: Final = 60.0
_SETTLING: Final = 3_000  # looks, 10 ms apart
_KINDS: Final = ("accepted", "requests", "pending", "refused")


class Load(Struct, kw_only=True):
    """What load to make.

    Attributes:
        pid: The process whose CPU is measured, with its children.
        target: Where to connect, and who talks.
        codec: ``json`` or ``msgpack``; ``relay`` is the naive relay, which has no rules.
        window: Unanswered sends of each pair.
        mix: Shares of pairs whose messages go to the inbox, to the requests, wait, and are refused.
        rate: Sends a second over all pairs; 0: as many as the windows let through.
        warm_up_s: How long to talk before measuring.
        seconds: How long to measure.
        marks: After how many messages a reader says that they were delivered; 0: never.
        chain: Whether to prove the chains.
        habits: What they say, and do beside: ``plain``, ``mixed``, or the length of each text in bytes.
        told: Whether to print ``begun`` when measuring begins, and to measure until the standard input ends;
            each line that comes there names the turn that begins.
    """

    pid: int
    target: Running
    codec: str = "json"
    window: int = 16
    mix: tuple[float, float, float, float] = (0.85, 0.05, 0.05, 0.05)
    rate: float = 0.0
    warm_up_s: float = 1.0
    seconds: float = 5.0
    marks: int = 16
    chain: bool = False
    habits: str = "plain"
    told: bool = False


class Percentiles(Struct):
    """A distribution, in milliseconds."""

    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def none(cls) -> "Percentiles":
        """Summarize nothing."""
        return cls(0.0, 0.0, 0.0, 0.0)

    @classmethod
    def of(cls, seconds: "array[float]") -> "Percentiles":
        """Summarize; zeros if nothing was measured."""
        if not seconds:
            return cls.none()
        found = sorted(seconds)
        last = len(found) - 1
        return cls(*(round(found[int(last * share)] * 1000, 3) for share in (0.5, 0.95, 0.99, 1.0)))


class Measured(Struct, kw_only=True):
    """What a load showed.

    Attributes:
        seconds: How long was measured.
        messages: Messages taken (on disk, delivered to the other side and back to the sender's own devices).
        refused: Sends refused, by code; each has a durable verdict too.
        rate: Messages a second.
        cpu_us: The hub's CPU for each message, in microseconds; that for refusals is in it.
        generator_us: The load's CPU for each message, in microseconds; near 1e6 / rate it is in the way.
        acknowledged: From the send to its verdict.
        delivered: From the send to its delivery.
        late: How long after their time sends left, where they had one; that is the load's doing.
        rss_mib: Memory of the hub at the end.
        commits: Transactions while measured.
        batch: Commands of a transaction, on average.
        verified: Messages whose delivery, order and content were verified, set-up and warm-up included.
        turns: As ``acknowledged``, for what was sent in the turns of each name.
        faults: What contradicted a promise; must be empty.
    """

    seconds: float
    messages: int
    refused: dict[str, int]
    rate: float
    cpu_us: float
    generator_us: float
    acknowledged: Percentiles
    delivered: Percentiles
    rss_mib: float
    commits: int = 0
    batch: float = 0.0
    verified: int = 0
    late: Percentiles = field(default_factory=Percentiles.none)
    turns: dict[str, Percentiles] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def lateness(self) -> Iterator[str]:
        """Say so if the load sent late."""
        if self.late.p99 > _LATE_MS:
            yield f"the load sent late, p99 {self.late.p99:.1f} ms after the time; no latency has that in it"


class Pair:
    """Two people, and what becomes of their messages."""

    def __init__(self, load: Load, tally: Tally, kind: str, people: tuple[Person, Person]) -> None:
        """Take the people; ``connect`` signs them in."""
        self.kind = kind
        self._load, self._people = load, people
        both = kind == "accepted" and load.window > 1
        share = load.window // 2 if both else load.window
        codec = "json" if load.codec == "relay" else load.codec
        habits = habits_of(load.habits)
        habits.reads = habits.reads and load.codec != "relay"  # a relay knows sends only
        self.writer, self.reader = (
            Side(
                tally,
                one.account,
                codec,
                window=0,
                marks=load.marks,
                chain=load.chain,
                habits=habits,
                answers=one.network != Network.DIRECT,
            )
            for one in people
        )
        self.writer.partner, self.reader.partner = self.reader, self.writer
        self.shares = (share, load.window - share if both else 0)

    @property
    def sides(self) -> tuple[Side, Side]:
        """Give the one who wrote first, and the other."""
        return self.writer, self.reader

    @property
    def speakers(self) -> list[Side]:
        """Give the sides that send."""
        return [side for side, share in zip(self.sides, self.shares, strict=True) if share]

    async def connect(self) -> None:
        """Sign both in, and bring their thread to where this pair's messages land as they should."""
        protocol = None if self._load.codec == "relay" else f"isthmus.v1.{self._load.codec}"
        for side, person in zip(self.sides, self._people, strict=True):
            side.line = await Line.open(self._load.target.url, protocol, side.on_frame)
            await side.ask("sign_in", token=person.token)
        if protocol is None:
            self.writer.thread, self.reader.thread = self._people[1].account, self._people[0].account
            return
        writer, reader = self.sides
        opened = await writer.ask(
            "open_thread", network=self._people[1].network, handle=self._people[1].handle
        )
        writer.thread = reader.thread = opened["thread"]["id"]
        await self._say(writer, "May I?")
        if self.kind == "pending":
            return
        await reader.ask("accept", threads=[reader.thread])
        await self._say(reader, "Of course.")
        if self.kind == "requests":
            await reader.ask(
                "set_tie", **{"as": reader.account, "account": writer.account, "tie": "restrict"}
            )
        if self.kind == "refused":
            await reader.ask("set_tie", **{"as": reader.account, "account": writer.account, "tie": "block"})

    async def _say(self, side: Side, text: str) -> None:
        await side.ask("send", thread=side.thread, text=text, token=f"set-up-{side.account}")


def arrange(load: Load, tally: Tally) -> list[Pair]:
    """Share the pairs out among the kinds, so that each kind that has a share has at least one."""
    count = len(load.target.pairs)
    if load.codec == "relay":
        kinds = ["accepted"] * count
    else:
        kinds = [
            kind
            for kind, share in zip(_KINDS[1:], load.mix[1:], strict=True)
            for _ in range(max(1, round(share * count)) if share and count > len(_KINDS) else 0)
        ]
        kinds += ["accepted"] * (count - len(kinds))
    return [Pair(load, tally, kind, people) for kind, people in zip(kinds, load.target.pairs, strict=True)]


async def run(load: Load) -> Measured:
    """Make the load and measure."""
    tally = Tally()
    pairs = arrange(load, tally)
    for at in range(0, len(pairs), 20):
        await asyncio.gather(*(pair.connect() for pair in pairs[at : at + 20]))
    pacer = None
    if load.rate:
        speakers = [side for pair in pairs for side in pair.speakers]
        pacer = asyncio.create_task(_pace(speakers, load.rate, tally))
    else:
        for pair in pairs:
            for side, share in zip(pair.sides, pair.shares, strict=True):
                side.window = share
                side.fill()
    await asyncio.sleep(load.warm_up_s)
    before = await _look(load, tally)
    tally.begin()
    turns: list[tuple[float, str]] = []
    if load.told:
        print("begun", flush=True)
        turns = await _hear_turns()
    else:
        await asyncio.sleep(load.seconds)
    tally.end()
    after = await _look(load, tally)
    if pacer is not None:
        pacer.cancel()
    await _settle(pairs, tally)
    return _judge(before, after, tally, by_turn(tally, turns))


class _Look(Struct):
    at: float
    hub_s: float
    own_s: float
    rss_mib: float
    said: Counter[str]
    metrics: dict[str, float]


async def _look(load: Load, tally: Tally) -> _Look:
    metrics = {} if load.codec == "relay" else await _metrics(load.target.url)
    return _Look(
        perf_counter(), cpu_s(load.pid), cpu_s(os.getpid()), rss_mib(load.pid), tally.said.copy(), metrics
    )


async def _metrics(url: str) -> dict[str, float]:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"GET /metrics HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
    page = (await reader.read()).decode()
    writer.close()
    lines = (line.rpartition(" ") for line in page.splitlines() if line.startswith("isthmus_"))
    return {name: float(value) for name, _, value in lines}


async def _pace(speakers: Sequence[Side], rate: float, tally: Tally) -> None:
    """Send at a fixed rate, whatever the answers do."""
    begun, sent = perf_counter(), 0
    while True:
        while sent < int(((now := perf_counter()) - begun) * rate):
            tally.left(now, now - (begun + sent / rate))
            speakers[sent % len(speakers)].say(now)
            sent += 1
        await asyncio.sleep(_TICK_S)


async def _settle(pairs: Sequence[Pair], tally: Tally) -> None:
    """Stop sending, wait until everything is answered and delivered, and see that nothing is missing."""
    sides = [side for pair in pairs for side in pair.sides]
    for side in sides:
        side.window = 0
    for _ in range(_SETTLING):
        if all(side.is_done for side in sides):
            break
        await asyncio.sleep(0.01)
    for side in sides:
        if side.waiting:
            tally.fault(f"{side.account}: {side.waiting} sends were never answered")
        if side.partner is not None and side.heard != side.partner.taken:
            tally.fault(f"{side.account} heard {side.heard} of {side.partner.taken} acknowledged messages")
    lines = [side.line for side in sides if side.line is not None]
    for line in lines:
        line.close()
    await asyncio.wait([line.closed for line in lines], timeout=5)


async def _hear_turns() -> list[tuple[float, str]]:
    """Hear which turns begin, until the standard input ends; give when each began, and its name."""
    loop, turns = asyncio.get_running_loop(), []
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        turns.append((perf_counter(), line.strip()))
    return turns


def by_turn(tally: Tally, turns: list[tuple[float, str]]) -> dict[str, Percentiles]:
    """Part the latencies by the turns in which sends fell; those without a name are left out."""
    begins = [at for at, _ in turns]
    spans: dict[str, array[float]] = {name: array("d") for _, name in turns if name}
    for at, span in zip(tally.begun_at, tally.acknowledged_s, strict=True):
        place = bisect(begins, at) - 1
        if place >= 0 and (name := turns[place][1]):
            spans[name].append(span)
    return {name: Percentiles.of(some) for name, some in spans.items()}


def _judge(before: _Look, after: _Look, tally: Tally, turns: dict[str, Percentiles]) -> Measured:
    seconds = after.at - before.at
    said = after.said - before.said
    messages = said.pop("ok", 0)
    each = max(1, messages)
    moved = {name: value - before.metrics.get(name, 0) for name, value in after.metrics.items()}
    commits = int(moved.get("isthmus_commits_total", 0))
    return Measured(
        seconds=round(seconds, 3),
        messages=messages,
        refused=dict(said),
        rate=round(messages / seconds, 1),
        cpu_us=round((after.hub_s - before.hub_s) / each * 1e6, 2),
        generator_us=round((after.own_s - before.own_s) / each * 1e6, 2),
        acknowledged=Percentiles.of(tally.acknowledged_s),
        delivered=Percentiles.of(tally.delivered_s),
        rss_mib=round(after.rss_mib, 1),
        commits=commits,
        batch=round(moved.get("isthmus_batched_commands_total", 0) / max(1, commits), 1),
        verified=tally.delivered,
        late=Percentiles.of(tally.late_s),
        turns=turns,
        faults=tally.faults,
    )


async def main(load: Load) -> Measured:
    """Do what the order says, or fail in time."""
    async with asyncio.timeout(load.warm_up_s + load.seconds + _PATIENCE_S):
        return await run(load)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=LOOP) as runner:
        print(msgspec.json.encode(runner.run(main(ordered(Load)))).decode())
