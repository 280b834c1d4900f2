"""Commits: a batch is one call, one round trip, one transaction; ``keep_1`` in the schema is the other half.

See ``docs/decisions/0020``: what is locked in which order, and how a node learns
the outcome of a commit whose answer was lost.
"""

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from zlib import crc32

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from bridge.domain.keys import Key
from bridge.domain.model import (
    Account,
    ContactList,
    Controls,
    Credential,
    Device,
    LinkAsk,
    Member,
    Message,
    Person,
    StoredRecord,
    Thread,
    Tie,
    Unlinking,
    Verdict,
    WaitingLinks,
)
from bridge.domain.networks import handle_key
from bridge.domain.questions import HandleOwner, Mutual, Question, Tightened
from bridge.errors import Fault, Stale, StorageFull, Unavailable, Unresolved
from bridge.ids import AccountId, Position, ThreadId
from bridge.store.base import Batch, Places
from bridge.store.postgres import facts
from bridge.store.postgres.pool import LOST, Connection, Pool
from bridge.store.postgres.search import words_of
from bridge.store.postgres.shapes import ORDER, RECORDS, SHAPES, body_of, event_body, key_parts

log = logging.getLogger("bridge.store")

STRIPES: Final = 512
SETTLE_S: Final = 5.0  # how long a node tries to learn an outcome before it says that it does not know
_TRIES: Final = 5  # of a batch that met a deadlock, or somebody who stepped back again
_PAUSE_S: Final = 0.05
_REFUSED: Final = "IS001"  # what keep_1 raises when something moved

_SELDOM: Final = frozenset(
    {Account, Person, Controls, Tie, ContactList, LinkAsk, WaitingLinks, Unlinking, Credential, Device}
)
_ARRAYS: Final = (
    *("bigint", "bytea", "integer[]", "boolean[]", "integer[]", "text[]", "text[]", "bytea[]"),
    *("text[]", "bigint[]"),
    *(f"{kind}[]" for shape in ORDER for kind in (*shape.types, "bytea")),
    *("text[]", "bigint[]", "text[]", "bigint[]", "bytea[]", "text[]"),
    *("bytea[]", "integer[]"),
    *("text[]", "bigint[]", "integer[]", "text[]", "bigint[]"),
    *("text[]", "bytea[]"),
)
_KEEP: Final = f"SELECT keep_1({', '.join(f'${n}::{kind}' for n, kind in enumerate(_ARRAYS, 1))})"
_SETTLE: Final = "SELECT settle_1($1)"
_LOCK: Final = """
    SELECT count(CASE WHEN s.exclusive THEN pg_advisory_xact_lock(hashtext(current_schema()), s.stripe)::text
                 ELSE pg_advisory_xact_lock_shared(hashtext(current_schema()), s.stripe)::text END)
    FROM unnest($1::integer[], $2::boolean[]) AS s (stripe, exclusive)"""


class Order(Struct):
    """A batch as ``keep_1`` takes it.

    Attributes:
        stripes: Which stripes it locks, and whether for writing.
        accounts: Whose journals' heads it locks, by id.
        counts: How many lines each of these gets.
        rest: The other arguments.
        asked: What was read and cannot be compared by a row's body.
        changes: Whether there is anything to keep, or only something to check.
    """

    stripes: tuple[list[int], list[bool]]
    accounts: list[AccountId]
    counts: list[int]
    rest: list[list[Any]]
    asked: dict[Key, object]
    changes: bool


