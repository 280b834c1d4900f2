"""The audit: every row's checksum, every chain, every journal, every count, every column, of one moment.

What it holds in memory does not grow with the store; what grows with it comes through cursors.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from bridge.domain.content import digest_of, first_link, next_link
from bridge.domain.model import Account, AuditLine, Member, Message, Person, Record, Thread, Verdict
from bridge.errors import CorruptStore
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Audited, Problem, Progress
from bridge.store.postgres.pool import Connection
from bridge.store.postgres.search import text_of
from bridge.store.postgres.shapes import RECORDS, SHAPES, event_from, record_of
from bridge.store.rows import TABLES

_SOME: Final = 500  # threads, or rows, looked at in one go

_THREADS: Final = "SELECT id, body FROM threads WHERE id > $1 ORDER BY id LIMIT $2"
_STRAYS: Final = """
    SELECT DISTINCT thread FROM messages AS m WHERE NOT EXISTS (SELECT FROM threads WHERE id = m.thread)
    UNION SELECT DISTINCT thread FROM members AS m WHERE NOT EXISTS (SELECT FROM threads WHERE id = m.thread)
    ORDER BY 1"""
_MEMBERS: Final = """
    SELECT thread, account, body FROM members WHERE thread = ANY ($1::text[]) ORDER BY thread, account"""
_MESSAGES: Final = """
    SELECT thread, seq, sender, at, erased, words IS NULL AS silent, body
    FROM messages WHERE thread = ANY ($1::text[]) ORDER BY thread, seq"""
_LINES: Final = """
    SELECT journal.account, position, heads.newest, coalesce(messages.seq, events.id) IS NULL AS nothing
    FROM journal
    LEFT JOIN heads ON heads.account = journal.account
    LEFT JOIN messages ON messages.thread = journal.thread AND messages.seq = journal.seq
    LEFT JOIN events ON journal.thread IS NULL AND events.id = journal.seq
    ORDER BY journal.account, position"""
_EMPTY: Final = """
    SELECT account, newest FROM heads WHERE newest > 0
    AND NOT EXISTS (SELECT FROM journal WHERE journal.account = heads.account)"""
_EVENTS: Final = "SELECT id, body FROM events"
_SPOKEN: Final = """
    SELECT v.place FROM unnest($1::integer[], $2::text[], $3::bigint[], $4::text[])
        AS v (place, thread, seq, sender)
    JOIN messages USING (thread, seq, sender)"""
_PERSONS: Final = "SELECT one, body FROM records WHERE kind = 'persons' AND one = ANY ($1::text[])"


class Inspector:
    """One audit: what it has counted and found so far."""

    def __init__(self, connection: Connection, progress: Progress | None) -> None:
        """Look through a connection that sees one moment."""
        self._connection, self._progress = connection, progress
        self._problems: list[Problem] = []
        self._threads = self._messages = self._journals = self._entries = 0

    async def run(self) -> Audited:
        """Look at everything."""
        steps: tuple[Callable[[], Awaitable[None]], ...] = (
            self._all_threads,
            self._all_journals,
            self._all_events,
            self._all_records,
            self._all_verdicts,
            self._all_persons,
        )
        for done, step in enumerate(steps, 1):
            await step()
            if self._progress is not None:
                self._progress(done, len(steps))
        return Audited(self._threads, self._messages, self._journals, self._entries, tuple(self._problems))

    def _found(self, kind: str, where: str, text: str) -> None:
        self._problems.append(Problem(kind, where, text))

    async def _rows(self, query: str, *arguments: Any) -> AsyncIterator[Any]:
        async for row in self._connection.cursor(query, *arguments, prefetch=_SOME):
            yield row

    def _read(self, kind: type[Any], body: bytes, where: str) -> Any:
        try:
            return record_of(kind, body)
        except CorruptStore as error:
            self._found("checksum", where, error.text)
            return None

    # --- threads

    async def _all_threads(self) -> None:
        after = ""
        while rows := await self._connection.fetch(_THREADS, after, _SOME):
            await self._some_threads({ThreadId(name): body for name, body in rows})
            after = rows[-1]["id"]
        strays = [ThreadId(name) for (name,) in await self._connection.fetch(_STRAYS)]
        for start in range(0, len(strays), _SOME):
            await self._some_threads(dict.fromkeys(strays[start : start + _SOME]))

    async def _some_threads(self, bodies: dict[ThreadId, bytes | None]) -> None:
        names = list(bodies)
        members: dict[ThreadId, list[Member]] = {name: [] for name in names}
        for name, account, body in await self._connection.fetch(_MEMBERS, names):
            if (side := self._read(Member, body, f"{name}/{account}")) is not None:
                members[name].append(side)
        chains = {name: _Chain(name) for name in names}
        async for row in self._rows(_MESSAGES, names):
            self._messages += 1
            self._message(chains[row["thread"]], row)
        for name, body in bodies.items():
            thread = None if body is None else self._read(Thread, body, name)
            self._threads += body is not None
            self._thread(name, thread, chains[name], members[name])

    def _message(self, chain: "_Chain", row: Any) -> None:
        where = f"{chain.name}/{row['seq']}"
        message: Message | None = self._read(Message, row["body"], where)
        if message is None:
            chain.skip(row["seq"], row["sender"])
            return
        columns = (message.thread, message.seq, message.sender, message.at)
        if columns != tuple(row)[:4] or row["erased"] != (message.content is None):
            self._found("column", where, "the columns beside the record are not the record's")
        if row["silent"] != (not text_of(message)):
            self._found("index", where, "its words are not in the index, or should not be")
        for kind, text in chain.follow(message):
            self._found(kind, where, text)

    def _thread(
        self, name: ThreadId, thread: Thread | None, chain: "_Chain", members: Sequence[Member]
    ) -> None:
        tip, senders = len(chain.senders), chain.senders
        if thread is None or (thread.tip, thread.link) != (tip, chain.link):
            self._found("tip", name, f"expected tip {tip}, link {chain.link.hex()}")
        sent = Counter(senders)
        for member in members:
            where = f"{name}/{member.account}"
            if member.sent != sent[member.account]:
                self._found("sent", where, f"expected {sent[member.account]} messages sent")
            own = senders[: member.read].count(member.account)
            if member.read_sent != own:
                self._found("read_sent", where, f"expected {own} own messages at or before the receipt")
            if max(member.read, member.delivered) > tip:
                self._found("receipt", where, f"expected at most {tip}")

    # --- journals and events

    async def _all_journals(self) -> None:
        account, expected, head = "", 0, 0
        async for name, position, newest, nothing in self._rows(_LINES):
            self._entries += 1
            if name != account:
                self._end(account, expected, head)
                self._journals += 1
                account, expected, head = name, position, newest or 0
            where = f"journal of {account}/{position}"
            if position != expected:
                self._found("position", where, f"expected position {expected}")
            expected = position + 1
            if nothing:
                self._found("reference", where, "it refers to nothing")
        self._end(account, expected, head)
        for name, newest in await self._connection.fetch(_EMPTY):
            self._found("position", f"journal of {name}", f"expected a line at {newest}")

    def _end(self, account: str, expected: int, head: int) -> None:
        if account and expected != head + 1:
            self._found("position", f"journal of {account}", f"expected its head at {expected - 1}")

    async def _all_events(self) -> None:
        async for number, body in self._rows(_EVENTS):
            try:
                event_from(body)
            except CorruptStore as error:
                self._found("checksum", f"event number {number}", error.text)

    # --- all other records

    async def _all_records(self) -> None:
        for kind, shape in SHAPES.items():
            name = TABLES[kind].name
            of = " WHERE kind = $1" if shape is RECORDS else ""
            query = f"SELECT {', '.join(shape.columns)}, body FROM {shape.name}{of}"
            async for *columns, body in self._rows(query, *((name,) if of else ())):
                where = f"{name}/{'/'.join(map(str, columns[: shape.key]))}"
                if kind in (Thread, Member):  # their checksums were looked at with their threads
                    self._columns(kind, columns, body, where)
                elif (record := self._read(kind, body, where)) is not None:
                    self._same(record, columns, where)
        async for (body,) in self._rows("SELECT body FROM audit"):
            self._read(AuditLine, body, "audit")

    def _columns(self, kind: type[Any], columns: Sequence[Any], body: bytes, where: str) -> None:
        try:
            self._same(record_of(kind, body), columns, where)
        except CorruptStore:
            return  # found before

    def _same(self, record: Record, columns: Sequence[Any], where: str) -> None:
        if tuple(columns) != SHAPES[type(record)].values(record):
            self._found("column", where, "the columns beside the record are not the record's")

    async def _all_verdicts(self) -> None:
        """Look whether the messages are there of which verdicts speak."""
        waiting: list[Verdict] = []
        async for (body,) in self._rows("SELECT body FROM verdicts"):
            try:
                verdict = record_of(Verdict, body)
            except CorruptStore:
                continue  # found before
            if verdict.code == "ok" and verdict.seq:
                waiting.append(verdict)
            if len(waiting) == _SOME:
                await self._spoken(waiting)
                waiting = []
        await self._spoken(waiting)

    async def _spoken(self, verdicts: Sequence[Verdict]) -> None:
        rows = await self._connection.fetch(
            _SPOKEN,
            list(range(len(verdicts))),
            [one.thread for one in verdicts],
            [one.seq for one in verdicts],
            [one.account for one in verdicts],
        )
        there = {place for (place,) in rows}
        for place, verdict in enumerate(verdicts):
            if place not in there:
                where = f"verdict {verdict.token!r} of {verdict.account}"
                self._found("verdict", where, "the message that it speaks of is not there")

    async def _all_persons(self) -> None:
        accounts: list[Account] = []
        async for (body,) in self._rows("SELECT body FROM accounts"):
            try:
                accounts.append(record_of(Account, body))
            except CorruptStore:
                continue  # found before
            if len(accounts) == _SOME:
                await self._known(accounts)
                accounts = []
        await self._known(accounts)

    async def _known(self, accounts: Sequence[Account]) -> None:
        """Look whether the persons of these accounts know them."""
        persons: dict[str, Person] = {}
        names = list({account.person for account in accounts})
        for name, body in await self._connection.fetch(_PERSONS, names):
            if (person := self._read(Person, body, f"persons/{name}")) is not None:
                persons[name] = person
        for account in accounts:
            person = persons.get(account.person)
            if person is None or account.id not in person.accounts:
                text = f"its person {account.person} does not know it"
                self._found("person", f"account {account.id}", text)


class _Chain:
    """A thread's chain, followed message by message."""

    def __init__(self, name: ThreadId) -> None:
        self.name, self.link, self.senders = name, first_link(name), list[AccountId]()
        self._expected = 0

    def skip(self, seq: int, sender: str) -> None:
        """Pass a message that cannot be read."""
        self._expected = seq
        self.senders.append(AccountId(sender))

    def follow(self, message: Message) -> list[tuple[str, str]]:
        """Take the next message; tell what contradicts."""
        wrong: list[tuple[str, str]] = []
        self._expected += 1
        if message.seq != self._expected:
            wrong.append(("seq", f"expected seq {self._expected}"))
            self._expected = message.seq
        if message.content is not None and digest_of(message.salt or b"", message.content) != message.digest:
            wrong.append(("digest", "the content does not match its digest"))
        self.link = next_link(self.link, self.name, message.seq, message.sender, message.digest)
        if self.link != message.link:
            wrong.append(("link", "the chain does not lead here"))
            self.link = message.link
        self.senders.append(message.sender)
        return wrong
