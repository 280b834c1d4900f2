"""The ledger of an account's archives: what they say besides messages, and what became of each thread.

It is a thread that is shown nowhere: one entry a message, so that it is kept,
chained, audited, backed up and erased like everything else the person owns. A
later entry on the same matter replaces an earlier one.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bridge.archive.model import (
    ArchiveOwner,
    Edge,
    EdgeKind,
    LinkedAccount,
    Media,
    MediaKind,
    Section,
    ThreadRecord,
)
from bridge.archive.model import Upgrade as UpgradeTold
from bridge.domain.content import SALT, Content, digest_of, first_link, next_link, pack, unpack
from bridge.domain.model import Member, Message, Thread, ThreadKind
from bridge.domain.outcome import Outcome, Scene
from bridge.ids import AccountId, Seq, ThreadId
from bridge.store.base import Store
from bridge.transfer.forms import official
from bridge.transfer.names import ledger_of, other_of_thread, shown_name
from bridge.wire.values import Folder, Network

PAGE: Final = 2_000
KIND: Final = "ledger"
_NUMBER: Final = re.compile(r"_(\d{10,})$")
LIST_PIECE: Final = 2_000


class OwnerEntry(Struct, frozen=True, tag="owner"):
    """Whose archive it was, and what it says of their other accounts and the upgrade.

    Attributes:
        name: The owner's name in the threads.
        handle: The owner's user name, if told.
        path: The first thread's, which tells the archives of namesakes apart; empty if there are no threads.
        links: The other accounts: network, name, identifier, label.
        upgrade: Whether the upgrade was taken, and since when.
    """

    name: str
    handle: str | None
    path: str = ""
    links: tuple[tuple[str | None, str, str | None, str], ...] = ()
    upgrade: tuple[bool, int | None] | None = None

    def owner(self, network: Network) -> ArchiveOwner:
        """Give the archive's own form."""
        return ArchiveOwner(official(network), self.name, self.handle)

    def linked(self) -> list[LinkedAccount]:
        """Give the archive's own form."""
        return [
            LinkedAccount(official(Network(network)) if network else None, name, identifier, label)
            for network, name, identifier, label in self.links
        ]

    def upgraded(self) -> UpgradeTold | None:
        """Give the archive's own form."""
        return None if self.upgrade is None else UpgradeTold(*self.upgrade)


class ListEntry(Struct, frozen=True, tag="list"):
    """A part of a list of people; part 0 begins the list anew."""

    kind: str
    part: int
    people: tuple[tuple[str, int | None], ...]


class ThreadEntry(Struct, frozen=True, tag="thread"):
    """A thread of the archive, wholly in the store.

    Attributes:
        path: Its key in the archive.
        thread: The thread that holds its messages.
        names: How the archive calls the thread's members, in the order of ``Thread.members``.
        count: How many messages.
        last_at: The latest time of any, in milliseconds since 1970.
        is_pair: Whether it is a 1:1 thread here, with two members.
        section, title, participants, takes_part, is_group, image, extras: As ``archive.model.ThreadRecord``.
        first: The path under which it first came, if that was another.
    """

    path: str
    thread: ThreadId
    names: tuple[str, ...]
    count: int
    last_at: int
    is_pair: bool
    section: str
    title: str
    participants: tuple[str, ...]
    takes_part: bool
    is_group: bool
    image: tuple[str, int | None, bytes] | None
    extras: bytes
    first: str = ""

    @property
    def first_path(self) -> str:
        """Give the path by which the thread and its people are named here."""
        return self.first or self.path

    def other_name(self, owner: AccountId) -> str:
        """Give the name of the other side of an owner's 1:1 thread, whatever the owner was called then."""
        low, high = self.names
        return high if owner < other_of_thread(owner, self.first_path) else low

    def head(self) -> ThreadRecord:
        """Give the archive's own form."""
        return ThreadRecord(
            path=self.path,
            section=Section(self.section),
            title=self.title,
            participants=self.participants,
            is_still_participant=self.takes_part,
            is_group=self.is_group,
            image=None if self.image is None else Media(MediaKind.PHOTO, *self.image),
            extras=self.extras,
        )


class ResolvedEntry(Struct, frozen=True, tag="resolved"):
    """The other side of a 1:1 thread was found to be an account.

    Attributes:
        path: The thread's key in the archive.
        account: Who it is.
        thread: Where the two write to each other now.
        upto: How many messages at the beginning of ``thread`` are imported history.
        count: How many of the owner's testimony that covers.
        is_told_by_both: Whether the other side's archive tells the chat too.
    """

    path: str
    account: AccountId
    thread: ThreadId
    upto: int
    count: int
    is_told_by_both: bool


Entry = OwnerEntry | ListEntry | ThreadEntry | ResolvedEntry


def number_of(path: str) -> str:
    """Give what stays of a path when its thread is moved or renamed: its long number, else its name."""
    name = path.partition("/")[2]
    numbered = _NUMBER.search(name)
    return numbered[1] if numbered else name


def entry_of(
    head: ThreadRecord, thread: Thread, names: Sequence[str], last_at: int, *, first: str = ""
) -> ThreadEntry:
    """Note a thread of the archive."""
    return ThreadEntry(
        path=head.path,
        thread=thread.id,
        names=tuple(names),
        count=thread.tip,
        last_at=last_at,
        is_pair=thread.kind is not ThreadKind.GROUP,
        section=head.section.value,
        title=head.title,
        participants=head.participants,
        takes_part=head.is_still_participant,
        is_group=head.is_group,
        image=None if head.image is None else (head.image.uri, head.image.at_s, head.image.extras),
        extras=head.extras,
        first="" if first == head.path else first,
    )


