"""Commits: one batch, one transaction, one fsync; rows sorted so that each page is touched once.

Runs in the writing connection's thread. What it remembers between batches (heads of
journals, the newest ids, numbers of names) is taken back when a transaction is.
"""

import logging
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import attrgetter, itemgetter
from typing import Final

from bridge.domain.keys import Key, key_of
from bridge.domain.model import Account, AuditLine, Message, StoredRecord, Verdict
from bridge.domain.networks import handle_key
from bridge.domain.questions import HandleOwner
from bridge.errors import CommitFailed, Stale, StorageFull
from bridge.ids import Position
from bridge.store.base import Batch, Places, Told
from bridge.store.rows import AUDIT, MESSAGES, TABLES, Row, event_row, seal
from bridge.store.sqlite import verdicts
from bridge.store.sqlite.connection import primary
from bridge.store.sqlite.journal import NEWEST, note
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.search import Index
from bridge.store.sqlite.statements import INSERT, UPSERT, selected
from bridge.store.sqlite.tails import Line, Tails
from bridge.store.sqlite.verdicts import Said

log: Final = logging.getLogger("bridge.store")

LONG: Final = 1_024
"""From how many bytes for each message on, on average, a batch's contents fill pages of their own."""

A_PORTION: Final = 2**20
"""How many bytes of long contents the log takes before it is put into the file."""

MOST_HEADS: Final = 50_000  # heads of journals in memory at once, some 5 MiB

INSERT_MESSAGE: Final = (
    f"INSERT INTO messages (id, {selected(MESSAGES)}) VALUES (?{', ?' * (len(MESSAGES.columns) + 1)})"
)
_INSERT_EVENT: Final = "INSERT INTO events (id, body, crc, uses) VALUES (?, ?, ?, ?)"
_PUT_MOMENT: Final = "INSERT OR REPLACE INTO moments (at, message, event) VALUES (?, ?, ?)"
_FIND_MESSAGE: Final = "SELECT id FROM messages WHERE thread = ? AND seq = ?"
_FREE_HANDLE: Final = "UPDATE accounts SET handle_key = NULL WHERE id = ?"
_HOLDER: Final = "SELECT id FROM accounts WHERE network = ? AND handle_key = ?"
# The newest moment, which is never forgotten, knows numbers of what was: given anew they would look as old.
_NEWEST_IDS: Final = """
    SELECT max(coalesce(max(message), 0), (SELECT coalesce(max(id), 0) FROM messages)),
        max(coalesce(max(event), 0), (SELECT coalesce(max(id), 0) FROM events)), coalesce(max(at), 0)
    FROM (SELECT at, message, event FROM moments ORDER BY at DESC LIMIT 1)"""
_CONTENT: Final = attrgetter("content")
_LOG_IS_UNCLEAN: Final = "UPDATE marks SET value = -1 WHERE name = 'unclean' AND value = 0"
_HANDLE: Final = TABLES[Account].fields.index("handle")
_ORDER: Final = {
    kind: itemgetter(*(table.fields.index(column) for column in table.key))
    for kind, table in TABLES.items()
    if table.key
}


class _Heads(dict[int, Position]):
    """The newest position in journals, by the account's number."""

    def __init__(self, raw: sqlite3.Connection, tails: Tails) -> None:
        super().__init__()
        self._raw, self._tails = raw, tails

    def __missing__(self, account: int) -> Position:
        _, newest = self._tails.ends(account)
        return Position(newest or self._raw.execute(NEWEST, (account,)).fetchone()[0] or 0)


