"""People who live for a while: ``python -m benchmarks.load.lives FILE``; prints a line of JSON each interval.

Each has several devices that come with the SDK, say something, read, look around,
write to strangers, change controls and relations, link and unlink an account, are
cut off or leave, and come back, for as long as is wanted. At the end all devices
come together, and must have heard and see the same.
"""

import asyncio
import os
from array import array
from time import perf_counter
from typing import Final

import msgspec

from benchmarks.load.generator import Percentiles
from benchmarks.load.life import assemble, everybody
from benchmarks.load.processes import LOOP, ordered
from benchmarks.load.world import Living, Seen, Somebody, World

_GONE_S: Final = 2.0  # until the hub noticed who went


def seen(world: World) -> Seen:
    """Look at what was done; what the hubs use is seen by whoever started them."""
    acks, world.acks = world.acks, array("d")
    done = dict(world.done)
    return Seen(
        at_s=round(perf_counter() - world.begun, 1),
        connected=world.connected,
        sent=done.pop("sent", 0),
        heard=done.pop("heard", 0),
        cuts=done.pop("cuts", 0),
        lives=done.pop("lives", 0),
        done=done,
        ack=Percentiles.of(acks) if acks else None,
        faults=world.faults,
    )


async def run(order: Living) -> None:
    """Let everybody live, and say how it goes; once more when all were judged and have gone."""
    begun = perf_counter()
    pairs = [(Somebody.of(one), Somebody.of(other)) for one, other in order.target.pairs]
    world = World(order=order, pairs=pairs, begun=begun, until=begun + order.seconds)
    lives = everybody(world)
    async with asyncio.TaskGroup() as all_lives:
        for life in lives:
            all_lives.create_task(life.live())
        while perf_counter() + order.every_s < world.until:
            await asyncio.sleep(order.every_s)
            print(msgspec.json.encode(seen(world)).decode(), flush=True)
    await assemble(world, lives)
    await asyncio.sleep(_GONE_S)
    print(msgspec.json.encode(seen(world)).decode(), flush=True)


if __name__ == "__main__":
    wanted = ordered(Living)
    os.nice(5)
    with asyncio.Runner(loop_factory=LOOP) as runner:
        runner.run(run(wanted))
