"""What was told of a chat, put where its two people find it.

Long histories are built out of sight, as a segment that nobody is shown; one
commit at the end puts everything in its place, decided upon what is there by
then: a killed import leaves no half of it, and no live message is overtaken.
"""

import os
from collections.abc import AsyncIterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.archive.model import Section
from bridge.domain.content import SALT, digest_of, first_link, next_link
from bridge.domain.hold import Hold
from bridge.domain.model import Member, Message, Thread, ThreadKind, Tie
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.place import cover
from bridge.domain.routing import restricts
from bridge.ids import AccountId, Seq, ThreadId, segment_of, thread_of_pair
from bridge.store.base import Imported, Store
from bridge.transfer.agreement import Agreement, Row, Testimony, aligned, told
from bridge.transfer.edges import FRIEND, covers
from bridge.transfer.forms import with_witness
from bridge.transfer.history import PIECE
from bridge.transfer.landing import landed
from bridge.transfer.ledger import Ledger, ResolvedEntry, write
from bridge.transfer.model import Desk
from bridge.transfer.names import one_of_list
from bridge.wire.values import Consent, Folder, Network

TAIL: Final = 5_000
"""How many of the newest messages become the thread's own; kept in one commit."""


class Side(Struct, frozen=True):
    """One of the two people, and what his archive says.

    Attributes:
        ledger: His ledger.
        path: The chat's key in his archive.
        testimony: The chat as his archive tells it.
        names_friend: Whether his list of friends names the other.
    """

    ledger: Ledger
    path: str
    testimony: Testimony
    names_friend: bool

    @property
    def owner(self) -> AccountId:
        """His account."""
        return self.testimony.owner

    @property
    def section(self) -> Section:
        """Where the chat lies for him."""
        return Section(self.ledger.threads[self.path].section)

    def resolved(self, thread: ThreadId, upto: int, *, by_both: bool) -> ResolvedEntry:
        """Note for the ledger what became of the chat."""
        return ResolvedEntry(self.path, self.testimony.other, thread, upto, self.testimony.count, by_both)


class Line(Struct, frozen=True):
    """A message to be added to a chain."""

    at: int
    speaker: AccountId
    packed: bytes


class Building:
    """A thread that grows out of sight.

    Attributes:
        thread: As far as it has come.
        sent: How many messages each account has in it.
    """

    def __init__(self, thread: Thread, sent: dict[AccountId, int]) -> None:
        """Go on from here."""
        self.thread, self.sent = thread, sent

    def add(self, lines: Sequence[Line]) -> list[Message]:
        """Chain messages on."""
        thread, messages = self.thread, []
        for line in lines:
            seq, salt = Seq(thread.tip + 1), os.urandom(SALT)
            digest = digest_of(salt, line.packed)
            link = next_link(thread.link, thread.id, seq, line.speaker, digest)
            messages.append(
                Message(
                    thread=thread.id, seq=seq, sender=line.speaker, at=line.at, content=line.packed,
                    salt=salt, digest=digest, link=link,
                )
            )  # fmt: skip
            thread = replace(thread, tip=seq, link=link, last_at=max(thread.last_at, line.at))
            self.sent[line.speaker] = self.sent.get(line.speaker, 0) + 1
        self.thread = thread
        return messages

    def side(self, account: AccountId) -> Member:
        """Give a member's side, shown nowhere."""
        return Member(thread=self.thread.id, account=account, sent=self.sent.get(account, 0))


async def _segment(store: Store, name: ThreadId, members: tuple[AccountId, ...]) -> Building:
    """Begin a segment, or go on with the one that a killed import left."""
    found = (await store.load([(Thread, name)]))[Thread, name]
    if isinstance(found, Thread):
        keys = [(Member, (name, account)) for account in members]
        sides = (await store.load(keys)).values()
        return Building(found, {side.account: side.sent for side in sides if isinstance(side, Member)})
    low_high = tuple(sorted(members))
    thread = Thread(
        id=name, kind=ThreadKind.SEGMENT, members=low_high, link=first_link(name), source="archives"
    )
    return Building(thread, {})


