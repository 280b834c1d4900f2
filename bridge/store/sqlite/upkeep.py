"""Work beside the road: imported history, trimming of journals, erasing; in pieces, in the writing thread."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from bridge.domain.keys import Key, key_of
from bridge.domain.model import AuditLine, StoredRecord, Thread
from bridge.errors import Unavailable
from bridge.ids import AccountId
from bridge.store.base import Imported
from bridge.store.rows import AUDIT, MESSAGES, THREADS, Row, check, seal
from bridge.store.sqlite import schema
from bridge.store.sqlite.commit import Writer
from bridge.store.sqlite.journal import NEWEST, ref_of
from bridge.store.sqlite.statements import GET, INSERT, Rows, put_rows, selected

_FEW: Final = (
    1_000  # messages that the index catches up with before a piece, so that it can go on with that one
)
PATIENCE: Final = 5_000  # milliseconds for readers to finish while the log is emptied

_KEEP_OLD: Final = Rows(
    f"INSERT INTO messages (id, {selected(MESSAGES)})",
    len(MESSAGES.columns) + 2,
    "ON CONFLICT (thread, seq) DO NOTHING",
)

_MOMENT: Final = "SELECT message, event FROM moments WHERE at < ? ORDER BY at DESC LIMIT 1"
_NEXT_ACCOUNT: Final = "SELECT min(account) FROM journal WHERE account > ?"
_LINES: Final = (
    "SELECT position, stamp FROM journal WHERE account = ? AND position < ? ORDER BY position LIMIT ?"
)
_CUT: Final = "DELETE FROM journal WHERE account = ? AND position <= ?"
_LESS: Final = "UPDATE events SET uses = uses - 1 WHERE id = ?"
_UNUSED: Final = "DELETE FROM events WHERE id = ? AND uses <= 0"
_MOMENTS: Final = 2_000  # moments forgotten between two commits
_FORGET_MOMENTS: Final = """
    DELETE FROM moments WHERE at IN (
        SELECT at FROM moments WHERE at < (SELECT max(at) FROM moments WHERE at < ?) ORDER BY at LIMIT ?
    )"""

_OWN_THREADS: Final = "SELECT DISTINCT thread FROM shelves WHERE account = ? AND thread >= ? ORDER BY thread"
_OWN: Final = f"""
    SELECT {selected(MESSAGES)}, id FROM messages
    WHERE thread = ? AND seq > ? AND sender = ? AND content IS NOT NULL ORDER BY seq LIMIT ?"""
_ERASE: Final = "UPDATE messages SET content = NULL, salt = NULL, crc = ? WHERE id = ?"
_SET_UNCLEAN: Final = "UPDATE marks SET value = ? WHERE name = 'unclean'"
_UNCLEAN: Final = "SELECT value FROM marks WHERE name = 'unclean'"

_THREAD, _SEQ, _CONTENT, _SALT = map(MESSAGES.fields.index, ("thread", "seq", "content", "salt"))


def keep_seal(writer: Writer, own: int, *, anew: bool) -> int:
    """Keep by what the hub's secrets are known; writes nothing once they are."""
    with writer.transaction() as raw:
        return schema.seal(raw, own, anew=anew)


def put_history(writer: Writer, pieces: Sequence[Imported], records: Collection[StoredRecord]) -> None:
    """Keep imported history; see the port."""
    with writer.transaction() as raw:
        numbers, first = writer.names.numbers, writer.newest_message + 1
        keyed: dict[Key, StoredRecord] = {}
        for record in records:
            if isinstance(record, AuditLine):
                raw.execute(INSERT[AuditLine], AUDIT.row(record, numbers))
            else:
                keyed[key_of(record)] = record
        for piece in pieces:
            if _goes_on(writer, raw, piece.thread):
                keyed[key_of(piece.thread)] = piece.thread
                keyed.update((key_of(member), member) for member in piece.members)
        writer.put(keyed.values())
        said = [message for piece in pieces for message in piece.messages]
        rows: list[tuple[Any, ...]] = [
            (no, *MESSAGES.row(message, numbers)) for no, message in enumerate(said, first)
        ]
        index = writer.index
        if rows and index.upto < first - 1:
            index.add(_FEW)
        is_next = bool(rows) and not index.lags()
        put = put_rows(raw, _KEEP_OLD, rows)
        writer.newest_message += len(rows)
        if is_next and put == len(rows):  # the words of the texts in hand; else the index catches up later
            index.take([(row[0], row[1], row[5]) for row in rows])


def _goes_on(writer: Writer, raw: sqlite3.Connection, thread: Thread) -> bool:
    """Say whether a piece does not set its thread back, as one that is put again would."""
    no = writer.names.find(thread.id)
    row = None if no is None else raw.execute(GET[Thread], (no,)).fetchone()
    return row is None or THREADS.record(row, writer.names.ids).tip <= thread.tip


