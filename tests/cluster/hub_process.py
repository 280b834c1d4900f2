"""One hub of a cluster in a process that will be killed; its order comes on one line.

It prints a line of JSON once it serves, and stops when its standard input ends or the
hub can go on no longer (exit code 3). Lost news are seeded here, never in the product.
"""

import asyncio
import logging
import os
import random
import sys
from pathlib import Path

import msgspec
from msgspec import Struct
from nats.aio.client import Client

import bridge.app
from benchmarks.load.processes import LOOP
from bridge.app import running_hub
from bridge.bus.base import Bus
from bridge.bus.nats import NatsBus
from bridge.bus.options import options_of
from bridge.config import Config
from bridge.store.postgres import PostgresStore
from tests.cluster import flaws
from tests.faults.hub_process import serve_people


class Order(Struct, kw_only=True):
    """What to run.

    Attributes:
        config: The hub's settings.
        dsn: The database.
        people: Names of people to make on each network; empty once they exist.
        loses: The share of news that is lost.
        flaw: A seeded bug, by its name in ``tests.cluster.flaws``; empty for none.
    """

    config: Config
    dsn: str
    people: list[str] = []
    loses: float = 0.0
    flaw: str = ""


class LosingBus(NatsBus):
    """Sends only what its chance lets through."""

    loses = 0.0
    chance = random.Random(7)

    async def _send(self, client: Client, subject: str, packet: bytes) -> None:
        if self.chance.random() >= self.loses:
            await super()._send(client, subject, packet)


async def serve(order: Order) -> int:
    """Run a hub until the standard input ends, or until it stops by itself."""

    async def open_bus(config: Config) -> Bus:
        bus = LosingBus(options_of(config.bus))
        bus.loses = order.loses
        bus.begin()
        return bus

    if order.flaw:
        flaws.FLAWS[order.flaw]()
    vars(bridge.app)["open_bus"] = open_bus
    store = await PostgresStore.open(order.dsn, pool=4)
    try:
        async with running_hub(order.config, store) as hub:
            return await serve_people(hub, order.people)
    finally:
        await store.close()


def _path(kind: type, value: str) -> Path:
    assert kind is Path
    return Path(value)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, format="hub: %(levelname)s %(message)s")
    line = sys.stdin.readline()
    if line:
        with asyncio.Runner(loop_factory=LOOP) as runner:
            code = runner.run(serve(msgspec.json.decode(line, type=Order, dec_hook=_path)))
            os._exit(code)  # the thread that reads the standard input would wait for ever
