"""Walking through everything in a database file, as it is at one moment: for moving to another engine."""

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from heapq import merge
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from bridge.domain.model import AuditLine, Message, Verdict
from bridge.errors import CorruptStore
from bridge.ids import AccountId, Position, ThreadId
from bridge.store.dump import Beginning, Event, Item, Line
from bridge.store.rows import AUDIT, MESSAGES, TABLES, Table, event_of, seal
from bridge.store.sqlite import schema, verdicts
from bridge.store.sqlite.connection import Connection
from bridge.store.sqlite.journal import ref_of
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.statements import selected
from bridge.store.sqlite.tails import Tails

_SOME: Final = 1_000

_SIZE: Final = """
    SELECT (SELECT coalesce(max(id), 0) FROM messages) * 4 + (SELECT coalesce(max(no), 0) FROM names) * 3"""
_EVENTS: Final = "SELECT id, body, crc, uses FROM events ORDER BY id"
_LINES: Final = """
    SELECT account, position, stamp, messages.thread, messages.seq
    FROM journal LEFT JOIN messages ON messages.id = journal.stamp >> 8
    ORDER BY account, position"""
_MESSAGE: Final = "SELECT thread, seq FROM messages WHERE id = ?"
_MOMENTS: Final = "SELECT at, message, event FROM moments ORDER BY at"


class SqliteFile:
    """A database file as a ``Source``. It is only read; a hub that runs on it goes on."""

    def __init__(self, path: Path) -> None:
        """Name the file."""
        self._path = path

    async def dump(self) -> AsyncIterator[Sequence[Item]]:
        """Walk through everything, in pieces.

        Raises:
            SetupError: If there is none, or it is not ours.
            CorruptStore: If anything in it is damaged.
        """
        connection = await Connection.open(self._path, write=False)
        try:
            walk = await connection.run(_Walk)
            yield [await connection.run(walk.begin)]
            for part in walk.parts():
                rows = await connection.run(part)
                while piece := await connection.run(lambda raw: list(islice(rows, _SOME))):  # noqa: B023 -- run at once
                    yield piece
        finally:
            await connection.close()


class _Walk:
    """One walk, in the connection's thread and within one snapshot."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        schema.look(raw)
        raw.execute("BEGIN")
        self._names = Names(raw)
        self._at, self._messages, self._events = array("q"), array("q"), array("q")

    def begin(self, raw: sqlite3.Connection) -> Beginning:
        """Read what comes first, and the times at which things were told."""
        for at, message, event in raw.execute(_MOMENTS):
            self._at.append(at)
            self._messages.append(message)
            self._events.append(event)
        return Beginning(schema.epoch(raw), raw.execute(_SIZE).fetchone()[0])

    def parts(self) -> Sequence[Callable[[sqlite3.Connection], Iterator[Item]]]:
        """Give how to read everything, in the order of the stream."""
        tables = [
            (table, ", ".join(table.key))
            for kind, table in TABLES.items()
            if kind not in (AuditLine, Message, Verdict)
        ]
        records = [
            partial(self._records, table=table, order=order)
            for table, order in (*tables, (AUDIT, "id"), (MESSAGES, "id"))
        ]
        tokens = partial(verdicts.walk, names=self._names)
        return [*records, tokens, lambda raw: map(_event, raw.execute(_EVENTS)), self._lines]

    def _records(self, raw: sqlite3.Connection, table: Table[Any], order: str) -> Iterator[Any]:
        ids = self._names.ids
        rows = raw.execute(f"SELECT {selected(table)} FROM {table.name} ORDER BY {order}")
        return (table.record(row, ids) for row in rows)

    def _lines(self, raw: sqlite3.Connection) -> Iterator[Line]:
        """Read the lines of journals, and those of their tails among them."""
        tails = Tails(raw)
        behind = (
            (*line, *(raw.execute(_MESSAGE, (line[2] >> 8,)).fetchone() or (None, None)))
            for account in sorted(tails.accounts())
            for line in tails.of(account)
        )
        return map(self._line, merge(raw.execute(_LINES), behind, key=itemgetter(0, 1)))

    def _line(self, row: tuple[int, int, int, int | None, int | None]) -> Line:
        no, position, stamped, thread, seq = row
        account = AccountId(self._names.ids[no])
        ref = ref_of(no, position, stamped)
        if ref < 0:
            return Line(account, Position(position), self._time(self._events, -ref), None, -ref)
        if thread is None or seq is None:
            raise CorruptStore(f"Line {position} of the journal of {account!r} refers to nothing.")
        at = self._time(self._messages, ref)
        return Line(account, Position(position), at, ThreadId(self._names.ids[thread]), seq)

    def _time(self, newest: "array[int]", number: int) -> int:
        """Find the first moment that had come so far."""
        place = bisect_left(newest, number)
        return self._at[min(place, len(self._at) - 1)] if self._at else 0


def _event(row: tuple[int, bytes, int, int]) -> Event:
    number, body, crc, uses = row
    if seal((number, body)) != crc:
        raise CorruptStore(f"Event {number} is damaged on disk.")
    return Event(number, event_of(body), uses)
