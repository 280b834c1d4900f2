"""Search: an index of words that lags behind the commits and is caught up before it answers.

A commit pays nothing for search, and waits for a small piece of the index's work at most: pieces are
bounded by the length of texts, and merge what FTS5 would otherwise merge in bursts. The index holds no
text, only words and, beside them, whose they are: an account's search meets the hits of its own threads only.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from typing import Final

import msgspec

from bridge.domain.model import Message, Thread, ThreadKind
from bridge.ids import AccountId, ThreadId
from bridge.store.rows import MESSAGES, THREADS
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.statements import Rows, put_rows, selected
from bridge.store.words import Documents, Term, sought

_MARK: Final = "SELECT value FROM marks WHERE name = 'searchable'"
_SET_MARK: Final = "UPDATE marks SET value = ? WHERE name = 'searchable'"
_NEXT: Final = "SELECT id, thread, content FROM messages WHERE id > ? ORDER BY id LIMIT ?"
_ADD: Final = Rows("INSERT INTO words (rowid, said, who)", 3)
_REMOVE: Final = "INSERT INTO words (words, rowid, said, who) VALUES ('delete', ?, ?, ?)"
_HITS: Final = "SELECT rowid FROM words WHERE words MATCH ? AND rowid < ? ORDER BY rowid DESC"
_MESSAGE: Final = f"SELECT {selected(MESSAGES)} FROM messages WHERE id = ?"
_THREAD: Final = f"SELECT {selected(THREADS)} FROM threads WHERE id = ?"
_SHOWN: Final = "SELECT 1 FROM members WHERE thread = ? AND account = ? AND folder <> 'none'"
_GROUPS: Final = """
    SELECT shelves.thread FROM shelves JOIN threads ON threads.id = shelves.thread
    WHERE shelves.account = ? AND shelves.folder <> 'none' AND threads.kind = 'group'"""
_MERGE: Final = "INSERT INTO words (words, rank) VALUES ('merge', ?)"
_SPOKEN: Final = "SELECT term FROM temp.spoken WHERE term >= ? LIMIT 1"
_NEVER: Final = 2**62
_AT_ONCE: Final = 16_384  # bytes of contents that a piece ends with: a commit may wait for it
_MERGED: Final = (
    400  # bytes of contents for which a page is merged: each word is written again for each level
)
_MOST_WORDS: Final = 16


Said = tuple[int, int, bytes | None]
"""A message's id, its thread's number, and its content."""


def _size(row: Said) -> int:
    return len(row[2] or b"")


def who_of(thread: Thread, no: int, names: Names) -> str:
    """Say whose a thread's words are: the thread's, and its accounts' unless they may come and go."""
    if thread.kind is ThreadKind.GROUP:
        return f"t{no}"
    return " ".join((f"t{no}", *(f"a{names.numbers[account]}" for account in thread.members)))


