"""The port of all stores: load facts, commit changes, replay a journal, read, search.

In the domain's words only: no SQL and no driver type passes through. The
docstrings here bind every engine; engines do not repeat them.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from time import time_ns
from typing import Protocol, runtime_checkable

from msgspec import Struct

from bridge.domain.keys import Key
from bridge.domain.model import (
    Account,
    AuditLine,
    Device,
    Member,
    Message,
    Record,
    StoredRecord,
    Thread,
    Tie,
    Verdict,
)
from bridge.domain.outcome import Told
from bridge.domain.questions import Arrived
from bridge.ids import AccountId, Position, ThreadId
from bridge.wire.values import Folder, TieKind


class Batch(Struct):
    """What one commit keeps: all of it or nothing.

    Attributes:
        records: The newest record by key; each replaces the one with its key. Verdicts are only ever new.
        messages: New messages, in the order of their threads.
        told: What to note in whose journals, in order; an account's positions follow this order.
        audit: Lines for the audit log.
        versions: What the decisions read, by key, as it was: a shared store raises ``Stale`` if any of it
            moved. An engine with one writer may rely on being that writer instead.
    """

    records: dict[Key, StoredRecord]
    messages: list[Message]
    told: list[tuple[Told, tuple[AccountId, ...]]]
    audit: list[AuditLine]
    versions: dict[Key, object]

    @property
    def changes(self) -> bool:
        """Say whether there is anything to keep."""
        return bool(self.records or self.messages or self.told or self.audit)


Places = Sequence[tuple[AccountId, Position]]
"""Whose journals hold something, and where."""


class Entry(Struct, frozen=True):
    """One line of an account's journal."""

    position: Position
    told: Told


class Head(Struct, frozen=True):
    """Where an account's journal stands: its newest position (0: empty) and the oldest that is still kept."""

    newest: Position
    oldest: Position


class Page(Struct, frozen=True):
    """Where a listing goes on: after this account's side of the thread with this time and id."""

    last_at: int
    id: str
    account: str


class Tally(Struct, frozen=True):
    """Unread threads and messages of the inbox, and requests that wait, of some accounts."""

    threads: int
    messages: int
    requests: int


class Problem(Struct, frozen=True):
    """Something that an audit found: what, where, and what was expected."""

    kind: str
    where: str
    text: str


class Audited(Struct, frozen=True):
    """What an audit looked at, and what it found."""

    threads: int
    messages: int
    journals: int
    entries: int
    problems: tuple[Problem, ...]


class Imported(Struct, frozen=True):
    """A piece of imported history.

    Attributes:
        thread: The thread as it is after these messages (tip, link, last_at set).
        members: Its members' sides.
        messages: The new messages, in order; may be a part of the thread.
    """

    thread: Thread
    members: tuple[Member, ...]
    messages: Sequence[Message]


