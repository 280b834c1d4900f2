"""Someone who disturbs: ``python -m benchmarks.load.disturber ORDER``; prints one line when it begins to.

It goes on until its standard input ends, then says on a second line what it did.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, Final

import msgspec
import orjson
from msgspec import Struct

from benchmarks.load.hub_process import Running
from benchmarks.load.line import Line
from benchmarks.load.people import Person
from benchmarks.load.processes import LOOP

_LONG: Final = "All work and no play makes a dull reader. " * 400  # 16 KB: the kernel's own buffers fill soon
_TEXT: Final = _LONG[:400]
_WAKING_S: Final = 3.0
_JOURNAL: Final = 5_000
_TOLD_PER_S: Final = 300  # to all stalled readers together


class Disturbance(Struct, kw_only=True):
    """What to do: ``stalled``, ``flood`` or ``resume``, and with which people."""

    kind: str
    target: Running


class Disturber:
    """One connection that does harm."""

    def __init__(self, url: str, person: Person) -> None:
        """Do none yet."""
        self.person = person
        self.said: Counter[str] = Counter()
        self.waiting = 0
        self.pushes = 0
        self._url = url
        self._line: Line | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._calls = 0
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
        self._calls += 1
        self.waiting += 1
        self._write("send", {"thread": thread, "text": text, "token": f"{perf_counter():.6f}-{self._calls}"})

    async def answered(self) -> None:
        """Wait until every send has its verdict."""
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
        if self._line is not None and self._is_stalled:
            self._line.resume()
            await asyncio.wait([self._line.closed], timeout=_WAKING_S)

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
            self.pushes += "at" in heard
        elif (answer := self._answers.pop(call, None)) is None:
            self.waiting -= 1
            if not self.waiting:
                self._all_answered.set()
            self.said[heard["error"]["code"] if "error" in heard else "ok"] += 1
        elif "error" in heard:
            answer.set_exception(RuntimeError(f"{heard['error']}"))
        else:
            answer.set_result(heard["ok"])


async def stalled(people: list[Disturber]) -> None:
    """Let every second person stop reading, and tell those a lot."""
    threads = []
    for writer, reader in zip(people[::2], people[1::2], strict=True):
        await writer.come()
        await reader.come()
        threads.append(await writer.friend(reader))
        reader.stall()
    print("begun", flush=True)
    begun, sent, writers = perf_counter(), 0, people[::2]
    while True:
        while sent < (perf_counter() - begun) * _TOLD_PER_S:
            turn = sent % len(writers)
            if writers[turn].is_here:
                writers[turn].shout(threads[turn], _LONG)
            sent += 1
        await asyncio.sleep(0.005)


async def flood(people: list[Disturber]) -> None:
    """Send without a window and without a pause."""
    threads = []
    for writer, reader in zip(people[::2], people[1::2], strict=True):
        await writer.come()
        await reader.come()
        threads.append(await writer.friend(reader))
    print("begun", flush=True)
    while True:
        for writer, thread in zip(people[::2], threads, strict=True):
            if writer.is_here and writer.waiting < 5_000:
                for _ in range(100):
                    writer.shout(thread, "Now!")
        await asyncio.sleep(0.005)


async def resume(people: list[Disturber]) -> None:
    """Fill a journal, then come back again and again with the cursor of its beginning."""
    writer, reader = people[:2]
    begin = (await reader.come())["legs"][0]["cursor"]
    await writer.come()
    thread = await writer.friend(reader)
    await reader.go()
    for _ in range(_JOURNAL // 100):
        for _ in range(100):
            writer.shout(thread, _TEXT)
        await writer.answered()
    print("begun", flush=True)
    while True:
        before = reader.pushes
        await reader.come(begin)
        for _ in range(200):
            if reader.pushes - before >= _JOURNAL:
                break
            await asyncio.sleep(0.01)
        await reader.go()
        reader.said["resumed"] += 1


_KINDS: Final[dict[str, Callable[[list[Disturber]], Awaitable[None]]]] = {
    "stalled": stalled,
    "flood": flood,
    "resume": resume,
}


async def main(order: Disturbance) -> None:
    """Disturb until told to stop."""
    people = [Disturber(order.target.url, person) for pair in order.target.pairs for person in pair]
    work = asyncio.ensure_future(_KINDS[order.kind](people))
    told = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait([work, told], return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        work.result()
    work.cancel()
    await asyncio.gather(*(one.wake() for one in people))
    done = sum((one.said for one in people), Counter[str]())
    done["pushes heard"] = sum(one.pushes for one in people)
    done["connections closed by the hub"] = sum(not one.is_here for one in people)
    print(orjson.dumps(done).decode(), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=LOOP) as runner:
        runner.run(main(msgspec.json.decode(sys.argv[1], type=Disturbance)))