class Index:
    """The writing side of the index; runs in the writing connection's thread, within its transactions.

    Attributes:
        upto: The id of the newest message in it.
    """

    def __init__(self, raw: sqlite3.Connection, names: Names) -> None:
        """Take up where the index stands."""
        self._raw, self._names = raw, names
        self._write = Documents().write
        self.upto: int = raw.execute(_MARK).fetchone()[0]

    def remember(self) -> None:
        """Read again where the index stands, after a transaction was undone."""
        self.upto = self._raw.execute(_MARK).fetchone()[0]

    def add(self, limit: int) -> int:
        """Take in the next messages, at most so many and fewer of long ones; return how many there were."""
        rows: list[Said] = []
        size = 0
        with closing(self._raw.execute(_NEXT, (self.upto, limit))) as left:
            for row in left:
                rows.append(row)
                size += _size(row)
                if size >= _AT_ONCE:
                    break
        if rows:
            self.take(rows)
        return len(rows)

    def lags(self) -> bool:
        """Say whether there are messages that it has not taken in."""
        return self._raw.execute(_NEXT, (self.upto, 1)).fetchone() is not None

    def take(self, rows: Sequence[Said]) -> None:
        """Take in messages that are known to be the next, and merge what they are worth."""
        put_rows(self._raw, _ADD, list(self._documents(rows)))
        self._raw.execute(_MERGE, (1 + sum(map(_size, rows)) // _MERGED,))
        self.upto = rows[-1][0]
        self._raw.execute(_SET_MARK, (self.upto,))

    def remove(self, rows: Sequence[Said]) -> None:
        """Take out messages as they were put in."""
        self._raw.executemany(_REMOVE, self._documents([row for row in rows if row[0] <= self.upto]))

    def merge(self, pages: int) -> bool:
        """Rewrite a bounded piece of the index without what was taken out; tell whether there was any."""
        before = self._raw.total_changes
        self._raw.execute(_MERGE, (-pages,))
        return self._raw.total_changes - before > 1  # SQLite's own sign that it did something

    def _documents(self, rows: Sequence[Said]) -> Iterator[tuple[int, str, str]]:
        whose: dict[int, str] = {}
        for no, thread, content in rows:
            text = None if content is None else _text(content)
            if text:
                who = whose.get(thread)
                if who is None:
                    who = whose[thread] = self._who(thread)
                yield no, self._write(text), who

    def _who(self, no: int) -> str:
        row = self._raw.execute(_THREAD, (no,)).fetchone()
        return f"t{no}" if row is None else who_of(THREADS.record(row, self._names.ids), no, self._names)


class _Said(msgspec.Struct, array_like=True, gc=False):
    """What of a packed content is looked at: its beginning."""

    text: str | None


_decode: Final = msgspec.msgpack.Decoder(_Said).decode


def _text(content: bytes) -> str | None:
    """Read the text out of a packed content; ten times faster than ``unpack``."""
    try:
        return _decode(content).text
    except (msgspec.DecodeError, ValueError):
        return None  # damaged, so served to nobody; the audit reports it


def find(
    raw: sqlite3.Connection,
    names: Names,
    accounts: Collection[AccountId],
    text: str,
    thread: ThreadId | None,
    before: int | None,
    limit: int,
) -> Sequence[tuple[int, Message]]:
    """Find messages; the index must have been caught up."""
    terms = sought(text)
    own = [no for no in map(names.find, set(accounts)) if no is not None]
    places = _places(raw, names, own, thread)
    if not terms or not places:
        return []
    said = " AND ".join(_written_out(raw, term) for term in terms)
    query = f"said : ({said}) AND who : ({' OR '.join(places)})"
    found: list[tuple[int, Message]] = []
    shown: dict[str, bool] = {}
    for (place,) in raw.execute(_HITS, (query, _NEVER if before is None else before)):
        message = MESSAGES.record(raw.execute(_MESSAGE, (place,)).fetchone(), names.ids)
        if message.thread not in shown:
            no = names.find(message.thread)
            shown[message.thread] = any(raw.execute(_SHOWN, (no, one)).fetchone() for one in own)
        if shown[message.thread]:
            found.append((place, message))
            if len(found) == limit:
                break
    return found


def _places(raw: sqlite3.Connection, names: Names, own: list[int], thread: ThreadId | None) -> list[str]:
    """Say under whose words to look. All of these are digits behind a letter."""
    if thread is not None:
        no = names.find(thread)
        return [] if no is None or not own else [f"t{no}"]
    groups = [f"t{row[0]}" for one in own for row in raw.execute(_GROUPS, (one,))]
    return [*(f"a{one}" for one in own), *groups]


def _written_out(raw: sqlite3.Connection, term: Term) -> str:
    """Write a term; where it is the beginning of few words, as all of these.

    SQLite gathers all places of a beginning, everybody's, before it looks at the first: 28 ms of CPU where
    every third of a million messages holds the word, and ten times that in ten million. Words written out
    it steps through together with whose they are: 6 ms, and hardly more in a larger store.
    """
    *before, last = term.tokens
    words = _beginning_with(raw, last) if term.begins else []
    if not 0 < len(words) <= _MOST_WORDS:
        return _phrase(term)
    return f"({' OR '.join(_phrase(Term((*before, word))) for word in words)})"


def _beginning_with(raw: sqlite3.Connection, beginning: str) -> list[str]:
    """List both columns' words that begin so, one more than ``_MOST_WORDS`` at most."""
    words: list[str] = []
    row = raw.execute(_SPOKEN, (beginning,)).fetchone()
    while row is not None and row[0].startswith(beginning):
        words.append(row[0])
        if len(words) > _MOST_WORDS:
            break
        row = raw.execute(_SPOKEN, (row[0] + "\x01",)).fetchone()  # no word has it: what follows comes after
    return words


def _phrase(term: Term) -> str:
    """Quote a term. Tokens hold letters, digits, marks and symbols only, never a quotation mark."""
    return f'"{" ".join(term.tokens)}"{"*" if term.begins else ""}'
