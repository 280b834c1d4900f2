"""A little world that makes valid changes of every kind, and a picture of all that a store answers."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bridge.domain.hold import HOLDS, Hold
from bridge.domain.keys import Key, key_of
from bridge.domain.model import (
    AuditLine,
    ContactList,
    Controls,
    Credential,
    Decision,
    LinkAsk,
    Message,
    StoredRecord,
    Unlinking,
    WaitingLinks,
)
from bridge.domain.networks import handle_key
from bridge.domain.questions import HandleOwner, Mutual, OwnThreads, OwnUpto, Question, SignedIn, Tightened
from bridge.ids import AccountId, Position
from bridge.store.base import Batch, Page, Store, Told
from bridge.wire.events import ControlsChanged, Delivered
from bridge.wire.values import Consent, Folder, Hybrid, Network, OutcomeOf, TieKind
from tests.builders import (
    ANA,
    BEN,
    CYD,
    PEOPLE,
    Talk,
    keep,
    keep_told,
    make_account,
    make_batch,
    make_device,
    make_group,
    make_line,
    make_pair_thread,
    make_people,
    make_segment,
    make_tie,
    make_verdict,
)

TEXTS: Final = ("hello world", "Hello again", "Café ＡＢＣ", "日本語のテキスト", "👍 nice", "", None)
SOUGHT: Final = ("hello", "hel wor", "wor", "cafe", "abc", "日本", "語", "👍", "nice hel", "zzz", "")
FAR: Final = 2**53 - 1


class Change(NamedTuple):
    """What one decision might make: things to keep, and what to tell to whom."""

    things: tuple[StoredRecord | Message, ...]
    told: tuple[tuple[Told, tuple[AccountId, ...]], ...] = ()


class Move(NamedTuple):
    """One step in the world: which kind of change, and three numbers that choose the rest."""

    kind: str
    one: int
    two: int
    three: int


class World:
    """Turns moves into changes; equal moves make equal changes.

    Attributes:
        talks: All threads there are.
        keys: The keys of everything that was ever kept.
    """

    def __init__(self) -> None:
        self.talks: list[Talk] = []
        self.keys: dict[Key, None] = {}
        self._ticks = 0

    def begin(self) -> Change:
        """Make the people and a first thread."""
        self.talks.append(make_pair_thread())
        return self._note(Change((*make_people(), *self.talks[0].records)))

    def move(self, move: Move) -> Change:
        """Make one change."""
        self._ticks += 1
        return self._note(MOVES[move.kind](self, move.one, move.two, move.three))

    def _note(self, change: Change) -> Change:
        self.keys |= dict.fromkeys(
            key_of(thing) for thing in change.things if not isinstance(thing, AuditLine)
        )
        return change

    def _talk(self, number: int) -> Talk:
        return self.talks[number % len(self.talks)]

    def _open(self, one: int, two: int, three: int) -> Change:
        pair = PEOPLE[one % 4], PEOPLE[(one + 1 + two % 3) % 4]
        talk = (
            make_pair_thread(*pair),
            make_group(*PEOPLE[: 2 + two % 3], name=f"g-{self._ticks}", title="A title"),
            make_segment(self.talks[0], source=f"s-{self._ticks}"),
        )[three % 3]
        if any(known.id == talk.id for known in self.talks):
            return Change(())
        self.talks.append(talk)
        return Change(talk.records)

    def _say(self, one: int, two: int, three: int) -> Change:
        talk = self._talk(one)
        sender = talk.members[two % len(talk.members)]
        decision = Decision(outcome=tuple(OutcomeOf)[three % 3], rule="control", category=f"c{three % 2}")
        message = talk.say(sender, TEXTS[three % len(TEXTS)], at=self._ticks, decision=decision)
        return Change((message, *talk.records), ((message, talk.members),))

    def _read(self, one: int, two: int, three: int) -> Change:
        talk = self._talk(one)
        reader = talk.members[two % len(talk.members)]
        upto = talk.said[three % len(talk.said)].seq if talk.said else None
        if upto is None or upto <= talk.sides[reader].read:
            return Change(())
        event = Delivered(thread=talk.id, account=reader, upto=upto)
        return Change((talk.read(reader, upto),), ((event, talk.members),))

    def _place(self, one: int, two: int, three: int) -> Change:
        talk = self._talk(one)
        folder, consent = tuple(Folder)[two % len(Folder)], tuple(Consent)[three % len(Consent)]
        return Change((talk.set(talk.members[three % len(talk.members)], folder=folder, consent=consent),))

    def _account(self, one: int, two: int, three: int) -> Change:
        account = PEOPLE[one % 4]
        changed = make_account(
            account, handle=f"{account}-{'ÀÉÎ'[two % 3]}", name=f"Name {three}", private=two > 2
        )
        return Change((changed, make_line("rename", account, at=self._ticks)))

    def _tie(self, one: int, two: int, three: int) -> Change:
        owner, other = PEOPLE[one % 4], PEOPLE[(one + 1 + two % 3) % 4]
        names = (
            "follows",
            "follow_asked",
            "friend",
            "friend_asked",
            "blocks",
            "restricts",
            "hides",
            "confirmed",
        )
        flags: dict[str, Any] = {name: bool(three >> bit & 1) for bit, name in enumerate(names)}
        if two % 2:  # an unlink copied some
            flags |= {name: Hold.COPIED for name in HOLDS if flags[name] and name != names[4 + two % 3]}
        return Change((make_tie(owner, other, **flags),))

    def _refuse(self, one: int, two: int, three: int) -> Change:
        sender, receiver = PEOPLE[one % 4], PEOPLE[(one + 1 + two % 3) % 4]
        decision = Decision(outcome=OutcomeOf.NONE, rule="control", category=f"c{three % 2}", version=three)
        refused = make_verdict(
            sender,
            f"k{self._ticks}",
            code="not_accepting" if three % 5 else "ok",
            at=self._ticks,
            decision=decision if three % 4 else None,
            receiver=receiver if three % 5 else None,
        )
        return Change((refused,))

    def _tell(self, one: int, two: int, three: int) -> Change:
        event = ControlsChanged(account=PEOPLE[one % 4], version=self._ticks)
        return Change((), ((event, PEOPLE[two % 4 : two % 4 + 1 + three % 3]),))

    def _sign_in(self, one: int, two: int, three: int) -> Change:
        device = make_device(f"d{two % 4}", PEOPLE[two % 4], created_at=10 + two % 4, revoked=three % 3 == 0)
        return Change((device, make_line("sign_in", PEOPLE[one % 4], at=self._ticks)))

    def _more(self, one: int, two: int, three: int) -> Change:
        account, other = PEOPLE[one % 4], PEOPLE[(one + 1 + two % 3) % 4]
        records: tuple[StoredRecord, ...] = (
            Controls(account=account, version=self._ticks, outcomes={"followers": "inbox"}),
            ContactList(account=account, phones={f"{two % 256:02x}": three, "ff": 1}, day=three),
            LinkAsk(asker=account, other=other, until=three),
            WaitingLinks(account=account, askers={other: three}),
            Unlinking(account=account, others=(other,), until=three, hybrids={other: Hybrid.OFF}),
            Credential(account=account, password=f"hash {three}"),
        )
        return Change((records[three % len(records)],))


MOVES: Final = {
    "open": World._open,
    "say": World._say,
    "read": World._read,
    "place": World._place,
    "account": World._account,
    "tie": World._tie,
    "refuse": World._refuse,
    "tell": World._tell,
    "sign_in": World._sign_in,
    "more": World._more,
}

KINDS: Final = (*MOVES, "say", "say", "say")
"""What to choose from: speaking comes more often than the rest."""


def moves(most: int = 40) -> SearchStrategy[list[Move]]:
    """Choose steps."""
    number = st.integers(0, 255)
    return st.lists(st.builds(Move, st.sampled_from(KINDS), number, number, number), max_size=most)


def batch_of(changes: Iterable[Change]) -> Batch:
    """Put changes into one batch, in order."""
    taken = list(changes)
    return make_batch(
        (thing for change in taken for thing in change.things),
        (told for change in taken for told in change.told),
    )


def split(changes: Sequence[Change], cuts: Iterable[int]) -> list[Batch]:
    """Cut a list of changes into batches."""
    edges = sorted({0, len(changes), *(cut % (len(changes) + 1) for cut in cuts)})
    return [batch_of(changes[start:end]) for start, end in pairwise(edges)]


async def keep_talks(store: Store) -> list[Talk]:
    """Keep a pair's thread with five messages, a segment with two and an empty group, all told."""
    pair = make_pair_thread()
    segment, group = make_segment(pair), make_group(ANA, BEN, CYD)
    await keep(store, *make_people(), *group.kept)
    for number in range(5):
        await keep_told(store, pair, pair.say((ANA, BEN)[number % 2], f"canary {number}"))
    for text in ("older", "old"):
        segment.say(ANA, text, decision=None)
    await store.put_history([segment.piece()], ())
    return [pair, segment, group]


