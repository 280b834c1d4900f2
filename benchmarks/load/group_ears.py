"""All members of groups, who listen: ``python -m benchmarks.load.group_ears FILE``; prints one line of JSON.

Every push to every member is verified: its position, its place in the group, its words.
"""

import asyncio
import os
from array import array
from time import perf_counter

import msgspec
import orjson
from msgspec import Struct

from benchmarks.load.generator import Percentiles
from benchmarks.load.group_process import TEXT, Groups
from benchmarks.load.line import Line
from benchmarks.load.people import Person
from benchmarks.load.processes import LOOP, cpu_s, ordered, rss_mib

_AT_ONCE = 50
_PATIENCE_S = 120.0


class EarsOrder(Struct, kw_only=True):
    """What to listen to: the hub's process, the groups, and for how long to measure."""

    pid: int
    target: Groups
    offered: str
    warm_up_s: float = 1.0
    seconds: float = 5.0


class Heard(Struct, kw_only=True):
    """What listening showed.

    Attributes:
        members: Members of each group.
        groups: How many groups.
        offered: How they posted.
        deliveries: Pushes that came while measured.
        rate: Those, a second.
        cpu_us: The hub's CPU for each delivery, in microseconds; the fixture's posting is in it.
        load_us: The listeners' CPU for each delivery.
        delivered: From the post to its delivery.
        rss_mib: The hub's memory at the end.
        faults: What contradicts a promise; must be empty.
    """

    members: int
    groups: int
    offered: str
    deliveries: int
    rate: float
    cpu_us: float
    load_us: float
    delivered: Percentiles
    rss_mib: float
    faults: list[str]


class Hearing:
    """What all listeners share."""

    def __init__(self) -> None:
        """Nothing was heard yet."""
        self.recording = False
        self.count = 0
        self.delivered_s = array("d")
        self.faults: list[str] = []


class Ear:
    """One member's session."""

    def __init__(self, hearing: Hearing, person: Person) -> None:
        """Not signed in yet."""
        self._hearing, self._person = hearing, person
        self._at = -1
        self._number = -1
        self._line: Line | None = None
        self._signed_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def come(self, url: str) -> None:
        """Sign in."""
        self._line = await Line.open(url, "isthmus.v1.json", self._on_frame)
        self._line.send(orjson.dumps({"id": 1, "op": "sign_in", "token": self._person.token}))
        await self._signed_in

    def go(self) -> None:
        """Leave."""
        if self._line is not None:
            self._line.close()

    def _on_frame(self, frame: bytes) -> None:
        heard = orjson.loads(frame)
        if "at" not in heard:
            if "re" in heard:
                self._signed_in.set_result(None)
            return
        hearing, at, text = self._hearing, heard["at"], heard["event"]["message"]["text"]
        number = int(text[:8])
        if (self._at >= 0 and at != self._at + 1) or number != self._number + 1 or text[24:] != TEXT:
            hearing.faults.append(f"{self._person.account} heard {text[:8]} at {at} after {self._number}")
        self._at, self._number = at, number
        hearing.count += 1
        if hearing.recording:
            hearing.delivered_s.append(perf_counter() - float(text[8:24]))


async def run(order: EarsOrder) -> Heard:
    """Sign all in, let the posts begin, listen."""
    hearing = Hearing()
    ears = [Ear(hearing, person) for group in order.target.groups for person in group]
    for at in range(0, len(ears), _AT_ONCE):
        await asyncio.gather(*(ear.come(order.target.url) for ear in ears[at : at + _AT_ONCE]))
    print("ready", flush=True)
    await asyncio.sleep(order.warm_up_s)
    begun = (perf_counter(), cpu_s(order.pid), cpu_s(os.getpid()), hearing.count)
    hearing.recording = True
    await asyncio.sleep(order.seconds)
    hearing.recording = False
    ended = (perf_counter(), cpu_s(order.pid), cpu_s(os.getpid()), hearing.count)
    seconds, hub_s, own_s, heard = (after - before for after, before in zip(ended, begun, strict=True))
    for ear in ears:
        ear.go()
    return Heard(
        members=len(order.target.groups[0]),
        groups=len(order.target.groups),
        offered=order.offered,
        deliveries=int(heard),
        rate=round(heard / seconds, 1),
        cpu_us=round(hub_s / max(1, heard) * 1e6, 2),
        load_us=round(own_s / max(1, heard) * 1e6, 2),
        delivered=Percentiles.of(hearing.delivered_s),
        rss_mib=round(rss_mib(order.pid), 1),
        faults=hearing.faults[:20],
    )


async def main(order: EarsOrder) -> Heard:
    """Do what the order says, or fail in time."""
    async with asyncio.timeout(order.warm_up_s + order.seconds + _PATIENCE_S):
        return await run(order)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=LOOP) as runner:
        print(msgspec.json.encode(runner.run(main(ordered(EarsOrder)))).decode())
