"""A hub in a process of its own, with people in it: ``python -m benchmarks.load.hub_process SETTINGS``.

It prints one line of JSON (where it listens, who can sign in) and runs until its standard input ends.
"""

import asyncio
import logging
import sys

import msgspec
from msgspec import Struct

from benchmarks.load.people import Person, make_people
from benchmarks.load.processes import LOOP
from bridge.app import running_hub, spare_the_collector
from bridge.config import Config
from bridge.wire.values import Network


class Order(Struct, kw_only=True):
    """What to run: a hub's settings, how many accounts on each network, and whether on uvloop."""

    config: Config
    pairs: int
    uvloop: bool = True


class Running(Struct, kw_only=True):
    """What runs: where to connect, and the accounts of each pair, Messenger's first."""

    url: str
    pairs: list[tuple[Person, Person]]


async def serve(order: Order) -> None:
    """Run the hub until the standard input ends."""
    loop = asyncio.get_running_loop()
    async with running_hub(order.config) as hub:
        names = [f"p{number}" for number in range(order.pairs)]
        writers = await make_people(hub.pipeline, ((Network.MESSENGER, name) for name in names))
        readers = await make_people(hub.pipeline, ((Network.DIRECT, name) for name in names))
        pairs = list(zip(writers, readers, strict=True))
        spare_the_collector()
        print(msgspec.json.encode(Running(url=hub.url, pairs=pairs)).decode(), flush=True)
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    order = msgspec.json.decode(sys.argv[1], type=Order)
    with asyncio.Runner(loop_factory=LOOP if order.uvloop else None) as runner:
        runner.run(serve(order))