async def picture_of(store: Store, world: World) -> dict[str, object]:
    """Ask a store everything that it can be asked about a world."""
    questions = [*_questions(world)]
    keys: list[Key] = [*world.keys, *((type(question), question) for question in questions)]
    loaded = await store.load(keys)
    return {
        **{f"{kind.__name__} {name}": loaded[kind, name] for kind, name in keys},
        "journals": [await _journal(store, account) for account in PEOPLE],
        "histories": [await _histories(store, talk) for talk in world.talks],
        "listings": [await _listings(store, account) for account in PEOPLE],
        "merged": [await _inboxes(store, PEOPLE[start:]) for start in range(4)],
        "found": [await _found(store, accounts, world) for accounts in (PEOPLE[:1], PEOPLE[2:], PEOPLE)],
        "arrivals": [list(await store.arrivals(account, since=3)) for account in PEOPLE],
        "accounts": list(await store.accounts(limit=3)),
        "log": list(await store.audit_log(limit=99)),
        "walk": [(thread, members) async for thread, members in store.all_threads()],
        "audit": await store.audit(),
    }


def _questions(world: World) -> Iterable[Question]:
    for account in PEOPLE:
        yield OwnThreads(account)
        yield SignedIn(account)
        yield Tightened((account,))
        yield from (Mutual(account, other) for other in PEOPLE if other != account)
        yield from (OwnUpto(talk.id, account, upto) for talk in world.talks for upto in (1, 3, 99))
        for network in Network:
            yield from (HandleOwner(network, handle_key(f"{account}-{mark}")) for mark in "ÀÉÎ")
    yield Tightened(PEOPLE)


