"""The rig: a hub that is killed and started again on the same database and port, and its clock and disk."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from benchmarks.load.people import Person
from bridge.config import Config, HubSettings, Limits, Listen, StoreSettings
from bridge.store.sqlite import SqliteStore
from tests.faults.cast import Cast
from tests.faults.hub_process import Order, Serving

ROOT: Final = Path(__file__).resolve().parents[2]
_BELOW_EPHEMERAL: Final = range(20_000, 30_000)


class Rig:
    """One hub, over all its lives.

    Attributes:
        path: Its database.
        url: Where it listens, in all its lives.
        people: The accounts: Messenger's first, as many on Direct after them.
        twins: The same accounts with another device's token.
        lives: How often it was started.
        tracer: A command that runs the next life, such as ``strace``; empty for none.
        small_log: Whether the next life moves its log into the database after every few commits.
    """

    def __init__(self, folder: Path, *, names: Sequence[str], flaw: str = "") -> None:
        """Start nothing yet.

        Args:
            folder: Where the database lies.
            names: Names of the people on each network.
            flaw: A seeded bug for all lives.
        """
        self.path = folder / "hub.db"
        self.people: list[Person] = []
        self.twins: list[Person] = []
        self.lives = 0
        self._casts: list[Cast] = []
        self.tracer: list[str] = []
        self.small_log = False
        self._names = list(names)
        self._flaw = flaw
        self._port = free_port()
        self._hub: Process | None = None
        self._pid = 0

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"ws://127.0.0.1:{self._port}"

    @property
    def config(self) -> Config:
        """The hub's settings."""
        return Config(
            listen=Listen(port=self._port),
            store=StoreSettings(path=str(self.path)),
            hub=HubSettings(heartbeat_s=0.5, drain_s=2.0),
            limits=Limits(sign_ins_per_minute=10_000),
        )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for cast in self._casts:
            await cast.leave()
        await _end(self._hub)

    async def start(self) -> None:
        """Start the hub and wait until it serves.

        Raises:
            RuntimeError: If it does not.
        """
        command = [*self.tracer, sys.executable, "-m", "tests.faults.hub_process"]
        hub = self._hub = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
        assert hub.stdin is not None
        assert hub.stdout is not None
        people = [] if self.people else self._names
        order = Order(config=self.config, people=people, flaw=self._flaw, small_log=self.small_log)
        hub.stdin.write(msgspec.json.encode(order) + b"\n")
        line = await hub.stdout.readline()
        if not line:
            raise RuntimeError(f"the hub ended with {await hub.wait()} before it served")
        serving = msgspec.json.decode(line, type=Serving)
        self._pid = serving.pid
        self.people = self.people or serving.people
        self.twins = self.twins or serving.twins
        self.lives += 1

    def cast(self, seed: int) -> Cast:
        """Give the people SDK clients; they leave when the rig is taken down."""
        cast = Cast([self.url], self.people, seed)
        self._casts.append(cast)
        return cast

    async def serves(self) -> bool:
        """Start the hub; say whether it lived to serve."""
        try:
            await self.start()
        except RuntimeError:
            return False
        return True

    async def kill(self) -> None:
        """Kill the hub, as a crash would, unless it is dead already."""
        assert self._hub is not None
        if self._hub.returncode is None:
            os.kill(self._pid, signal.SIGKILL)
            await self._hub.wait()

    def signal(self, number: int) -> None:
        """Send the hub a signal."""
        os.kill(self._pid, number)

    async def stop(self) -> int:
        """Stop the hub as an operator does; give its exit code."""
        assert self._hub is not None
        assert self._hub.stdin is not None
        self._hub.stdin.close()
        return await self._hub.wait()

    async def ended(self) -> int:
        """Wait until the hub ends by itself; give its exit code."""
        assert self._hub is not None
        return await self._hub.wait()


async def _end(process: Process | None) -> None:
    if process is not None and process.returncode is None:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


def free_port(taken: Sequence[int] = ()) -> int:
    """Find a free port that no client's own end can take while the hub is away."""
    for port in _BELOW_EPHEMERAL[os.getpid() % 9_000 :]:
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")


async def problems(path: Path) -> tuple[object, ...]:
    """Audit a database that nobody uses."""
    store = await SqliteStore.open(path)
    try:
        return (await store.audit()).problems
    finally:
        await store.close()
