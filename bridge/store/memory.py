"""The store in memory: keeps the port's promises while it lives; for tests, examples and simulations.

Every verb runs without a pause between reading and writing, so a commit is
all or nothing by nature. It is a shared store: it checks what a batch read.
"""
# ruff: noqa: D102 -- the port's docstrings bind its engines, which do not repeat them

import asyncio
import re
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from itertools import islice
from pathlib import Path
from time import time
from typing import Final

import msgspec
from msgspec import Struct

from bridge.domain.content import unpack
from bridge.domain.hold import Hold
from bridge.domain.keys import Key
from bridge.domain.model import (
    Account,
    AuditLine,
    Device,
    Member,
    Message,
    StoredRecord,
    Thread,
    ThreadKind,
    Tie,
    Verdict,
)
from bridge.domain.questions import Arrived
from bridge.domain.views import without_names
from bridge.errors import Stale, Unavailable
from bridge.ids import AccountId, Position, ThreadId
from bridge.store.base import Audited, Batch, Entry, Head, Imported, Page, Places, Progress, Tally, next_epoch
from bridge.store.tables import KINDS, Journal, Tables, arrivals_of, problems_of, strays_of
from bridge.store.words import Term, document, sought
from bridge.wire.events import JournalEvent
from bridge.wire.values import Folder, TieKind

_SEPARATORS: Final = re.compile(r"[^0-9A-Za-z\x80-\U0010ffff]+")  # where every index parts a document


def _milliseconds() -> int:
    return int(time() * 1000)


def _head(journal: Journal | None) -> Head:
    if journal is None:
        return Head(Position(0), Position(0))
    return Head(Position(journal.oldest + len(journal.lines) - 1), Position(journal.oldest))


def _is_tied(tie: Tie, kind: TieKind) -> bool:
    match kind:
        case TieKind.FOLLOW:
            return tie.follows or tie.follow_asked
        case TieKind.FRIEND:
            return tie.friend or tie.friend_asked
        case TieKind.BLOCK:
            return tie.blocks == Hold.OWN
        case TieKind.RESTRICT:
            return tie.restricts == Hold.OWN


def _indexed(message: Message) -> str:
    """Give a message's tokens, each between spaces."""
    text = None if message.content is None else unpack(message.content).text
    return f" {_SEPARATORS.sub(' ', document(text or ''))} "


def _as_indexed(term: Term) -> str:
    return f" {' '.join(term.tokens)}{'' if term.begins else ' '}"


class _Copy(Struct):
    """A backup: records by the name of their kind, and the rest as it is kept."""

    epoch: int
    records: dict[str, msgspec.Raw]
    said: list[Message]
    events: list[JournalEvent]
    log: list[AuditLine]
    journals: dict[AccountId, Journal]


