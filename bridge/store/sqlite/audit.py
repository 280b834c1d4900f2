"""The audit: every row's checksum, every thread's chain, every journal, every count, every index.

Reads only, in pieces that each see one snapshot, so that it can run beside a
busy hub; what it holds in memory does not grow with the store.
"""

import asyncio
import sqlite3
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, Final, Protocol
from zlib import crc32

from bridge.domain.content import digest_of, first_link, links_of, next_link
from bridge.domain.model import Account
from bridge.errors import CorruptStore, Fault
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Audited, Problem
from bridge.store.rows import ACCOUNTS, MEMBERS, MESSAGES, TABLES, THREADS, VERDICTS, Table, check, pack, seal
from bridge.store.sqlite.integrity import problems_of_engine
from bridge.store.sqlite.journal import ref_of
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.reader import Reader
from bridge.store.sqlite.statements import selected
from bridge.store.sqlite.tails import Tails

Progress = Callable[[int, int], None]


class Piece(Protocol):
    """Looks at a bounded piece of a table; returns after which number to go on, or None."""

    def __call__(self, raw: sqlite3.Connection, names: Names, after: int) -> int | None:
        """Look at what comes after a number."""


_SOME: Final = 20_000  # messages, lines or rows looked at within one snapshot
_AT_ONCE: Final = 1_000  # messages of a thread that are proven together

_SEQ, _SENDER, _LINK = map(MESSAGES.columns.index, ("seq", "sender", "link"))

_NEXT_THREAD: Final = """
    SELECT min(no) FROM (
        SELECT min(id) AS no FROM threads WHERE id > :after
        UNION ALL SELECT min(thread) FROM messages WHERE thread > :after
    )"""
_MESSAGES: Final = f"SELECT {selected(MESSAGES)} FROM messages WHERE thread = ? ORDER BY seq"
_THREAD: Final = f"SELECT {selected(THREADS)} FROM threads WHERE id = ?"
_MEMBERS: Final = f"SELECT {selected(MEMBERS)} FROM members WHERE thread = ?"
_NEXT_JOURNAL: Final = "SELECT min(account) FROM journal WHERE account > ?"
_LINES: Final = """
    SELECT journal.position, journal.stamp, messages.id, events.id
    FROM journal
    LEFT JOIN messages ON messages.id = journal.stamp >> 8
    LEFT JOIN events ON events.id = -(journal.stamp >> 8)
    WHERE account = ? ORDER BY position"""
_REFERRED: Final = "SELECT (SELECT id FROM messages WHERE id = ?), (SELECT id FROM events WHERE id = ?)"
_VERDICTS: Final = f"""
    SELECT {selected(VERDICTS, "verdicts")}, messages.id
    FROM verdicts LEFT JOIN messages
    ON messages.thread = verdicts.thread AND messages.seq = verdicts.seq
    AND messages.sender = verdicts.account
    WHERE (token, account) > (?, ?) ORDER BY token, account LIMIT ?"""
_TOKENS: Final = """
    SELECT tokens.token, tokens.account, tokens.message, tokens.crc, coalesce(messages.id, verdicts.token)
    FROM tokens LEFT JOIN messages ON messages.id = tokens.message AND messages.sender = tokens.account
    LEFT JOIN verdicts ON tokens.message = 0 AND tokens.crc = 0
    AND verdicts.token = tokens.token AND verdicts.account = tokens.account
    WHERE (tokens.token, tokens.account) > (?, ?) ORDER BY tokens.token, tokens.account LIMIT ?"""
_EVENTS: Final = "SELECT id, body, crc FROM events WHERE id > ? ORDER BY id LIMIT ?"
_NAMES: Final = "SELECT no, id, crc FROM names WHERE no > ? ORDER BY no LIMIT ?"
_STRAYS: Final = {
    "members": "SELECT count(*) FROM members WHERE NOT EXISTS (SELECT 1 FROM threads WHERE id = thread)",
    "verdicts": """
        SELECT count(*) FROM verdicts WHERE NOT EXISTS (
            SELECT 1 FROM tokens WHERE tokens.token = verdicts.token AND tokens.account = verdicts.account
        )""",
    "shelves": """
        SELECT (SELECT count(*) FROM (
            SELECT account, folder, thread FROM members EXCEPT SELECT account, folder, thread FROM shelves
        )) + (SELECT count(*) FROM (
            SELECT account, folder, thread FROM shelves EXCEPT SELECT account, folder, thread FROM members
        ))""",
}


