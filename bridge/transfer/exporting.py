"""A person's data out of the store, in the official shape: what was imported comes back as it was.

Only reads, so it works beside a running hub. Threads stream: the archive's
writer runs in a worker thread and asks the loop for one page after the other.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Final

from msgspec import Struct

from bridge.archive.model import (
    Edge,
    EdgeKind,
    LinkedAccount,
    MessageRecord,
    Section,
    ThreadRecord,
    Upgrade,
    thread_path,
)
from bridge.archive.writer import ArchiveWriter
from bridge.domain.hold import Hold
from bridge.domain.model import Account, Member, Message, Person, Thread, ThreadKind, Tie
from bridge.domain.networks import NETWORKS, handle_key
from bridge.domain.outcome import other_of
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Store
from bridge.transfer.edges import accounts_of, flag_of, proven_names
from bridge.transfer.errors import ExportRefused
from bridge.transfer.forms import official, row_of_packed
from bridge.transfer.ledger import Ledger, OwnerEntry
from bridge.transfer.model import ExportReport, Progress
from bridge.transfer.names import one_of_list, one_with_handle
from bridge.transfer.owner import load_account
from bridge.wire.values import Folder, Hybrid, TieKind

PAGE: Final = 5_000
_SECTIONS: Final = {
    Folder.INBOX: Section.INBOX,
    Folder.REQUESTS: Section.REQUESTS,
    Folder.HIDDEN: Section.FILTERED,
    Folder.ARCHIVED: Section.ARCHIVED,
    Folder.NONE: Section.FILTERED,
}
_KINDS: Final = {
    "follows": (EdgeKind.FOLLOWING, TieKind.FOLLOW),
    "friend": (EdgeKind.FRIEND, TieKind.FRIEND),
    "blocks": (EdgeKind.BLOCKED, TieKind.BLOCK),
    "restricts": (EdgeKind.RESTRICTED, TieKind.RESTRICT),
}


class Part(Struct, frozen=True):
    """A stretch of a thread that goes into one exported thread."""

    thread: ThreadId
    after: int
    upto: int
    names: dict[AccountId, str]


class Exported(Struct, frozen=True):
    """One thread of the export: its head, and where its messages are."""

    head: ThreadRecord
    parts: tuple[Part, ...]


async def export_person(
    store: Store, account: AccountId, path: Path, *, progress: Progress | None = None
) -> ExportReport:
    """Write a person's data on the account's network in the official shape.

    The same data gives the same bytes; importing the export elsewhere and
    exporting it again gives the same file.

    Args:
        store: Where from; one opened for reading only will do.
        account: Whose.
        path: A name that ends in ``.zip``, or a folder.
        progress: Hears how many threads are done.

    Raises:
        ExportRefused: If there is no such account.
        ArchiveError: If it cannot be written there.
    """
    found = await load_account(store, account)
    if found is None or found.placeholder:
        raise ExportRefused
    ledger = await Ledger.read(store, account)
    threads = [thread async for thread in _threads(store, found, ledger)]
    threads.sort(key=lambda thread: thread.head.path)
    work = _Writing(store, found, ledger, threads, asyncio.get_running_loop(), progress)
    work.edges = await _edges(store, found, ledger)
    work.links = await _links(store, found, ledger)
    await asyncio.to_thread(work.write, path)
    return work.report(path)


class _Writing:
    """The half that runs in a worker thread."""

    def __init__(
        self,
        store: Store,
        account: Account,
        ledger: Ledger,
        threads: list[Exported],
        loop: asyncio.AbstractEventLoop,
        progress: Progress | None,
    ) -> None:
        self._store, self._account, self._ledger = store, account, ledger
        self._threads, self._loop, self._progress = threads, loop, progress
        self._messages = 0
        self.edges: list[Edge] = []
        self.links: list[LinkedAccount] = []

    def write(self, path: Path) -> None:
        account, ledger = self._account, self._ledger
        network = official(account.network)
        owner = ledger.owner or OwnerEntry(name=account.name, handle=account.handle)
        with ArchiveWriter(path, network) as archive:
            archive.owner(owner.owner(account.network))
            if self.links:
                archive.links(self.links)
            if (upgrade := _upgrade(account, owner)) is not None:
                archive.upgrade(upgrade)
            archive.edges(self.edges)
            for done, thread in enumerate(self._threads, 1):
                parts = (self._rows(part) for part in thread.parts)
                self._messages += archive.thread(thread.head, chain.from_iterable(parts))
                if self._progress is not None:
                    self._loop.call_soon_threadsafe(self._progress, done, len(self._threads))

    def _rows(self, part: Part) -> Iterator[MessageRecord]:
        """Read a stretch of a thread; while one page is written, the next is fetched."""
        names, after = part.names, part.after
        ahead = self._fetch(part, after)
        while page := ahead.result():
            after = page[-1].seq
            ahead = self._fetch(part, after)
            for message in page:
                yield row_of_packed(message.content, names[message.sender], message.at)

    def _fetch(self, part: Part, after: int) -> "Future[Sequence[Message]]":
        return asyncio.run_coroutine_threadsafe(self._page(part, after), self._loop)

    async def _page(self, part: Part, after: int) -> Sequence[Message]:
        left = part.upto - after
        return await self._store.history(part.thread, after=after, limit=min(PAGE, left)) if left > 0 else ()

    def report(self, path: Path) -> ExportReport:
        account = self._account
        return ExportReport(
            path=str(path),
            network=account.network.value,
            account=account.id,
            handle=account.handle,
            threads=len(self._threads),
            messages=self._messages,
            edges=len(self.edges),
        )


def _upgrade(account: Account, owner: OwnerEntry) -> Upgrade | None:
    """Tell of the upgrade as the archive did, unless something came of it here."""
    told = owner.upgraded()
    is_on = account.hybrid is Hybrid.ON
    if account.hybrid is Hybrid.NEVER or (is_on and not NETWORKS[account.network].upgrade):
        return told
    return told if told is not None and told.on is is_on else Upgrade(is_on)


async def _links(store: Store, account: Account, ledger: Ledger) -> list[LinkedAccount]:
    """Tell of links as the archive did, and of those made here."""
    told = ledger.owner.linked() if ledger.owner else []
    person = (await store.load([(Person, account.person)]))[Person, account.person]
    assert isinstance(person, Person), "every account belongs to exactly one person"
    for name in person.accounts:
        other = await load_account(store, name)
        if (
            other is not None
            and name != account.id
            and other.network.value not in {one.network for one in told}
        ):
            told.append(LinkedAccount(official(other.network), other.handle))
    return told


async def _threads(store: Store, account: Account, ledger: Ledger) -> AsyncIterator[Exported]:
    """Find what is to be exported: the archive's threads, gone on with what was said here, and the others."""
    standing = {thread.id: (thread, sides) async for thread, sides in store.all_threads(account.id)}
    told = {entry.thread for entry in ledger.threads.values()}
    gone_on: set[ThreadId] = set()
    own_name = ledger.owner.name if ledger.owner else account.name
    for path, entry in ledger.threads.items():
        members = standing[entry.thread][0].members
        named = dict(zip(members, entry.names, strict=False))  # who came since is of an import under way
        parts = [Part(entry.thread, 0, entry.count, named)]
        known = ledger.resolved.get(path)
        if known is not None and known.thread not in gone_on and known.thread in standing:
            gone_on.add(known.thread)
            names = {account.id: own_name, known.account: ledger.other_name(path)}
            parts.append(Part(known.thread, known.upto, standing[known.thread][0].tip, names))
        yield Exported(entry.head(), tuple(parts))
    for thread, sides in standing.values():
        if thread.kind is ThreadKind.PAIR and thread.tip and thread.id not in told | gone_on:
            own = next(side for side in sides if side.account == account.id)
            other = await load_account(store, other_of(thread, account.id))
            assert other is not None, "accounts are never removed"
            yield _live(thread, own, other, own_name)