async def _journal(store: Store, account: AccountId) -> object:
    pages = [list(await store.replay(account, Position(after), 3)) for after in range(0, 30, 3)]
    return await store.heads([account]), pages


async def _histories(store: Store, talk: Talk) -> object:
    return [
        list(await store.history(talk.id, limit=2)),
        list(await store.history(talk.id, before=4, limit=2)),
        list(await store.history(talk.id, after=1, limit=3)),
        list((await store.segments([talk.id]))[talk.id]),
    ]


async def _inboxes(store: Store, accounts: Sequence[AccountId]) -> object:
    listed = [list(await store.threads(accounts, folder, limit=99)) for folder in Folder]
    last, side = listed[0][0] if listed[0] else (None, None)
    after = None if last is None or side is None else Page(last.last_at, last.id, side.account)
    return (
        listed,
        list(await store.threads(accounts, Folder.INBOX, after=after, limit=3)),
        await store.tally(accounts),
    )


async def _listings(store: Store, account: AccountId) -> object:
    return [
        await _inboxes(store, [account]),
        [list(await store.ties(account, kind, limit=99)) for kind in TieKind],
        list(await store.ties(account, TieKind.FOLLOW, after=f"{PEOPLE[1]}/0", limit=2)),
        list(await store.devices([account])),
        await store.device_by_token(make_device(f"d{PEOPLE.index(account)}").token),
        list(await store.refused(account, since=3, limit=3)),
        list(await store.audit_log(account=account, limit=3)),
        [thread.id async for thread, _ in store.all_threads(account)],
    ]


async def _found(store: Store, accounts: Sequence[AccountId], world: World) -> object:
    found = []
    for sought in SOUGHT:
        page = await store.search(accounts, sought, limit=3)
        rest = await store.search(accounts, sought, before=page[-1][0], limit=99) if page else []
        within = await store.search(accounts, sought, thread=world.talks[0].id, limit=5)
        found.append([[message for _, message in rows] for rows in (page, rest, within)])
    return found
