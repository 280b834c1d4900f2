"""A hub in a process of its own, with people in it: ``python -m benchmarks.load.hub_process SETTINGS``.

It prints one line of JSON (where it listens, who can sign in) and runs until its standard input ends.
"""

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import msgspec
from msgspec import Struct

from benchmarks.load.people import PASSWORD, Person, make_people, tell_much
from benchmarks.load.processes import LOOP, ordered
from bridge.app import Hub, running_hub
from bridge.config import Config
from bridge.errors import BridgeError
from bridge.hub.maintenance import Maintenance
from bridge.hub.services import now_ms
from bridge.ids import AccountId
from bridge.process import spare_the_collector
from bridge.store.base import Batch, Places
from bridge.store.sqlite import SqliteStore
from bridge.store.sqlite.commit import Writer
from bridge.wire.values import Network

log = logging.getLogger("benchmarks")

_DAYS: Final = 30
_DAY_MS: Final = 86_400_000
_STALL_AFTER_S: Final = 8.0  # when loads have warmed up and measure


class Order(Struct, kw_only=True):
    """What to run.

    Attributes:
        config: The hub's settings.
        pairs: How many accounts on each network.
        devices: How many devices each account has.
        passwords: Whether they have a password, too (``people.PASSWORD``).
        age_s: What is so many seconds old counts as 30 days old: journals are trimmed, deleted accounts
            erased; 0: as it is.
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
    passwords: bool = False
    age_s: float = 0.0


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
        password = await hub.passwords.hash(PASSWORD) if order.passwords else ""
        one, other = order.networks
        make = partial(make_people, hub.pipeline, devices=order.devices, password=password)
        writers = await make((one, f"p{name}") for name in names)
        readers = await make((other, f"q{name}") for name in names)
        if not order.fresh:
            await tell_much(hub.store, [AccountId(one.account) for one in (*writers, *readers)])
        pairs = list(zip(writers, readers, strict=True))
        spare_the_collector()
        if isinstance(store, SlowStore):
            store.delay_s, store.stall_s = order.disk_ms / 1000, order.stall_s
            store.stall_at = monotonic() + _STALL_AFTER_S
        print(msgspec.json.encode(Running(url=hub.url, pairs=pairs)).decode(), flush=True)
        ageing = asyncio.create_task(_age(hub, order.age_s)) if order.age_s else None
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        if ageing is not None:
            ageing.cancel()
            await asyncio.wait([ageing])


async def _age(hub: Hub, age_s: float) -> None:
    """Keep the store in order as if it were later: again and again, until cancelled."""
    ahead_ms = round(_DAYS * _DAY_MS - age_s * 1000)
    while True:
        await asyncio.sleep(age_s / 4)
        try:
            await Maintenance(hub.pipeline, hub.store, lambda: now_ms() + ahead_ms, _DAYS).round()
        except BridgeError as wrong:  # as a hub does: at the next time
            log.warning("maintenance waits for its next round: %s", wrong)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    order = ordered(Order)
    with asyncio.Runner(loop_factory=LOOP if order.uvloop else None) as runner:
        runner.run(serve(order))
