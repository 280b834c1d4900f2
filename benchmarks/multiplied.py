"""A store that grows by copies of what it holds, in a tenth of the time that commits would take.

Each copy comes after all there was: its messages go on in each thread, its lines in each journal, its tokens
and times rise. Rows, pages, indexes and searches are as if all had been said; only the chains of digests
and the dates of journal lines, which no measurement here looks at, do not hold.
"""

import sqlite3
from pathlib import Path
from typing import Final

from bridge.store.rows import THREADS, seal
from bridge.store.sqlite.journal import stamp

_FAST: Final = (
    "PRAGMA journal_mode = OFF",  # a file that is not whole is not taken
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -524288",
    "PRAGMA temp_store = MEMORY",
)
_PREPARE: Final = (
    "CREATE TEMP TABLE tips AS SELECT id AS thread, tip FROM threads",
    "CREATE UNIQUE INDEX temp.tips_by_thread ON tips (thread)",
    "CREATE TEMP TABLE heads AS SELECT account, max(position) AS head FROM journal GROUP BY account",
    "CREATE UNIQUE INDEX temp.heads_by_account ON heads (account)",
)
_ENDS: Final = "SELECT max(id), min(at), max(at) FROM messages"
_MESSAGES: Final = """
    INSERT INTO messages
    SELECT id, thread, seq, sender, at, content, salt, digest, link, decision,
        seal(thread, seq, sender, at, content, salt, digest, link, decision)
    FROM (
        SELECT id + :copy * :size AS id, thread, seq + :copy * tip AS seq, sender, at + :copy * :span AS at,
            content, salt, digest, link, decision
        FROM messages JOIN tips USING (thread) WHERE id <= :size ORDER BY id
    )"""
_TOKENS: Final = """
    INSERT INTO tokens
    SELECT token, account, message, seal(token, account, message)
    FROM (
        SELECT printf('%011x', messages.at + :copy * :span) || substr(token, 12) AS token, account,
            message + :copy * :size AS message
        FROM tokens JOIN messages ON messages.id = message WHERE message <= :size ORDER BY token
    )"""
_JOURNAL: Final = """
    INSERT INTO journal
    SELECT account, position, stamp(account, position, ref)
    FROM (
        SELECT account, position + :copy * head AS position, (stamp >> 8) + :copy * :size AS ref
        FROM journal JOIN heads USING (account) WHERE position <= head ORDER BY account, position
    )"""
_THREADS: Final = f"SELECT {', '.join((*THREADS.columns, 'crc'))} FROM threads WHERE tip > 0"
_PUT_THREAD: Final = "UPDATE threads SET tip = ?, last_at = ?, crc = ? WHERE id = ?"


def multiply(place: Path, times: int) -> None:
    """Let a store that nobody has open hold so many times as much; its index of words stays behind."""
    raw = sqlite3.connect(place, isolation_level=None)
    try:
        for pragma in _FAST:
            raw.execute(pragma)
        raw.create_function("seal", -1, lambda *values: seal(values), deterministic=True)
        raw.create_function("stamp", 3, stamp, deterministic=True)
        raw.execute("BEGIN")
        for statement in _PREPARE:
            raw.execute(statement)
        size, first, last = raw.execute(_ENDS).fetchone()
        shift = {"size": size, "span": last - first + 1}
        for copy in range(1, times):
            for statement in (_MESSAGES, _TOKENS, _JOURNAL):
                raw.execute(statement, {**shift, "copy": copy})
        _move_threads(raw, times, (times - 1) * shift["span"])
        raw.execute("COMMIT")
        raw.execute("PRAGMA journal_mode = WAL")
    finally:
        raw.close()


def _move_threads(raw: sqlite3.Connection, times: int, later: int) -> None:
    """Let threads stand where their copies end; their members' counts, which nothing here reads, stay."""
    tip, last_at = THREADS.columns.index("tip"), THREADS.columns.index("last_at")
    rows = []
    for row in raw.execute(_THREADS).fetchall():
        values = list(row[:-1])
        values[tip] *= times
        values[last_at] += later
        rows.append((values[tip], values[last_at], seal(values), values[0]))
    raw.executemany(_PUT_THREAD, rows)
