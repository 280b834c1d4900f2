"""Linking accounts to one person, taking one out again, and undoing that: each proven on both sides."""

from msgspec.structs import replace

from bridge.domain.controls import CATEGORIES
from bridge.domain.model import Account, LinkAsk, Person, StoredRecord, Tie, Unlinking
from bridge.domain.networks import NETWORKS
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.views import account_view, own_account_view, thread_changed
from bridge.errors import AlreadyLinked, Expired, NeedsLink, NotAllowed, ProofFailed, WrongStart
from bridge.ids import AccountId, home_of
from bridge.wire.commands import (
    AnswerLink,
    AskLink,
    Link,
    PreviewUnlink,
    SetLinkOptions,
    UndoUnlink,
    Unlink,
)
from bridge.wire.events import HybridChanged, LinkAnswered, LinkAsked, LinkAttempted, LinkChanged
from bridge.wire.replies import Done, Effects, Linked, Reply
from bridge.wire.values import Consent, Folder, Hybrid


def link(scene: Scene, command: Link) -> Outcome:
    """Join an account of the other network, proven by its password; a failed try is told to that account."""
    own = scene.own(command.as_)
    other = _other(scene, command)
    if other is None or other.id not in scene.proven:
        return _unproven(scene, own, other)
    return _joined(scene, own, other)


def ask_link(scene: Scene, command: AskLink) -> Outcome:
    """Ask the other account's devices; the answer is the same whether or not there is such an account."""
    own = scene.own(command.as_)
    _check_start(scene, own)
    other = _other(scene, command)
    if other is None or other.network is own.network or _is_linked(scene, own) or _is_linked(scene, other):
        return Outcome(reply=Done())
    until = scene.now + scene.policy.link_answer_s * 1000
    event = LinkAsked(leg=other.id, account=account_view(own), until=until)
    return Outcome(
        reply=Done(),
        records=[LinkAsk(asker=own.id, other=other.id, until=until)],
        told=[(event, (other.id,))],
        audit=[scene.note("ask_link", other.id)],
    )


def answer_link(scene: Scene, command: AnswerLink) -> Outcome:
    """Approve or refuse a link that another account asked for, in time."""
    own = scene.own(command.as_)
    ask = scene.facts.link_ask(command.account, own.id)
    if ask is None or ask.until < scene.now:
        raise Expired("Nobody waits for this answer any more.", path="$.account")
    asker = scene.facts.account(command.account)
    outcome = _joined(scene, asker, own) if command.accept else Outcome()
    outcome.records.append(replace(ask, until=0))
    outcome.told.append((LinkAnswered(leg=asker.id, account=own.id, accepted=command.accept), (asker.id,)))
    outcome.reply = _linked_reply(scene, own, outcome)
    return outcome


def undo_unlink(scene: Scene, command: UndoUnlink) -> Outcome:
    """Link again what was unlinked, with what it had; nothing that was tightened since is loosened."""
    own = scene.own(command.as_)
    other = _other(scene, command)
    if other is None or other.id not in scene.proven:
        return _unproven(scene, own, other)
    before = next(
        (
            found
            for one, two in ((own.id, other.id), (other.id, own.id))
            if (found := scene.facts.unlinking(one)) is not None and two in found.others
        ),
        None,
    )
    if before is None or before.until < scene.now:
        raise Expired("There is no unlink of these two accounts that could be undone.", path="$.handle")
    outcome = _joined(scene, own, other)
    outcome.records.append(replace(before, until=0))
    _restore_hybrids(scene, outcome, before)
    outcome.audit.append(scene.note("undo_unlink", other.id))
    outcome.reply = _linked_reply(scene, own, outcome)
    return outcome


def unlink(scene: Scene, command: Unlink) -> Outcome:
    """Take an account out of its person; history stays, blocks are copied to every account they covered."""
    leaver = scene.own(command.as_)
    person = scene.facts.person_of(leaver.id)
    if len(person.accounts) < 2:
        raise NeedsLink("This account is linked to no other.", path="$.as")
    rest = tuple(other for other in person.accounts if other != leaver.id)
    until = scene.now + scene.policy.undo_unlink_s * 1000
    hybrids = {own: scene.facts.account(own).hybrid for own in person.accounts}
    outcome = Outcome(
        records=[
            Unlinking(
                account=leaver.id, others=rest, until=until, hybrids=hybrids, single_sign_on=person.single_sign_on
            )
        ],
        audit=[scene.note("unlink", leaver.id, "from " + ", ".join(rest))],
    )
    effects = _part(scene, outcome, person, leaver.id, rest, until)
    outcome.records += _copied(scene, person.accounts)
    outcome.reply = effects
    return outcome


