"""How a restriction covers threads while it lasts: they lie in the requests and show nothing of the owner."""

from bridge.domain.model import Member, Thread
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.place import cover, uncover
from bridge.domain.rules.receipts import show_progress
from bridge.domain.views import thread_changed
from bridge.ids import AccountId, thread_of_pair


def cover_thread(scene: Scene, outcome: Outcome, own: AccountId, other: AccountId) -> None:
    """Move the thread of two accounts out of the owner's inbox; the other side notices nothing."""
    thread, side = _standing(scene, own, other)
    if thread is not None and side is not None and (after := cover(side)) is not side:
        _moved(scene, outcome, thread, after, other)


def uncover_thread(scene: Scene, outcome: Outcome, own: AccountId, other: AccountId) -> None:
    """Put the thread of two accounts back, and show the other side what it could not see meanwhile."""
    thread, side = _standing(scene, own, other)
    if thread is None or side is None:
        return
    moved = uncover(side)
    after, told = show_progress(scene, thread, moved, lifting=True)
    if after is side:
        return
    if moved.folder is not side.folder:
        _moved(scene, outcome, thread, after, other)
    else:
        outcome.records.append(after)
    if side.has_answered is not after.has_answered:
        theirs = scene.facts.find_member(thread.id, other)
        assert theirs is not None, "a pair thread has both sides"
        change = thread_changed(scene.facts, scene.policy, thread, theirs, answered=True, appears=False)
        outcome.told.append((change, (other,)))
    outcome.told += told


def _standing(scene: Scene, own: AccountId, other: AccountId) -> tuple[Thread | None, Member | None]:
    name = thread_of_pair(own, other)
    return scene.facts.find_thread(name), scene.facts.find_member(name, own)


def _moved(scene: Scene, outcome: Outcome, thread: Thread, after: Member, other: AccountId) -> None:
    theirs = scene.facts.find_member(thread.id, other)
    answered = theirs is not None and theirs.has_answered
    outcome.records.append(after)
    change = thread_changed(scene.facts, scene.policy, thread, after, answered=answered, appears=False)
    outcome.told.append((change, (after.account,)))
