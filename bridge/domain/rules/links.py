"""Linking accounts to one person, proven on both sides."""

from typing import Final

from msgspec.structs import replace

from bridge.domain.facts import for_each
from bridge.domain.model import Account, LinkAsk, Person, Tie, WaitingLinks
from bridge.domain.outcome import Outcome, Scene, is_usable
from bridge.domain.rules.covers import cover_thread
from bridge.domain.views import account_view, own_account_view
from bridge.errors import AlreadyLinked, Expired, NeedsLink, NotAllowed, ProofFailed, WrongStart
from bridge.ids import AccountId
from bridge.wire.commands import AnswerLink, AskLink, Link, SetLinkOptions, UndoUnlink
from bridge.wire.events import LinkAnswered, LinkAsked, LinkAttempted, LinkChanged, ProfileChanged
from bridge.wire.queries import ListLinkAsks
from bridge.wire.replies import Done, LinkAsks, Linked
from bridge.wire.values import LinkAskView

_MOST_WAITING: Final = 20  # links that are listed: whoever asked before them may ask again


def link(scene: Scene, command: Link) -> Outcome:
    """Join an account of the other network, proven by its password; a failed try is told to that account."""
    own = scene.active(command.as_)
    other = other_to_link(scene, command)
    if other is None or not is_proven(scene, other):
        return unproven(scene, own, other)
    return joined(scene, own, other)


def ask_link(scene: Scene, command: AskLink) -> Outcome:
    """Ask the other account's devices; the answer is the same whether or not there is such an account.

    Nobody whom the other account blocks, or who blocks it, gets himself shown to it by asking.
    """
    own = scene.active(command.as_)
    _check_start(scene, own)
    other = other_to_link(scene, command)
    if other is None or other.network is own.network or _is_linked(scene, own) or _is_linked(scene, other):
        return Outcome(reply=Done())
    if scene.facts.tie(own.id, other.id).blocks or scene.facts.tie(other.id, own.id).blocks:
        return Outcome(reply=Done())
    until = scene.now + scene.policy.link_answer_s * 1000
    event = LinkAsked(leg=other.id, account=account_view(own), until=until)
    return Outcome(
        reply=Done(),
        records=[
            LinkAsk(asker=own.id, other=other.id, until=until),
            _waiting(scene, other.id, own.id, until),
        ],
        told=[(event, (other.id,))],
        audit=[scene.note("ask_link", other.id)],
    )


def _waiting(scene: Scene, account: AccountId, asker: AccountId, until: int) -> WaitingLinks:
    """Remember who waits, for devices that sign in later: the newest of those whose time is not over."""
    before = scene.facts.waiting_links(account).askers
    others = [(one, end) for one, end in before.items() if end >= scene.now and one != asker]
    return WaitingLinks(account=account, askers=dict([*others, (asker, until)][-_MOST_WAITING:]))


def list_link_asks(scene: Scene, query: ListLinkAsks) -> LinkAsks:
    """List whose links wait for an own account's answer."""
    own = scene.own(query.as_).id
    waiting = scene.facts.waiting_links(own).askers
    found = for_each(waiting, lambda asker: _still_waits(scene, asker, own))
    return LinkAsks(asks=tuple(ask for ask in found if ask is not None))


def _still_waits(scene: Scene, asker: AccountId, own: AccountId) -> LinkAskView | None:
    ask, account = scene.facts.link_ask(asker, own), scene.facts.account(asker)
    if ask is None or ask.until < scene.now or not _may_still_link(scene, account):
        return None
    return LinkAskView(account=account_view(account), until=ask.until)


def answer_link(scene: Scene, command: AnswerLink) -> Outcome:
    """Approve or refuse a link that another account asked for, in time."""
    own = scene.active(command.as_) if command.accept else scene.own(command.as_)
    ask = scene.facts.link_ask(command.account, own.id)
    asker = scene.facts.account(command.account) if ask is not None else None
    if ask is None or asker is None or ask.until < scene.now or not _may_still_link(scene, asker):
        raise Expired("Nobody waits for this answer any more.", path="$.account")
    outcome = joined(scene, asker, own) if command.accept else Outcome()
    outcome.records.append(replace(ask, until=0))
    outcome.told.append((LinkAnswered(leg=asker.id, account=own.id, accepted=command.accept), (asker.id,)))
    outcome.reply = linked_reply(scene, own, outcome)
    return outcome


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
    for other in map(scene.facts.account, person.accounts):
        name = own.name if after.sync_name else other.name
        picture = own.picture if after.sync_picture else other.picture
        synced = replace(other, name=name, picture=picture)
        if synced != other:
            outcome.records.append(synced)
        outcome.told.append((ProfileChanged(account=own_account_view(synced, after)), (other.id,)))
    return outcome


