"""Someone who disturbs: ``python -m benchmarks.load.disturber FILE``; prints ``ready`` when it could.

It disturbs from a line ``on`` on its standard input to a line ``off``, and prints ``calm``
when nothing of that is under way any more. When the input ends it says what it did.
It gives way to everybody: what healthy clients beside it wait for is the hub, not this.
"""

import asyncio
import sys
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import suppress
from time import perf_counter
from typing import Any, Final

import orjson
from msgspec import Struct

from benchmarks.load.hub_process import Running
from benchmarks.load.line import Line
from benchmarks.load.people import Person
from benchmarks.load.processes import LOOP, give_way, ordered

_LONG: Final = "All work and no play makes a dull reader. " * 400  # 16 KB: the kernel's own buffers fill soon
_TEXT: Final = _LONG[:400]
_WAKING_S: Final = 5.0
_JOURNAL: Final = 5_000
_TOLD_PER_S: Final = 300  # to all stalled readers together
_LOOKS: Final = 500  # 10 ms apart, for a whole journal
_FOUND: Final = 200  # messages of each who looks things up
_PINGS: Final = 5_000


class Disturbance(Struct, kw_only=True):
    """What to do, by its name in ``_KINDS``, and with which people."""

    kind: str
    target: Running


class Disturber:
    """One connection that does harm."""

    def __init__(self, url: str, person: Person) -> None:
        """Do none yet."""
        self.person = person
        self.said: Counter[str] = Counter()
        self.waiting = 0
        self._url = url
        self._line: Line | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._calls = self._pings = 0
        self._is_stalled = False
        self._all_answered = asyncio.Event()

    async def come(self, *cursors: str) -> Any:
        """Connect and sign in."""
        self._line = await Line.open(self._url, "isthmus.v1.json", self._on_frame)
        return await self.ask("sign_in", token=self.person.token, cursors=cursors)

    @property
    def is_here(self) -> bool:
        """Whether the hub has not closed the connection."""
        return self._line is not None and not self._line.closed.done()

    async def ask(self, op: str, **fields: object) -> Any:
        """Call and wait for the answer."""
        self._calls += 1
        answer = self._answers[self._calls] = asyncio.get_running_loop().create_future()
        self._write(op, fields)
        return await answer

    def shout(self, thread: str, text: str) -> None:
        """Send and do not wait."""
        token = f"{perf_counter():.6f}-{self._calls}"
        self.call("send", thread=thread, text=text, token=token)

    def call(self, op: str, **fields: object) -> None:
        """Call and do not wait."""
        self._calls += 1
        self.waiting += 1
        self._write(op, fields)

    def ping(self, most: int) -> None:
        """Keep so many pings unanswered."""
        assert self._line is not None
        for _ in range(most - (self._pings - self._line.pongs)):
            self._line.ping()
            self._pings += 1

    async def answered(self) -> None:
        """Wait until every call has its answer."""
        self._all_answered.clear()
        if self.waiting:
            await self._all_answered.wait()

    def stall(self) -> None:
        """Read nothing more."""
        assert self._line is not None
        self._is_stalled = True
        self._line.pause()

    async def wake(self) -> None:
        """Read again what is left, up to where the hub closed, if it did; paused, nobody sees that."""
        assert self._line is not None
        if self._is_stalled:
            self._is_stalled = False
            self._line.resume()
            heard = asyncio.ensure_future(self.ask("count_unread"))
            await asyncio.wait(
                [self._line.closed, heard], timeout=_WAKING_S, return_when=asyncio.FIRST_COMPLETED
            )
            heard.cancel()
            self.said["closed by the hub"] += not self.is_here

    async def go(self) -> None:
        """Leave."""
        assert self._line is not None
        self._line.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._line.closed), 2)

    async def friend(self, other: "Disturber") -> str:
        """Open a thread with someone, who accepts; give its id."""
        opened = await self.ask("open_thread", network=other.person.network, handle=other.person.handle)
        thread: str = opened["thread"]["id"]
        await self.ask("send", thread=thread, text="May I?", token="may-i")
        await other.ask("accept", threads=[thread])
        return thread

    def _write(self, op: str, fields: dict[str, object]) -> None:
        assert self._line is not None
        self._line.send(orjson.dumps({"id": self._calls, "op": op, **fields}))

    def _on_frame(self, frame: bytes) -> None:
        heard = orjson.loads(frame)
        call = heard.get("re")
        if call is None:
            self.said["pushes heard"] += "at" in heard
        elif (answer := self._answers.pop(call, None)) is None:
            self.waiting -= 1
            if not self.waiting:
                self._all_answered.set()
            self.said[heard["error"]["code"] if "error" in heard else "ok"] += 1
        elif answer.done():
            return  # whoever asked was cancelled
        elif "error" in heard:
            answer.set_exception(RuntimeError(f"{heard['error']}"))
        else:
            answer.set_result(heard["ok"])


class Trouble(ABC):
    """What people do to the others."""

    def __init__(self, people: list[Disturber]) -> None:
        """Do nothing yet."""
        self.people = people
        self.writers, self.readers = people[::2], people[1::2]
        self.threads: list[str] = []

    async def prepare(self) -> None:
        """Sign all in, and make friends of each two."""
        for writer, reader in zip(self.writers, self.readers, strict=True):
            await writer.come()
            await reader.come()
            self.threads.append(await writer.friend(reader))

    @abstractmethod
    async def disturb(self) -> None:
        """Do harm until cancelled."""

    async def calm(self) -> None:
        """Wait until nothing of it is under way."""
        await asyncio.gather(*(writer.answered() for writer in self.writers if writer.is_here))