class Committer:
    """Commits batches."""

    def __init__(self, pool: Pool, clock: Callable[[], int]) -> None:
        """Use these connections; the clock dates journal lines."""
        self._pool, self._clock = pool, clock

    async def commit(self, batch: Batch) -> list[Places]:
        """Keep a batch; see the port.

        Raises:
            Unavailable: If the server could not be asked; nothing was kept.
            Unresolved: If the answer was lost and it could not be learned in time what became of the batch.
        """
        batch = replace(batch, versions=dict(batch.versions))  # whoever reads meanwhile must not add to them
        order = order_of(batch, await self._threads_of(batch))
        for _ in range(_TRIES):
            try:
                made = await self._keep(order)
            except asyncpg.PostgresError as error:
                await self._see_why(batch, error)
                continue
            if made is not None:
                rows = zip(order.accounts, made, order.counts, strict=True)
                return _places(batch, {account: head - count for account, head, count in rows})
        raise Stale(tuple(batch.versions) or tuple(batch.records))

    async def hold(self, connection: Connection, batch: Batch) -> None:
        """Lock a batch's stripes, first of all locks, for the rest of a transaction."""
        await connection.fetchval(_LOCK, *_stripes(batch))

    async def put(self, connection: Connection, batch: Batch) -> None:
        """Keep a batch as a part of a transaction that began before."""
        await self._call(connection, order_of(batch, {}), os.urandom(16))

    async def _threads_of(self, batch: Batch) -> dict[ThreadId, Thread]:
        """Find the threads in which something is said; nearly always the batch moves them itself."""
        found: dict[ThreadId, Thread] = {}
        lacking: set[ThreadId] = set()
        for message in batch.messages:
            thread = batch.records.get((Thread, message.thread))
            if isinstance(thread, Thread):
                found[message.thread] = thread
            else:
                lacking.add(message.thread)
        if lacking:
            async with self._pool.use("a question") as connection:
                loaded = await facts.load(connection, [(Thread, thread) for thread in lacking])
            found |= {one.id: one for one in loaded.values() if isinstance(one, Thread)}
        return found

    async def _keep(self, order: Order) -> Sequence[int] | None:
        """Ask for it once; return the new heads, or None if it certainly did not happen."""
        token = os.urandom(16) if order.changes else None
        try:
            async with self._pool.borrow("a commit") as connection:
                return await self._send(connection, order, token)
        except ValueError as error:  # the driver's word for a value that no column takes; nothing was sent
            raise Fault(f"PostgreSQL cannot keep a value: {error}.") from error
        except LOST as error:
            if token is None:
                raise Unavailable(f"PostgreSQL cannot be reached: {error}.") from error
            return await self._settle(token)

    async def _call(self, connection: Connection, order: Order, token: bytes | None) -> Sequence[int]:
        arguments = (
            *(self._clock(), token, *order.stripes),
            *order.rest[:4],
            *(order.accounts, order.counts),
            *order.rest[4:],
        )
        made: Sequence[int] = await connection.fetchval(_KEEP, *arguments)
        return made

    async def _send(self, connection: Connection, order: Order, token: bytes | None) -> Sequence[int]:
        if not order.asked:
            return await self._call(connection, order, token)
        async with connection.transaction():
            await connection.fetchval(_LOCK, *order.stripes)
            found = await facts.load(connection, order.asked)
            moved = tuple(key for key, was in order.asked.items() if found[key] != was)
            if moved:
                raise Stale(moved)
            return await self._call(connection, order, token)

    async def _settle(self, token: bytes) -> Sequence[int] | None:
        """Learn what became of a commit whose answer was lost, and make sure that it stays so.

        Raises:
            Unresolved: If the server does not come back in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE_S
        while True:
            try:
                async with self._pool.borrow("what became of a commit") as connection:
                    made: Sequence[int] | None = await connection.fetchval(_SETTLE, token)
                return made
            except (*LOST, Unavailable, asyncpg.PostgresError) as error:
                if loop.time() > deadline:
                    log.error("it is not known what became of a commit, so nobody is told: %s", error)
                    raise Unresolved from error
                await asyncio.sleep(_PAUSE_S)

    async def _see_why(self, batch: Batch, error: asyncpg.PostgresError) -> None:
        """Return if the same may be tried again.

        Raises:
            Stale: If something moved; it is named.
            StorageFull: If there is no room.
            Fault: If PostgreSQL failed otherwise; nothing was kept.
        """
        if isinstance(error, asyncpg.DeadlockDetectedError | asyncpg.SerializationError):
            return
        if isinstance(error, asyncpg.DiskFullError):
            raise StorageFull from error
        if error.sqlstate != _REFUSED and not isinstance(error, asyncpg.UniqueViolationError):
            raise Fault(f"PostgreSQL refused a batch: {error}.") from error
        async with self._pool.use("a question") as connection:
            moved = await _moved(connection, batch)
        if moved:
            raise Stale(moved) from error


def _places(batch: Batch, upto: dict[AccountId, int]) -> list[Places]:
    """Number what a batch told, from where the journals stood before it."""
    made: list[Places] = []
    for _, accounts in batch.told:
        places: list[tuple[AccountId, Position]] = []
        for account in accounts:
            upto[account] += 1
            places.append((account, Position(upto[account])))
        made.append(places)
    return made


async def _moved(connection: Connection, batch: Batch) -> tuple[Key, ...]:
    """Name the tokens, seqs and handles that are taken, and what was read and is no longer so."""
    new = [key for key in batch.records if key[0] is Verdict]
    new += [(Message, (message.thread, message.seq)) for message in batch.messages]
    handles: dict[Key, AccountId] = {
        (HandleOwner, HandleOwner(one.network, handle_key(one.handle))): one.id
        for one in batch.records.values()
        if isinstance(one, Account)
    }
    found = await facts.load(connection, [*new, *handles, *batch.versions])
    moved = dict.fromkeys(key for key in new if found[key] is not None)
    for key, account in handles.items():
        holder = found[key]
        if holder not in (None, account) and (Account, holder) not in batch.records:
            moved[key] = None
    moved |= dict.fromkeys(key for key, was in batch.versions.items() if found[key] != was)
    return tuple(moved)


# --- writing a batch down


def order_of(batch: Batch, threads: dict[ThreadId, Thread]) -> Order:
    """Write a batch as ``keep_1`` takes it."""
    asked = {
        key: was for key, was in batch.versions.items() if key[0] is Message or isinstance(key[1], Question)
    }
    accounts, counts, lines, events = _lines(batch)
    rest = [
        *_read(batch.versions, asked),
        *columns_of(batch.records.values()),
        *_columns(_message_rows(batch.messages, threads), 6),
        *_columns(events, 2),
        *lines,
        *_columns([(line.account, body_of(line)) for line in batch.audit], 2),
    ]
    return Order(_stripes(batch), accounts, counts, rest, asked, batch.changes)


def columns_of(records: Iterable[StoredRecord]) -> list[list[Any]]:
    """Write records as arrays of columns, table by table, each sorted by its key."""
    rows: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for record in records:
        shape = SHAPES[type(record)]
        rows[shape.name].append((*shape.values(record), body_of(record)))
    columns: list[list[Any]] = []
    for shape in ORDER:
        found = rows[shape.name]
        found.sort(key=lambda row, width=shape.key: row[:width])  # type: ignore[misc]
        columns += _columns(found, len(shape.columns) + 1)
    return columns


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    if not rows:
        return [[] for _ in range(width)]
    return [list(column) for column in zip(*rows, strict=True)]


def _message_rows(messages: Iterable[Message], threads: dict[ThreadId, Thread]) -> list[tuple[Any, ...]]:
    return [
        (one.thread, one.seq, one.sender, one.at, body_of(one), words_of(one, threads.get(one.thread)))
        for one in messages
    ]


def _read(versions: dict[Key, object], asked: dict[Key, object]) -> list[list[Any]]:
    """Write what was read: the ends of each table's slice, then keys and bodies."""
    slices: dict[str, list[tuple[str, str, bytes | None]]] = {shape.name: [] for shape in ORDER}
    for key, was in versions.items():
        if key not in asked:
            one, two = _two_parts(key)
            slices[SHAPES[key[0]].name].append((one, two, None if was is None else body_of(was)))  # type: ignore[arg-type]
    ends: list[int] = []
    rows: list[tuple[str, str, bytes | None]] = []
    for shape in ORDER:
        rows += slices[shape.name]
        ends.append(len(rows))
    return [ends, *_columns(rows, 3)]


