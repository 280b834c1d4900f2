"""Walking through everything and taking everything in: for backups, and for moving from engine to engine."""

from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from typing import Any, Final

from bridge.domain.model import AuditLine, Message, Record, Thread
from bridge.errors import StoreNotEmpty
from bridge.ids import ThreadId
from bridge.store.dump import Beginning, Event, Item, Line
from bridge.store.postgres.pool import DAY_S, Connection, at_leisure
from bridge.store.postgres.schema import be_alone
from bridge.store.postgres.shapes import RECORDS, SHAPES, body_of, event_body, event_from, record_of
from bridge.store.postgres.upkeep import copy, copy_messages
from bridge.store.rows import TABLES

_SOME: Final = 1_000

_SIZE: Final = """
    SELECT sum(greatest(reltuples, 0))::bigint FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind = 'r'"""
_AUDIT: Final = "SELECT body FROM audit ORDER BY id"
_MESSAGES: Final = "SELECT body FROM messages ORDER BY place"
_EVENTS: Final = "SELECT id, body, uses FROM events ORDER BY id"
_LINES: Final = "SELECT account, position, at, thread, seq FROM journal ORDER BY account, position"
_IN_USE: Final = """
    SELECT EXISTS (SELECT FROM accounts) OR EXISTS (SELECT FROM records) OR EXISTS (SELECT FROM messages)
        OR EXISTS (SELECT FROM threads) OR EXISTS (SELECT FROM heads)"""
_HEADS: Final = """
    INSERT INTO heads (account, newest) SELECT account, max(position) FROM journal GROUP BY account"""
_EPOCH: Final = "UPDATE marks SET value = $1 WHERE name = 'epoch'"
_NUMBERS: Final = "SELECT setval('event_numbers', (SELECT coalesce(max(id), 0) + 1 FROM events), false)"


async def dump(connection: Connection, epoch: int) -> AsyncIterator[Sequence[Item]]:
    """Yield everything, in pieces, of the connection's moment."""
    yield [Beginning(epoch, await connection.fetchval(_SIZE) or 0)]
    for kind, shape in SHAPES.items():
        of = " WHERE kind = $1" if shape is RECORDS else ""
        query = f"SELECT body FROM {shape.name}{of} ORDER BY {', '.join(shape.columns[: shape.key])}"
        arguments = (TABLES[kind].name,) if of else ()
        async for rows in _pieces(connection, query, *arguments):
            yield [record_of(kind, body) for (body,) in rows]
    async for rows in _pieces(connection, _AUDIT):
        yield [record_of(AuditLine, body) for (body,) in rows]
    async for rows in _pieces(connection, _MESSAGES):
        yield [record_of(Message, body) for (body,) in rows]
    async for rows in _pieces(connection, _EVENTS):
        yield [Event(number, event_from(body), uses) for number, body, uses in rows]
    async for rows in _pieces(connection, _LINES):
        yield [Line(*row) for row in rows]


async def _pieces(connection: Connection, query: str, *arguments: Any) -> AsyncIterator[Sequence[Any]]:
    cursor = await connection.cursor(query, *arguments)
    while rows := await cursor.fetch(_SOME):
        yield rows


async def fill(connection: Connection, pieces: AsyncIterator[Sequence[Item]]) -> int:
    """Take everything in; return the epoch.

    Raises:
        StoreNotEmpty: If there is anything here already.
        StoreLocked: If anybody else uses the database.
    """
    epoch = 1
    threads: dict[ThreadId, Thread] = {}
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await be_alone(connection, "Somebody uses this database")
        if await connection.fetchval(_IN_USE):
            raise StoreNotEmpty("There is something in this database already; name an empty one.")
        async for piece in pieces:
            for kind, run in groupby(piece, type):
                items: list[Any] = list(run)
                if kind is Beginning:
                    epoch = items[0].epoch
                elif kind is Thread:
                    threads |= {thread.id: thread for thread in items}
                await _take(connection, kind, items, threads)
        await connection.execute(_HEADS, timeout=DAY_S)
        await connection.execute(_EPOCH, epoch)
        await connection.fetchval(_NUMBERS, timeout=DAY_S)
    await at_leisure(connection, "ANALYZE")
    return epoch


async def _take(
    connection: Connection, kind: type[Any], items: Sequence[Any], threads: dict[ThreadId, Thread]
) -> None:
    if kind is Message:
        await copy_messages(connection, [(one, threads.get(one.thread)) for one in items])
    elif kind is AuditLine:
        await copy(connection, "audit", ("account", "body"), [(one.account, body_of(one)) for one in items])
    elif kind is Event:
        rows = [(one.number, event_body(one.event), one.uses) for one in items]
        await copy(connection, "events", ("id", "body", "uses"), rows)
    elif kind is Line:
        columns = ("account", "position", "at", "thread", "seq")
        lines = [(one.account, one.position, one.at, one.thread, one.seq) for one in items]
        await copy(connection, "journal", columns, lines)
    elif issubclass(kind, Record):
        shape = SHAPES[kind]
        values = [(*shape.values(one), body_of(one)) for one in items]
        await copy(connection, shape.name, (*shape.columns, "body"), values)
