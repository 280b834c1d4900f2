"""The rig: three hubs on one PostgreSQL and one NATS, each of which is killed and started again."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from benchmarks.load.people import Person
from bridge.config import BusSettings, Config, HubSettings, Limits, Listen, StoreSettings
from bridge.store.postgres import PostgresStore
from tests.cluster.hub_process import Order
from tests.cluster.servers import Nats
from tests.engines_postgres import PostgresServer
from tests.faults.cast import Cast
from tests.faults.hub_process import Serving
from tests.faults.rig import ROOT, free_port

HUBS: Final = 3


class Cluster:
    """Three hubs and what they need, over all their lives.

    Attributes:
        urls: Where clients connect.
        people: The accounts: Messenger's first, as many on Direct after them.
        twins: The same accounts with another device's token.
    """

    def __init__(
        self,
        folder: Path,
        postgres: PostgresServer,
        nats: Nats,
        names: Sequence[str],
        loses: float,
        *,
        hubs: int = HUBS,
        schema: str = "cluster",
        flaw: str = "",
    ) -> None:
        self.people: list[Person] = []
        self.twins: list[Person] = []
        self._dsn, self._flaw = postgres.dsn(schema), flaw
        self._folder = folder
        self._postgres = postgres
        self._nats = nats
        self._names = list(names)
        self._loses = loses
        self._ports: list[int] = []
        self._hubs: list[Process | None] = [None] * hubs
        self._casts: list[Cast] = []

    @property
    def urls(self) -> list[str]:
        """Where clients connect."""
        return [f"ws://127.0.0.1:{port}" for port in self._ports]

    @property
    def pids(self) -> list[int]:
        """The hubs' processes."""
        return [hub.pid for hub in self._hubs if hub is not None]

    async def __aenter__(self) -> Self:
        for _ in self._hubs:
            self._ports.append(free_port(self._ports))
        await self.start(0)  # it makes the tables and the people
        await asyncio.gather(*(self.start(number) for number in range(1, len(self._hubs))))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for cast in self._casts:
            await cast.leave()
        for number in range(len(self._hubs)):
            await self.stop(number)

    def cast(self, seed: int) -> Cast:
        """Give the people SDK clients, spread over the hubs; who loses a hub goes to the next."""
        cast = Cast(self.urls, self.people, seed)
        self._casts.append(cast)
        return cast

    async def start(self, number: int) -> None:
        """Start a hub and wait until it serves."""
        command = [sys.executable, "-m", "tests.cluster.hub_process"]
        hub = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
        self._hubs[number] = hub
        assert hub.stdin is not None
        assert hub.stdout is not None
        order = Order(
            config=self._config(self._ports[number]),
            dsn=self._dsn,
            people=[] if self.people else self._names,
            loses=self._loses,
            flaw=self._flaw,
        )
        hub.stdin.write(msgspec.json.encode(order, enc_hook=str) + b"\n")
        line = await hub.stdout.readline()
        assert line, f"hub {number} ended with {await hub.wait()} before it served"
        serving = msgspec.json.decode(line, type=Serving)
        self.people, self.twins = self.people or serving.people, self.twins or serving.twins

    async def kill(self, number: int) -> None:
        """Kill a hub, as a crash would, and start it again."""
        hub = self._hubs[number]
        assert hub is not None
        hub.kill()
        await hub.wait()
        await self.start(number)

    async def replace(self, number: int) -> int:
        """Stop a hub as an operator does, and start it again; give its exit code."""
        code = await self.stop(number)
        await self.start(number)
        return code

    async def kill_nats(self) -> None:
        """Kill NATS, and start it again."""
        await self._nats.kill()
        await self._nats.start()

    async def kill_postgres(self) -> None:
        """Kill PostgreSQL, and start it again."""
        await asyncio.to_thread(self._postgres.kill)
        await asyncio.to_thread(self._postgres.start)

    async def stop(self, number: int) -> int:
        """Stop a hub; give its exit code."""
        hub, self._hubs[number] = self._hubs[number], None
        if hub is None:
            return 0
        assert hub.stdin is not None
        hub.stdin.close()
        try:
            return await asyncio.wait_for(hub.wait(), 20)
        except TimeoutError:
            hub.kill()
            return await hub.wait()

    async def problems(self) -> tuple[object, ...]:
        """Audit the database."""
        store = await PostgresStore.open(self._dsn, pool=2)
        try:
            return (await store.audit()).problems
        finally:
            await store.close()

    def _config(self, port: int) -> Config:
        return Config(
            listen=Listen(port=port),
            store=StoreSettings(path="", keys=self._folder / "keys"),
            hub=HubSettings(heartbeat_s=1.0, drain_s=2.0),
            bus=BusSettings(url=self._nats.url, poll_s=1.0),
            limits=Limits(sign_ins_per_minute=100_000),
        )
