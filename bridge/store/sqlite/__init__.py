"""The store on SQLite: the default engine. See ``docs/store.md``.

Verbs that write, and loading, which must see all commits, run in the writing
connection's thread, one after the other. The others run on connections that
only read, so that no search and no page of history holds up a commit.
"""
# ruff: noqa: D102 -- the port's docstrings bind its engines, which do not repeat them

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from time import time
from typing import Final, TypeVar

from bridge.domain.keys import Key
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
from bridge.domain.questions import Arrived
from bridge.errors import BridgeError, SetupError, StorageFull, Unavailable
from bridge.ids import AccountId, Position, ThreadId
from bridge.store.base import Audited, Batch, Entry, Head, Imported, Page, Places, Progress, Tally
from bridge.store.sqlite import copies, facts, journal, listing, schema, search, upkeep
from bridge.store.sqlite.arrivals import arrivals
from bridge.store.sqlite.audit import Inspector
from bridge.store.sqlite.commit import Writer
from bridge.store.sqlite.connection import Connection
from bridge.store.sqlite.ownership import Ownership
from bridge.store.sqlite.reader import Reader
from bridge.store.sqlite.tails import Tails
from bridge.wire.values import Folder, TieKind

log = logging.getLogger("bridge.store")

T = TypeVar("T")

_WALK: Final = 200  # threads read at once while walking through all
_CATCH_UP: Final = 200  # messages taken into the index between two commits, fewer of long ones
_PIECE: Final = 2_500  # lines laid into their journals between two commits
_ACCOUNTS: Final = 500  # accounts whose journals are trimmed between two commits
_MERGE: Final = 200  # pages of the index that are rewritten between two commits


def _milliseconds() -> int:
    return int(time() * 1000)


