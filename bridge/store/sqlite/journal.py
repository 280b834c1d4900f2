"""Lines of journals: which message or event a line refers to, and a check that it still is that one."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from bridge.errors import CorruptStore
from bridge.ids import AccountId, Position
from bridge.store.base import Entry, Head
from bridge.store.rows import MESSAGES, event_of, seal
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.statements import selected

# The journal is never trimmed to nothing, so its last line tells where it stands.
NEWEST: Final = "SELECT max(position) FROM journal WHERE account = ?"
_OLDEST: Final = "SELECT min(position) FROM journal WHERE account = ?"
_LINES: Final = (
    "SELECT position, stamp FROM journal WHERE account = ? AND position > ? ORDER BY position LIMIT ?"
)
_MESSAGE: Final = f"SELECT {selected(MESSAGES)} FROM messages WHERE id = ?"
_EVENT: Final = "SELECT body, crc FROM events WHERE id = ?"


def stamp(account: int, position: int, ref: int) -> int:
    """Write a reference so that any single bit that flips in the line is noticed.

    A flipped bit changes one of the three by a power of two; 251 is prime and divides none of the
    products, so the check changes too.
    """
    return (ref << 8) + (account * 7 + position * 31 + ref * 97) % 251


def lines_of(ref: int, places: Iterable[tuple[int, Position]]) -> list[tuple[int, int, int]]:
    """Write the lines of one reference: account, position and stamp, without a call for each."""
    stamped, part = ref << 8, ref * 97
    return [
        (account, position, stamped + (account * 7 + position * 31 + part) % 251)
        for account, position in places
    ]


def ref_of(account: int, position: int, stamped: int) -> int:
    """Read what ``stamp`` wrote.

    Raises:
        CorruptStore: If the line is damaged.
    """
    ref = stamped >> 8
    if stamp(account, position, ref) != stamped:
        raise CorruptStore(f"Line {position} of the journal of number {account} is damaged on disk.")
    return ref


def heads(raw: sqlite3.Connection, names: Names, accounts: Iterable[AccountId]) -> dict[AccountId, Head]:
    """Tell where journals stand."""
    found = {}
    for account in accounts:
        no = names.find(account)
        newest = 0 if no is None else raw.execute(NEWEST, (no,)).fetchone()[0] or 0
        oldest = raw.execute(_OLDEST, (no,)).fetchone()[0] if newest else 0
        found[account] = Head(Position(newest), Position(oldest))
    return found


def replay(
    raw: sqlite3.Connection, names: Names, account: AccountId, after: Position, limit: int
) -> Sequence[Entry]:
    """Read a journal after a position.

    Raises:
        CorruptStore: If a line is missing or damaged, or what it refers to is.
    """
    no = names.find(account)
    if no is None:
        return []
    entries: list[Entry] = []
    for position, stamped in raw.execute(_LINES, (no, after, limit)).fetchall():
        if entries and position != entries[-1].position + 1:
            raise CorruptStore(f"The journal of {account!r} has a hole before {position}.")
        ref = ref_of(no, position, stamped)
        row = raw.execute(_MESSAGE, (ref,)).fetchone() if ref > 0 else raw.execute(_EVENT, (-ref,)).fetchone()
        if row is None:
            raise CorruptStore(f"Line {position} of the journal of {account!r} refers to nothing.")
        if ref > 0:
            entries.append(Entry(Position(position), MESSAGES.record(row, names.ids)))
        else:
            body, crc = row
            if seal((-ref, body)) != crc:
                raise CorruptStore(f"Event {-ref} is damaged on disk.")
            entries.append(Entry(Position(position), event_of(body)))
    return entries