def preview_unlink(scene: Scene, query: PreviewUnlink) -> Reply:
    """Show what an unlink would do; nothing changes."""
    reply = unlink(scene, Unlink(as_=query.as_)).reply
    assert isinstance(reply, Effects)
    return replace(reply, undo_until=None)


def set_link_options(scene: Scene, command: SetLinkOptions) -> Outcome:
    """Switch single sign-on and the syncing of name and picture."""
    own = scene.own(command.as_)
    person = scene.facts.person_of(own.id)
    if len(person.accounts) < 2:
        raise NeedsLink(path="$.as")
    after = replace(
        person,
        single_sign_on=_or(command.single_sign_on, person.single_sign_on),
        sync_name=_or(command.sync_name, person.sync_name),
        sync_picture=_or(command.sync_picture, person.sync_picture),
        generation=person.generation + 1,
    )
    outcome = Outcome(records=[after], audit=[scene.note("set_link_options", own.id)])
    if after.sync_name or after.sync_picture:
        for other in map(scene.facts.account, person.accounts):
            name = own.name if after.sync_name else other.name
            picture = own.picture if after.sync_picture else other.picture
            if (name, picture) != (other.name, other.picture):
                outcome.records.append(replace(other, name=name, picture=picture))
    return outcome


def join(one: Person, two: Person) -> tuple[Person, Person]:
    """Give the person that two become, and what is left of the second."""
    merged = replace(one, accounts=(*one.accounts, *two.accounts), generation=one.generation + 1)
    return merged, replace(two, accounts=(), generation=two.generation + 1)


def _other(scene: Scene, command: Link | AskLink | UndoUnlink) -> Account | None:
    found = scene.facts.handle_owner(command.network, command.handle)
    return scene.facts.account(found) if found is not None else None


def _unproven(scene: Scene, own: Account, other: Account | None) -> Outcome:
    """Refuse; the other account, where there is one, hears that somebody tried."""
    outcome = Outcome(reply=ProofFailed(path="$.password"))
    if other is not None:
        outcome.told.append((LinkAttempted(leg=other.id), (other.id,)))
        outcome.audit.append(scene.note("link_failed", other.id, f"tried by {own.id}"))
    return outcome


def _check_start(scene: Scene, own: Account) -> None:
    if scene.policy.link_from not in (None, own.network):
        raise WrongStart(path="$.as")


def _joined(scene: Scene, own: Account, other: Account) -> Outcome:
    _check_start(scene, own)
    if own.network is other.network:
        raise NotAllowed("A person has at most one account per network.", path="$.network")
    if _is_linked(scene, own) or _is_linked(scene, other):
        raise AlreadyLinked(path="$.handle")
    merged, left = join(scene.facts.person_of(own.id), scene.facts.person_of(other.id))
    moved = replace(other, person=merged.id)
    outcome = Outcome(
        records=[merged, left, moved],
        told=[
            (LinkChanged(leg=own.id, linked_to=(account_view(other),)), (own.id,)),
            (LinkChanged(leg=other.id, linked_to=(account_view(own),)), (other.id,)),
        ],
        audit=[scene.note("link", own.id, f"with {other.id}")],
    )
    outcome.reply = Linked(accounts=(own_account_view(own, merged), own_account_view(moved, merged)))
    return outcome


def _linked_reply(scene: Scene, own: Account, outcome: Outcome) -> Linked:
    """Show the person's accounts as the outcome leaves them."""
    accounts = {record.id: record for record in outcome.records if isinstance(record, Account)}
    people = {record.id: record for record in outcome.records if isinstance(record, Person)}
    me = accounts.get(own.id, own)
    person = people.get(me.person) or scene.facts.person_of(own.id)
    return Linked(
        accounts=tuple(
            own_account_view(accounts.get(name) or scene.facts.account(name), person) for name in person.accounts
        )
    )


