"""Archives of a few people with a line for each, and looks into a store after their import."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.archive.model import (
    ArchiveOwner,
    Edge,
    EdgeKind,
    LinkedAccount,
    MessageRecord,
    Section,
    ThreadRecord,
    Upgrade,
    thread_path,
)
from bridge.archive.model import (
    Network as Official,
)
from bridge.archive.writer import ArchiveWriter
from bridge.bus.local import LocalBus
from bridge.domain.content import unpack
from bridge.domain.deeds import CreateAccount
from bridge.domain.model import Account, Member, Thread, Tie
from bridge.domain.policy import Policy
from bridge.hub.counters import Counters
from bridge.hub.desk import Desk
from bridge.hub.pipeline import Pipeline
from bridge.ids import AccountId, ThreadId, thread_of_pair
from bridge.store.base import Store
from bridge.transfer import ImportOptions, ImportReport, import_archives
from bridge.wire.commands import Command, OpenThread, Send
from bridge.wire.replies import Opened, Profile, Reply, Sent
from bridge.wire.values import Folder, Network

NOON = 1_700_000_000_000


def chat(one: str, other: str, count: int, *, start: int = NOON, about: str = "") -> list[MessageRecord]:
    """Let two people talk in turns, a minute apart."""
    return [
        MessageRecord((one, other)[number % 2], start + number * 60_000, f"{about}line {number}")
        for number in range(count)
    ]


@dataclass(frozen=True, slots=True)
class Chat:
    """A thread of an archive."""

    other: str
    rows: Sequence[MessageRecord]
    section: Section = Section.INBOX
    number: int = 1
    more: tuple[str, ...] = ()
    title: str = ""

    def head(self, owner: str) -> ThreadRecord:
        return ThreadRecord(
            path=thread_path(self.section, self.title or self.other, self.number),
            section=self.section,
            title=self.title or self.other,
            participants=(self.other, *self.more, owner),
            is_group=bool(self.more),
        )


def archive(
    path: Path,
    network: Official,
    name: str,
    handle: str | None,
    *chats: Chat,
    edges: Iterable[tuple[EdgeKind, str]] = (),
    links: Iterable[tuple[Official, str]] = (),
    upgraded: bool | None = None,
) -> Path:
    """Write an archive, over one of the same name if there is one."""
    path.unlink(missing_ok=True)
    with ArchiveWriter(path, network) as writer:
        writer.owner(ArchiveOwner(network, name, handle))
        if links:
            writer.links([LinkedAccount(other, named) for other, named in links])
        if upgraded is not None:
            writer.upgrade(Upgrade(upgraded, 1_650_000_000))
        writer.edges(Edge(kind, named, 1_600_000_000) for kind, named in edges)
        for one in sorted(chats, key=lambda one: one.head(name).path):
            writer.thread(one.head(name), one.rows)
    return path


class House:
    """A store with a pipeline: import, speak, look.

    Attributes:
        store: The store.
        pipeline: What decides upon it.
    """

    def __init__(self, store: Store, pipeline: Pipeline) -> None:
        self.store, self.pipeline = store, pipeline
        self._tokens = 0

    async def take(self, *paths: Path, **options: Any) -> ImportReport:
        """Import an archive beside the running pipeline."""
        return await import_archives(
            self.store, paths, options=ImportOptions(**options), desk=Desk(self.pipeline)
        )

    async def make(self, network: Network, handle: str) -> AccountId:
        """Make a live account."""
        made = await self.pipeline.do(
            AccountId(""), CreateAccount(network=network, handle=handle, name=handle.title())
        )
        assert isinstance(made, Profile)
        return made.account.id

    async def do(self, account: str, command: Command) -> Reply:
        """Do a command."""
        return await self.pipeline.do(AccountId(account), command)

    async def say(self, speaker: str, to: str, text: str = "hello") -> Sent:
        """Open the thread with somebody and say something in it, live."""
        opened = await self.do(
            speaker, OpenThread(account=AccountId(to), confirm=True, as_=AccountId(speaker))
        )
        assert isinstance(opened, Opened)
        assert opened.thread is not None
        self._tokens += 1
        sent = await self.do(speaker, Send(thread=opened.thread.id, text=text, token=f"t{self._tokens}"))
        assert isinstance(sent, Sent)
        return sent

    async def folder(self, account: str, folder: Folder) -> dict[str, Thread]:
        """List a folder by the other's name, or the thread's title."""
        rows = await self.store.threads([AccountId(account)], folder, limit=1_000)
        found: dict[str, Thread] = {}
        for thread, _ in rows:
            others = [one for one in thread.members if one != account]
            names = [(await self.account(one)).name for one in others]
            found[thread.title or " & ".join(names)] = thread
        return found

    async def account(self, account: str) -> Account:
        """Load an account."""
        found = (await self.store.load([(Account, account)]))[Account, account]
        assert isinstance(found, Account)
        return found

    async def tie(self, owner: str, other: str) -> Tie:
        """Load a tie."""
        key = (Tie, (owner, other))
        found = (await self.store.load([key]))[key]
        return found if isinstance(found, Tie) else Tie(owner=AccountId(owner), other=AccountId(other))

    async def side(self, thread: str, account: str) -> Member | None:
        """Load a member's side."""
        key = (Member, (thread, account))
        found = (await self.store.load([key]))[key]
        assert found is None or isinstance(found, Member)
        return found

    async def texts(self, thread: str) -> list[str | None]:
        """Read a thread."""
        rows = await self.store.history(ThreadId(thread), after=0, limit=100_000)
        return [None if one.content is None else unpack(one.content).text for one in rows]

    async def said_between(self, one: str, other: str) -> list[str | None]:
        """Read the thread of two accounts."""
        return await self.texts(thread_of_pair(AccountId(one), AccountId(other)))

    async def state(self) -> dict[str, object]:
        """Give everything that an idle import must leave as it is."""
        threads = {thread.id: (thread, sides) async for thread, sides in self.store.all_threads()}
        accounts = {one.id: one for one in await self.store.accounts(limit=100_000)}
        return {
            "threads": threads,
            "accounts": accounts,
            "log": list(await self.store.audit_log(limit=100_000)),
            "heads": await self.store.heads(list(accounts)),
        }


@asynccontextmanager
async def housed(store: Store) -> AsyncIterator[House]:
    """Run a pipeline on a store."""
    ticks = iter(range(NOON + 10**10, NOON + 10**12))
    pipeline = Pipeline(store, LocalBus(), Policy(), Counters(), clock=lambda: next(ticks), chance=os.urandom)
    work = asyncio.get_running_loop().create_task(pipeline.run())
    try:
        yield House(store, pipeline)
    finally:
        pipeline.stop()
        await work