def _two_parts(key: Key) -> tuple[str, str]:
    parts = key_parts(key)
    if SHAPES[key[0]] is RECORDS:
        return f"{parts[0]}/{parts[1]}", parts[2]
    return parts[0], parts[1] if len(parts) > 1 else ""


def _stripes(batch: Batch) -> tuple[list[int], list[bool]]:
    """Say which stripes to lock: those of what is written for writing, of what was only read for reading.

    Threads, sides, messages and verdicts have none: whoever changes one tells somebody who is in it, and is
    kept apart from all others by the lock on that journal's head.
    """
    locks: dict[int, bool] = {}
    for kind, name in batch.versions if batch.changes else ():
        if kind in _SELDOM:
            locks[_stripe(name[0] if isinstance(name, tuple) else name)] = False
        elif isinstance(name, Tightened):
            locks |= dict.fromkeys(map(_stripe, name.accounts), False)
        elif isinstance(name, Mutual):
            locks |= dict.fromkeys((_stripe(name.one), _stripe(name.other)), False)
    for kind, name in batch.records:
        if kind in _SELDOM:
            for part in name if isinstance(name, tuple) else (name,):
                locks[_stripe(part)] = True
    return sorted(locks), [locks[stripe] for stripe in sorted(locks)]


def _stripe(name: object) -> int:
    return crc32(str(name).encode()) % STRIPES


def _lines(
    batch: Batch,
) -> tuple[list[AccountId], list[int], list[list[Any]], list[tuple[bytes, int]]]:
    """Write journal lines: the heads to lock, how far each moves, the lines, and the events."""
    counts: defaultdict[AccountId, int] = defaultdict(int)
    events: list[tuple[bytes, int]] = []
    rows: list[tuple[AccountId, int, str | None, int]] = []
    for told, accounts in batch.told:
        if isinstance(told, Message):
            thread, seq = told.thread, int(told.seq)
        else:
            events.append((event_body(told), len(accounts)))
            thread, seq = None, len(events)
        for account in accounts:
            counts[account] = nth = counts[account] + 1
            rows.append((account, nth, thread, seq))
    for record in batch.records.values():  # a side that changes without anybody's hearing of it
        if isinstance(record, Member) and record.account not in counts:
            counts[record.account] = 0
    heads = sorted(counts)
    places = {account: place for place, account in enumerate(heads, 1)}
    rows.sort(key=lambda row: row[:2])
    lines = [(account, nth, places[account], thread, seq) for account, nth, thread, seq in rows]
    return heads, [counts[account] for account in heads], _columns(lines, 5), events