def _merged(one: Person, two: Person) -> tuple[Person, Person]:
    """Give the person that two become, and what is left of the second."""
    merged = replace(one, accounts=(*one.accounts, *two.accounts), generation=one.generation + 1)
    return merged, replace(two, accounts=(), generation=two.generation + 1)


def other_to_link(scene: Scene, command: Link | AskLink | UndoUnlink) -> Account | None:
    """Find the account that a link is about."""
    found = scene.facts.handle_owner(command.network, command.handle)
    return scene.facts.account(found) if found is not None else None


def is_proven(scene: Scene, other: Account) -> bool:
    """Say whether its password was given for an account that can be signed in to by it."""
    return other.id in scene.proven and is_usable(other)


def unproven(scene: Scene, own: Account, other: Account | None) -> Outcome:
    """Refuse; the other account, where there is one, hears that somebody tried."""
    outcome = Outcome(reply=ProofFailed(path="$.password"))
    if other is not None:
        outcome.told.append((LinkAttempted(leg=other.id), (other.id,)))
        outcome.audit.append(scene.note("link_failed", other.id, f"tried by {own.id}"))
    return outcome


def _check_start(scene: Scene, own: Account) -> None:
    if scene.policy.link_from not in (None, own.network):
        raise WrongStart(path="$.as")


def joined(scene: Scene, own: Account, other: Account) -> Outcome:
    """Make one person of two accounts, both of which are proven.

    Raises:
        WrongStart: If links must start from the other network.
        NotAllowed: If both are of one network.
        AlreadyLinked: If one of them is linked.
    """
    _check_start(scene, own)
    if own.network is other.network:
        raise NotAllowed("A person has at most one account per network.", path="$.network")
    if _is_linked(scene, own) or _is_linked(scene, other):
        raise AlreadyLinked(path="$.handle")
    merged, left = _merged(scene.facts.person_of(own.id), scene.facts.person_of(other.id))
    moved = replace(other, person=merged.id)
    outcome = Outcome(records=[merged, left, moved], audit=[scene.note("link", own.id, f"with {other.id}")])
    _unite_restrictions(scene, outcome, (own.id, other.id))
    outcome.told += [  # last: why threads are closed changes by it, and they are read again when it is heard
        (LinkChanged(leg=own.id, linked_to=(account_view(other),)), (own.id,)),
        (LinkChanged(leg=other.id, linked_to=(account_view(own),)), (other.id,)),
    ]
    outcome.reply = Linked(accounts=(own_account_view(own, merged), own_account_view(moved, merged)))
    return outcome


def _unite_restrictions(scene: Scene, outcome: Outcome, accounts: tuple[AccountId, AccountId]) -> None:
    """Let what one account restricts cover the other's threads too.

    What others restrict moves nothing: that would announce the link to them.
    """
    pairs: dict[tuple[AccountId, AccountId], None] = {}

    def unite(tie: Tie) -> None:
        if tie.restricts and tie.owner in accounts and tie.other not in accounts:
            others = scene.facts.person_of(tie.other).accounts
            pairs.update({(own, other): None for own in accounts for other in others})

    for_each(scene.facts.tightened(accounts), unite)
    for_each(pairs, lambda pair: cover_thread(scene, outcome, *pair))


def linked_reply(scene: Scene, own: Account, outcome: Outcome) -> Linked:
    """Show the person's accounts as the outcome leaves them."""
    accounts = {record.id: record for record in outcome.records if isinstance(record, Account)}
    people = {record.id: record for record in outcome.records if isinstance(record, Person)}
    me = accounts.get(own.id, own)
    person = people.get(me.person) or scene.facts.person_of(own.id)
    return Linked(
        accounts=tuple(
            own_account_view(accounts.get(name) or scene.facts.account(name), person)
            for name in person.accounts
        )
    )


def _is_linked(scene: Scene, account: Account) -> bool:
    return len(scene.facts.person_of(account.id).accounts) > 1


def _may_still_link(scene: Scene, asker: Account) -> bool:
    """Say whether who asked for a link is still there for it; what else became of him is not told."""
    return is_usable(asker) and not _is_linked(scene, asker)


def _or(wanted: bool | None, before: bool) -> bool:
    return before if wanted is None else wanted