class Inspector:
    """One audit: what it has counted and found so far."""

    def __init__(self, reader: Reader, beside: Reader, progress: Progress | None) -> None:
        """Look through two readers: SQLite proves its own through the other, on a core of its own."""
        self._reader, self._beside, self._progress = reader, beside, progress
        self._problems: list[Problem] = []
        self._threads = self._messages = self._journals = self._entries = 0
        self._tails: Tails | None = None  # as they were when an earlier piece of the journals was looked at

    async def run(self) -> Audited:
        """Look at everything."""
        steps: tuple[Callable[[], Awaitable[object]], ...] = (
            self._walk(self._some_threads),
            self._walk(self._some_journals),
            self._walk(self._some_names),
            self._walk(self._some_events),
            self._some_verdicts,
            lambda: self._reader.run(self._records),
        )
        engine = asyncio.create_task(problems_of_engine(self._beside))
        try:
            for done, step in enumerate(steps, 1):
                try:
                    await step()
                except Fault as error:
                    self._found("structure", "database", error.text)
                self._tell(done, len(steps) + 1)
        finally:
            await asyncio.wait([engine])
        self._tell(len(steps) + 1, len(steps) + 1)
        problems = (*engine.result(), *self._problems)
        return Audited(self._threads, self._messages, self._journals, self._entries, problems)

    def _tell(self, done: int, steps: int) -> None:
        if self._progress is not None:
            self._progress(done, steps)

    def _found(self, kind: str, where: str, text: str) -> None:
        self._problems.append(Problem(kind, where, text))

    def _walk(self, piece: Piece) -> Callable[[], Awaitable[object]]:
        """Walk through a table by number, piece by piece."""

        async def walk() -> None:
            after: int | None = 0
            while after is not None:
                after = await self._reader.run(partial(piece, after=after))

        return walk

    # --- threads

    def _some_threads(self, raw: sqlite3.Connection, names: Names, after: int) -> int | None:
        goal = self._messages + _SOME
        while self._messages < goal:
            (no,) = raw.execute(_NEXT_THREAD, {"after": after}).fetchone()
            if no is None:
                return None
            self._thread(raw, names, no)
            after = no
        return after

    def _thread(self, raw: sqlite3.Connection, names: Names, no: int) -> None:
        try:
            name = ThreadId(names.ids[no])
            row = raw.execute(_THREAD, (no,)).fetchone()
            thread = None if row is None else THREADS.record(row, names.ids)
            members = [MEMBERS.record(side, names.ids) for side in raw.execute(_MEMBERS, (no,)).fetchall()]
        except CorruptStore as error:
            self._found("checksum", f"thread number {no}", error.text)
            return
        self._threads += thread is not None
        senders, link = self._chain(raw, names, no, name)
        if thread is None or (thread.tip, thread.link) != (len(senders), link):
            self._found("tip", name, f"expected tip {len(senders)}, link {link.hex()}")
        sent = Counter(senders)
        for member in members:
            where, account = f"{name}/{member.account}", names.numbers[member.account]
            if member.sent != sent[account]:
                self._found("sent", where, f"expected {sent[account]} messages sent")
            own = senders[: member.read].count(account)
            if member.read_sent != own:
                self._found("read_sent", where, f"expected {own} own messages at or before the receipt")
            if max(member.read, member.delivered) > len(senders):
                self._found("receipt", where, f"expected at most {len(senders)}")

    def _chain(
        self, raw: sqlite3.Connection, names: Names, no: int, name: ThreadId
    ) -> "tuple[array[int], bytes]":
        """Follow a thread's chain; return who said each message, and the last link."""
        senders = array("q")  # a long thread's would be megabytes as objects
        link, expected = first_link(name), 0
        cursor = raw.execute(_MESSAGES, (no,))
        while rows := cursor.fetchmany(_AT_ONCE):
            if not _is_sound(rows, names, name, link, expected):
                link, expected = self._step_by_step(rows, names, name, link, expected)
            else:
                link, expected = rows[-1][_LINK], rows[-1][_SEQ]
            senders.extend([row[_SENDER] for row in rows])
        self._messages += len(senders)
        return senders, link

    def _step_by_step(
        self, rows: list[tuple[Any, ...]], names: Names, name: ThreadId, link: bytes, expected: int
    ) -> tuple[bytes, int]:
        """Say what is wrong with each of some messages; return the last link and seq."""
        for row in rows:
            _, seq, sender, _, content, salt, digest, kept_link, _, crc = row
            expected += 1
            if crc32(pack(row[:-1])) != crc:
                self._found("checksum", f"{name}/{seq}", "the row is damaged on disk")
                link, expected = kept_link, seq
                continue
            if seq != expected:
                self._found("seq", f"{name}/{seq}", f"expected seq {expected}")
                expected = seq
            if content is not None and digest_of(salt or b"", content) != digest:
                self._found("digest", f"{name}/{seq}", "the content does not match its digest")
            link = next_link(link, name, seq, AccountId(names.ids[sender]), digest)
            if link != kept_link:
                self._found("link", f"{name}/{seq}", "the chain does not lead here")
                link = kept_link
        return link, expected

    # --- journals, verdicts, events, names

    def _some_journals(self, raw: sqlite3.Connection, names: Names, after: int) -> int | None:
        fresh, tails = self._tails is None, self._tails or Tails(raw)
        owners = sorted(tails.accounts())
        goal = self._entries + _SOME
        while self._entries < goal:
            (account,) = raw.execute(_NEXT_JOURNAL, (after,)).fetchone()
            behind = owners[bisect_right(owners, after) :][:1]
            following = [no for no in (account, *behind) if no is not None]
            if not following:
                return None
            after = min(following)
            entries, problems = _journal(raw, after, tails)
            if problems and not fresh:  # lines may have been laid since, and forgotten
                fresh, tails = True, Tails(raw)
                entries, problems = _journal(raw, after, tails)
            self._journals += entries > 0
            self._entries += entries
            self._problems += problems
        self._tails = tails
        return after

    async def _some_verdicts(self) -> None:
        for piece in (self._tokens, self._verdicts):
            after: tuple[str, int] | None = ("", 0)
            while after is not None:
                after = await self._reader.run(partial(piece, after=after))

    def _tokens(
        self, raw: sqlite3.Connection, names: Names, after: tuple[str, int]
    ) -> tuple[str, int] | None:
        rows = raw.execute(_TOKENS, (*after, _SOME)).fetchall()
        for token, account, message, crc, found in rows:
            where = f"token {token!r} of number {account}"
            if (message, crc) != (0, 0) and seal((token, account, message)) != crc:
                self._found("checksum", where, "the row is damaged on disk")
            elif found is None:
                self._found("verdict", where, "what it stands for is not there")
        return None if len(rows) < _SOME else rows[-1][:2]

    def _verdicts(
        self, raw: sqlite3.Connection, names: Names, after: tuple[str, int]
    ) -> tuple[str, int] | None:
        rows = raw.execute(_VERDICTS, (*after, _SOME)).fetchall()
        seq, code = VERDICTS.fields.index("seq"), VERDICTS.fields.index("code")
        for row in rows:
            where = f"verdict {row[1]!r} of number {row[0]}"
            self._check(row[:-1], VERDICTS.name, where)
            if row[code] == "ok" and row[seq] and row[-1] is None:
                self._found("verdict", where, "the message that it speaks of is not there")
        return None if len(rows) < _SOME else (rows[-1][1], rows[-1][0])

    def _some_events(self, raw: sqlite3.Connection, names: Names, after: int) -> int | None:
        return self._sealed(raw.execute(_EVENTS, (after, _SOME)).fetchall(), "event")

    def _some_names(self, raw: sqlite3.Connection, names: Names, after: int) -> int | None:
        return self._sealed(raw.execute(_NAMES, (after, _SOME)).fetchall(), "name")

    def _sealed(self, rows: list[tuple[Any, ...]], what: str) -> int | None:
        for no, value, crc in rows:
            if seal((no, value)) != crc:
                self._found("checksum", f"{what} number {no}", "the row is damaged on disk")
        return None if len(rows) < _SOME else rows[-1][0]

    # --- all other records

    def _check(self, row: tuple[Any, ...], table: str, where: str) -> bool:
        try:
            check(row, table)
        except CorruptStore as error:
            self._found("checksum", where, error.text)
            return False
        return True

    def _records(self, raw: sqlite3.Connection, names: Names) -> None:
        for table in TABLES.values():
            if not table.numbered:
                for row in raw.execute(f"SELECT {selected(table)} FROM {table.name}"):
                    self._check(row, table.name, f"{table.name}/{row[0]}")
        for account in self._whole(raw, ACCOUNTS):
            self._person(raw, account)
        for table_name, query in _STRAYS.items():
            (strays,) = raw.execute(query).fetchone()
            if strays:
                self._found("stray", table_name, f"{strays} rows belong to nothing")

    def _whole(self, raw: sqlite3.Connection, table: Table[Account]) -> Iterator[Account]:
        for row in raw.execute(f"SELECT {selected(table)} FROM {table.name}"):
            try:
                yield table.record(row, {})
            except CorruptStore:
                continue  # found before

    def _person(self, raw: sqlite3.Connection, account: Account) -> None:
        row = raw.execute("SELECT accounts FROM persons WHERE id = ?", (account.person,)).fetchone()
        if row is None or pack(account.id) not in row[0]:
            self._found("person", f"account {account.id}", f"its person {account.person} does not know it")