def list_entries(edges: Iterable[Edge]) -> list[ListEntry]:
    """Note lists of people, each in parts."""
    by_kind: dict[str, list[tuple[str, int | None]]] = {}
    for edge in edges:
        by_kind.setdefault(edge.kind.value, []).append((edge.name, edge.at_s))
    return [
        ListEntry(kind, part, tuple(people[start : start + LIST_PIECE]))
        for kind, people in by_kind.items()
        for part, start in enumerate(range(0, len(people), LIST_PIECE))
    ]


class Ledger:
    """What all archives of an account said so far.

    Attributes:
        account: Whose.
        owner: The newest head; None if no archive was ever imported.
        lists: The people of each list, by the list's kind.
        threads: The archive's threads by path.
        resolved: Those whose other side is an account, by path.
    """

    def __init__(self, account: AccountId) -> None:
        """Begin empty."""
        self.account = account
        self.owner: OwnerEntry | None = None
        self.lists: dict[str, list[tuple[str, int | None]]] = {}
        self.threads: dict[str, ThreadEntry] = {}
        self.resolved: dict[str, ResolvedEntry] = {}
        self._paths: dict[ThreadId, str] = {}

    @classmethod
    async def read(cls, store: Store, account: AccountId) -> "Ledger":
        """Read an account's ledger."""
        ledger = cls(account)
        after = 0
        while page := await store.history(ledger_of(account), after=after, limit=PAGE):
            for message in page:
                if message.content is not None:
                    ledger.take(msgspec.convert(unpack(message.content).extras, Entry))
            after = page[-1].seq
        return ledger

    def take(self, entry: Entry) -> None:
        """Take in an entry."""
        match entry:
            case OwnerEntry():
                self.owner = entry
            case ListEntry():
                if entry.part == 0:
                    self.lists[entry.kind] = []
                self.lists[entry.kind].extend(entry.people)
            case ThreadEntry():
                self._forget_forerunner(entry)
                self.threads[entry.path] = entry
            case ResolvedEntry():
                self.resolved[entry.path] = entry

    def _forget_forerunner(self, entry: ThreadEntry) -> None:
        """Drop the path under which the thread was known before, and take along who its other side is."""
        before = self._paths.get(entry.thread, entry.path)
        self._paths[entry.thread] = entry.path
        if before != entry.path:
            del self.threads[before]
            if before in self.resolved:
                self.resolved[entry.path] = replace(self.resolved.pop(before), path=entry.path)

    def without(self, paths: Iterable[str]) -> dict[str, ThreadEntry]:
        """Give the threads that an archive with these paths may have elsewhere, by what stays of theirs."""
        told = set(paths)
        left: dict[str, list[ThreadEntry]] = {}
        for path, entry in self.threads.items():
            if path not in told:
                left.setdefault(number_of(path), []).append(entry)
        return {number: found[0] for number, found in left.items() if len(found) == 1}

    def names_of(self, kind: EdgeKind) -> frozenset[str]:
        """Give the names in a list."""
        return frozenset(name for name, _ in self.lists.get(kind.value, ()))

    def is_friend(self, path: str) -> bool:
        """Say whether the list of friends names the other side of a 1:1 thread, and can mean nobody else."""
        name = self.other_name(path)
        listed = sum(name == friend for friend, _ in self.lists.get(EdgeKind.FRIEND.value, ()))
        return listed == 1 and self.means_one(name)

    def means_one(self, name: str) -> bool:
        """Say whether only one 1:1 thread is with somebody of this name."""
        return (
            sum(entry.is_pair and self.other_name(path) == name for path, entry in self.threads.items()) == 1
        )

    def other_name(self, path: str) -> str:
        """Give the name of the other side of a 1:1 thread."""
        return self.threads[path].other_name(self.account)

    def edges(self) -> list[Edge]:
        """Give all lists in the archive's own form."""
        return [
            Edge(EdgeKind(kind), name, at_s) for kind, people in self.lists.items() for name, at_s in people
        ]


def write(
    scene: Scene, outcome: Outcome, account: AccountId, network: Network, entries: Iterable[Entry]
) -> None:
    """Add entries to an account's ledger, with whatever else is kept; its title is the owner's name."""
    name = ledger_of(account)
    thread = scene.facts.find_thread(name)
    side = scene.facts.find_member(name, account)
    if thread is None or side is None:
        thread = Thread(
            id=name, kind=ThreadKind.SEGMENT, members=(account,), link=first_link(name), source=KIND
        )
        side = Member(thread=name, account=account, folder=Folder.NONE)
    said = 0
    for entry in entries:
        seq = Seq(thread.tip + 1)
        content = pack(
            Content(None, network, kind=KIND, extras=msgspec.to_builtins(entry, builtin_types=(bytes,)))
        )
        salt = scene.chance(SALT)
        digest = digest_of(salt, content)
        link = next_link(thread.link, name, seq, account, digest)
        outcome.messages.append(
            Message(
                thread=name, seq=seq, sender=account, at=scene.now, content=content, salt=salt, digest=digest,
                link=link,
            )
        )  # fmt: skip
        title = shown_name(entry.name) if isinstance(entry, OwnerEntry) else thread.title
        thread = replace(thread, tip=seq, link=link, last_at=scene.now, title=title)
        said += 1
    if said:
        outcome.records += [thread, replace(side, sent=side.sent + said)]