class _Rows:
    """The lines of a chat: those that a killed import had kept are left out."""

    def __init__(self, lines: AsyncIterator[Line]) -> None:
        self._lines = lines

    async def skip(self, number: int) -> None:
        for _ in range(number):
            await anext(self._lines, None)

    async def take(self, most: int) -> list[Line]:
        taken: list[Line] = []
        while len(taken) < most and (line := await anext(self._lines, None)) is not None:
            taken.append(line)
        return taken


async def unite(
    store: Store, desk: Desk, network: Network, sides: tuple[Side, Side], found: Agreement
) -> None:
    """Make one thread of two testimonies of one chat; whichever side asks, a killed union goes on."""
    one, two = sides = (min(sides, key=_owner_of), max(sides, key=_owner_of))
    pair = thread_of_pair(one.owner, two.owner)
    live = (await store.load([(Thread, pair)]))[Thread, pair]
    # Only if both wrote by both archives' word may a thread say so: what one alone tells is no consent.
    may_be_own = len(found.speakers) > 1 and not (isinstance(live, Thread) and live.tip)
    tail = min(found.rows, TAIL) if may_be_own else 0
    source = f"{one.testimony.thread}:{one.testimony.count}+{two.testimony.thread}:{two.testimony.count}"
    segment = await _segment(store, segment_of(pair, source), (one.owner, two.owner))
    lines = _Rows(_lines(store, sides))
    await lines.skip(segment.thread.tip)
    await _keep(store, segment, await_count=found.rows - tail - segment.thread.tip, lines=lines)
    own = Building(Thread(id=pair, members=_ordered(one, two), link=first_link(pair)), {})
    ending = await lines.take(tail)
    end = _End(network, sides, found, segment, own, own.add(ending))
    await desk.decide(end.run)
    if end.was_overtaken:
        for start in range(0, len(ending), PIECE):
            messages = segment.add(ending[start : start + PIECE])
            await _put(store, segment, messages)
        end = _End(network, sides, found, segment, Building(own.thread, {}), [])
        await desk.decide(end.run)
    for side in sides:
        side.ledger.take(side.resolved(pair, end.upto, by_both=True))


def _owner_of(side: Side) -> AccountId:
    return side.owner


def _ordered(one: Side, two: Side) -> tuple[AccountId, AccountId]:
    low, high = sorted((one.owner, two.owner))
    return low, high


async def _lines(store: Store, sides: tuple[Side, Side]) -> AsyncIterator[Line]:
    one, two = sides
    async for row in aligned(store, one.testimony, two.testimony):
        yield _line(row, one, two)


def _line(row: Row, one: Side, two: Side) -> Line:
    """Tell a message; one that a single archive tells says so."""
    said, alone = (row.one, None if row.two else one.owner) if row.one else (row.two, two.owner)
    assert said is not None, "a row is told by somebody"
    packed = said.packed
    if alone is not None or (said.content.extras or {}).get("name"):
        packed = with_witness(said.content, alone)
    return Line(said.at, said.speaker, packed)


async def _keep(store: Store, segment: Building, *, await_count: int, lines: _Rows) -> None:
    while await_count > 0 and (piece := await lines.take(min(PIECE, await_count))):
        await_count -= len(piece)
        await _put(store, segment, segment.add(piece))


async def _put(store: Store, segment: Building, messages: list[Message]) -> None:
    members = tuple(segment.side(account) for account in segment.thread.members)
    await store.put_history([Imported(segment.thread, members, messages)], ())


