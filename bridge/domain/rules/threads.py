"""Opening a thread, and putting threads away."""

from msgspec.structs import replace

from bridge.domain.content import first_link
from bridge.domain.facts import for_each
from bridge.domain.model import Account, Member, StoredRecord, Thread, ThreadKind, Tie
from bridge.domain.outcome import Outcome, Scene, other_of
from bridge.domain.place import put_back
from bridge.domain.routing import restricts
from bridge.domain.views import account_view, thread_changed, thread_view
from bridge.errors import CannotMessageSelf, Invalid, NotAllowed, NotFound
from bridge.ids import AccountId, Seq, ThreadId, thread_of_pair
from bridge.wire.commands import Archive, OpenThread
from bridge.wire.replies import Opened
from bridge.wire.values import AccountState, Consent, Folder, Network


def find_other(
    scene: Scene, account: AccountId | None, network: Network | None, handle: str | None
) -> Account:
    """Find an account by id or by network and handle.

    Raises:
        Invalid: If neither way is given.
        NotFound: If there is none, or it was deleted.
    """
    if account is None:
        if network is None or handle is None:
            raise Invalid("Name an account, or a network and a handle.", path="$.account")
        account = scene.facts.handle_owner(network, handle)
    found = scene.facts.find_account(account) if account is not None else None
    if found is None or found.state is AccountState.DELETED:
        raise NotFound("There is no account by that name.", path="$.account")
    return found


def open_thread(scene: Scene, command: OpenThread) -> Outcome:
    """Get or make the thread with an account; the answer is the same whether or not the other accepts."""
    other = find_other(scene, command.account, command.network, command.handle)
    if other.id in scene.facts.person_of(scene.account).accounts:
        raise CannotMessageSelf(path="$.account")
    speaker, must_confirm = _speaker(scene, command, other)
    crosses = speaker.network is not other.network
    if must_confirm:
        return Outcome(reply=Opened(propose=speaker.id, other=account_view(other), crosses=crosses))
    return _opened(scene, speaker, other, crosses)


def _speaker(scene: Scene, command: OpenThread, other: Account) -> tuple[Account, bool]:
    """Choose the account that speaks, and say whether the person must confirm the choice first."""
    legs = scene.legs
    asked = (scene.own(command.as_).id,) if command.as_ is not None else legs
    for leg in asked:
        side = scene.facts.find_member(thread_of_pair(leg, other.id), leg)
        if side is not None and side.stands:
            return scene.facts.account(leg), False  # a standing thread comes first
    if command.as_ is not None:
        speaker = scene.facts.account(command.as_)
        return speaker, len(legs) > 1 and not command.confirm and not _is_confirmed(scene, legs, other)
    same = next((leg for leg in legs if scene.facts.account(leg).network is other.network), scene.account)
    return scene.facts.account(same), len(legs) > 1 and not _is_confirmed(scene, legs, other)


def _is_confirmed(scene: Scene, legs: tuple[AccountId, ...], other: Account) -> bool:
    return any(scene.facts.tie(leg, other.id).confirmed for leg in legs)


def _opened(scene: Scene, speaker: Account, other: Account, crosses: bool) -> Outcome:
    name = thread_of_pair(speaker.id, other.id)
    thread = scene.facts.find_thread(name)
    records: list[StoredRecord] = []
    if thread is None:
        low, high = sorted((speaker.id, other.id))
        thread = Thread(id=name, members=(low, high), link=first_link(name))
        side = Member(thread=name, account=speaker.id)
        theirs = Member(thread=name, account=other.id)
        records += [thread, theirs]
    else:
        side = scene.facts.find_member(name, speaker.id) or Member(thread=name, account=speaker.id)
        theirs = scene.facts.find_member(name, other.id) or Member(thread=name, account=other.id)
    outcome = Outcome(records=records)
    if not side.stands:
        side = put_back(replace(side, started=True), restricts(scene.facts, speaker.id, other.id))
        tie: Tie = scene.facts.tie(speaker.id, other.id)
        outcome.records += [side, replace(tie, confirmed=True)]
        change = thread_changed(
            scene.facts, scene.policy, thread, side, answered=theirs.has_answered, appears=True
        )
        outcome.told.append((change, (speaker.id,)))
    last = scene.facts.message(name, Seq(thread.tip)) if thread.tip else None
    view = thread_view(scene.facts, scene.policy, thread, side, theirs, last)
    outcome.reply = Opened(thread=view, other=account_view(other), crosses=crosses)
    return outcome


def archive(scene: Scene, command: Archive) -> Outcome:
    """Put threads away, or back to where they were; requests too, which wait there for their answer."""
    outcome = Outcome()

    def archive_one(thread_id: ThreadId) -> None:
        thread, side = scene.seat(thread_id)
        if command.on is (side.folder is Folder.ARCHIVED):
            return
        if side.folder in (Folder.HIDDEN, Folder.NONE):
            raise NotAllowed("This thread is in no list; only its acceptance brings it up.", path="$.threads")
        if command.on:
            after = replace(side, folder=Folder.ARCHIVED, displaced=Folder.NONE)
        else:
            after = _unarchived(scene, thread, side)
        outcome.records.append(after)
        change = thread_changed(
            scene.facts,
            scene.policy,
            thread,
            after,
            answered=_is_answered(scene, thread, side),
            appears=False,
        )
        outcome.told.append((change, (side.account,)))

    for_each(dict.fromkeys(command.threads), archive_one)
    return outcome


def _unarchived(scene: Scene, thread: Thread, side: Member) -> Member:
    """Bring a thread out of the archive: a request to the requests, the others to the inbox."""
    if side.consent is Consent.PENDING:
        return replace(side, folder=Folder.REQUESTS)
    pair = thread.kind is ThreadKind.PAIR
    return put_back(side, pair and restricts(scene.facts, side.account, other_of(thread, side.account)))


def _is_answered(scene: Scene, thread: Thread, side: Member) -> bool:
    if thread.kind is not ThreadKind.PAIR:
        return True
    theirs = scene.facts.find_member(thread.id, other_of(thread, side.account))
    return theirs is not None and theirs.has_answered