class Told(Trouble):
    """Readers who are told a lot, and read it."""

    async def disturb(self) -> None:
        """Tell them."""
        begun, sent = perf_counter(), 0
        while True:
            while sent < (perf_counter() - begun) * _TOLD_PER_S:
                turn = sent % len(self.writers)
                self.writers[turn].shout(self.threads[turn], _LONG)
                sent += 1
            await asyncio.sleep(0.005)


class Stalled(Told):
    """Readers who are told as much and stop reading."""

    async def disturb(self) -> None:
        """Stall the readers, those first who were sent away and came back."""
        for reader in self.readers:
            if not reader.is_here:
                await reader.come()
            reader.stall()
        await super().disturb()

    async def calm(self) -> None:
        """Let the readers read, or find that they were sent away."""
        await super().calm()
        await asyncio.gather(*(reader.wake() for reader in self.readers))


class Flood(Trouble):
    """Senders without a window and without a pause."""

    text, unanswered = "Now!", 600  # of each: more than the hub takes in flight

    async def disturb(self) -> None:
        """Keep more unanswered than the hub takes in flight."""
        while True:
            for writer, thread in zip(self.writers, self.threads, strict=True):
                while writer.waiting < self.unanswered:
                    writer.shout(thread, self.text)
            await asyncio.sleep(0.005)


class LongFlood(Flood):
    """Senders of texts as dear as they can be: long, and each letter made of two."""

    text, unanswered = "a\u0301" * 8_000, 100


class Looks(Trouble):
    """Those who look things up without a pause."""

    unanswered = 64

    async def prepare(self) -> None:
        """Have something said that can be found."""
        await super().prepare()
        for writer, thread in zip(self.writers, self.threads, strict=True):
            for _ in range(_FOUND):
                writer.shout(thread, _TEXT)
            await writer.answered()

    async def disturb(self) -> None:
        """Keep many looks unanswered."""
        while True:
            for writer, thread in zip(self.writers, self.threads, strict=True):
                while writer.waiting < self.unanswered:
                    self.look(writer, thread)
            await asyncio.sleep(0.005)

    @abstractmethod
    def look(self, writer: Disturber, thread: str) -> None:
        """Ask for something."""


class Searches(Looks):
    """Those who search for a word of all they said: each search takes in what others said meanwhile."""

    def look(self, writer: Disturber, thread: str) -> None:
        """Search."""
        writer.call("search", text="reader", limit=20)


class Histories(Looks):
    """Those who ask for the longest pages of history."""

    def look(self, writer: Disturber, thread: str) -> None:
        """Ask for one."""
        writer.call("history", thread=thread, limit=200)


class Pings(Trouble):
    """Those who ping without a pause."""

    async def disturb(self) -> None:
        """Keep thousands of pings unanswered."""
        while True:
            for writer in self.writers:
                writer.ping(_PINGS)
            await asyncio.sleep(0.005)


class Resume(Trouble):
    """One who comes back again and again with the cursor of a long journal's beginning."""

    async def prepare(self) -> None:
        """Fill the journal."""
        writer, self._reader = self.people[:2]
        self._begin = (await self._reader.come())["legs"][0]["cursor"]
        await writer.come()
        thread = await writer.friend(self._reader)
        await self._reader.go()
        for _ in range(_JOURNAL // 100):
            for _ in range(100):
                writer.shout(thread, _TEXT)
            await writer.answered()

    async def disturb(self) -> None:
        """Come, read all, go."""
        reader = self._reader
        while True:
            before = reader.said["pushes heard"]
            await reader.come(self._begin)
            for _ in range(_LOOKS):
                if reader.said["pushes heard"] - before >= _JOURNAL:
                    break
                await asyncio.sleep(0.01)
            await reader.go()

    async def calm(self) -> None:
        """Leave, however much is still to come."""
        if self._reader.is_here:
            await self._reader.go()


_KINDS: Final[dict[str, type[Trouble]]] = {
    "told": Told,
    "stalled": Stalled,
    "flood": Flood,
    "long flood": LongFlood,
    "searches": Searches,
    "histories": Histories,
    "pings": Pings,
    "resume": Resume,
}


async def main(order: Disturbance) -> None:
    """Disturb when told to."""
    give_way()
    people = [Disturber(order.target.url, person) for pair in order.target.pairs for person in pair]
    trouble = _KINDS[order.kind](people)
    await trouble.prepare()
    for one in people:
        one.said.clear()  # what the preparation took is no harm
    print("ready", flush=True)
    loop, work = asyncio.get_running_loop(), None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line.strip() == "on":
            work = asyncio.create_task(trouble.disturb())
        elif work is not None:
            work.cancel()
            await asyncio.wait([work])
            if not work.cancelled():
                work.result()  # it failed: say why
            await trouble.calm()
            print("calm", flush=True)
    print(orjson.dumps(sum((one.said for one in people), Counter[str]())).decode(), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=LOOP) as runner:
        runner.run(main(ordered(Disturbance)))
