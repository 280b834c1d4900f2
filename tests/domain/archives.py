"""Imports into the little world, by the product's own mapping of chats and lists."""

from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from bridge.archive.model import (
    ArchiveOwner,
    Edge,
    EdgeKind,
    LinkedAccount,
    MessageRecord,
    Section,
    ThreadRecord,
)
from bridge.archive.reader import Archive
from bridge.domain.keys import Key
from bridge.domain.model import Account, Message, StoredRecord, Tie
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.questions import Question
from bridge.errors import BridgeError
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Imported, Store
from bridge.transfer import edges
from bridge.transfer.forms import official
from bridge.transfer.history import Talk
from bridge.transfer.ledger import Ledger, write
from bridge.transfer.model import ImportReport
from bridge.transfer.names import other_of_thread
from bridge.transfer.reconcile import resolve
from bridge.wire.replies import Reply
from bridge.wire.values import TieKind
from tests.domain.brute import answered
from tests.domain.world import NOON, World

T = TypeVar("T")

LONG: Final = 20
"""Messages of a chat that both sides may tell, turn by turn: as many as must agree."""
YEAR_MS: Final = 31_536_000_000


def named(name: str) -> str:
    """Give the name that an account's owner bears in archives."""
    return name.title()


def path_of(other: str) -> str:
    """Give a chat's key in an archive."""
    return f"{other}_1"


def stand_in(own: str, other: str) -> str:
    """Name the account that stands for the other side of a chat until it is proven who it is."""
    return other_of_thread(AccountId(f"a{own}"), path_of(other))[1:]


def rows_of(own: str, other: str, form: str) -> list[MessageRecord]:
    """Tell a chat: ``long`` as the other side would too, or two lines by ``own`` or by ``other``."""
    start = NOON - YEAR_MS
    if form == "long":
        turns = sorted((own, other))
        return [
            MessageRecord(named(turns[number % 2]), start + number * 60_000, f"line {number}")
            for number in range(LONG)
        ]
    speaker = own if form == "own" else other
    return [MessageRecord(named(speaker), start + number, f"by {own} alone {number}") for number in (0, 1)]


class _Download:
    """As much of an archive as its lists and head need."""

    def __init__(self, owner: ArchiveOwner, lists: Sequence[Edge], path: str) -> None:
        self.owner, self.network = owner, owner.network
        self._lists, self._path = lists, path

    def edges(self) -> Iterator[Edge]:
        return iter(self._lists)

    def links(self) -> Iterator[LinkedAccount]:
        return iter(())

    def upgrade(self) -> None:
        return None

    def thread_paths(self) -> list[str]:
        return [self._path]


class _Shelf:
    """The world as a store, as far as imports read and write one."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def load(self, keys: Collection[Key]) -> Mapping[Key, object]:
        return {key: self._one(key) for key in keys}

    def _one(self, key: Key) -> object:
        kind, name = key
        return (
            answered(self._world.records, name)
            if isinstance(name, Question)
            else self._world.records.get((kind, name))
        )

    async def accounts(self, *, after: AccountId | None = None, limit: int) -> Sequence[Account]:
        found = sorted(self._world.all(Account), key=lambda account: account.id)
        return [account for account in found if after is None or account.id > after][:limit]

    async def history(self, thread: ThreadId, *, after: int, limit: int) -> Sequence[Message]:
        found: list[Message] = []
        for seq in range(after + 1, after + 1 + limit):
            message = self._world.records.get((Message, (thread, seq)))
            if message is None:
                break
            found.append(message)
        return found

    async def ties(
        self, account: AccountId, kind: TieKind, *, after: str | None = None, limit: int
    ) -> Sequence[tuple[Tie, bool]]:
        assert kind is TieKind.FOLLOW
        if after is not None:
            return []
        return [(tie, True) for tie in self._world.all(Tie) if tie.other == account and tie.follows][:limit]

    async def put_history(self, pieces: Sequence[Imported], records: Collection[StoredRecord]) -> None:
        kept: list[StoredRecord] = list(records)
        messages: list[Message] = []
        for piece in pieces:
            kept += [piece.thread, *piece.members]
            messages += piece.messages
        self._world.keep(Outcome(records=kept, messages=messages))


class _Desk:
    """Decides in the world, upon what is there by then."""

    def __init__(self, world: World, account: str) -> None:
        self._world, self._account = world, account

    async def decide(self, run: Callable[[Scene], Outcome]) -> Reply:
        scene = self._world.scene(self._account)
        outcome: Outcome = self._world.look(lambda: run(scene))
        self._world.keep(outcome)
        assert not isinstance(outcome.reply, BridgeError)
        return outcome.reply


def bring_in(
    world: World,
    own: str,
    other: str,
    *,
    section: str,
    form: str,
    lists: Collection[str] = (),
    is_known: bool = False,
) -> None:
    """Import an archive of ``own``: a chat with ``other``, and lists that name him.

    Args:
        world: Where to.
        own: Whose archive it is.
        other: With whom the chat is.
        section: Where the chat lies for ``own``.
        form: Who speaks in it, see ``rows_of``.
        lists: Which lists name ``other``, as ``EdgeKind`` calls them.
        is_known: Whether the operator says that the other side is this account.
    """
    account = world.account(own)
    network = official(account.network)
    told = ArchiveOwner(network, named(own), own if network == "direct" else None)
    word = other if network == "direct" else named(other)
    download = _Download(told, [Edge(EdgeKind(kind), word) for kind in sorted(lists)], path_of(other))
    head = ThreadRecord(
        path=path_of(other),
        section=Section(section),
        title=named(other),
        participants=(named(other), named(own)),
    )
    maps = {head.path: world.account(other)} if is_known else {}
    store, desk, report = cast(Store, _Shelf(world)), _Desk(world, own), ImportReport()

    async def work() -> None:
        ledger = await Ledger.read(store, account.id)
        await edges.take_up(store, desk, cast(Archive, download), account, ledger, report)
        if head.path not in ledger.threads:
            await _tell(store, desk, Talk(head, account.id, told), rows_of(own, other, form), ledger)
        await resolve(store, desk, account, ledger, maps, report)

    _finish(work())
    assert not report.problems


async def _tell(store: Store, desk: _Desk, talk: Talk, rows: list[MessageRecord], ledger: Ledger) -> None:
    messages = talk.say(rows)
    await store.put_history([talk.piece(messages)], talk.taken())

    def show(scene: Scene) -> Outcome:
        outcome = Outcome()
        outcome.records += talk.sealed()
        owner = scene.facts.account(ledger.account)
        write(scene, outcome, owner.id, owner.network, [talk.entry()])
        return outcome

    await desk.decide(show)
    ledger.take(talk.entry())


def _finish(work: Coroutine[Any, Any, T]) -> T:
    """Run what never waits, since the world answers at once."""
    try:
        work.send(None)
    except StopIteration as done:
        return cast(T, done.value)
    raise AssertionError("the world lets nobody wait")
