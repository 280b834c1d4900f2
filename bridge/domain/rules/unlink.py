"""Taking an account out of its person, and undoing that in time."""

from msgspec.structs import replace

from bridge.domain.controls import CATEGORIES
from bridge.domain.facts import for_each
from bridge.domain.hold import HOLDS, Hold
from bridge.domain.model import Account, Member, Person, StoredRecord, Thread, Tie, Unlinking
from bridge.domain.networks import NETWORKS
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.place import turn_away
from bridge.domain.rules.graph import HELD
from bridge.domain.rules.links import is_proven, joined, linked_reply, other_to_link, unproven
from bridge.domain.views import account_view, own_account_view, thread_changed
from bridge.errors import Expired, NeedsLink
from bridge.ids import AccountId, home_of
from bridge.wire.commands import UndoUnlink, Unlink
from bridge.wire.events import HybridChanged, LinkChanged, ProfileChanged, TieChanged
from bridge.wire.queries import PreviewUnlink
from bridge.wire.replies import Effects
from bridge.wire.values import Consent, Hybrid, TieState


def unlink(scene: Scene, command: Unlink) -> Outcome:
    """Take an account out of its person; history stays, blocks are copied to every account they covered."""
    leaver, person = _linked(scene, command.as_)
    rest = tuple(other for other in person.accounts if other != leaver)
    until = scene.now + scene.policy.undo_unlink_s * 1000
    outcome = Outcome(
        reply=replace(_effects(scene, person, leaver), undo_until=until),
        audit=[scene.note("unlink", leaver, "from " + ", ".join(rest))],
    )
    part(scene, outcome, person, leaver, rest, until)
    return outcome


def preview_unlink(scene: Scene, query: PreviewUnlink) -> Effects:
    """Show what an unlink would do; nothing changes, and no thread is looked at."""
    leaver, person = _linked(scene, query.as_)
    return _effects(scene, person, leaver)


def _linked(scene: Scene, own: AccountId) -> tuple[AccountId, Person]:
    leaver = scene.own(own).id
    person = scene.facts.person_of(leaver)
    if len(person.accounts) < 2:
        raise NeedsLink("This account is linked to no other.", path="$.as")
    return leaver, person


def _effects(scene: Scene, person: Person, leaver: AccountId) -> Effects:
    """Count what an unlink does; requests that end by it are in no list any more, so they do not close."""
    accounts = [scene.facts.account(own) for own in person.accounts]
    leaving = [scene.facts.own_threads(own.id) for own in accounts if _leaves_hybrid(own)]
    ending = sum(len(counts.pending) for counts in leaving)
    order = sorted(accounts, key=lambda own: own.id != leaver)
    removed = (category.name for own in order for category in CATEGORIES[own.network] if category.needs_link)
    return Effects(
        threads_closed=sum(counts.crossing for counts in leaving) - ending,
        groups_left=scene.facts.own_threads(leaver).groups,
        requests_lapsed=ending,
        in_flight=scene.in_flight,
        categories_removed=tuple(dict.fromkeys(removed)),
        leaves_hybrid=bool(leaving),
    )


def _leaves_hybrid(own: Account) -> bool:
    return NETWORKS[own.network].upgrade and own.hybrid is Hybrid.ON


def undo_unlink(scene: Scene, command: UndoUnlink) -> Outcome:
    """Link again what was unlinked, with what it had; nothing that was tightened since is loosened."""
    own = scene.own(command.as_)
    other = other_to_link(scene, command)
    if other is None or not is_proven(scene, other):
        return unproven(scene, own, other)
    partings = _partings(scene, own.id, other.id)
    before = max(partings, key=lambda parting: parting.until, default=None)
    if before is None or before.until < scene.now:
        raise Expired("There is no unlink of these two accounts that could be undone.", path="$.handle")
    outcome = joined(scene, own, other)
    outcome.records += [replace(parting, until=0) for parting in partings]
    _restore(scene, outcome, before)
    outcome.audit.append(scene.note("undo_unlink", other.id))
    outcome.reply = linked_reply(scene, own, outcome)
    return outcome


def _partings(scene: Scene, own: AccountId, other: AccountId) -> list[Unlinking]:
    """Give the last unlink of either account, as far as it parted the two."""
    last = ((scene.facts.unlinking(one), two) for one, two in ((own, other), (other, own)))
    return [
        parting
        for parting, mate in last
        if parting is not None and mate in parting.others and mate in parting.hybrids
    ]


def part(
    scene: Scene,
    outcome: Outcome,
    person: Person,
    leaver: AccountId,
    rest: tuple[AccountId, ...],
    until: int | None,
) -> None:
    """Make two persons of one; it can be undone until then, or never.

    What may ask the store comes before the requests, which may be thousands: each question begins it anew.
    """
    outcome.records += _remembered(scene, person, leaver, rest, until)
    _copy_holds(scene, outcome, person.accounts)
    people = [(accounts, _apart(scene, person, accounts)) for accounts in ((leaver,), rest)]
    for accounts, apart in people:
        outcome.records.append(apart)
        for own in map(scene.facts.account, accounts):
            after = replace(own, person=apart.id)
            if _leaves_hybrid(own):
                after = replace(after, hybrid=Hybrid.OFF)
                _lapse(scene, outcome, own.id)
                outcome.told.append((HybridChanged(account=own.id, hybrid=Hybrid.OFF), (own.id,)))
            outcome.records.append(after)
            if _is_shared(person):
                news = ProfileChanged(account=own_account_view(after, apart))
                outcome.told.append((news, (own.id,)))
            twins = (scene.facts.account(other) for other in accounts if other != own.id)
            parted = LinkChanged(leg=own.id, linked_to=tuple(map(account_view, twins)), undo_until=until)
            outcome.told.append((parted, (own.id,)))


