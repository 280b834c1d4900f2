"""What a store in memory keeps: records, messages and journals, with the indexes and answers over them."""

from bisect import bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final, TypeVar, get_args

from msgspec import Struct

from bridge.domain.content import digest_of, first_link, next_link
from bridge.domain.keys import Key, key_of
from bridge.domain.model import (
    Account,
    AuditLine,
    Device,
    Member,
    Message,
    Person,
    StoredRecord,
    Thread,
    ThreadKind,
    Tie,
    Verdict,
)
from bridge.domain.networks import handle_key
from bridge.domain.questions import (
    Arrived,
    HandleOwner,
    Mutual,
    OwnThreads,
    OwnUpto,
    Question,
    SignedIn,
    ThreadCounts,
    Tightened,
)
from bridge.ids import AccountId, Position, ThreadId
from bridge.store.base import Problem
from bridge.wire.events import JournalEvent
from bridge.wire.values import Consent, Folder, Network, OutcomeOf

KINDS: Final[tuple[type, ...]] = tuple(kind for kind in get_args(StoredRecord) if kind is not AuditLine)
"""The kinds of records that replace by key."""

R = TypeVar("R")


class Journal(Struct):
    """An account's lines from ``oldest`` on: when noted, and a message's place or minus an event's."""

    oldest: int = 1
    lines: list[tuple[int, int]] = []


class Tables:
    """All that is kept, and the indexes over it. Places of messages and events count from 1."""

    def __init__(self) -> None:
        """Begin empty."""
        self.tables: dict[type, dict[object, StoredRecord]] = {kind: {} for kind in KINDS}
        self.said: list[Message] = []
        self.events: list[JournalEvent] = []
        self.log: list[AuditLine] = []
        self.journals: dict[AccountId, Journal] = {}
        self.places: dict[tuple[ThreadId, int], int] = {}
        self.seqs: defaultdict[ThreadId, list[int]] = defaultdict(list)
        self.sides: defaultdict[AccountId, dict[ThreadId, Member]] = defaultdict(dict)
        self.members: defaultdict[ThreadId, dict[AccountId, Member]] = defaultdict(dict)
        self.owned: defaultdict[AccountId, dict[AccountId, Tie]] = defaultdict(dict)
        self.aimed: defaultdict[AccountId, dict[AccountId, Tie]] = defaultdict(dict)
        self.handles: dict[tuple[Network, str], AccountId] = {}

    def table(self, kind: type[R]) -> dict[object, R]:
        """Give the records of a kind by key."""
        return self.tables[kind]  # type: ignore[return-value]  # a table holds its own kind

    def put(self, record: StoredRecord) -> None:
        """Replace the record with this key, or append a line to the audit log."""
        if isinstance(record, AuditLine):
            self.log.append(record)
            return
        kind, key = key_of(record)
        was = self.tables[kind].get(key)
        self.tables[kind][key] = record
        match record:
            case Member():
                self.sides[record.account][record.thread] = record
                self.members[record.thread][record.account] = record
            case Tie():
                self.owned[record.owner][record.other] = record
                self.aimed[record.other][record.owner] = record
            case Account():
                if isinstance(was, Account) and self.handles.get(_handle(was)) == record.id:
                    del self.handles[_handle(was)]
                self.handles[_handle(record)] = record.id

    def say(self, message: Message) -> None:
        """Keep a new message."""
        self.said.append(message)
        self.places[message.thread, message.seq] = len(self.said)
        insort(self.seqs[message.thread], message.seq)

    def note(self, place: int, account: AccountId, at: int) -> Position:
        """Add a line to an account's journal."""
        journal = self.journals.setdefault(account, Journal())
        journal.lines.append((at, place))
        return Position(journal.oldest + len(journal.lines) - 1)

    def message(self, thread: ThreadId, seq: int) -> Message | None:
        """Give a message, or None."""
        place = self.places.get((thread, seq))
        return None if place is None else self.said[place - 1]

    def of(self, account: AccountId) -> Iterator[tuple[Thread, Member]]:
        """Give the threads in which the account has a side, whatever the folder."""
        threads = self.table(Thread)
        for name, member in self.sides.get(account, {}).items():
            if (thread := threads.get(name)) is not None:
                yield thread, member

    def names(self) -> list[ThreadId]:
        """Name all threads, also those of which only messages or only the record is there, in order."""
        records = (thread.id for thread in self.table(Thread).values())
        return sorted({*records, *self.seqs, *self.members})

    def answer(self, key: Key) -> object:
        """Answer a key: a record, a message or a question."""
        kind, name = key
        if isinstance(name, Question):
            return _answer(self, name)
        if kind is Message:
            return self.message(*name)  # type: ignore[misc]  # a message's key is its thread and seq
        return self.tables[kind].get(name)


def _handle(account: Account) -> tuple[Network, str]:
    return account.network, handle_key(account.handle)


