"""A hub in a process that will be killed: it loads first, waits for its orders on one line, then serves.

It prints a line of JSON once it serves, and stops when its standard input ends or the
hub can go on no longer (exit code 3). Seeded bugs and a moved clock are put in here, never in the product.
"""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

import bridge.app
from benchmarks.load.people import Person, make_people
from benchmarks.load.processes import LOOP
from bridge.app import Hub, running_hub
from bridge.config import Config
from bridge.domain.deeds import PutDevice
from bridge.hub.auth import new_device
from bridge.hub.services import now_ms
from bridge.ids import AccountId
from bridge.store.sqlite import SqliteStore, tails
from bridge.wire.values import Network
from tests.faults import flaws

A_DAY_AHEAD, A_DAY_BACK = signal.SIGUSR1, signal.SIGUSR2
"""What moves the hub's clock."""

_DAY_MS: Final = 24 * 3600 * 1000

STOPPED: Final = 3
"""Exit code of a hub that could go on no longer."""


class Order(Struct, kw_only=True):
    """What to run.

    Attributes:
        config: The hub's settings.
        people: Names of people to make on each network; empty once they exist.
        flaw: A seeded bug, by its name in ``tests.faults.flaws``; empty for none.
        small_log: Whether SQLite moves its log into the database after every few commits.
    """

    config: Config
    people: list[str] = []
    flaw: str = ""
    small_log: bool = False


class Serving(Struct, kw_only=True):
    """A hub that serves.

    Attributes:
        url: Where it listens.
        pid: Its process.
        people: Whom it made: Messenger's people first.
        twins: The same accounts, each with a second device.
    """

    url: str
    pid: int
    people: list[Person]
    twins: list[Person]


class Clock:
    """The wall clock, as somebody set it."""

    def __init__(self) -> None:
        """Be right."""
        self._ahead_ms = 0

    def move(self, by_ms: int) -> None:
        """Jump."""
        self._ahead_ms += by_ms

    def now_ms(self) -> int:
        """Give the time in milliseconds since 1970."""
        return now_ms() + self._ahead_ms


async def serve(order: Order) -> int:
    """Run a hub until the standard input ends, or until it stops by itself."""
    if order.flaw:
        flaws.FLAWS[order.flaw]()
    clock = Clock()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(A_DAY_AHEAD, clock.move, _DAY_MS)
    loop.add_signal_handler(A_DAY_BACK, clock.move, -_DAY_MS)
    vars(bridge.app)["now_ms"] = clock.now_ms
    vars(tails)["MOST"] = 100  # lines are laid into their journals all the time
    store = await SqliteStore.open(Path(order.config.store.path), clock=clock.now_ms)
    if order.small_log:
        assert store._writing is not None
        await store._writing.run(lambda raw: raw.execute("PRAGMA wal_autocheckpoint = 100"))
    try:
        async with running_hub(order.config, store) as hub:
            return await serve_people(hub, order.people)
    finally:
        await store.close()


async def serve_people(hub: Hub, names: list[str]) -> int:
    """Make people of these names on each network, say so, and serve until the end; give the exit code."""
    wanted = [(network, name) for network in (Network.MESSENGER, Network.DIRECT) for name in names]
    people = await make_people(hub.pipeline, wanted)
    twins = [await _twin(hub, person) for person in people]
    serving = Serving(url=hub.url, pid=os.getpid(), people=people, twins=twins)
    sys.stdout.write(msgspec.json.encode(serving).decode() + "\n")
    sys.stdout.flush()
    end = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
    await asyncio.wait([asyncio.shield(hub.stopped), end], return_when=asyncio.FIRST_COMPLETED)
    return STOPPED if hub.stopped.done() else 0


async def _twin(hub: Hub, person: Person) -> Person:
    device, token = new_device(AccountId(person.account), "twin", now_ms())
    await hub.pipeline.do(AccountId(""), PutDevice(device=device))
    return replace(person, token=token)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="hub: %(levelname)s %(message)s")
    line = sys.stdin.readline()
    if line:
        with asyncio.Runner(loop_factory=LOOP) as runner:
            code = runner.run(serve(msgspec.json.decode(line, type=Order)))
            os._exit(code)  # the thread that reads the standard input would wait for ever
