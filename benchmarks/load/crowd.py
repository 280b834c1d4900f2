"""Many people who only sign in: ``python -m benchmarks.load.crowd FILE``; prints ``gone``, then JSON.

Everyone signs in with a token, stays, goes at once, and, when a line comes on the
standard input, comes back at once with cursors, while what was said to some of
them in between waits in their journals. They stay until the standard input ends.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import msgspec
import orjson
from msgspec import Struct

from benchmarks.load.generator import Percentiles
from benchmarks.load.hub_process import Running
from benchmarks.load.line import Line
from benchmarks.load.people import Person
from benchmarks.load.processes import LOOP, cpu_s, give_way, ordered, rss_mib

_AT_ONCE = 64  # handshakes under way
_PATIENCE_S = 120.0


class CrowdLoad(Struct, kw_only=True):
    """What to do: the hub's process, where to connect and who comes."""

    pid: int
    target: Running
    missed: int = 2


class Crowded(Struct, kw_only=True):
    """What a crowd showed.

    Attributes:
        sessions: How many signed in.
        sign_ins_per_s: Handshake and sign-in with a token, a second.
        sign_in_cpu_us: The hub's CPU for each.
        idle_kib: Memory of the hub for each idle session.
        storm_s: Seconds until all had come back at once and had everything that they missed.
        storm_cpu_us: The hub's CPU for each of them.
        replayed: Events that they had missed.
        live_alone: Time to acknowledgement of people who talk while nobody comes, in milliseconds.
        live_beside: The same while all come back.
        faults: What contradicted a promise; must be empty.
    """

    sessions: int
    sign_ins_per_s: float
    sign_in_cpu_us: float
    idle_kib: float
    storm_s: float
    storm_cpu_us: float
    replayed: int
    live_alone: Percentiles | None = None
    live_beside: Percentiles | None = None
    faults: list[str]


class Visitor:
    """One person's connection and what it heard."""

    def __init__(self, url: str, person: Person) -> None:
        """Stay away yet."""
        self.person = person
        self.cursor: str | None = None
        self.at = 0
        self.head = 0
        self.state = ""
        self.heard = 0
        self.faults: list[str] = []
        self._url = url
        self._line: Line | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._caught_up: asyncio.Future[None] | None = None
        self._calls = 0

    async def come(self) -> None:
        """Connect, sign in, and wait for everything that was missed."""
        self._line = await Line.open(self._url, "isthmus.v1.json", self._on_frame)
        cursors = [self.cursor] if self.cursor else []
        answer = await self.ask("sign_in", token=self.person.token, cursors=cursors)
        (leg,) = answer["legs"]
        self.state, self.head = leg.get("state", "resumed"), leg["head"]
        if self.state == "snapshot":
            self.at, self.cursor = self.head, leg["cursor"]
        self._caught_up = asyncio.get_running_loop().create_future()
        if self.at < self.head:
            await self._caught_up

    async def go(self) -> None:
        """Leave without a word, as a lost network does."""
        assert self._line is not None
        self._line.close()
        await self._line.closed

    async def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Call and wait for the answer."""
        assert self._line is not None
        self._calls += 1
        answer = self._answers[self._calls] = asyncio.get_running_loop().create_future()
        self._line.send(orjson.dumps({"id": self._calls, "op": op, **fields}))
        found: dict[str, Any] = await answer
        return found

    def _on_frame(self, frame: bytes) -> None:
        heard = orjson.loads(frame)
        if "re" in heard:
            answer = self._answers.pop(heard["re"])
            if "error" in heard:
                answer.set_exception(RuntimeError(heard["error"]["code"]))
            else:
                answer.set_result(heard["ok"])
        elif "at" in heard:
            if heard["at"] != self.at + 1:
                self.faults.append(f"{self.person.account} heard {heard['at']} after {self.at}")
            self.at, self.cursor = heard["at"], heard["cursor"]
            self.heard += 1
            if self._caught_up is not None and not self._caught_up.done() and self.at >= self.head:
                self._caught_up.set_result(None)


async def each(visitors: list[Visitor], what: Callable[[Visitor], Any], at_once: int) -> float:
    """Do something for everyone; give the seconds that it took."""
    begun = perf_counter()
    room = asyncio.Semaphore(at_once)

    async def one(visitor: Visitor) -> None:
        async with room:
            await what(visitor)

    await asyncio.gather(*(one(visitor) for visitor in visitors))
    return perf_counter() - begun


async def run(load: CrowdLoad) -> Crowded:
    """Let the crowd come, stay, go and come back."""
    url = load.target.url
    visitors = [Visitor(url, person) for pair in load.target.pairs for person in pair]
    empty, cpu = rss_mib(load.pid), cpu_s(load.pid)
    took = await each(visitors, Visitor.come, _AT_ONCE)
    sign_in_cpu = cpu_s(load.pid) - cpu
    idle = rss_mib(load.pid) - empty
    writers = visitors[::2]
    await each(visitors[1::2], Visitor.go, len(visitors))
    await each(writers, lambda visitor: _write(visitor, load), _AT_ONCE)
    await each(writers, Visitor.go, len(visitors))
    heard = sum(visitor.heard for visitor in visitors)
    print("gone", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    cpu = cpu_s(load.pid)
    storm = await each(visitors, Visitor.come, len(visitors))
    storm_cpu = cpu_s(load.pid) - cpu
    faults = [fault for visitor in visitors for fault in visitor.faults]
    faults += [
        f"{visitor.person.account} got a snapshot" for visitor in visitors if visitor.state == "snapshot"
    ]
    replayed = sum(visitor.heard for visitor in visitors) - heard
    count = len(visitors)
    return Crowded(
        sessions=count,
        sign_ins_per_s=round(count / took, 1),
        sign_in_cpu_us=round(sign_in_cpu / count * 1e6, 1),
        idle_kib=round(idle * 1024 / count, 1),
        storm_s=round(storm, 3),
        storm_cpu_us=round(storm_cpu / count * 1e6, 1),
        replayed=replayed,
        faults=faults[:20],
    )


async def _write(visitor: Visitor, load: CrowdLoad) -> None:
    """Say one thing to the partner, who is away; more would wait for an answer."""
    partner = next(two for one, two in load.target.pairs if one == visitor.person)
    opened = await visitor.ask("open_thread", network=partner.network, handle=partner.handle)
    thread = opened["thread"]["id"]
    await visitor.ask("send", thread=thread, text="Call me when you are back.", token="one")


async def main(load: CrowdLoad) -> None:
    """Do what the order says, or fail in time; print what was found. Those who talk share its core."""
    give_way()
    async with asyncio.timeout(_PATIENCE_S):
        print(msgspec.json.encode(await run(load)).decode(), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    assert os.name == "posix", "the crowd reads /proc"
    with asyncio.Runner(loop_factory=LOOP) as runner:
        runner.run(main(ordered(CrowdLoad)))
