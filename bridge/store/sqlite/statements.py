"""The statements that follow from the tables of ``bridge.store.rows``: put, add and get one row."""

from typing import Any, Final

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
