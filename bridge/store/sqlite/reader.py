"""A connection that only reads, and its own memory of names."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bridge.store.sqlite.connection import Connection
from bridge.store.sqlite.names import Names

S = TypeVar("S")
T = TypeVar("T")


class Reader:
    """Reads beside the writer: each run sees all that was committed before it began, and nothing later."""

    def __init__(self, connection: Connection) -> None:
        """Take an open connection; ``open`` is the way in."""
        self._connection = connection
        self._names: Names | None = None

    @classmethod
    async def open(cls, path: Path) -> "Reader":
        """Open the file for reading; see ``Connection.open``."""
        return cls(await Connection.open(path, write=False))

    async def look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function that takes no table for granted."""
        return await self._connection.run(work)

    async def run(self, work: Callable[[sqlite3.Connection, Names], T]) -> T:
        """Run a function in the connection's thread, within one snapshot."""
        return await self.run_after(_look_at_nothing, lambda raw, names, _: work(raw, names))

    async def run_after(
        self,
        look: Callable[[sqlite3.Connection, Names], S],
        work: Callable[[sqlite3.Connection, Names, S], T],
    ) -> T:
        """Run a function within one snapshot, with what another one found before that was taken."""

        def in_snapshot(raw: sqlite3.Connection) -> T:
            if self._names is None:
                self._names = Names(raw)
            self._names.shrink()
            seen = look(raw, self._names)
            raw.execute("BEGIN")
            try:
                return work(raw, self._names, seen)
            finally:
                raw.execute("COMMIT")

        return await self._connection.run(in_snapshot)

    async def close(self) -> None:
        """Finish what waits, then close."""
        await self._connection.close()


def _look_at_nothing(raw: sqlite3.Connection, names: Names) -> None:
    """Find nothing."""