def is_due(writer: Writer, before: int) -> bool:
    """Say whether anything that was told before then is not laid into its journals yet."""
    bound = writer.raw.execute(_MOMENT, (before,)).fetchone()
    first = writer.tails.first
    return bound is not None and first != 0 and bool(first <= bound[0] if first > 0 else -first <= bound[1])


def settle(writer: Writer, upto: int, limit: int) -> bool:
    """Lay some lines into their journals; tell whether any up to this row of ``told`` are left."""
    if writer.tails.laid < upto:
        with writer.transaction() as raw:
            writer.tails.settle(raw, limit)
    return writer.tails.laid < upto


class Trimmed(NamedTuple):
    """How far one piece of trimming came: lines forgotten, and after which account to go on, if at all."""

    lines: int
    after: int | None


def trim(writer: Writer, before: int, limit: int, after: int, accounts: int) -> Trimmed:
    """Forget old journal lines of the next few accounts."""
    with writer.transaction() as raw:
        bound = raw.execute(_MOMENT, (before,)).fetchone()
        if bound is None:
            return Trimmed(0, None)
        lines = 0
        for _ in range(accounts):
            (account,) = raw.execute(_NEXT_ACCOUNT, (after,)).fetchone()
            if account is None:
                return Trimmed(lines, None)
            _, newest = writer.tails.ends(account)
            lines += _trim_one(raw, account, newest, bound, limit - lines)
            if lines == limit:
                return Trimmed(lines, account - 1)
            after = account
    return Trimmed(lines, after)


def _trim_one(raw: sqlite3.Connection, account: int, newest: int, bound: tuple[int, int], limit: int) -> int:
    """Forget an account's lines up to the first that is younger, never its newest; 0: that is laid, too."""
    message, event = bound
    newest = newest or raw.execute(NEWEST, (account,)).fetchone()[0]
    cut, old, events = 0, 0, []
    for position, stamped in raw.execute(_LINES, (account, newest, limit)):
        ref = ref_of(account, position, stamped)
        if ref > message or -ref > event:
            break
        cut, old = position, old + 1
        if ref < 0:
            events.append((-ref,))
    if old:
        raw.execute(_CUT, (account, cut))
        raw.executemany(_LESS, events)
        raw.executemany(_UNUSED, events)
    return old


def forget_moments(writer: Writer, before: int) -> bool:
    """Forget when old lines were told, all of which are trimmed; tell whether there may be more of that."""
    with writer.transaction() as raw:
        return raw.execute(_FORGET_MOMENTS, (before, _MOMENTS)).rowcount == _MOMENTS


def erase(writer: Writer, account: AccountId, limit: int) -> int:
    """Delete what an account said, at most so many messages; the index forgets them at ``purge``."""
    no = writer.names.find(account)
    if no is None:
        return 0
    with writer.transaction() as raw:
        thread, seq = writer.erased.get(no, (0, 0))
        rows: list[Any] = []
        for (own,) in raw.execute(_OWN_THREADS, (no, thread)).fetchall():
            rows += raw.execute(_OWN, (own, seq if own == thread else 0, no, limit - len(rows))).fetchall()
            if len(rows) == limit:
                break
        if rows:
            writer.index.remove([(row[-1], row[_THREAD], row[_CONTENT]) for row in rows])
            raw.executemany(_ERASE, [(_seal_without_content(row[:-1]), row[-1]) for row in rows])
            raw.execute(_SET_UNCLEAN, (1,))
    if len(rows) == limit:
        writer.erased[no] = (rows[-1][_THREAD], rows[-1][_SEQ])
    else:
        writer.erased.pop(no, None)
    return len(rows)


def _seal_without_content(row: Row) -> int:
    check(row, MESSAGES.name)
    return seal([None if place in (_CONTENT, _SALT) else value for place, value in enumerate(row[:-1])])


def unclean(writer: Writer) -> int:
    """Say where anything erased may be left: 0 nowhere, below in the log, above in the index of words too."""
    return int(writer.raw.execute(_UNCLEAN).fetchone()[0])


def purge(writer: Writer, pages: int) -> bool:
    """Rewrite a piece of the index without what was erased; tell whether more is left."""
    with writer.transaction():
        return writer.index.merge(pages)


def truncate_log(writer: Writer) -> None:
    """Move all into the database file and empty the log.

    Raises:
        Unavailable: If a reader kept it from that for as long as ``PATIENCE``; try again.
    """
    raw = writer.raw
    raw.execute(f"PRAGMA busy_timeout = {PATIENCE}")
    busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    raw.execute("PRAGMA busy_timeout = 0")
    if busy:
        raise Unavailable("A reader keeps the store from emptying its log; try again.")
    with writer.transaction():
        raw.execute(_SET_UNCLEAN, (0,))
