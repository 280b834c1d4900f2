"""Answering requests: accepting shows itself to the sender, declining never does."""

from msgspec.structs import replace

from bridge.domain.model import Member, StoredRecord, Thread, ThreadKind
from bridge.domain.outcome import Outcome, Scene, other_of
from bridge.domain.routing import may_learn
from bridge.domain.views import thread_changed
from bridge.errors import NotAllowed
from bridge.wire.commands import Accept, Decline
from bridge.wire.events import ThreadChanged
from bridge.wire.values import Consent, Folder


def accept(scene: Scene, command: Accept) -> Outcome:
    """Accept requests; threads that wait for no answer are left as they are."""
    outcome = Outcome()
    for thread_id in dict.fromkeys(command.threads):
        thread, side = scene.seat(thread_id)
        if side.consent is Consent.LAPSED:
            raise NotAllowed("This request ended when the accounts were unlinked.", path="$.threads")
        if side.consent is not Consent.PENDING:
            continue
        after = replace(side, consent=Consent.ACCEPTED, folder=Folder.INBOX)
        outcome.records += [after, *_no_longer_hidden(scene, thread, side)]
        outcome.told.append((_changed(scene, thread, after), (side.account,)))
        _tell_sender(scene, outcome, thread, after)
    return outcome


def decline(scene: Scene, command: Decline) -> Outcome:
    """Decline requests; the senders are not told."""
    outcome = Outcome()
    for thread_id in dict.fromkeys(command.threads):
        thread, side = scene.seat(thread_id)
        if side.consent is not Consent.PENDING:
            continue
        after = replace(side, consent=Consent.DECLINED, folder=Folder.NONE)
        outcome.records.append(after)
        if command.hide and thread.kind is ThreadKind.PAIR:
            other = other_of(thread, side.account)
            outcome.records.append(replace(scene.facts.tie(side.account, other), hides=True))
        outcome.told.append((_changed(scene, thread, after), (side.account,)))
    return outcome


def _changed(scene: Scene, thread: Thread, side: Member) -> ThreadChanged:
    return thread_changed(scene.facts, thread, side, answered=True, appears=False)


def _no_longer_hidden(scene: Scene, thread: Thread, side: Member) -> list[StoredRecord]:
    """Take back the choice to hide a sender, when its request is accepted after all."""
    if thread.kind is not ThreadKind.PAIR:
        return []
    other = other_of(thread, side.account)
    return [
        replace(tie, hides=False)
        for own in scene.facts.person_of(side.account).accounts
        for twin in scene.facts.person_of(other).accounts
        if (tie := scene.facts.tie(own, twin)).hides
    ]


def _tell_sender(scene: Scene, outcome: Outcome, thread: Thread, side: Member) -> None:
    """Let the sender see the acceptance, where it may learn of this side at all."""
    if thread.kind is not ThreadKind.PAIR:
        return
    theirs = scene.facts.find_member(thread.id, other_of(thread, side.account))
    if theirs is not None and may_learn(scene.facts, scene.policy, side, theirs.account):
        change = thread_changed(scene.facts, thread, theirs, answered=True, appears=False)
        outcome.told.append((change, (theirs.account,)))