class Writer:
    """The one that writes.

    Attributes:
        names: Numbers and ids, for this connection.
        raw: The connection.
        newest_message: The id of the newest message.
        tails: What was told and does not lie in its journals yet.
        index: The index of words.
        erased: By account, the thread's number and the seq up to which content is erased, while that goes on.
    """

    def __init__(self, raw: sqlite3.Connection, clock: Callable[[], int]) -> None:
        """Take over a database whose schema is up to date."""
        self.raw, self._clock = raw, clock
        self._broken = False
        self._long = 0  # bytes of long contents since they were last put into the file
        self.newest_message = self._newest_event = self._moment = 0
        self._version: int = raw.execute("PRAGMA data_version").fetchone()[0]
        self.tails = Tails(raw)
        self._heads = _Heads(raw, self.tails)
        self.names = Names(raw)
        self.index = Index(raw, self.names)
        self.erased: dict[int, tuple[int, int]] = {}
        self._remember()

    def _remember(self) -> None:
        self.newest_message, self._newest_event, self._moment = self.raw.execute(_NEWEST_IDS).fetchone()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Keep what the block writes, all or nothing.

        Raises:
            StorageFull: If there is no room; nothing was kept.
            CommitFailed: If it is not known what is on disk; no further transaction will begin.
        """
        if self._broken:
            raise CommitFailed("The store failed before; start anew.")
        raw = self.raw
        try:
            raw.execute("BEGIN IMMEDIATE")
            yield raw
            raw.execute("COMMIT")
        except BaseException as error:
            self._undo()
            if not isinstance(error, sqlite3.Error) or isinstance(error, sqlite3.IntegrityError):
                raise
            if primary(error) == sqlite3.SQLITE_FULL:
                raise StorageFull from error
            self._broken = True
            raise CommitFailed(f"SQLite could not commit: {error}.") from error
        self.names.kept()
        self.tails.kept()

    def _undo(self) -> None:
        """Roll back, and forget what memory held of the transaction."""
        try:
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK")
            self.names.undone()
            self.tails.undone()
            self.index.remember()
            self._heads.clear()
            self._remember()
        except sqlite3.Error:
            self._broken = True  # the disk fails while we step back: the error on its way says so

    def commit(self, batch: Batch) -> list[Places]:
        """Keep a batch; see the port."""
        self.names.shrink()
        if len(self._heads) > MOST_HEADS:
            self._heads.clear()
        self._see_no_other(batch)
        said: Said = {
            (message.thread, message.seq): (no, message)
            for no, message in enumerate(batch.messages, self.newest_message + 1)
        }
        with self.transaction():
            try:
                self.put(batch.records.values(), said)
                self._say(batch.messages)
            except sqlite3.IntegrityError as error:
                self._raise_stale(batch, error)
            made = self._tell(batch, said)
            if batch.audit:
                self.raw.executemany(INSERT[AuditLine], [AUDIT.row(line, {}) for line in batch.audit])
        self._put_into_file(batch.messages)
        return made

    def _put_into_file(self, messages: list[Message]) -> None:
        """Have long contents leave the log in portions.

        SQLite's own checkpoint comes after 8,000 pages. Where each is another one, everybody waits until 32
        MiB are written; short messages write the same few pages again and again.
        """
        size = sum(map(len, filter(None, map(_CONTENT, messages))))
        if size > LONG * len(messages):
            self._long += size
        if self._long < A_PORTION:
            return
        self._long = 0
        try:
            self.raw.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.OperationalError as error:  # all is in the log, and the next one tries again
            log.warning("the log could not be put into the file: %s", error)

    def catch_up(self, limit: int) -> int:
        """Take the next messages into the index of words; return how many there were."""
        self.names.shrink()
        with self.transaction():
            return self.index.add(limit)

    def _see_no_other(self, batch: Batch) -> None:
        """Raise ``Stale`` if anybody else wrote: a person by hand, whom the lock does not stop."""
        version = self.raw.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._version = version
            self.tails = Tails(self.raw)
            self._heads = _Heads(self.raw, self.tails)
            self._remember()
            raise Stale(tuple(batch.versions) or tuple(batch.records))

    def put(self, records: Iterable[StoredRecord], said: Said | None = None) -> None:
        """Replace records, table by table, in the order of their keys.

        Args:
            records: The records, and verdicts, which are only ever new.
            said: The messages that come with them.
        """
        raw, numbers = self.raw, self.names.numbers
        rows: defaultdict[type, list[Row]] = defaultdict(list)
        new: list[Verdict] = []
        for record in records:
            kind = type(record)
            if kind is Verdict:
                new.append(record)  # type: ignore[arg-type]  # its kind was looked at
            else:
                rows[kind].append(TABLES[kind].row(record, numbers))
        if accounts := rows.get(Account):
            if len(accounts) > 1:  # a handle may pass from one to the other
                raw.executemany(_FREE_HANDLE, [row[:1] for row in accounts])
            if any(row[_HANDLE] == row[0] for row in accounts):  # erased: the log knows its name
                raw.execute(_LOG_IS_UNCLEAN)
        for kind, found in rows.items():
            found.sort(key=_ORDER[kind])
            raw.executemany(UPSERT[kind], found)
        if new:
            verdicts.put(raw, self.names, new, said or {})

    def _say(self, messages: list[Message]) -> None:
        """Append messages."""
        numbers, row = self.names.numbers, MESSAGES.row
        rows = [(no, *row(message, numbers)) for no, message in enumerate(messages, self.newest_message + 1)]
        self.raw.executemany(INSERT_MESSAGE, rows)
        self.newest_message += len(rows)

    def _tell(self, batch: Batch, said: Said) -> list[Places]:
        """Note in journals what was told; return where."""
        if not batch.told:
            return []
        numbers = self.names.numbers
        events: list[Row] = []
        lines: list[Line] = []
        made: list[Places] = []
        for told, accounts in batch.told:
            ref = self._ref(told, said, events, len(accounts))
            made.append(note(self._heads, numbers, accounts, ref, lines))
        if events:
            self.raw.executemany(_INSERT_EVENT, events)
        self.tails.keep(self.raw, lines)
        self._moment = max(self._moment, self._clock())  # a clock set back must not reorder what it dates
        self.raw.execute(_PUT_MOMENT, (self._moment, self.newest_message, self._newest_event))
        return made

    def _ref(self, told: Told, said: Said, events: list[Row], uses: int) -> int:
        if isinstance(told, Message):
            new = said.get((told.thread, told.seq))
            if new is not None:
                return new[0]
            key = (self.names.numbers[told.thread], told.seq)
            return int(self.raw.execute(_FIND_MESSAGE, key).fetchone()[0])
        self._newest_event += 1
        body = event_row(told)
        events.append((self._newest_event, body, seal((self._newest_event, body)), uses))
        return -self._newest_event

    def _raise_stale(self, batch: Batch, error: sqlite3.IntegrityError) -> None:
        """Name the tokens, seqs and handles that are taken already."""
        raw = self.raw
        raw.execute("ROLLBACK")
        self.names.undone()
        stale: list[Key] = []
        for record in (*batch.records.values(), *batch.messages):
            if isinstance(record, Verdict):
                if verdicts.stands(raw, self.names, record):
                    stale.append(key_of(record))
            elif isinstance(record, Message):
                if self._is_said(record):
                    stale.append(key_of(record))
            elif isinstance(record, Account):
                stale.extend(self._taken_handles(batch, record))
        if not stale:
            raise CommitFailed(f"SQLite refused a row: {error}.") from error
        raise Stale(tuple(stale)) from error

    def _is_said(self, message: Message) -> bool:
        thread = self.names.find(message.thread)
        return (
            thread is not None
            and self.raw.execute(_FIND_MESSAGE, (thread, message.seq)).fetchone() is not None
        )

    def _taken_handles(self, batch: Batch, account: Account) -> Iterator[Key]:
        key = handle_key(account.handle)
        holder = self.raw.execute(_HOLDER, (account.network.value, key)).fetchone()
        if holder is not None and holder[0] != account.id and (Account, holder[0]) not in batch.records:
            yield HandleOwner, HandleOwner(account.network, key)
