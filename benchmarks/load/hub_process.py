"""A hub in a process of its own, with people in it: ``python -m benchmarks.load.hub_process SETTINGS``.

It prints one line of JSON (where it listens, who can sign in) and runs until its standard input ends.
"""

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import msgspec
from msgspec import Struct

from benchmarks.load.people import Person, make_people, tell_much
from benchmarks.load.processes import LOOP, ordered
from bridge.app import running_hub
from bridge.config import Config
from bridge.ids import AccountId
from bridge.process import spare_the_collector
from bridge.store.base import Batch, Places
from bridge.store.sqlite import SqliteStore
from bridge.store.sqlite.commit import Writer
from bridge.wire.values import Network

_STALL_AFTER_S: Final = 8.0  # when loads have warmed up and measure


class Order(Struct, kw_only=True):
    """What to run.

    Attributes:
        config: The hub's settings.
        pairs: How many accounts on each network.
        devices: How many devices each account has.
        uvloop: Whether on uvloop.
        disk_ms: By how much each commit is delayed, as by a slow disk, once the accounts are made.
        stall_s: How much longer one commit takes, eight seconds after the start: a disk that hangs once.
        networks: The networks of the two of each pair.
        fresh: Whether nothing was told before; else as much as in a hub that runs for long.
    """

    config: Config
    pairs: int
    uvloop: bool = True
    disk_ms: float = 0.0
    stall_s: float = 0.0
    networks: tuple[Network, Network] = (Network.MESSENGER, Network.DIRECT)
    fresh: bool = False
    devices: int = 1


class Running(Struct, kw_only=True):
    """What runs: where to connect, and the accounts of each pair, Messenger's first."""

    url: str
    pairs: list[tuple[Person, Person]]


class SlowStore(SqliteStore):
    """A store whose commits take longer, in the thread that writes, as with a slow disk.

    Attributes:
        delay_s: How much longer each takes.
        stall_s: How much longer one takes, once ``stall_at`` has come.
        stall_at: When, by ``monotonic``.
    """

    delay_s = 0.0
    stall_s = 0.0
    stall_at = 0.0

    async def commit(self, batch: Batch) -> Sequence[Places]:
        """Commit, then let the disk take its time."""

        def slowly(writer: Writer) -> Sequence[Places]:
            made = writer.commit(batch)
            sleep(self._wait_s())
            return made

        return await self._write(slowly)

    def _wait_s(self) -> float:
        if self.stall_s and monotonic() > self.stall_at:
            wait, self.stall_s = self.stall_s, 0.0
            return wait
        return self.delay_s


async def serve(order: Order) -> None:
    """Run the hub until the standard input ends."""
    async with AsyncExitStack() as stack:
        store = None
        if order.disk_ms or order.stall_s:
            store = await SlowStore.open(Path(order.config.store.path))
            stack.push_async_callback(store.close)
        hub = await stack.enter_async_context(running_hub(order.config, store))
        names = [str(number) for number in range(order.pairs)]
        one, other = order.networks
        writers = await make_people(hub.pipeline, ((one, f"p{name}") for name in names), order.devices)
        readers = await make_people(hub.pipeline, ((other, f"q{name}") for name in names), order.devices)
        if not order.fresh:
            await tell_much(hub.store, [AccountId(one.account) for one in (*writers, *readers)])
        pairs = list(zip(writers, readers, strict=True))
        spare_the_collector()
        if isinstance(store, SlowStore):
            store.delay_s, store.stall_s = order.disk_ms / 1000, order.stall_s
            store.stall_at = monotonic() + _STALL_AFTER_S
        print(msgspec.json.encode(Running(url=hub.url, pairs=pairs)).decode(), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    order = ordered(Order)
    with asyncio.Runner(loop_factory=LOOP if order.uvloop else None) as runner:
        runner.run(serve(order))