class _End:
    """The commit that puts a united chat in its place.

    Attributes:
        was_overtaken: Whether somebody said something live before it; then nothing was kept.
        upto: How many messages of the thread are history.
    """

    def __init__(
        self,
        network: Network,
        sides: tuple[Side, Side],
        found: Agreement,
        segment: Building,
        own: Building,
        messages: list[Message],
    ) -> None:
        self._network, self._sides, self._found = network, sides, found
        self._segment, self._own, self._messages = segment, own, messages
        self.was_overtaken = False
        self.upto = len(messages)

    def run(self, scene: Scene) -> Outcome:
        one, two = self._sides
        pair = thread_of_pair(one.owner, two.owner)
        thread = scene.facts.find_thread(pair)
        self.was_overtaken = bool(self._messages and thread is not None and thread.tip)
        outcome = Outcome()
        if self.was_overtaken:
            return outcome
        self._befriend(scene, outcome)
        outcome.messages += self._messages
        outcome.records.append(self._thread(thread))
        for side, other in ((one, two), (two, one)):
            self._place(scene, outcome, side, other, pair)
        if self._segment.thread.tip:
            outcome.records.append(replace(self._segment.thread, beside=pair))
        return outcome

    def _thread(self, thread: Thread | None) -> Thread:
        if self._messages:
            return self._own.thread
        if thread is None:
            return replace(self._own.thread, last_at=self._segment.thread.last_at)
        if thread.tip == 0:
            return replace(thread, last_at=max(thread.last_at, self._segment.thread.last_at))
        return thread

    def _place(self, scene: Scene, outcome: Outcome, side: Side, other: Side, pair: ThreadId) -> None:
        own = side.owner
        member = _standing(scene, pair, own, side.section, wrote=own in self._found.speakers)
        if self._messages:
            sent, tip = self._own.sent.get(own, 0), self._own.thread.tip
            member = replace(member, sent=sent, delivered=tip)
            if member.consent is not Consent.PENDING:
                member = replace(member, read=tip, read_sent=sent)
        if _restricts(scene, outcome, own, other.owner):
            member = cover(member)
        outcome.records.append(member)
        if self._segment.thread.tip:
            outcome.records.append(replace(self._segment.side(own), folder=member.folder))
        _withdraw(scene, outcome, side)
        write(scene, outcome, own, self._network, [side.resolved(pair, self.upto, by_both=True)])
        raise_epoch(scene, outcome, own)
        outcome.audit.append(
            scene.note("unite", own, f"a chat with {other.owner}: {self._found.agreed} messages agree")
        )

    def _befriend(self, scene: Scene, outcome: Outcome) -> None:
        one, two = self._sides
        both = one.names_friend and two.names_friend
        for side, other in ((one, two), (two, one)):
            carry_ties(scene, outcome, side, other.owner, is_friend=both)


def _standing(scene: Scene, pair: ThreadId, own: AccountId, section: Section, *, wrote: bool) -> Member:
    """Give a member's side of the two people's thread: as it stands, else where his archive has it."""
    member = scene.facts.find_member(pair, own) or Member(thread=pair, account=own)
    if member.folder is Folder.NONE and member.consent is Consent.NONE and not member.started:
        return landed(member, section, wrote=wrote)
    return member


def _withdraw(scene: Scene, outcome: Outcome, side: Side) -> None:
    """Show a testimony no more: what it tells stands elsewhere now."""
    thread = scene.facts.find_thread(side.testimony.thread)
    member = scene.facts.find_member(side.testimony.thread, side.owner)
    assert thread is not None, "a testimony stays"
    assert member is not None, "a testimony is a thread of its owner's"
    if thread.beside is not None:
        outcome.records.append(replace(thread, beside=None))
    outcome.records.append(replace(member, folder=Folder.NONE))


def raise_epoch(scene: Scene, outcome: Outcome, account: AccountId) -> None:
    """Let an account's clients take a snapshot."""
    found = scene.facts.account(account)
    outcome.records.append(replace(found, epoch=found.epoch + 1))