def _live(thread: Thread, own: Member, other: Account, own_name: str) -> Exported:
    """Give a thread that no archive told."""
    section = _SECTIONS[own.folder]
    name = other.name if other.name and other.name != own_name else other.handle
    number = int.from_bytes(blake2b(thread.id.encode(), digest_size=6).digest(), "big")
    head = ThreadRecord(
        path=thread_path(section, other.handle, number),
        section=section,
        title=name,
        participants=(name, own_name),
    )
    return Exported(head, (Part(thread.id, 0, thread.tip, {own.account: own_name, other.id: name}),))


async def _edges(store: Store, account: Account, ledger: Ledger) -> list[Edge]:
    """Give the lists as the archive told them, less what was undone here, and more what was done."""
    told = ledger.edges()
    flags = [flag_of(edge.kind, account.network) for edge in told]
    own = [edge.name for edge, flag in zip(told, flags, strict=True) if flag in _KINDS]
    meant = await _meant(store, account, ledger, own)
    keys = [(Tie, (account.id, one)) for ones in meant.values() for one in ones]
    ties = await store.load(keys)
    edges: list[Edge] = []
    named: set[tuple[EdgeKind, AccountId]] = set()
    for edge, flag in zip(told, flags, strict=True):
        if flag not in _KINDS:
            edges.append(edge)
            continue
        named |= {(edge.kind, one) for one in meant[edge.name]}
        if any(getattr(ties[Tie, (account.id, one)], flag, False) == Hold.OWN for one in meant[edge.name]):
            edges.append(edge)
    return edges + await _made_here(store, account, ledger, named)


async def _meant(
    store: Store, account: Account, ledger: Ledger, names: list[str]
) -> dict[str, tuple[AccountId, ...]]:
    """Say whom the names of the owner's lists may mean by now."""
    if NETWORKS[account.network].graph == "follow":
        found = await accounts_of(store, account.network, names)
        return {
            name: tuple(
                one
                for one in (found.get(handle_key(name)), one_with_handle(account.network, name))
                if one is not None
            )
            for name in names
        }
    proven = proven_names(ledger)
    return {
        name: (*((proven[name],) if name in proven else ()), one_of_list(account.id, name)) for name in names
    }


async def _made_here(
    store: Store, account: Account, ledger: Ledger, named: set[tuple[EdgeKind, AccountId]]
) -> list[Edge]:
    """Give the ties that no archive told, list by list, by name."""
    by_handle = NETWORKS[account.network].graph == "follow"
    friends = ledger.names_of(EdgeKind.FRIEND)
    made: list[Edge] = []
    for flag, (kind, listed) in _KINDS.items():
        if (flag == "follows") is not by_handle and flag in ("follows", "friend"):
            continue
        after: str | None = None
        names: list[str] = []
        while page := await store.ties(account.id, listed, after=after, limit=PAGE):
            for tie, incoming in page:
                if incoming or not getattr(tie, flag) or (kind, tie.other) in named:
                    continue
                other = await load_account(store, tie.other)
                if other is not None and not other.placeholder:
                    names.append(other.handle if by_handle else other.name)
            last, was_incoming = page[-1]
            after = f"{last.owner if was_incoming else last.other}/{int(was_incoming)}"
        known = friends if kind is EdgeKind.FRIEND else frozenset()
        made += [Edge(kind, name) for name in sorted(names) if name not in known]
    return made
