"""Relations: follow, befriend, block, restrict, and whose number is in whose contacts."""

from hashlib import sha256
from hmac import digest as hmac_digest
from itertools import product
from typing import Final, assert_never

from msgspec.structs import replace

from bridge.domain.controls import number_since
from bridge.domain.hold import Hold
from bridge.domain.model import Account, ContactList, Tie
from bridge.domain.networks import NETWORKS
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.rules.copies import falling
from bridge.domain.rules.covers import cover_thread, uncover_thread
from bridge.domain.views import account_view
from bridge.errors import CannotMessageSelf, NotFound, NotSupported, RateLimited
from bridge.wire.commands import AnswerTie, SetTie, UploadContacts
from bridge.wire.events import TieChanged
from bridge.wire.replies import Done, Tied
from bridge.wire.values import AccountState, TieKind, TieState

_DAY_MS = 86_400_000
HELD: Final = {TieKind.BLOCK: "blocks", TieKind.RESTRICT: "restricts"}
"""Which field of a tie the holds are that its owner is shown."""


def set_tie(scene: Scene, command: SetTie) -> Outcome:
    """Make or end a relation; the answer is the same whether or not the other side blocks."""
    approaches = command.on and command.tie in (TieKind.FOLLOW, TieKind.FRIEND)
    own = scene.active(command.as_) if approaches else scene.own(command.as_)
    other = scene.facts.find_account(command.account)
    if other is None:
        raise NotFound(path="$.account")
    if other.state is AccountState.DELETED and (
        command.on or not scene.facts.ties_between((own.id,), (other.id,))
    ):
        raise NotFound(path="$.account")  # but what is listed of it can be ended
    if other.id in scene.facts.person_of(own.id).accounts:
        raise CannotMessageSelf("Both accounts are yours.", path="$.account")
    match command.tie:
        case TieKind.FOLLOW:
            return _follow(scene, own, other, command.on)
        case TieKind.FRIEND:
            return _befriend(scene, own, other, command.on)
        case TieKind.BLOCK:
            return _hold(scene, own, other, TieKind.BLOCK, command.on)
        case TieKind.RESTRICT:
            return _restrict(scene, own, other, command.on)
        case _:
            assert_never(command.tie)


def answer_tie(scene: Scene, command: AnswerTie) -> Outcome:
    """Answer a follow or friend request; without one there is nothing to answer."""
    own = scene.own(command.as_)
    other = scene.facts.find_account(command.account)
    theirs = scene.facts.tie(command.account, own.id)
    if other is None:
        raise NotFound(path="$.account")
    if command.tie is TieKind.FOLLOW and theirs.follow_asked:
        after = replace(theirs, follow_asked=False, follows=command.accept)
        return _tied(scene, own, other, TieKind.FOLLOW, _on(command.accept), [after], incoming=True)
    if command.tie is TieKind.FRIEND and theirs.friend_asked:
        if command.accept:
            return _befriend(scene, own, other, True)
        after = replace(theirs, friend_asked=False)
        event = TieChanged(
            leg=own.id, account=account_view(other), tie=TieKind.FRIEND, state=TieState.ABSENT, incoming=True
        )
        return Outcome(reply=Tied(state=TieState.ABSENT), records=[after], told=[(event, (own.id,))])
    raise NotFound("There is no such request to answer.", path="$.account")


def upload_contacts(scene: Scene, command: UploadContacts) -> Outcome:
    """Replace an account's contacts: kept as keyed hashes, capped per person and day."""
    own = scene.own(command.as_)
    today = scene.now // _DAY_MS
    lists = map(scene.facts.contacts, scene.facts.person_of(own.id).accounts)
    today_by = {before.account: before.uploads for before in lists if before.day == today}
    if sum(today_by.values()) >= scene.policy.contact_uploads_a_day:
        left_s = ((today + 1) * _DAY_MS - scene.now) / 1000
        raise RateLimited("Contacts were uploaded often enough today.", retry_after_s=left_s)
    before = scene.facts.contacts(own.id)
    hashes = [phone_hash(scene.phone_key, phone) for phone in command.phones]
    known = {one: number_since(before, one) for one in hashes}
    phones = {one.hex(): scene.now if since is None else since for one, since in known.items()}
    uploads = today_by.get(own.id, 0) + 1
    return Outcome(
        reply=Done(), records=[ContactList(account=own.id, phones=phones, uploads=uploads, day=today)]
    )


def phone_hash(key: bytes, phone: str) -> bytes:
    """Hash a phone number under the hub's key, which is never in the database."""
    return hmac_digest(key, phone.encode(), sha256)[:16]


