"""The statements that follow from the tables of ``bridge.store.rows``: put, add, get one row, put many."""

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any, Final, NamedTuple

from bridge.store.rows import TABLES, Table


def _insert(table: Table[Any], *, before: tuple[str, ...] = ()) -> str:
    columns = (*before, *table.columns, "crc")
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _upsert(table: Table[Any]) -> str:
    """Replace by key. Unlike REPLACE, this leaves indexes alone whose columns stay as they are."""
    others = [column for column in (*table.columns, "crc") if column not in table.key]
    changes = ", ".join(f"{column} = excluded.{column}" for column in others)
    return f"{_insert(table)} ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {changes}"


def selected(table: Table[Any], alias: str = "") -> str:
    """List a table's columns, checksum last, for a SELECT."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(prefix + column for column in (*table.columns, "crc"))


INSERT: Final = {kind: _insert(table) for kind, table in TABLES.items()}
UPSERT: Final = {kind: _upsert(table) for kind, table in TABLES.items() if table.key}
GET: Final = {
    kind: f"SELECT {selected(table)} FROM {table.name} WHERE "
    + " AND ".join(f"{column} = ?" for column in table.key)
    for kind, table in TABLES.items()
    if table.key
}


class Rows(NamedTuple):
    """An INSERT of many rows in one statement.

    Attributes:
        insert: What stands before VALUES.
        columns: How many values a row has.
        ending: What stands behind them.
    """

    insert: str
    columns: int
    ending: str = ""


_LADDER: Final = (2_500, 500, 100, 20, 7, 5, 3, 1)  # few statements to prepare and keep; a message lays 3


@cache
def _inserting(rows: Rows, number: int) -> str:
    row = f"({', '.join('?' * rows.columns)})"
    return f"{rows.insert} VALUES {', '.join([row] * number)} {rows.ending}"


def put_rows(raw: sqlite3.Connection, rows: Rows, values: Sequence[tuple[Any, ...]]) -> int:
    """Insert many rows, each statement as many as it may; return how many were not there.

    ``executemany`` lets go of the interpreter after each row, and where another thread computes gets it back
    5 ms later: measured twenty times slower beside one. Alone this is a quarter faster.
    """
    done = put = 0
    for size in _LADDER:
        while len(values) - done >= size:
            several = list(chain.from_iterable(values[done : done + size]))
            put += raw.execute(_inserting(rows, size), several).rowcount
            done += size
    return put
