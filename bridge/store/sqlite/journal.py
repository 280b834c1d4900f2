"""Lines of journals: which message or event a line refers to, and a check that it still is that one."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bridge.errors import CorruptStore
from bridge.ids import AccountId, Position
from bridge.store.base import Entry, Head, Places
from bridge.store.rows import MESSAGES, Numbers, event_of, seal
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.statements import selected
from bridge.store.sqlite.tails import Line, Tails

# A journal is never trimmed to nothing, its tail included, so its last line tells where it stands.
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


def note(
    heads: dict[int, Position], numbers: Numbers, accounts: Iterable[AccountId], ref: int, lines: list[Line]
) -> Places:
    """Move the heads of these accounts' journals on, and write a line for each; give where it stands.

    The stamp is ``stamp``'s, written out: a group has hundreds of lines, and a call for each takes longer.
    """
    stamped, part = ref << 8, ref * 97
    places: list[tuple[AccountId, Position]] = []
    for account in accounts:
        no = numbers[account]
        position: Position = heads[no] + 1  # type: ignore[assignment]  # a NewType's call is a tenth of this
        heads[no] = position
        places.append((account, position))
        lines.append((no, position, stamped + (no * 7 + position * 31 + part) % 251))
    return places


def ref_of(account: int, position: int, stamped: int) -> int:
    """Read what ``stamp`` wrote.

    Raises:
        CorruptStore: If the line is damaged.
    """
    ref = stamped >> 8
    if stamp(account, position, ref) != stamped:
        raise CorruptStore(f"Line {position} of the journal of number {account} is damaged on disk.")
    return ref


def ends_of(names: Names, tails: Tails, accounts: Iterable[AccountId]) -> dict[AccountId, tuple[int, int]]:
    """Look where tails begin and end, before journals are looked at."""
    return {account: tails.ends(no) for account in accounts if (no := names.find(account)) is not None}


def heads(
    raw: sqlite3.Connection,
    names: Names,
    ends: Mapping[AccountId, tuple[int, int]],
    accounts: Iterable[AccountId],
) -> dict[AccountId, Head]:
    """Tell where journals stand, with what ``ends_of`` saw before."""
    found = {}
    for account in accounts:
        no = names.find(account)
        first, last = ends.get(account, (0, 0))
        newest = last or (0 if no is None else raw.execute(NEWEST, (no,)).fetchone()[0] or 0)
        oldest = (raw.execute(_OLDEST, (no,)).fetchone()[0] or first) if newest else 0
        found[account] = Head(Position(newest), Position(oldest))
    return found


def tail_of(names: Names, tails: Tails, account: AccountId, after: Position) -> list[Line]:
    """Look at the tail of a journal, before the journal is looked at."""
    no = names.find(account)
    return [] if no is None else tails.of(no, after)


def replay(
    raw: sqlite3.Connection,
    names: Names,
    tail: Sequence[Line],
    account: AccountId,
    after: Position,
    limit: int,
) -> Sequence[Entry]:
    """Read a journal after a position, and go on with what ``tail_of`` saw before.

    Raises:
        CorruptStore: If a line is missing or damaged, or what it refers to is.
    """
    no = names.find(account)
    if no is None:
        return []
    lines: list[tuple[int, int]] = raw.execute(_LINES, (no, after, limit)).fetchall()
    laid = lines[-1][0] if lines else after
    lines += [(position, stamped) for _, position, stamped in tail if position > laid][: limit - len(lines)]
    entries: list[Entry] = []
    for position, stamped in lines:
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