def _is_sound(rows: list[tuple[Any, ...]], names: Names, name: ThreadId, link: bytes, after: int) -> bool:
    """Say whether some messages are all as they were kept; in bulk, in a third of the time of one by one."""
    if [crc32(pack(row[:-1])) for row in rows] != [row[-1] for row in rows]:
        return False
    _, seqs, senders, _, contents, salts, digests, links, _, _ = zip(*rows, strict=True)
    if seqs != tuple(range(after + 1, after + 1 + len(rows))):
        return False
    said = zip(salts, contents, digests, strict=True)
    if any(
        content is not None and digest_of(salt or b"", content) != digest for salt, content, digest in said
    ):
        return False
    spoke = {no: names.ids[no].encode() for no in set(senders)}
    return links_of(link, name, after, [spoke[no] for no in senders], digests) == list(links)


def _lines(raw: sqlite3.Connection, account: int, tails: Tails) -> Iterator[tuple[Any, ...]]:
    """Give the lines of a journal, then those of its tail, each with what it refers to."""
    position = 0
    for line in raw.execute(_LINES, (account,)):
        position = line[0]
        yield line
    for _, place, stamped in tails.of(account, position):
        yield place, stamped, *raw.execute(_REFERRED, (stamped >> 8, -(stamped >> 8))).fetchone()


def _journal(raw: sqlite3.Connection, account: int, tails: Tails) -> tuple[int, list[Problem]]:
    """Look at a journal; return how many lines it has, and what is wrong with them."""
    problems: list[Problem] = []
    expected, entries = None, 0
    for position, stamped, message, event in _lines(raw, account, tails):
        place = f"journal of number {account}/{position}"
        entries += 1
        if expected is not None and position != expected:
            problems.append(Problem("position", place, f"expected position {expected}"))
        expected = position + 1
        try:
            ref_of(account, position, stamped)
        except CorruptStore as error:
            problems.append(Problem("checksum", place, error.text))
            continue
        if message is None and event is None:
            problems.append(Problem("reference", place, "it refers to nothing"))
    return entries, problems