class MemoryStore:
    """A store that forgets everything with its process. See ``bridge.store.base.Store``."""

    shared = False

    def __init__(self, kept: Tables, epoch: int, clock: Callable[[], int]) -> None:
        """Take what is kept; ``open`` is the way in."""
        self.epoch = epoch
        self._state: Tables | None = kept
        self._clock = clock
        self._words: dict[int, str] = {}

    @classmethod
    async def open(cls, *, clock: Callable[[], int] = _milliseconds) -> "MemoryStore":
        """Open an empty store; ``clock`` dates journal entries, in milliseconds since 1970."""
        return cls(Tables(), 1, clock)

    @classmethod
    async def restored(cls, path: str, *, clock: Callable[[], int] = _milliseconds) -> "MemoryStore":
        """Open what ``backup`` wrote, in a new epoch."""
        copy = msgspec.msgpack.decode(await asyncio.to_thread(Path(path).read_bytes), type=_Copy)
        kept = Tables()
        for kind in KINDS:
            for record in msgspec.msgpack.decode(copy.records[kind.__name__], type=list[kind]):  # type: ignore[valid-type]
                kept.put(record)
        for message in copy.said:
            kept.say(message)
        kept.events, kept.log, kept.journals = copy.events, copy.log, copy.journals
        return cls(kept, next_epoch(copy.epoch), clock)

    @property
    def _kept(self) -> Tables:
        if self._state is None:
            raise Unavailable
        return self._state

    async def load(self, keys: Collection[Key]) -> Mapping[Key, object]:
        kept = self._kept
        return {key: kept.answer(key) for key in keys}

    async def commit(self, batch: Batch) -> Sequence[Places]:
        kept = self._kept
        stale: dict[object, None] = {
            key: None for key in batch.records if key[0] is Verdict and kept.answer(key)
        }
        for message in batch.messages:
            if (message.thread, message.seq) in kept.places:
                stale[Message, (message.thread, message.seq)] = None
        stale |= {key: None for key, was in batch.versions.items() if kept.answer(key) != was}
        if stale:
            raise Stale(tuple(stale))
        for record in (*batch.records.values(), *batch.audit):
            kept.put(record)
        for message in batch.messages:
            kept.say(message)
        made: list[Places] = []
        at = self._clock()
        for told, accounts in batch.told:
            if isinstance(told, Message):
                place = kept.places[told.thread, told.seq]
            else:
                kept.events.append(without_names(told))
                place = -len(kept.events)
            made.append([(account, kept.note(place, account, at)) for account in accounts])
        return made

    async def heads(self, accounts: Collection[AccountId]) -> Mapping[AccountId, Head]:
        journals = self._kept.journals
        return {account: _head(journals.get(account)) for account in accounts}

    async def replay(self, account: AccountId, after: Position, limit: int) -> Sequence[Entry]:
        kept = self._kept
        journal = kept.journals.get(account, Journal())
        start = max(after + 1, journal.oldest)
        lines = islice(journal.lines, start - journal.oldest, start - journal.oldest + limit)
        return [
            Entry(Position(position), kept.said[place - 1] if place > 0 else kept.events[-place - 1])
            for position, (_, place) in enumerate(lines, start)
        ]

    async def history(
        self, thread: ThreadId, *, before: int | None = None, after: int | None = None, limit: int
    ) -> Sequence[Message]:
        kept = self._kept
        seqs = kept.seqs.get(thread, [])
        if after is not None:
            start = bisect_right(seqs, after)
            found = seqs[start : start + limit]
        else:
            end = len(seqs) if before is None else bisect_left(seqs, before)
            found = seqs[max(0, end - limit) : end][::-1]
        return [kept.said[kept.places[thread, seq] - 1] for seq in found]

    async def search(
        self,
        accounts: Collection[AccountId],
        text: str,
        *,
        thread: ThreadId | None = None,
        before: int | None = None,
        limit: int,
    ) -> Sequence[tuple[int, Message]]:
        kept = self._kept
        shown = {
            name
            for account in accounts
            for name, member in kept.sides.get(account, {}).items()
            if member.folder is not Folder.NONE and thread in (None, name)
        }
        newest = len(kept.said) if before is None else min(before - 1, len(kept.said))
        terms = [_as_indexed(term) for term in sought(text)]
        found = (
            (place, kept.said[place - 1])
            for place in range(newest if terms else 0, 0, -1)
            if kept.said[place - 1].thread in shown and self._holds(place, terms)
        )
        return list(islice(found, limit))

    def _holds(self, place: int, terms: Sequence[str]) -> bool:
        if place not in self._words:
            self._words[place] = _indexed(self._kept.said[place - 1])
        return all(term in self._words[place] for term in terms)

    async def threads(
        self, accounts: Collection[AccountId], folder: Folder, *, after: Page | None = None, limit: int
    ) -> Sequence[tuple[Thread, Member]]:
        kept = self._kept
        found = [
            (thread, member)
            for account in set(accounts)
            for thread, member in kept.of(account)
            if member.folder is folder and thread.kind is not ThreadKind.SEGMENT
            if after is None
            or (-thread.last_at, thread.id, account) > (-after.last_at, after.id, after.account)
        ]
        found.sort(key=lambda row: (-row[0].last_at, row[0].id, row[1].account))
        return found[:limit]

    async def segments(self, threads: Collection[ThreadId]) -> Mapping[ThreadId, Sequence[ThreadId]]:
        found: dict[ThreadId, list[ThreadId]] = {thread: [] for thread in threads}
        for other in sorted(self._kept.table(Thread).values(), key=lambda one: (one.last_at, one.id)):
            if other.beside in found:
                found[other.beside].append(other.id)
        return found

    async def tally(self, accounts: Collection[AccountId]) -> Tally:
        kept = self._kept
        sides = [side for account in set(accounts) for side in kept.of(account)]
        listed = [(thread, member) for thread, member in sides if thread.kind is not ThreadKind.SEGMENT]
        unread = [member.unread(thread.tip) for thread, member in listed if member.folder is Folder.INBOX]
        requests = sum(member.folder is Folder.REQUESTS for _, member in listed)
        return Tally(sum(count > 0 for count in unread), sum(unread), requests)

    async def ties(
        self, account: AccountId, kind: TieKind, *, after: str | None = None, limit: int
    ) -> Sequence[tuple[Tie, bool]]:
        kept = self._kept
        found = {
            (other, False): tie for other, tie in kept.owned.get(account, {}).items() if _is_tied(tie, kind)
        }
        if kind in (TieKind.FOLLOW, TieKind.FRIEND):
            found |= {
                (owner, True): tie
                for owner, tie in kept.aimed.get(account, {}).items()
                if _is_tied(tie, kind)
            }
        if after is not None:
            other, _, incoming = after.rpartition("/")
            found = {row: tie for row, tie in found.items() if row > (other, incoming == "1")}
        return [(found[row], row[1]) for row in sorted(found)[:limit]]

    async def devices(self, accounts: Collection[AccountId]) -> Sequence[Device]:
        wanted = set(accounts)
        found = [
            one for one in self._kept.table(Device).values() if one.account in wanted and not one.revoked
        ]
        return sorted(found, key=lambda device: (-device.created_at, device.id))

    async def device_by_token(self, token: bytes) -> Device | None:
        return next((one for one in self._kept.table(Device).values() if one.token == token), None)

    async def accounts(self, *, after: AccountId | None = None, limit: int) -> Sequence[Account]:
        found = [one for one in self._kept.table(Account).values() if after is None or one.id > after]
        return sorted(found, key=lambda account: account.id)[:limit]

    async def refused(self, receiver: AccountId, *, since: int, limit: int) -> Sequence[Verdict]:
        verdicts = self._kept.table(Verdict).values()
        found = [one for one in verdicts if one.receiver == receiver and one.code != "ok" and one.at >= since]
        return sorted(found, key=lambda verdict: -verdict.at)[:limit]

    async def arrivals(self, account: AccountId, *, since: int) -> Sequence[Arrived]:
        return arrivals_of(self._kept, account, since)

    async def audit_log(self, *, account: AccountId | None = None, limit: int) -> Sequence[AuditLine]:
        newest = reversed(self._kept.log)
        return list(islice((line for line in newest if account is None or line.account == account), limit))

    async def put_history(self, pieces: Sequence[Imported], records: Collection[StoredRecord]) -> None:
        kept = self._kept
        for record in records:
            kept.put(record)
        for piece in pieces:
            for message in piece.messages:
                if (message.thread, message.seq) not in kept.places:
                    kept.say(message)
            was = kept.table(Thread).get(piece.thread.id)
            if was is None or was.tip <= piece.thread.tip:  # a piece put again must not set the thread back
                kept.put(piece.thread)
                for member in piece.members:
                    kept.put(member)

    async def all_threads(
        self, account: AccountId | None = None
    ) -> AsyncIterator[tuple[Thread, tuple[Member, ...]]]:
        kept = self._kept
        for name in kept.names() if account is None else sorted(kept.sides.get(account, {})):
            members = kept.members.get(name, {})
            if (thread := kept.table(Thread).get(name)) is not None:
                yield thread, tuple(members[account] for account in sorted(members))

    async def audit(self, progress: Progress | None = None) -> Audited:
        kept = self._kept
        names = kept.names()
        problems = list(strays_of(kept))
        for done, name in enumerate(names, 1):
            problems.extend(problems_of(kept, name))
            if progress is not None:
                progress(done, len(names))
        entries = sum(len(journal.lines) for journal in kept.journals.values())
        return Audited(len(kept.table(Thread)), len(kept.said), len(kept.journals), entries, tuple(problems))

    async def trim(self, before: int, limit: int) -> int:
        left = limit
        for journal in self._kept.journals.values():
            old = sum(1 for at, _ in journal.lines[:-1] if at < before)
            cut = min(old, left)
            del journal.lines[:cut]
            journal.oldest += cut
            left -= cut
        return limit - left

    async def erase(self, account: AccountId, limit: int) -> int:
        kept = self._kept
        own = (at for at, one in enumerate(kept.said) if one.sender == account and one.content is not None)
        places = list(islice(own, limit))
        for at in places:
            kept.said[at] = msgspec.structs.replace(kept.said[at], content=None, salt=None)
            self._words.pop(at + 1, None)
        return len(places)

    async def backup(self, path: str, progress: Progress | None = None) -> None:
        kept = self._kept
        records = {
            kind.__name__: msgspec.Raw(msgspec.msgpack.encode(list(kept.tables[kind].values())))
            for kind in KINDS
        }
        copy = _Copy(self.epoch, records, kept.said, kept.events, kept.log, kept.journals)
        await asyncio.to_thread(Path(path).write_bytes, msgspec.msgpack.encode(copy))
        if progress is not None:
            progress(1, 1)

    async def close(self) -> None:
        self._state = None
