"""The table of engines: how to open each in an empty folder, and how to open what it backed up."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final, Protocol

from bridge.store.base import Store
from bridge.store.memory import MemoryStore
from bridge.store.postgres import PostgresStore
from bridge.store.postgres.restore import restored
from bridge.store.sqlite import SqliteStore
from bridge.store.sqlite.copies import restore
from tests.engines_postgres import the_server

Clock = Callable[[], int]
"""Milliseconds since 1970."""

FILE: Final = "isthmus.sqlite3"


class Clockwork:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now


class Engine(Protocol):
    """One way to keep things.

    Attributes:
        lasts: Whether what was committed survives ``close``.
    """

    lasts: bool

    async def open(self, folder: Path, clock: Clock) -> Store:
        """Open a store in a folder; what was kept there before is there again, if the engine lasts."""

    async def restored(self, backup: Path, folder: Path) -> Store:
        """Open a backup, restored into an empty folder."""


class Memory:
    """In memory: a folder means nothing to it."""

    lasts = False

    async def open(self, folder: Path, clock: Clock) -> Store:
        return await MemoryStore.open(clock=clock)

    async def restored(self, backup: Path, folder: Path) -> Store:
        return await MemoryStore.restored(str(backup))


class Sqlite:
    """In one file."""

    lasts = True

    async def open(self, folder: Path, clock: Clock) -> Store:
        return await SqliteStore.open(folder / FILE, clock=clock)

    async def restored(self, backup: Path, folder: Path) -> Store:
        await restore(backup, folder / FILE)
        return await SqliteStore.open(folder / FILE)


class Postgres:
    """In a schema of its own, named after the folder; one server for all, started when it is asked for."""

    lasts = True

    async def open(self, folder: Path, clock: Clock) -> Store:
        return await PostgresStore.open(self.dsn(folder), pool=4, clock=clock)

    async def restored(self, backup: Path, folder: Path) -> Store:
        return await restored(self.dsn(folder), backup, pool=4)

    def dsn(self, folder: Path) -> str:
        return the_server().dsn("f" + blake2b(str(folder).encode(), digest_size=10).hexdigest())


ENGINES: Final[Mapping[str, Engine]] = {"memory": Memory(), "sqlite": Sqlite(), "postgres": Postgres()}


@asynccontextmanager
async def closing(opening: Awaitable[Store]) -> AsyncIterator[Store]:
    """Close the store that this opens, whatever happens."""
    store = await opening
    try:
        yield store
    finally:
        await store.close()
