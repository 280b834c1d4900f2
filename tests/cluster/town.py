"""Several hubs on one store: each a ``House`` of its own, all with the same people."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from bridge.app import Hub
from bridge.ids import AccountId
from bridge.store.base import Store
from bridge.store.memory import MemoryStore
from bridge.store.postgres import PostgresStore
from tests.hub.house import House, config, house
from tests.hub.talker import Talker


class Shared(Protocol):
    """A store that several hubs use."""

    async def open(self) -> Store:
        """Give a hub its access."""

    async def close(self, store: Store) -> None:
        """End it."""


class OneMemory:
    """One store in memory, in whose process all hubs live."""

    def __init__(self) -> None:
        self._store: MemoryStore | None = None

    async def open(self) -> Store:
        if self._store is None:
            self._store = await MemoryStore.open()
            self._store.shared = True
        return self._store

    async def close(self, store: Store) -> None:
        """Leave it to the others."""


class OneDatabase:
    """One schema of a PostgreSQL, to which each hub has connections of its own."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    async def open(self) -> Store:
        return await PostgresStore.open(self.dsn, pool=4)

    async def close(self, store: Store) -> None:
        await store.close()


QUICK: Final = {"poll_s": 0.2}


class Town:
    """The hubs.

    Attributes:
        houses: Each hub, with its sockets.
    """

    def __init__(self, houses: list[House]) -> None:
        self.houses = houses
        for other in houses[1:]:
            other.tokens = houses[0].tokens

    def __getitem__(self, number: int) -> House:
        return self.houses[number]

    def hub(self, number: int) -> Hub:
        return self.houses[number].hub

    async def join(self, number: int, account: AccountId, **more: Any) -> Talker:
        """Sign an account in at a hub."""
        return await self.houses[number].join(account, **more)


@asynccontextmanager
async def town(
    password_hash: str,
    engine: Shared,
    folder: Path,
    nats: str,
    hubs: int = 2,
    *,
    is_up: bool = True,
    **sections: Any,
) -> AsyncIterator[Town]:
    """Run several hubs on one store."""
    settings = config(
        store={"keys": folder / "keys"},
        **{**sections, "bus": {"url": nats, **QUICK, **sections.get("bus", {})}},
    )
    async with AsyncExitStack() as stack:
        houses = []
        for _ in range(hubs):
            store = await engine.open()
            stack.push_async_callback(engine.close, store)
            houses.append(await stack.enter_async_context(house(password_hash, settings, store)))
        for one in houses:
            await up(one.hub, is_up=is_up)
        yield Town(houses)


async def up(hub: Hub, *, is_up: bool = True) -> None:
    """Wait until a hub's bus is there, or away."""
    async with asyncio.timeout(20):
        while hub.bus.is_up is not is_up:  # noqa: ASYNC110 -- the bus tells its hub, not us
            await asyncio.sleep(0)


async def page(hub: Hub, path: str) -> tuple[int, str]:
    """Get a page of a hub."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body