class Store(Protocol):
    """Keeps records, messages and journals. One owner at a time may write, unless the store is shared.

    Attributes:
        epoch: Rises when a backup was restored; every cursor of an older epoch is void.
        shared: Whether other nodes may write to it: then a commit checks ``Batch.versions``, also of a batch
            that changes nothing and only asks whether its answers still hold.
    """

    epoch: int
    shared: bool

    async def load(self, keys: Collection[Key]) -> Mapping[Key, object]:
        """Answer every key: a record, None where there is none, or the answer to a question."""

    async def commit(self, batch: Batch) -> Sequence[Places]:
        """Keep the batch on disk (fsynced), all or nothing; return the places of all that it told, in order.

        Raises:
            Stale: If a fact moved, a verdict's token or a message's seq exists already; ``keys`` names them.
                Nothing was kept.
            StorageFull: If the disk has no room; nothing was kept, reading goes on, a later one may succeed.
            CommitFailed: If it is not known what is on disk: the owner must stop and start anew.
            Unavailable: If a shared store cannot be reached; nothing was kept.
            Unresolved: If a shared store was lost on the way, and may have kept all of it or nothing.
        """

    async def heads(self, accounts: Collection[AccountId]) -> Mapping[AccountId, Head]:
        """Tell where these accounts' journals stand; one never told of anything stands at 0."""

    async def replay(self, account: AccountId, after: Position, limit: int) -> Sequence[Entry]:
        """Read the journal after a position, in order; fewer than ``limit`` entries mean that it ends."""

    async def history(
        self, thread: ThreadId, *, before: int | None = None, after: int | None = None, limit: int
    ) -> Sequence[Message]:
        """Read messages below ``before``, newest first, or above ``after``, oldest first; else the newest."""

    async def search(
        self,
        accounts: Collection[AccountId],
        text: str,
        *,
        thread: ThreadId | None = None,
        before: int | None = None,
        limit: int,
    ) -> Sequence[tuple[int, Message]]:
        """Find messages in threads shown to these accounts that hold all words, the last one as a beginning.

        Newest committed first, each with a place that only this method understands, to go on ``before``.
        Case, accents and width do not matter; CJK text is found by any run of its characters, emoji by
        themselves.
        Every committed message is found, also one committed just before.
        """

    async def threads(
        self, accounts: Collection[AccountId], folder: Folder, *, after: Page | None = None, limit: int
    ) -> Sequence[tuple[Thread, Member]]:
        """List these accounts' threads in a folder, newest first, each with the side of its account.

        Order: ``last_at`` descending, then ``id``, then account. Segments are not listed.
        """

    async def segments(self, threads: Collection[ThreadId]) -> Mapping[ThreadId, Sequence[ThreadId]]:
        """List the closed segments beside each of these threads, oldest first."""

    async def tally(self, accounts: Collection[AccountId]) -> Tally:
        """Count what is unread in these accounts' inboxes, and their requests."""

    async def ties(
        self, account: AccountId, kind: TieKind, *, after: str | None = None, limit: int
    ) -> Sequence[tuple[Tie, bool]]:
        """List ties of a kind that the account owns, and follow or friend ties (asked or on) aimed at it.

        What an unlink copied (``Hold.COPIED``) is left out.
        Each with whether it is incoming, ordered by the other's id and ``incoming``; ``after`` is ``other/0``
        or ``other/1`` of the last one had.
        """

    async def devices(self, accounts: Collection[AccountId]) -> Sequence[Device]:
        """List the devices, not revoked, that signed in to these accounts, newest first."""

    async def device_by_token(self, token: bytes) -> Device | None:
        """Find a device by the SHA-256 of its token, revoked or not."""

    # --- in bulk

    async def accounts(self, *, after: AccountId | None = None, limit: int) -> Sequence[Account]:
        """List all accounts by id."""

    async def refused(self, receiver: AccountId, *, since: int, limit: int) -> Sequence[Verdict]:
        """List the verdicts that kept messages from this account, newest first."""

    async def arrivals(self, account: AccountId, *, since: int) -> Sequence[Arrived]:
        """Count how messages to this account fell since then, by sender, without blocking the writer."""

    async def audit_log(self, *, account: AccountId | None = None, limit: int) -> Sequence[AuditLine]:
        """Read the newest lines of the audit log, newest first."""

    async def put_history(self, pieces: Sequence[Imported], records: Collection[StoredRecord]) -> None:
        """Keep imported history and the records that come with it, in one transaction; no journal is told.

        A message that is there already is left alone, so that a piece can be put again after a crash.
        """

    def all_threads(
        self, account: AccountId | None = None
    ) -> AsyncIterator[tuple[Thread, tuple[Member, ...]]]:
        """Walk through all threads, or one account's, by id, without blocking the writer."""

    async def audit(self, progress: "Progress | None" = None) -> Audited:
        """Prove the whole store: chains, digests, checksums, seqs, positions, counts; tell what is wrong."""

    async def trim(self, before: int, limit: int) -> int:
        """Forget at most ``limit`` journal entries from before a time (in ms); never an account's newest.

        Messages stay. Returns how many were forgotten.
        """

    async def erase(self, account: AccountId, limit: int) -> int:
        """Delete content and salt of at most ``limit`` of the account's messages; the chain's links stay.

        Nothing of the content is left in database, log or index. Returns how many were erased.
        """

    async def backup(self, path: str, progress: "Progress | None" = None) -> None:
        """Write a consistent copy while the hub runs."""

    async def close(self) -> None:
        """Let go of everything; what was committed stays."""


@runtime_checkable
class TakesTurns(Protocol):
    """A store with several writers, who do one after the other what two at once would spoil."""

    def turn(self) -> AbstractAsyncContextManager[Callable[[], None]]:
        """Wait for one's turn and have it.

        The value looks whether one still has it, and raises ``Unavailable`` if it was lost: then stop.
        """


class Progress(Protocol):
    """Hears how far a long work has come."""

    def __call__(self, done: int, total: int) -> None:
        """Take in how many of how many steps are done."""


__all__ = [
    "Audited",
    "Batch",
    "Entry",
    "Head",
    "Imported",
    "Page",
    "Problem",
    "Progress",
    "Record",
    "Store",
    "Tally",
    "Told",
]


def next_epoch(last: int) -> int:
    """Give the epoch of a restored store: the time in microseconds, so that no two of one backup share it."""
    return max(last + 1, time_ns() // 1_000)