def _follow(scene: Scene, own: Account, other: Account, on: bool) -> Outcome:
    if NETWORKS[own.network].graph != TieKind.FOLLOW or own.network is not other.network:
        raise NotSupported(
            "One follows an account of one's own network, where it knows following.", path="$.tie"
        )
    tie = scene.facts.tie(own.id, other.id)
    if on and tie.follows:
        return Outcome(reply=Tied(state=TieState.ON))
    state = TieState.ABSENT if not on else TieState.ASKED if other.private else TieState.ON
    after = replace(tie, follows=state is TieState.ON, follow_asked=state is TieState.ASKED)
    return _tied(scene, own, other, TieKind.FOLLOW, state, [after] if after != tie else [])


def _befriend(scene: Scene, own: Account, other: Account, on: bool) -> Outcome:
    if NETWORKS[own.network].graph != TieKind.FRIEND or own.network is not other.network:
        raise NotSupported(
            "One befriends an account of one's own network, where it knows friends.", path="$.tie"
        )
    mine, theirs = scene.facts.tie(own.id, other.id), scene.facts.tie(other.id, own.id)
    if on and mine.friend:
        return Outcome(reply=Tied(state=TieState.ON))
    if on and not theirs.friend_asked:
        asked = [] if mine.friend_asked else [replace(mine, friend_asked=True)]
        return _tied(scene, own, other, TieKind.FRIEND, TieState.ASKED, asked)
    if not on and not mine.friend and not mine.friend_asked:
        return Outcome(reply=Tied(state=TieState.ABSENT))  # the other's request is answered, not ended
    both = [
        replace(mine, friend=on, friend_asked=False, claimed=""),
        replace(theirs, friend=on, friend_asked=theirs.friend_asked and not on, claimed=""),
    ]
    return _tied(scene, own, other, TieKind.FRIEND, _on(on), both)


def _restrict(scene: Scene, own: Account, other: Account, on: bool) -> Outcome:
    outcome = _hold(scene, own, other, TieKind.RESTRICT, on)
    touched = {(tie.owner, tie.other): None for tie in outcome.records if isinstance(tie, Tie)}
    owners, others = scene.facts.person_of(own.id).accounts, scene.facts.person_of(other.id).accounts
    for pair in dict.fromkeys((*product(owners, others), *touched)):
        (cover_thread if on else uncover_thread)(scene, outcome, *pair)
    return outcome


def _hold(scene: Scene, own: Account, other: Account, kind: TieKind, on: bool) -> Outcome:
    """Block or restrict from one account on, or lift that between all accounts of both persons.

    Its owner alone is told, of each; and of what an unlink copied, which goes with it, not even he.
    """
    field = HELD[kind]
    if on:
        before = scene.facts.tie(own.id, other.id)
        ties = [] if getattr(before, field) == Hold.OWN else [before]
        shown = ties
    else:
        ties = _lifted(scene, own, other, field)
        shown = [tie for tie in ties if getattr(tie, field) == Hold.OWN]
    hold = Hold.OWN if on else Hold.NO
    outcome = Outcome(reply=Tied(state=_on(on)), records=[replace(tie, **{field: hold}) for tie in ties])
    for tie in shown:
        view = account_view(scene.facts.account(tie.other))
        outcome.told.append((TieChanged(leg=tie.owner, account=view, tie=kind, state=_on(on)), (tie.owner,)))
        outcome.audit.append(scene.note(f"{'set' if on else 'lift'}_{kind}", tie.owner, tie.other))
    return outcome


def _lifted(scene: Scene, own: Account, other: Account, field: str) -> list[Tie]:
    """Give all ties that are held between the two persons, and what unlinks copied of them."""
    owners, others = scene.facts.person_of(own.id).accounts, scene.facts.person_of(other.id).accounts
    between = [tie for tie in scene.facts.ties_between(owners, others) if getattr(tie, field)]
    return between + falling(scene, owners, (tie.other for tie in between), field)


def _tied(
    scene: Scene,
    own: Account,
    other: Account,
    kind: TieKind,
    state: TieState,
    changed: list[Tie],
    *,
    incoming: bool = False,
) -> Outcome:
    """Tell a change of a follow or friend tie to both sides; to one who blocks, of what he holds himself."""
    outcome = Outcome(reply=Tied(state=state), records=list(changed))
    if not changed:
        return outcome
    event = TieChanged(leg=own.id, account=account_view(other), tie=kind, state=state, incoming=incoming)
    outcome.told.append((event, (own.id,)))
    others, owners = scene.facts.person_of(other.id).accounts, scene.facts.person_of(own.id).accounts
    holds = any(tie.owner == other.id and tie != scene.facts.tie(other.id, own.id) for tie in changed)
    hears = holds or not any(tie.blocks for tie in scene.facts.ties_between(others, owners))
    if hears and other.state is not AccountState.DELETED:
        mirrored = TieChanged(
            leg=other.id, account=account_view(own), tie=kind, state=state, incoming=not incoming
        )
        outcome.told.append((mirrored, (other.id,)))
    return outcome


def _on(on: bool) -> TieState:
    return TieState.ON if on else TieState.ABSENT
