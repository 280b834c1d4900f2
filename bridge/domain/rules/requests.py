"""Answering requests: accepting shows itself to the sender, declining never does."""

from msgspec.structs import replace

from bridge.domain.facts import for_each
from bridge.domain.hold import Hold
from bridge.domain.model import Member, Thread, ThreadKind
from bridge.domain.outcome import Outcome, Scene, other_of
from bridge.domain.place import put_back, turn_away
from bridge.domain.routing import restricts
from bridge.domain.rules.copies import shown_again
from bridge.domain.rules.receipts import show_progress
from bridge.domain.views import thread_changed
from bridge.errors import NotAllowed
from bridge.ids import ThreadId
from bridge.wire.commands import Accept, Decline
from bridge.wire.events import ThreadChanged
from bridge.wire.values import Consent


def accept(scene: Scene, command: Accept) -> Outcome:
    """Accept requests; threads that wait for no answer are left as they are."""
    outcome = Outcome()

    def accept_one(thread_id: ThreadId) -> None:
        thread, side = scene.seat(thread_id)
        if side.consent is Consent.LAPSED:
            raise NotAllowed("This request ended when the accounts were unlinked.", path="$.threads")
        if side.consent is Consent.PENDING:
            _accepted(scene, outcome, thread, side)

    for_each(dict.fromkeys(command.threads), accept_one)
    return outcome


def decline(scene: Scene, command: Decline) -> Outcome:
    """Decline requests; the senders are not told."""
    outcome = Outcome()

    def decline_one(thread_id: ThreadId) -> None:
        thread, side = scene.seat(thread_id)
        if side.consent is not Consent.PENDING:
            return
        after = turn_away(side, Consent.DECLINED)
        outcome.records.append(after)
        if command.hide and thread.kind is ThreadKind.PAIR:
            other = other_of(thread, side.account)
            outcome.records.append(replace(scene.facts.tie(side.account, other), hides=Hold.OWN))
        outcome.told.append((_changed(scene, thread, after), (side.account,)))

    for_each(dict.fromkeys(command.threads), decline_one)
    return outcome


def show_answer(scene: Scene, outcome: Outcome, thread: Thread, side: Member) -> Member:
    """Let the sender of a request see that it was accepted, and from now on how far it was read."""
    other = other_of(thread, side.account)
    theirs = scene.facts.find_member(thread.id, other)
    assert theirs is not None, "a pair thread has both sides"
    change = thread_changed(scene.facts, scene.policy, thread, theirs, answered=True, appears=False)
    outcome.told.append((change, (other,)))
    shown, told = show_progress(scene, thread, side)
    outcome.told += told
    return shown


def _accepted(scene: Scene, outcome: Outcome, thread: Thread, side: Member) -> None:
    """Accept one request: one who restricts the sender does so unseen, until the restriction is lifted."""
    if thread.kind is not ThreadKind.PAIR:
        after = put_back(replace(side, consent=Consent.ACCEPTED), False)
        outcome.records.append(after)
        outcome.told.append((_changed(scene, thread, after), (side.account,)))
        return
    other = other_of(thread, side.account)
    covered = restricts(scene.facts, side.account, other)
    after = put_back(replace(side, consent=Consent.ACCEPTED, unseen=covered), covered)
    outcome.told.append((_changed(scene, thread, after), (side.account,)))
    if not covered:
        after = show_answer(scene, outcome, thread, after)
    outcome.records.append(after)
    tie = scene.facts.tie(side.account, other)
    if tie.hides:
        outcome.records += shown_again(scene, tie)


def _changed(scene: Scene, thread: Thread, side: Member) -> ThreadChanged:
    return thread_changed(scene.facts, scene.policy, thread, side, answered=True, appears=False)