def _part(
    scene: Scene, outcome: Outcome, person: Person, leaver: AccountId, rest: tuple[AccountId, ...], until: int
) -> Effects:
    """Make two persons of one, and say what that does."""
    closed = lapsed = groups = 0
    removed: list[str] = []
    for accounts in ((leaver,), rest):
        home = home_of(accounts[0])
        before = scene.facts.find_person(home)
        generation = max(person.generation, before.generation if before else 0) + 1
        outcome.records.append(Person(id=home, accounts=accounts, generation=generation))
        for own in map(scene.facts.account, accounts):
            after = replace(own, person=home)
            counts = scene.facts.own_threads(own.id)
            if len(accounts) == 1 and NETWORKS[own.network].upgrade and own.hybrid is Hybrid.ON:
                after = replace(after, hybrid=Hybrid.OFF)
                closed += counts.crossing
                lapsed += _lapse(scene, outcome, counts.pending, own.id)
                outcome.told.append((HybridChanged(account=own.id, hybrid=Hybrid.OFF), (own.id,)))
            if own.id == leaver:
                groups += counts.groups
            removed += [category.name for category in CATEGORIES[own.network] if category.needs_link]
            outcome.records.append(after)
            linked_to = tuple(account_view(scene.facts.account(other)) for other in accounts if other != own.id)
            outcome.told.append((LinkChanged(leg=own.id, linked_to=linked_to, undo_until=until), (own.id,)))
    return Effects(
        threads_closed=closed,
        groups_left=groups,
        requests_lapsed=lapsed,
        in_flight=scene.in_flight,
        categories_removed=tuple(dict.fromkeys(removed)),
        leaves_hybrid=closed > 0 or any(isinstance(event, HybridChanged) for event, _ in outcome.told),
        undo_until=until,
    )


def _lapse(scene: Scene, outcome: Outcome, pending: tuple[str, ...], own: AccountId) -> int:
    """End the unanswered requests that came over the road that closes: each has its final verdict."""
    count = 0
    for thread_id in pending:
        thread = scene.facts.find_thread(thread_id)  # type: ignore[arg-type]
        side = scene.facts.find_member(thread_id, own)  # type: ignore[arg-type]
        if thread is None or side is None or side.consent is not Consent.PENDING:
            continue
        after = replace(side, consent=Consent.LAPSED, folder=Folder.NONE)
        outcome.records.append(after)
        change = thread_changed(scene.facts, thread, after, answered=True, appears=False)
        outcome.told.append((change, (own,)))
        count += 1
    return count


def _copied(scene: Scene, accounts: tuple[AccountId, ...]) -> list[StoredRecord]:
    """Copy blocks, restrictions and hiding declines to every account that they covered."""
    merged: dict[tuple[AccountId, AccountId], Tie] = {}
    for tie in scene.facts.tightened(accounts):
        owners = accounts if tie.owner in accounts else (tie.owner,)
        others = accounts if tie.other in accounts else (tie.other,)
        for pair in ((owner, other) for owner in owners for other in others if owner != other):
            before = merged.get(pair) or scene.facts.tie(*pair)
            merged[pair] = replace(
                before,
                blocks=before.blocks or tie.blocks,
                restricts=before.restricts or tie.restricts,
                hides=before.hides or tie.hides,
            )
    return [tie for pair, tie in merged.items() if tie != scene.facts.tie(*pair)]


def _restore_hybrids(scene: Scene, outcome: Outcome, before: Unlinking) -> None:
    """Give each account the hybrid state that it had, unless its owner has refused the other network since."""
    changed = {record.id: record for record in outcome.records if isinstance(record, Account)}
    for name, was in before.hybrids.items():
        own = changed.get(name) or scene.facts.account(name)
        control = NETWORKS[own.network].leaving_control
        tightened = control is not None and scene.facts.controls(name).outcomes.get(control) == "none"
        if was is Hybrid.ON and own.hybrid is Hybrid.OFF and not tightened:
            outcome.records.append(replace(own, hybrid=Hybrid.ON))
            outcome.told.append((HybridChanged(account=name, hybrid=Hybrid.ON), (name,)))
    people = [record for record in outcome.records if isinstance(record, Person) and record.accounts]
    if before.single_sign_on:
        outcome.records += [replace(person, single_sign_on=True) for person in people]


def _is_linked(scene: Scene, account: Account) -> bool:
    return len(scene.facts.person_of(account.id).accounts) > 1


def _or(wanted: bool | None, before: bool) -> bool:
    return before if wanted is None else wanted
