"""The store on SQLite: the default engine. See ``docs/store.md``.

Verbs that write, and loading, which must see all commits, run in the writing
connection's thread, one after the other. The others run on connections that
only read, so that no search and no page of history holds up a commit.
"""
# ruff: noqa: D102 -- the port's docstrings bind its engines, which do not repeat them

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import time
from typing import Final, TypeVar

from bridge.domain.facts import Key
from bridge.domain.model import (
    Account,
    AuditLine,
    Device,
    Member,
    Message,
    StoredRecord,
    Thread,
    Tie,
    Verdict,
)
from bridge.errors import SetupError
from bridge.ids import AccountId, Position, ThreadId
from bridge.store.base import Audited, Batch, Entry, Head, Imported, Page, Progress, Tally
from bridge.store.sqlite import facts, journal, listing, schema
from bridge.store.sqlite.commit import Writer
from bridge.store.sqlite.connection import Connection
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.ownership import Ownership
from bridge.wire.values import Folder, TieKind

T = TypeVar("T")

_WALK: Final = 200  # threads read at once while walking through all


def _milliseconds() -> int:
    return int(time() * 1000)


class _Reader:
    """A connection that only reads, with its own memory of names."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._names: Names | None = None

    @classmethod
    async def open(cls, path: Path) -> "_Reader":
        return cls(await Connection.open(path, write=False))

    async def run(self, work: Callable[[sqlite3.Connection, Names], T]) -> T:
        def with_names(raw: sqlite3.Connection) -> T:
            if self._names is None:
                self._names = Names(raw)
            self._names.shrink()
            return work(raw, self._names)

        return await self._connection.run(with_names)

    async def close(self) -> None:
        await self._connection.close()


class SqliteStore:
    """A store in one file. See ``bridge.store.base.Store``."""

    def __init__(
        self,
        path: Path,
        ownership: Ownership | None,
        writing: Connection | None,
        readers: tuple[_Reader, _Reader],
    ) -> None:
        """Take what ``open`` made; that is the way in."""
        self.epoch = 1
        self._path, self._ownership, self._writing = path, ownership, writing
        self._pages, self._walks = readers
        self._writer: Writer | None = None

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        create: bool = True,
        read_only: bool = False,
        clock: Callable[[], int] = _milliseconds,
    ) -> "SqliteStore":
        """Open a database file, make it where there is none, bring its schema up to date.

        Args:
            path: The file; a log (``-wal``), its index (``-shm``) and a lock (``.lock``) stand beside it.
            create: Whether to make the file if it is absent.
            read_only: Whether to read beside an owner; nothing can be written then.
            clock: Dates journal entries, in milliseconds since 1970.

        Raises:
            StoreLocked: If another process has it open for writing.
            StoreTooNew: If a newer version wrote it.
            SetupError: If there is none, or it is not ours.
            CorruptStore: If it contradicts itself.
        """
        _find(path, create=create and not read_only)
        ownership = None if read_only else Ownership(path)
        opened: list[Connection | _Reader] = []
        try:
            writing = None
            if not read_only:
                writing = await Connection.open(path, write=True)
                opened.append(writing)
                await writing.run(schema.upgrade)
            pages = await _Reader.open(path)
            opened.append(pages)
            walks = await _Reader.open(path)
            opened.append(walks)
            store = cls(path, ownership, writing, (pages, walks))
            await store._begin(clock)
            return store
        except BaseException:
            for one in reversed(opened):
                await one.close()
            if ownership is not None:
                ownership.release()
            raise

    async def _begin(self, clock: Callable[[], int]) -> None:
        if self._writing is None:
            await self._pages.run(lambda raw, names: schema.be_current(raw))
        else:
            self._writer = await self._writing.run(lambda raw: Writer(raw, clock))
        self.epoch = await self._pages.run(lambda raw, names: schema.epoch(raw))

    async def _write(self, work: Callable[[Writer], T]) -> T:
        writer, writing = self._writer, self._writing
        assert writer, "opened for writing"
        assert writing, "opened for writing"
        return await writing.run(lambda raw: work(writer))

    # --- the road of a message

    async def load(self, keys: Collection[Key]) -> Mapping[Key, object]:
        writer, writing = self._writer, self._writing
        if writer is None or writing is None:
            return await self._pages.run(lambda raw, names: facts.load(raw, names, keys))
        return await writing.run(lambda raw: facts.load(raw, writer.names, keys))

    async def commit(self, batch: Batch) -> Mapping[AccountId, Position]:
        return await self._write(lambda writer: writer.commit(batch))

    async def heads(self, accounts: Collection[AccountId]) -> Mapping[AccountId, Head]:
        return await self._pages.run(lambda raw, names: journal.heads(raw, names, accounts))

    async def replay(self, account: AccountId, after: Position, limit: int) -> Sequence[Entry]:
        return await self._pages.run(lambda raw, names: journal.replay(raw, names, account, after, limit))

    # --- reading

    async def history(
        self, thread: ThreadId, *, before: int | None = None, after: int | None = None, limit: int
    ) -> Sequence[Message]:
        return await self._pages.run(
            lambda raw, names: listing.history(raw, names, thread, before, after, limit)
        )

    async def threads(
        self, accounts: Collection[AccountId], folder: Folder, *, after: Page | None = None, limit: int
    ) -> Sequence[tuple[Thread, Member]]:
        return await self._pages.run(
            lambda raw, names: listing.folder_page(raw, names, accounts, folder, after, limit)
        )

    async def segments(self, thread: ThreadId) -> Sequence[ThreadId]:
        return await self._pages.run(lambda raw, names: listing.segments(raw, names, thread))

    async def tally(self, accounts: Collection[AccountId]) -> Tally:
        return await self._pages.run(lambda raw, names: listing.tally(raw, names, accounts))

    async def ties(
        self, account: AccountId, kind: TieKind, *, after: str | None = None, limit: int
    ) -> Sequence[tuple[Tie, bool]]:
        return await self._pages.run(lambda raw, names: listing.ties(raw, account, kind, after, limit))

    async def devices(self, accounts: Collection[AccountId]) -> Sequence[Device]:
        return await self._pages.run(lambda raw, names: listing.devices(raw, accounts))

    async def device_by_token(self, token: bytes) -> Device | None:
        return await self._pages.run(lambda raw, names: listing.device_by_token(raw, token))

    async def accounts(self, *, after: AccountId | None = None, limit: int) -> Sequence[Account]:
        return await self._pages.run(lambda raw, names: listing.accounts(raw, after, limit))

    async def refused(self, receiver: AccountId, *, since: int, limit: int) -> Sequence[Verdict]:
        return await self._pages.run(lambda raw, names: listing.refused(raw, names, receiver, since, limit))

    async def audit_log(self, *, account: AccountId | None = None, limit: int) -> Sequence[AuditLine]:
        return await self._pages.run(lambda raw, names: listing.audit_log(raw, account, limit))

    async def all_threads(
        self, account: AccountId | None = None
    ) -> AsyncIterator[tuple[Thread, tuple[Member, ...]]]:
        after = ""
        while True:
            piece = await self._walks.run(
                partial(listing.some_threads, account=account, after=after, limit=_WALK)
            )
            for thread, sides in piece:
                yield thread, sides
            if len(piece) < _WALK:
                return
            after = piece[-1][0].id

    async def close(self) -> None:
        await self._walks.close()
        await self._pages.close()
        if self._writing is not None:
            await self._writing.close()
        if self._ownership is not None:
            self._ownership.release()
            self._ownership = None


def _find(path: Path, *, create: bool) -> None:
    """Make sure that there is a file, for its owner's eyes only.

    Raises:
        SetupError: If there is none and none may be made.
    """
    try:
        os.close(os.open(path, os.O_RDWR | (os.O_CREAT if create else 0) | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise SetupError(f"The database {path} cannot be opened: {error.strerror}.") from error