def carry_ties(scene: Scene, outcome: Outcome, side: Side, other: AccountId, *, is_friend: bool) -> None:
    """Give the account what the owner's lists say of its name, if they can mean nobody else."""
    own, name = side.owner, side.ledger.other_name(side.path)
    tie = scene.facts.tie(own, other)
    after = tie
    if side.ledger.means_one(name):
        stand_in = one_of_list(own, name)
        listed = scene.facts.tie(own, stand_in)
        if listed.blocks or listed.restricts:
            after = replace(
                after,
                blocks=after.blocks.stronger(listed.blocks),
                restricts=after.restricts.stronger(listed.restricts),
            )
            outcome.records.append(replace(listed, blocks=Hold.NO, restricts=Hold.NO))
    if is_friend:
        after = replace(after, friend=True, friend_asked=False, claimed="")
    elif side.names_friend and not after.friend:
        after = replace(after, claimed=FRIEND)
    if after != tie:
        outcome.records.append(after)
    if after.restricts and not tie.restricts:
        outcome.records += covers(scene, own, [other])


def _restricts(scene: Scene, outcome: Outcome, own: AccountId, other: AccountId) -> bool:
    """Say whether the one person restricts the other, by this commit or before, by whichever accounts."""
    made = (tie for tie in outcome.records if isinstance(tie, Tie) and tie.restricts)
    return restricts(scene.facts, own, other) or any((tie.owner, tie.other) == (own, other) for tie in made)


async def put_beside(desk: Desk, network: Network, side: Side) -> None:
    """Put one side's testimony beside the thread of the two, by the operator's word on who is who."""
    entry = side.ledger.threads[side.path]
    own, other = side.owner, side.testimony.other
    pair = thread_of_pair(own, other)
    low, high = sorted((own, other))
    note = side.resolved(pair, 0, by_both=False)

    def run(scene: Scene) -> Outcome:
        outcome = Outcome()
        facts = scene.facts
        thread = facts.find_thread(pair) or Thread(id=pair, members=(low, high), link=first_link(pair))
        if thread.tip == 0:
            thread = replace(thread, last_at=max(thread.last_at, entry.last_at))
        testimony, witness = facts.find_thread(entry.thread), facts.find_member(entry.thread, own)
        assert testimony is not None, "a testimony stays"
        assert witness is not None, "a testimony is a thread of its owner's"
        carry_ties(scene, outcome, side, other, is_friend=False)
        member = _standing(scene, pair, own, side.section, wrote=witness.sent > 0)
        if _restricts(scene, outcome, own, other):
            member = cover(member)
        theirs = facts.find_member(pair, other) or Member(thread=pair, account=other)
        outcome.records += [thread, member, theirs, replace(testimony, kind=ThreadKind.SEGMENT, beside=pair)]
        outcome.records.append(replace(witness, folder=member.folder))
        write(scene, outcome, own, network, [note])
        raise_epoch(scene, outcome, own)
        outcome.audit.append(scene.note("map", own, f"{entry.thread} is with {other}"))
        return outcome

    await desk.decide(run)
    side.ledger.take(note)


async def add_newer(store: Store, desk: Desk, network: Network, side: Side) -> None:
    """Show a newer archive's messages in a segment of their own beside the united thread."""
    known = side.ledger.resolved[side.path]
    name = segment_of(known.thread, f"{side.testimony.thread}:{known.count}-{side.testimony.count}")
    segment = await _segment(store, name, (side.owner, side.testimony.other))
    lines = _Rows(_newer(store, side.testimony, known.count))
    await lines.skip(segment.thread.tip)
    await _keep(store, segment, await_count=side.testimony.count - known.count, lines=lines)
    note = side.resolved(known.thread, known.upto, by_both=True)

    def run(scene: Scene) -> Outcome:
        outcome = Outcome()
        member = scene.facts.find_member(known.thread, side.owner)
        shown = member.folder if member is not None else Folder.INBOX
        outcome.records.append(replace(segment.thread, beside=known.thread))
        outcome.records.append(replace(segment.side(side.owner), folder=shown))
        write(scene, outcome, side.owner, network, [note])
        raise_epoch(scene, outcome, side.owner)
        return outcome

    await desk.decide(run)
    side.ledger.take(note)


async def _newer(store: Store, testimony: Testimony, after: int) -> AsyncIterator[Line]:
    number = 0
    async for said in told(store, testimony):
        number += 1
        if number > after:
            yield Line(said.at, said.speaker, with_witness(said.content, testimony.owner))
