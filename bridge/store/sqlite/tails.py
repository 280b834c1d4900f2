"""Tails of journals: lines that are on disk with their commit, and not in their journals yet.

A commit that put each line into its journal would write a page for each journal. So it appends one row to
``told`` with all of its lines, and later commits lay them into the journals, hundreds at a time: first the
*old* ones in the order of the journals, while the *young* ones gather. (What an LSM tree does with its
memtables; O'Neil et al., 1996.) Lines go from young to old to the journal; whoever looks for them looks in
this order, so that none slips past. The reasons and figures are in ``docs/decisions/0025``.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from bridge.errors import CorruptStore
from bridge.store.rows import pack, seal
from bridge.store.sqlite.statements import Rows, put_rows

Line = tuple[int, int, int]
"""A line of a journal: the account's number, the position, the stamp."""

MOST: Final = 50_000
"""How many lines are young at most before they grow old: then laid at once, and some 7 MiB of memory."""

AT_ONCE: Final = 200
"""How many lines are laid at least at a time: a small commit need not write pages of journals at all."""

_JOURNAL: Final = Rows("INSERT INTO journal (account, position, stamp)", 3)
_KEEP: Final = "INSERT INTO told (no, lines, bound, account, position, crc) VALUES (?, ?, ?, ?, ?, ?)"
_FORGET: Final = "DELETE FROM told WHERE no <= ?"
_ALL: Final = "SELECT no, lines, bound, account, position, crc FROM told ORDER BY no"
_read: Final = msgspec.msgpack.Decoder(list[Line]).decode

_NEXT_STEP: Final = "it is not known where journals stand. Restore a backup (isthmus restore)."

_Lines = dict[int, list[Line]]


class _Staged(NamedTuple):
    """What a transaction makes of the tails, once it is committed."""

    lines: Sequence[Line]
    at: int
    within: int
    reached: tuple[int, int]
    owed: int


class Tails:
    """The lines that are not laid yet, in memory as on disk; written in the writer's thread, read in any.

    Attributes:
        newest: The newest row of ``told``.
        laid: Up to which row all lines lie in their journals.
    """

    def __init__(self, raw: sqlite3.Connection) -> None:
        """Read them.

        Raises:
            CorruptStore: If one of them is damaged: whose it was, and so where its journal stands, is lost.
        """
        self._young: _Lines = {}
        self._old: _Lines = {}
        self._order: list[int] = []  # accounts with old lines
        self._at = self._within = 0  # where to go on: whose lines, and from which of them
        self._reached = (0, 0)  # the account and the position of the old line that was laid last
        self._owed = 0  # lines told since some were laid
        self._gathered = 0
        self._first_young = self._first_old = 0  # what their first lines refer to
        self.newest = self.laid = 0
        self._bound = 0  # the newest row whose lines are old
        self._staged: _Staged | None = None
        rows = raw.execute(_ALL).fetchall()
        for row in rows:
            if seal(row[:-1]) != row[-1]:
                raise CorruptStore(f"Row {row[0]!r} of 'told' is damaged on disk: {_NEXT_STEP}")
        if not rows:
            return
        self.newest, _, self._bound, *reached, _ = rows[-1]
        self._reached = tuple(reached)
        newest: dict[int, int] = {}
        for no, packed, *_ in rows:
            lines = _read(packed)
            for account, position, _ in lines:
                if newest.setdefault(account, position - 1) != position - 1:
                    raise CorruptStore(f"A row of 'told' is missing before {no}: {_NEXT_STEP}")
                newest[account] = position
            if no > self._bound:
                self._gather(lines)
            else:
                left = [line for line in lines if line[:2] > self._reached]
                if left and not self._old:
                    self._first_old = _ref(left[0])
                _add(self._old, left)
        self._order = sorted(self._old)
        self.laid = rows[0][0] - 1 if self._old or self._young else self.newest

    def of(self, account: int, after: int = 0) -> list[Line]:
        """Give an account's lines after a position; some of them may have come into its journal meanwhile."""
        young = self._young.get(account, ())  # first: they grow old while we look
        found = [line for line in self._old.get(account, ()) if line[1] > after]
        upto = found[-1][1] if found else after
        return found + [line for line in young if line[1] > upto]

    def ends(self, account: int) -> tuple[int, int]:
        """Give the positions of an account's first and last line; zeros: it has none."""
        young = self._young.get(account)
        old = self._old.get(account) or young
        young = young or old
        return (old[0][1], young[-1][1]) if old and young else (0, 0)

    def accounts(self) -> set[int]:
        """Name whose lines there are."""
        return {*self._young, *self._old}

    @property
    def first(self) -> int:
        """What was told first of all that is not laid: a message, or minus an event; 0: nothing."""
        return self._first_old if self._old else self._first_young if self._young else 0

    # --- the writer's side

    def keep(self, raw: sqlite3.Connection, lines: Sequence[Line]) -> None:
        """Within a transaction: keep what a commit told, and lay as many old lines once they are worth it."""
        owed = self._owed + len(lines) + 1
        self._lay(raw, lines, owed if owed >= AT_ONCE else 0, owed)

    def settle(self, raw: sqlite3.Connection, most: int) -> None:
        """Within a transaction: lay some lines, young ones too once no others are left."""
        if not self._old:
            self._grow_old()
        self._lay(raw, (), most, 0)

    def kept(self) -> None:
        """Take note that the transaction was committed."""
        if self._staged is None:
            return
        lines, self._at, self._within, self._reached, self._owed = self._staged
        self._staged = None
        self.newest += 1
        self._gather(lines)
        if self._at == len(self._order):
            self._old, self._order, self._at = {}, [], 0
            self.laid = self._bound if self._young else self.newest
            if self._gathered >= MOST:
                self._grow_old()

    def undone(self) -> None:
        """Take note that it was rolled back."""
        self._staged = None

    def _lay(self, raw: sqlite3.Connection, lines: Sequence[Line], most: int, owed: int) -> None:
        at, within, reached = self._at, self._within, self._reached
        due: list[Line] = []
        while at < len(self._order) and len(due) < most:
            own = self._old[self._order[at]]
            part = own[within : within + most - len(due)]
            due += part
            within += len(part)
            if within == len(own):
                at, within = at + 1, 0
        put_rows(raw, _JOURNAL, due)
        if due:
            reached = due[-1][:2]
        if at == len(self._order) and self.laid < self._bound:
            raw.execute(_FORGET, (self._bound,))
        row = (self.newest + 1, pack(lines), self._bound, *reached)
        raw.execute(_KEEP, (*row, seal(row)))
        self._staged = _Staged(lines, at, within, reached, 0 if most else owed)

    def _gather(self, lines: Sequence[Line]) -> None:
        if lines and not self._young:
            self._first_young = _ref(lines[0])
        _add(self._young, lines)
        self._gathered += len(lines)

    def _grow_old(self) -> None:
        """Begin to lay what is young. It is old before it is not young any more: somebody may be looking."""
        self._old, self._order, self._at, self._within = self._young, sorted(self._young), 0, 0
        self._first_old, self._reached = self._first_young, (0, 0)
        self._young, self._gathered, self._bound = {}, 0, self.newest


def _ref(line: Line) -> int:
    return line[2] >> 8


def _add(to: _Lines, lines: Iterable[Line]) -> None:
    for line in lines:
        own = to.get(line[0])
        if own is None:
            to[line[0]] = [line]
        else:
            own.append(line)
