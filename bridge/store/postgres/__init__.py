"""The store on PostgreSQL: one truth for any number of nodes. See ``docs/store.md``."""
# ruff: noqa: D102 -- the port's docstrings bind its engines, which do not repeat them

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from time import time
from typing import Final

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
from bridge.ids import AccountId, Position, ThreadId
from bridge.store.base import Audited, Batch, Entry, Head, Imported, Page, Places, Progress, Tally
from bridge.store.dump import Item, write
from bridge.store.postgres import facts, listing, schema, search, turns, upkeep, walk
from bridge.store.postgres.arrivals import arrivals
from bridge.store.postgres.audit import Inspector
from bridge.store.postgres.commit import Committer
from bridge.store.postgres.pool import Connection, Pool
from bridge.wire.values import Folder, TieKind

_WALK: Final = 200  # threads read at once while walking through all
_STATEMENT_S: Final = 30.0
ANSWER_S: Final = 10.0
_START: Final = (ThreadId(""), 0)


def _milliseconds() -> int:
    return int(time() * 1000)


class PostgresStore:
    """A store in a PostgreSQL database, shared with other nodes. See ``bridge.store.base.Store``."""

    shared = True

    def __init__(self, pool: Pool, epoch: int, clock: Callable[[], int]) -> None:
        """Take what ``open`` made; that is the way in."""
        self.epoch = epoch
        self._pool = pool
        self._committer = Committer(pool, clock)
        self._erased: dict[AccountId, tuple[ThreadId, int]] = {}

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        pool: int = 8,
        statement_s: float = _STATEMENT_S,
        answer_s: float = ANSWER_S,
        read_only: bool = False,
        clock: Callable[[], int] = _milliseconds,
    ) -> "PostgresStore":
        """Open a database and bring its schema up to date; other nodes may have it open too.

        Args:
            dsn: ``postgresql://user@host/database``; ``?search_path=name`` keeps all in that schema.
            pool: The most connections at once.
            statement_s: Seconds after which a statement is given up.
            answer_s: Seconds after which the server counts as away if it does not answer what all wait for.
            read_only: Whether it is only looked at: its schema stays as it is.
            clock: Dates journal entries, in milliseconds since 1970.

        Raises:
            StoreTooNew: If a newer version wrote the database.
            StoreLocked: If older nodes use it that do not know its newest schema.
            SetupError: If the server does not let us in, the database is another program's, or to be looked
                at and empty or older.
            Unavailable: If there is no server.
        """
        connections = await Pool.open(dsn, pool, statement_s, answer_s)
        try:
            async with connections.use() as connection:
                await (schema.look if read_only else schema.upgrade)(connection)
                store = cls(connections, await schema.epoch_of(connection), clock)
                await connections.greet(connection, store._join)
            return store
        except BaseException:
            await connections.close()
            raise

    async def _join(self, connection: Connection) -> None:
        await schema.join(connection, self.epoch)

    async def is_used(self) -> bool:
        """Say whether it was used. See ``bridge.hub.keys.Sealed``."""
        async with self._pool.use() as connection:
            return await schema.is_used(connection)

    async def seal(self, own: int, *, anew: bool = False) -> int:
        """Keep by what the hubs' secrets are known. See ``bridge.hub.keys.Sealed``."""
        async with self._pool.use() as connection:
            return await schema.seal(connection, own, anew=anew)

    # --- the road of a message

    async def load(self, keys: Collection[Key]) -> Mapping[Key, object]:
        async with self._pool.use("a question") as connection:
            return await facts.load(connection, keys)

    async def commit(self, batch: Batch) -> Sequence[Places]:
        return await self._committer.commit(batch)

    async def heads(self, accounts: Collection[AccountId]) -> Mapping[AccountId, Head]:
        async with self._pool.use("a question") as connection:
            return await listing.heads(connection, accounts)

    async def replay(self, account: AccountId, after: Position, limit: int) -> Sequence[Entry]:
        async with self._pool.use() as connection:
            return await listing.replay(connection, account, after, limit)

    # --- reading

    async def history(
        self, thread: ThreadId, *, before: int | None = None, after: int | None = None, limit: int
    ) -> Sequence[Message]:
        async with self._pool.use() as connection:
            return await listing.history(connection, thread, before, after, limit)

    async def search(
        self,
        accounts: Collection[AccountId],
        text: str,
        *,
        thread: ThreadId | None = None,
        before: int | None = None,
        limit: int,
    ) -> Sequence[tuple[int, Message]]:
        async with self._pool.use() as connection:
            return await search.find(connection, accounts, text, thread, before, limit)

    async def threads(
        self, accounts: Collection[AccountId], folder: Folder, *, after: Page | None = None, limit: int
    ) -> Sequence[tuple[Thread, Member]]:
        async with self._pool.use() as connection:
            return await listing.folder_page(connection, accounts, folder, after, limit)

    async def segments(self, threads: Collection[ThreadId]) -> Mapping[ThreadId, Sequence[ThreadId]]:
        async with self._pool.use() as connection:
            return await listing.segments(connection, threads)

    async def tally(self, accounts: Collection[AccountId]) -> Tally:
        async with self._pool.use() as connection:
            return await listing.tally(connection, accounts)

    async def ties(
        self, account: AccountId, kind: TieKind, *, after: str | None = None, limit: int
    ) -> Sequence[tuple[Tie, bool]]:
        async with self._pool.use() as connection:
            return await listing.ties(connection, account, kind, after, limit)

    async def devices(self, accounts: Collection[AccountId]) -> Sequence[Device]:
        async with self._pool.use() as connection:
            return await listing.devices(connection, accounts)

    async def device_by_token(self, token: bytes) -> Device | None:
        async with self._pool.use() as connection:
            return await listing.device_by_token(connection, token)

    async def accounts(self, *, after: AccountId | None = None, limit: int) -> Sequence[Account]:
        async with self._pool.use() as connection:
            return await listing.accounts(connection, after, limit)

    async def refused(self, receiver: AccountId, *, since: int, limit: int) -> Sequence[Verdict]:
        async with self._pool.use() as connection:
            return await listing.refused(connection, receiver, since, limit)

    async def arrivals(self, account: AccountId, *, since: int) -> Sequence[Arrived]:
        async with self._pool.use() as connection:
            return await arrivals(connection, account, since)

    async def audit_log(self, *, account: AccountId | None = None, limit: int) -> Sequence[AuditLine]:
        async with self._pool.use() as connection:
            return await listing.audit_log(connection, account, limit)

    async def all_threads(
        self, account: AccountId | None = None
    ) -> AsyncIterator[tuple[Thread, tuple[Member, ...]]]:
        after = ""
        while True:
            async with self._pool.use() as connection:
                piece = await listing.some_threads(connection, account, after, _WALK)
            for thread, sides in piece:
                yield thread, sides
            if len(piece) < _WALK:
                return
            after = piece[-1][0].id

    # --- in bulk

    async def put_history(self, pieces: Sequence[Imported], records: Collection[StoredRecord]) -> None:
        async with self._pool.use() as connection:
            await upkeep.put_history(connection, self._committer, pieces, records)

    def turn(self) -> AbstractAsyncContextManager[Callable[[], None]]:
        return turns.turn(self._pool)

    async def audit(self, progress: Progress | None = None) -> Audited:
        async with self._pool.snapshot() as connection:
            return await Inspector(connection, progress).run()

    async def trim(self, before: int, limit: int) -> int:
        lines, after = 0, ""
        while lines < limit:
            async with self._pool.use() as connection:
                some, following = await upkeep.trim(connection, before, limit - lines, after)
            lines += some
            if following is None:
                break
            after = following
        return lines

    async def erase(self, account: AccountId, limit: int) -> int:
        async with self._pool.use() as connection:
            bare = await upkeep.erase(connection, account, self._erased.get(account, _START), limit)
            if len(bare) == limit and bare:
                self._erased[account] = bare[-1].thread, bare[-1].seq
            else:
                self._erased.pop(account, None)
                await upkeep.clean(connection)
        return len(bare)

    async def backup(self, path: str, progress: Progress | None = None) -> None:
        await write(Path(path), self, progress)

    async def dump(self) -> AsyncIterator[Sequence[Item]]:
        """Walk through everything, in pieces, as it is at one moment."""
        async with self._pool.snapshot() as connection:
            async for piece in walk.dump(connection, self.epoch):
                yield piece

    async def fill(self, pieces: AsyncIterator[Sequence[Item]]) -> None:
        """Take in what another store's ``dump`` walks through; all of it or nothing.

        Raises:
            StoreNotEmpty: If there is anything here already.
            StoreLocked: If anybody else uses the database.
        """
        async with self._pool.use() as connection:
            self.epoch = await walk.fill(connection, pieces)

    async def close(self) -> None:
        await self._pool.close()
