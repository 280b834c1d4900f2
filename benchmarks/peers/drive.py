"""The load on a peer, in a process of its own; prints ``ready`` when all are here, then one line of JSON.

``python -m benchmarks.peers.drive FILE``
"""

import asyncio
import os
import sys
from time import perf_counter

import msgspec
from msgspec import Struct

from benchmarks.load.generator import Measured, Percentiles
from benchmarks.load.processes import LOOP, cpu_s, memory_mib, ordered
from benchmarks.peers.matrix import MatrixTalker
from benchmarks.peers.mqtt import MqttTalker
from benchmarks.peers.nats import NatsTalker
from benchmarks.peers.talker import Count, Talker
from benchmarks.peers.xmpp import XmppTalker

_TALKERS: dict[str, type[Talker]] = {
    "xmpp": XmppTalker,
    "mqtt": MqttTalker,
    "nats": NatsTalker,
    "matrix": MatrixTalker,
}
_PATIENCE_S = 60.0


class PeerLoad(Struct, kw_only=True):
    """What load to make on a peer.

    Attributes:
        protocol: ``xmpp``, ``mqtt``, ``nats`` or ``matrix``.
        port: Where it listens on the loopback.
        pids: The processes whose CPU is measured, with their children.
        pairs: How many pairs talk.
        window: Unanswered messages of each pair.
        rate: Messages a second over all; 0: as many as the windows let through.
        warm_up_s: How long to talk before measuring.
        seconds: How long to measure.
        waits: Whether to wait for a line on the standard input once all are signed in.
    """

    protocol: str
    port: int
    pids: tuple[int, ...]
    pairs: int = 50
    window: int = 16
    rate: float = 0.0
    warm_up_s: float = 1.0
    seconds: float = 5.0
    waits: bool = False


async def connect(load: PeerLoad, count: Count) -> list[Talker]:
    """Sign all pairs in, some at a time: a server that hashes passwords takes a while for each."""
    loop, kind = asyncio.get_running_loop(), _TALKERS[load.protocol]
    talkers: list[Talker] = []
    for number in range(load.pairs):
        for name, partner in ((f"w{number}", f"r{number}"), (f"r{number}", f"w{number}")):
            _, talker = await loop.create_connection(
                lambda name=name, partner=partner: kind(count, name, partner),  # type: ignore[misc]
                "127.0.0.1",
                load.port,
            )
            talkers.append(talker)
            await talker.ready
    for one, two in zip(talkers[::2], talkers[1::2], strict=True):
        one.other, two.other = two, one
        await one.meet()
    return talkers


async def run(load: PeerLoad) -> Measured:
    """Make the load and measure, from one acknowledgement to another.

    A server that handles all that waits before it answers any answers in lumps, on a busy disk seconds apart:
    between two moments of the clock there may be none, or two lumps of work and one of answers.
    """
    count = Count()
    talkers = await connect(load, count)
    print("ready", flush=True)
    if load.waits:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    pacer = asyncio.create_task(_pace(talkers, load.rate)) if load.rate else None
    if pacer is None:
        for talker in talkers:
            talker.window = max(1, load.window // 2)
            talker.fill()
    await asyncio.sleep(load.warm_up_s)
    await count.another()
    begun = _look(load, count)
    count.recording = True
    await asyncio.sleep(load.seconds)
    await count.another()
    count.recording = False
    ended = _look(load, count)
    if pacer is not None:
        pacer.cancel()
    await _settle(talkers, count)
    seconds, hub_s, own_s, messages = (after - before for after, before in zip(ended, begun, strict=True))
    return Measured(
        seconds=round(seconds, 3),
        messages=int(messages),
        refused={},
        rate=round(messages / seconds, 1),
        cpu_us=round(hub_s / max(1, messages) * 1e6, 2),
        generator_us=round(own_s / max(1, messages) * 1e6, 2),
        acknowledged=Percentiles.of(count.acknowledged_s),
        delivered=Percentiles.of(count.delivered_s),
        rss_mib=round(memory_mib(load.pids), 1),
        verified=count.delivered,
        faults=count.faults[:20],
    )


def _look(load: PeerLoad, count: Count) -> tuple[float, float, float, int]:
    return perf_counter(), sum(map(cpu_s, load.pids)), cpu_s(os.getpid()), count.acknowledged


async def _pace(talkers: list[Talker], rate: float) -> None:
    """Send at a fixed rate, whatever the answers do."""
    begun, sent = perf_counter(), 0
    while True:
        due = int((perf_counter() - begun) * rate)
        while sent < due:
            talkers[sent % len(talkers)].say(perf_counter())
            sent += 1
        await asyncio.sleep(0.001)


async def _settle(talkers: list[Talker], count: Count) -> None:
    """Stop sending and wait for what is under way."""
    for talker in talkers:
        talker.window = 0
    for _ in range(2_000):
        if all(not talker.waiting for talker in talkers) and count.delivered >= count.acknowledged:
            break
        await asyncio.sleep(0.01)
    else:
        count.faults.append(f"{count.acknowledged} acknowledged, {count.delivered} delivered after 20 s")
    for talker in talkers:
        talker.leave()


async def main(load: PeerLoad) -> Measured:
    """Do what the order says, or fail in time."""
    async with asyncio.timeout(load.warm_up_s + load.seconds + _PATIENCE_S):
        return await run(load)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=LOOP) as runner:
        print(msgspec.json.encode(runner.run(main(ordered(PeerLoad)))).decode())