def _answer(tables: Tables, question: Question) -> object:
    match question:
        case HandleOwner():
            return tables.handles.get((question.network, question.key))
        case Mutual():
            return bool(_friends(tables, question.one) & _friends(tables, question.other))
        case OwnUpto():
            own = (tables.message(question.thread, seq) for seq in tables.seqs.get(question.thread, ()))
            return sum(
                one is not None and one.sender == question.account and one.seq <= question.upto for one in own
            )
        case Tightened():
            return _tightened(tables, question.accounts)
        case OwnThreads():
            return _own_threads(tables, question.account)
        case SignedIn():
            devices = tables.table(Device).values()
            return tuple(
                sorted(one.id for one in devices if one.account == question.account and not one.revoked)
            )
        case _:
            raise TypeError(f"no engine knows the question {type(question).__name__}")


def _friends(tables: Tables, account: AccountId) -> set[AccountId]:
    return {other for other, tie in tables.owned.get(account, {}).items() if tie.friend}


def _tightened(tables: Tables, accounts: tuple[AccountId, ...]) -> tuple[Tie, ...]:
    found = {
        (tie.owner, tie.other): tie
        for account in accounts
        for edges in (tables.owned.get(account, {}), tables.aimed.get(account, {}))
        for tie in edges.values()
        if tie.blocks or tie.restricts or tie.hides
    }
    return tuple(found[key] for key in sorted(found))


def _own_threads(tables: Tables, account: AccountId) -> ThreadCounts:
    own, accounts = tables.table(Account).get(account), tables.table(Account)
    crossing, groups, pending = 0, 0, []
    for thread, member in tables.of(account):
        groups += thread.kind is ThreadKind.GROUP
        for other in thread.members if thread.kind is ThreadKind.PAIR else ():
            them = accounts.get(other)
            if own is None or them is None or own.network is them.network:
                continue
            turned_away = member.consent in (Consent.DECLINED, Consent.LAPSED)
            crossing += member.folder is not Folder.NONE and not turned_away
            if member.consent is Consent.PENDING:
                pending.append((thread.id, other))
    return ThreadCounts(crossing, groups, tuple(sorted(pending)))


def arrivals_of(tables: Tables, account: AccountId, since: int) -> tuple[Arrived, ...]:
    """Count how messages to an account fell since then, by sender."""
    fallen: Counter[tuple[AccountId, OutcomeOf, str]] = Counter()
    for name in tables.sides.get(account, ()):
        for seq in tables.seqs.get(name, ()):
            message = tables.said[tables.places[name, seq] - 1]
            if message.sender != account and message.at >= since and message.decision is not None:
                fallen[message.sender, message.decision.outcome, message.decision.category] += 1
    for verdict in tables.table(Verdict).values():
        if (
            verdict.receiver == account
            and verdict.code != "ok"
            and verdict.at >= since
            and verdict.decision is not None
        ):
            fallen[verdict.account, verdict.decision.outcome, verdict.decision.category] += 1
    return tuple(Arrived(*how, messages) for how, messages in sorted(fallen.items()))


def problems_of(tables: Tables, name: ThreadId) -> Iterator[Problem]:
    """Yield what contradicts itself in a thread: its seqs, digests, chain, tip and counts."""
    thread = tables.table(Thread).get(name)
    said = [tables.said[tables.places[name, seq] - 1] for seq in tables.seqs.get(name, ())]
    link = first_link(name)
    for expected, message in enumerate(said, 1):
        where = f"{name}/{message.seq}"
        if message.seq != expected:
            yield Problem("seq", where, f"expected seq {expected}")
        if message.content is not None and digest_of(message.salt or b"", message.content) != message.digest:
            yield Problem("digest", where, "the content does not match its digest")
        link = next_link(link, name, message.seq, message.sender, message.digest)
        if link != message.link:
            yield Problem("link", where, "the chain does not lead here")
            link = message.link
    if thread is None or (thread.tip, thread.link) != (len(said), link):
        yield Problem("tip", name, f"expected tip {len(said)}, link {link.hex()}")
    for account, member in tables.members.get(name, {}).items():
        where, own = f"{name}/{account}", [message.seq for message in said if message.sender == account]
        if member.sent != len(own):
            yield Problem("sent", where, f"expected {len(own)} messages sent")
        if member.read_sent != bisect_right(own, member.read):
            yield Problem("read_sent", where, "expected as many as its own messages at or before the receipt")
        if max(member.read, member.delivered) > len(said):
            yield Problem("receipt", where, f"expected at most {len(said)}")


def strays_of(tables: Tables) -> Iterator[Problem]:
    """Yield what refers to nothing: verdicts on messages not there, accounts that no person knows."""
    for verdict in tables.table(Verdict).values():
        message = tables.message(verdict.thread, verdict.seq)
        if verdict.code == "ok" and verdict.seq and (message is None or message.sender != verdict.account):
            where = f"verdict {verdict.token!r} of {verdict.account}"
            yield Problem("verdict", where, "the message that it speaks of is not there")
    for account in tables.table(Account).values():
        person = tables.table(Person).get(account.person)
        if person is None or account.id not in person.accounts:
            yield Problem("person", f"account {account.id}", f"its person {account.person} does not know it")
