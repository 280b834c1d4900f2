"""Numbers for accounts and threads: a third less to write per message than under their full ids.

One instance serves one connection, in its thread. What it remembers is bounded.
"""

import sqlite3
from typing import Final

from bridge.errors import CorruptStore
from bridge.store.rows import seal

MOST: Final = 50_000  # names in memory at once, some 15 MiB

_BY_ID: Final = "SELECT no, id, crc FROM names WHERE id = ?"
_BY_NO: Final = "SELECT no, id, crc FROM names WHERE no = ?"
_ADD: Final = "INSERT INTO names (no, id, crc) VALUES (?, ?, ?)"
_NEWEST: Final = "SELECT coalesce(max(no), 0) FROM names"


class _Numbers(dict[str, int]):
    def __init__(self, names: "Names") -> None:
        super().__init__()
        self._names = names

    def __missing__(self, name: str) -> int:
        return self._names.number(name)


class _Known(dict[str, int]):
    def __init__(self, names: "Names") -> None:
        super().__init__()
        self._names = names

    def __missing__(self, name: str) -> int:
        no = self._names.find(name)
        if no is None:
            raise KeyError(name)
        return no


class _Ids(dict[int, str]):
    def __init__(self, names: "Names") -> None:
        super().__init__()
        self._names = names

    def __missing__(self, no: int) -> str:
        return self._names.name(no)


class Names:
    """Both ways between ids and numbers.

    Attributes:
        numbers: The number of an id; a new id gets one.
        known: The number of an id; a new id raises ``KeyError``.
        ids: The id of a number.
    """

    def __init__(self, raw: sqlite3.Connection) -> None:
        """Serve a connection."""
        self._raw = raw
        self.numbers = _Numbers(self)
        self.known = _Known(self)
        self.ids = _Ids(self)
        self._added: list[str] = []
        self._newest: int = raw.execute(_NEWEST).fetchone()[0]

    def shrink(self) -> None:
        """Forget all when that is too much; between transactions only."""
        if len(self.numbers) > MOST or len(self.ids) > MOST:
            self.numbers.clear()
            self.ids.clear()

    def find(self, name: str) -> int | None:
        """Give the number of an id, or None; adds nothing."""
        no = self.numbers.get(name)
        if no is not None:
            return no
        row = self._raw.execute(_BY_ID, (name,)).fetchone()
        return None if row is None else self._learn(row)

    def number(self, name: str) -> int:
        """Give the number of an id that is not in memory."""
        no = self.find(name)
        if no is not None:
            return no
        no = self._newest + 1
        self._raw.execute(_ADD, (no, name, seal((no, name))))
        self._newest = no
        self.numbers[name] = no
        self.ids[no] = name
        self._added.append(name)
        return no

    def name(self, no: int) -> str:
        """Give the id of a number that is not in memory."""
        row = self._raw.execute(_BY_NO, (no,)).fetchone()
        if row is None:
            raise CorruptStore(f"The store knows no name for number {no}.")
        self._learn(row)
        return str(row[1])

    def _learn(self, row: tuple[int, str, int]) -> int:
        no, name, crc = row
        if seal((no, name)) != crc:
            raise CorruptStore(f"The name of number {no} is damaged on disk.")
        self.numbers[name] = no
        self.ids[no] = name
        return no

    def kept(self) -> None:
        """Take note that the transaction was committed."""
        self._added.clear()

    def undone(self) -> None:
        """Forget what a transaction added that was rolled back."""
        for name in self._added:
            self.ids.pop(self.numbers.pop(name), None)
        self._newest -= len(self._added)
        self._added.clear()