def _apart(scene: Scene, person: Person, accounts: tuple[AccountId, ...]) -> Person:
    """Make a person of some of one's accounts, newer than whoever had its name before."""
    home = home_of(accounts[0])
    before = scene.facts.find_person(home)
    generation = max(person.generation, before.generation if before else 0) + 1
    return Person(id=home, accounts=accounts, generation=generation)


def _remembered(
    scene: Scene, person: Person, leaver: AccountId, rest: tuple[AccountId, ...], until: int | None
) -> list[StoredRecord]:
    """Keep with each account what it had: its last unlink alone can be undone."""
    hybrids = {own: scene.facts.account(own).hybrid for own in person.accounts}

    def remember(own: AccountId) -> Unlinking:
        before, parted = scene.facts.unlinking(own), rest if own == leaver else (leaver,)
        return Unlinking(
            account=own,
            others=tuple(dict.fromkeys((*(before.others if before else ()), *parted))),
            until=until or 0,
            hybrids=hybrids,
            single_sign_on=person.single_sign_on,
        )

    return list(for_each(person.accounts, remember))


def _lapse(scene: Scene, outcome: Outcome, own: AccountId) -> None:
    """End the unanswered requests that came over the road that closes: each has its final verdict."""
    facts, pending = scene.facts, scene.facts.own_threads(own).pending
    facts.need(
        key for name, other in pending for key in ((Thread, name), (Member, (name, own)), (Account, other))
    )
    for name, _ in pending:
        thread, side = facts.find_thread(name), facts.find_member(name, own)
        assert thread is not None, "what is counted exists"
        assert side is not None, "what is counted exists"
        after = turn_away(side, Consent.LAPSED)
        outcome.records.append(after)
        change = thread_changed(facts, scene.policy, thread, after, answered=True, appears=False)
        outcome.told.append((change, (own,)))


def _is_shared(person: Person) -> bool:
    """Say whether its accounts share more than the link."""
    return person.single_sign_on or person.sync_name or person.sync_picture


def _copy_holds(scene: Scene, outcome: Outcome, accounts: tuple[AccountId, ...]) -> None:
    """Copy blocks, restrictions and hiding declines to every account that they covered.

    The accounts are told of what their person made at another. Others, who made them, are not shown the
    copies: they would learn whose accounts these were.
    """
    copies: dict[tuple[AccountId, AccountId], Tie] = {}

    def copy(tie: Tie) -> None:
        if tie.owner in accounts and tie.other in accounts:
            return  # from before the link: it slept, and wakes as it was
        owners = accounts if tie.owner in accounts else (tie.owner,)
        others = accounts if tie.other in accounts else (tie.other,)
        for owner in owners:
            for other in others:
                before = copies.get((owner, other)) or scene.facts.tie(owner, other)
                copies[owner, other] = _joined(before, tie)

    for_each(scene.facts.tightened(accounts), copy)
    changed = {pair: tie for pair, tie in copies.items() if tie != scene.facts.tie(*pair)}
    own = [tie for tie in changed.values() if tie.owner in accounts]
    scene.facts.need((Account, tie.other) for tie in own)
    outcome.records += changed.values()
    for tie in own:
        view, before = account_view(scene.facts.account(tie.other)), scene.facts.tie(tie.owner, tie.other)
        for kind, field in HELD.items():
            if getattr(tie, field) == Hold.OWN != getattr(before, field):
                made = TieChanged(leg=tie.owner, account=view, tie=kind, state=TieState.ON)
                outcome.told.append((made, (tie.owner,)))


def _joined(before: Tie, tie: Tie) -> Tie:
    """Add to a tie what another one holds, which its owner knows only of the account that he named."""
    holds = {name: getattr(tie, name) for name in HOLDS}
    if tie.other != before.other:
        holds = {name: hold.copied for name, hold in holds.items()}
    return replace(before, **{name: getattr(before, name).stronger(hold) for name, hold in holds.items()})


def _restore(scene: Scene, outcome: Outcome, before: Unlinking) -> None:
    """Give the person what it had, unless its owner has refused the other network since.

    An account that was linked elsewhere in between is left as that left it.
    """
    accounts = {record.id: record for record in outcome.records if isinstance(record, Account)}
    for name, was in before.hybrids.items():
        last = scene.facts.unlinking(name)
        if last is not None and (last.until, last.hybrids) != (before.until, before.hybrids):
            continue
        own = accounts.get(name) or scene.facts.account(name)
        if was is Hybrid.ON and own.hybrid is Hybrid.OFF and not _refuses_to_cross(scene, own):
            outcome.records.append(replace(own, hybrid=Hybrid.ON))
            outcome.told.append((HybridChanged(account=name, hybrid=Hybrid.ON), (name,)))
    if before.single_sign_on:
        people = [record for record in outcome.records if isinstance(record, Person) and record.accounts]
        for person in (replace(person, single_sign_on=True) for person in people):
            outcome.records.append(person)
            for name in person.accounts:
                own = _newest(scene, outcome, name)
                outcome.told.append((ProfileChanged(account=own_account_view(own, person)), (name,)))


def _newest(scene: Scene, outcome: Outcome, name: AccountId) -> Account:
    """Give an account as an outcome leaves it."""
    made = (one for one in reversed(outcome.records) if isinstance(one, Account) and one.id == name)
    return next(made, None) or scene.facts.account(name)


def _refuses_to_cross(scene: Scene, own: Account) -> bool:
    control, controls = NETWORKS[own.network].leaving_control, scene.facts.controls(own.id)
    return control is not None and controls.outcomes.get(control) == "none" and not controls.keep_connected
