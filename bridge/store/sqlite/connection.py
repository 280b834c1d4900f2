"""Connections to the database file: one function runs in a connection's thread per call, never a statement.

A hop to the thread costs more CPU than a dozen statements (docs/store.md), so
that a verb of the port is one function here, whatever it takes.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Final, TypeVar

import aiosqlite

from bridge.errors import CorruptStore, Fault, SetupError, StorageFull, Unavailable
from bridge.store.sqlite.schema import identify

T = TypeVar("T")

_WRITING: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA wal_autocheckpoint = 8000",
    "PRAGMA cache_size = -16384",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA busy_timeout = 0",
)
_READING: Final = (
    "PRAGMA cache_size = -4096",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA busy_timeout = 5000",
    "CREATE VIRTUAL TABLE temp.spoken USING fts5vocab(main, words, instance)",  # see ``sqlite.search``
    "PRAGMA query_only = ON",
)
OLDEST_SQLITE: Final = (3, 37, 0)  # STRICT tables


def primary(error: sqlite3.Error) -> int:
    """Give the primary result code of an error; 0 if SQLite had no part in it."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _adapt_at_once() -> None:
    """Have bytes and None bound as they are.

    For each of them Python seeks an adapter and fails, silently, before it binds the value itself: measured a
    third of the time to insert a message. What stands here gives back what it gets, without Python in it.
    """
    sqlite3.register_adapter(bytes, bytes)
    sqlite3.register_adapter(NoneType, {}.get)  # type: ignore[arg-type]  # of an empty dict: None for None


class Connection:
    """One connection and its thread."""

    def __init__(self, inner: aiosqlite.Connection) -> None:
        """Take an open connection; ``open`` is the way in."""
        self._inner = inner

    @classmethod
    async def open(cls, path: Path, *, write: bool) -> "Connection":
        """Open the file, for writing or for reading only.

        Raises:
            SetupError: If it cannot be opened, or is no database.
        """
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise SetupError(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 is the least.")

        _adapt_at_once()

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(path, isolation_level=None, cached_statements=256)

        def prepare(raw: sqlite3.Connection) -> None:
            identify(raw, path)
            for pragma in _WRITING if write else _READING:
                raw.execute(pragma)

        inner = aiosqlite.Connection(connect, iter_chunk_size=64)
        connecting = asyncio.ensure_future(inner)
        try:
            opened = cls(await asyncio.shield(connecting))
        except sqlite3.OperationalError as error:
            await asyncio.to_thread(inner._thread.join)  # it answers once more, to a loop that may be closed
            raise SetupError(f"The database {path} cannot be opened: {error}.") from error
        except asyncio.CancelledError:
            await (await connecting).close()  # its thread would outlive the loop
            raise
        try:
            # Not in ``connect``: where that fails, its thread has to be waited for.
            await opened.run(prepare)
        except BaseException:
            await opened.close()
            raise
        return opened

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in the connection's thread.

        Raises:
            Unavailable: If the store was closed.
            CorruptStore: If SQLite finds the file damaged.
            StorageFull: If there is no room for what was to be written.
            Fault: If SQLite fails otherwise.
        """
        raw = self._inner._connection
        if raw is None:
            raise Unavailable
        try:
            # aiosqlite's public verbs hop once per statement; this is the hop that they all use.
            return await self._inner._execute(work, raw)  # type: ignore[no-untyped-call, no-any-return]
        except sqlite3.DatabaseError as error:
            if primary(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise CorruptStore(f"The database is damaged on disk: {error}.") from error
            if primary(error) == sqlite3.SQLITE_FULL:
                raise StorageFull from error
            raise Fault(f"SQLite failed: {error}.") from error

    async def close(self) -> None:
        """Finish what waits, then close, also where that is cancelled: its thread would outlive the loop."""
        closing = asyncio.ensure_future(self._inner.close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing
            raise