class SqliteStore:
    """A store in one file. See ``bridge.store.base.Store``."""

    shared = False

    def __init__(
        self,
        path: Path,
        ownership: Ownership | None,
        writing: Connection | None,
        readers: tuple[Reader, Reader],
    ) -> None:
        """Take what ``open`` made; that is the way in."""
        self.epoch = 1
        self._closed = False
        self._path, self._ownership, self._writing = path, ownership, writing
        self._pages, self._walks = readers
        self._writer: Writer | None = None
        self._catching_up = asyncio.Lock()

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
        async with AsyncExitStack() as undoing:
            ownership = None if read_only else Ownership(path)
            if ownership is not None:
                undoing.callback(ownership.release)
            writing = None
            if not read_only:
                writing = await Connection.open(path, write=True)
                undoing.push_async_callback(writing.close)
                await writing.run(schema.upgrade)
            pages = await Reader.open(path)
            undoing.push_async_callback(pages.close)
            walks = await Reader.open(path)
            undoing.push_async_callback(walks.close)
            store = cls(path, ownership, writing, (pages, walks))
            await store._begin(clock)
            undoing.pop_all()
            return store

    async def _begin(self, clock: Callable[[], int]) -> None:
        if self._writing is None:
            await self._pages.look(schema.look)
        else:
            self._writer = await self._writing.run(lambda raw: Writer(raw, clock))
        self.epoch = await self._pages.run(lambda raw, names: schema.epoch(raw))

    async def _write(self, work: Callable[[Writer], T]) -> T:
        writer, writing = self._writer, self._writing
        assert writer, "opened for writing"
        assert writing, "opened for writing"
        return await writing.run(lambda raw: work(writer))

    async def is_used(self) -> bool:
        """Say whether it was used. See ``bridge.hub.keys.Sealed``."""
        return await self._pages.run(lambda raw, names: schema.is_used(raw))

    async def seal(self, own: int, *, anew: bool = False) -> int:
        """Keep by what the hub's secrets are known. See ``bridge.hub.keys.Sealed``."""
        return await self._write(partial(upkeep.keep_seal, own=own, anew=anew))

    # --- the road of a message

    async def load(self, keys: Collection[Key]) -> Mapping[Key, object]:
        writer, writing = self._writer, self._writing
        if writer is None or writing is None:
            return await self._pages.run(lambda raw, names: facts.load(raw, names, keys))
        return await writing.run(lambda raw: facts.load(raw, writer.names, keys))

    async def commit(self, batch: Batch) -> Sequence[Places]:
        return await self._write(lambda writer: writer.commit(batch))

    async def heads(self, accounts: Collection[AccountId]) -> Mapping[AccountId, Head]:
        return await self._pages.run_after(
            lambda raw, names: journal.ends_of(names, self._tails(raw), accounts),
            lambda raw, names, ends: journal.heads(raw, names, ends, accounts),
        )

    async def replay(self, account: AccountId, after: Position, limit: int) -> Sequence[Entry]:
        return await self._pages.run_after(
            lambda raw, names: journal.tail_of(names, self._tails(raw), account, after),
            lambda raw, names, tail: journal.replay(raw, names, tail, account, after, limit),
        )

    def _tails(self, raw: sqlite3.Connection) -> Tails:
        """Give what does not lie in its journals yet; where another process writes, as it is on disk."""
        return Tails(raw) if self._writer is None else self._writer.tails

    # --- reading

    async def history(
        self, thread: ThreadId, *, before: int | None = None, after: int | None = None, limit: int
    ) -> Sequence[Message]:
        return await self._pages.run(
            lambda raw, names: listing.history(raw, names, thread, before, after, limit)
        )

    async def search(
        self,
        accounts: Collection[AccountId],
        text: str,
        *,
        thread: ThreadId | None = None,
        before: int | None = None,
        limit: int,
    ) -> Sequence[tuple[int, Message]]:
        try:
            await self._index_all()
        except StorageFull:
            log.warning("the disk is full: until it is not, a search finds what was indexed before")
        return await self._walks.run(
            lambda raw, names: search.find(raw, names, accounts, text, thread, before, limit)
        )

    async def _index_all(self) -> None:
        """Take what is committed by now into the index of words."""
        if self._writer is None:
            return
        goal = self._writer.newest_message
        async with self._catching_up:  # one piece between two commits, however many wait for it
            while self._writer.index.upto < goal and await self.catch_up():
                pass

    async def catch_up(self, limit: int = _CATCH_UP) -> int:
        """Take at most so many committed messages into the index of words, fewer of long ones.

        A search does this by itself. Done in idle moments, the next search has less to wait for.
        Returns how many were taken in; 0: none is left.
        """
        return await self._write(lambda writer: writer.catch_up(limit))

    async def threads(
        self, accounts: Collection[AccountId], folder: Folder, *, after: Page | None = None, limit: int
    ) -> Sequence[tuple[Thread, Member]]:
        return await self._pages.run(
            lambda raw, names: listing.folder_page(raw, names, accounts, folder, after, limit)
        )

    async def segments(self, threads: Collection[ThreadId]) -> Mapping[ThreadId, Sequence[ThreadId]]:
        return await self._pages.run(lambda raw, names: listing.segments(raw, names, threads))

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

    async def arrivals(self, account: AccountId, *, since: int) -> Sequence[Arrived]:
        return await self._walks.run(lambda raw, names: arrivals(raw, names, account, since))

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

    # --- in bulk

    async def put_history(self, pieces: Sequence[Imported], records: Collection[StoredRecord]) -> None:
        await self._index_all()  # so that the piece's words can be taken in with it
        await self._write(lambda writer: upkeep.put_history(writer, pieces, records))

    async def audit(self, progress: Progress | None = None) -> Audited:
        async with self._own_reader() as reader, self._own_reader() as beside:
            return await Inspector(reader, beside, progress).run()

    async def trim(self, before: int, limit: int) -> int:
        if await self._write(partial(upkeep.is_due, before=before)):
            await self._settle()
        lines, after = 0, 0
        while lines < limit:
            piece = await self._write(
                partial(upkeep.trim, before=before, limit=limit - lines, after=after, accounts=_ACCOUNTS)
            )
            lines += piece.lines
            if piece.after is None:
                while await self._write(partial(upkeep.forget_moments, before=before)):
                    pass
                break
            after = piece.after
        return lines

    async def erase(self, account: AccountId, limit: int) -> int:
        erased = await self._write(lambda writer: upkeep.erase(writer, account, limit))
        if erased < limit and (unclean := await self._write(upkeep.unclean)):
            while unclean > 0 and await self._write(lambda writer: upkeep.purge(writer, _MERGE)):
                pass
            await self._write(upkeep.truncate_log)
        return erased

    async def backup(self, path: str, progress: Progress | None = None) -> None:
        async with self._own_reader() as reader:
            await reader.run(lambda raw, names: copies.copy_to(raw, Path(path), progress))

    async def _leave_tidy(self) -> None:
        """Settle; where the disk does not let us, the next to open finds everything as it is."""
        try:
            await self._settle()
        except BridgeError as lack:
            log.warning("what was told stays behind its journals: %s", lack)

    @asynccontextmanager
    async def _own_reader(self) -> AsyncIterator[Reader]:
        """Open a connection for a long work, so that nobody waits behind it."""
        if self._closed:
            raise Unavailable
        reader = await Reader.open(self._path)
        try:
            yield reader
        finally:
            await reader.close()

    async def _settle(self) -> None:
        """Lay all that was told so far into its journals, a piece between two commits."""
        upto = await self._write(lambda writer: writer.tails.newest)
        while await self._write(partial(upkeep.settle, upto=upto, limit=_PIECE)):
            pass

    async def close(self) -> None:
        async with AsyncExitStack() as rest:  # all of it, whatever fails or is cancelled
            if self._ownership is not None:
                rest.callback(self._ownership.release)
                self._ownership = None
            if self._writing is not None:
                rest.push_async_callback(self._writing.close)
            rest.push_async_callback(self._pages.close)
            rest.push_async_callback(self._walks.close)
            was_open, self._closed = not self._closed, True
            if was_open and self._writer is not None:
                await self._leave_tidy()


def _find(path: Path, *, create: bool) -> None:
    """Make sure that there is a file, for its owner's eyes only.

    Raises:
        SetupError: If there is none and none may be made.
    """
    try:
        os.close(os.open(path, os.O_RDWR | (os.O_CREAT if create else 0) | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise SetupError(f"The database {path} cannot be opened: {error.strerror}.") from error
