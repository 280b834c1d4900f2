"""How far a member has got and read, and that it is typing: told only where the reader has accepted."""

from msgspec.structs import replace

from bridge.domain.model import Member, Thread, ThreadKind
from bridge.domain.outcome import Notice, Outcome, Scene, other_of
from bridge.domain.routing import may_learn
from bridge.ids import AccountId, Seq
from bridge.wire.commands import MarkDelivered, MarkRead, Typing
from bridge.wire.events import Delivered, Read, Typed


def mark_read(scene: Scene, command: MarkRead) -> Outcome:
    """Move the reader's receipt forward; never back, never past what was said."""
    thread, side = scene.seat(command.thread)
    upto = Seq(min(command.upto, thread.tip))
    if upto <= side.read:
        return Outcome()
    own = side.sent if upto == thread.tip else scene.facts.own_upto(thread.id, side.account, upto)
    after = replace(side, read=upto, read_sent=own, delivered=max(side.delivered, upto))
    after, told = show_progress(scene, thread, after, also=(side.account,))
    if after.shown_read < upto:
        told = [(Read(thread=thread.id, account=side.account, upto=upto), (side.account,)), *told]
    return Outcome(records=[after], told=told)


def mark_delivered(scene: Scene, command: MarkDelivered) -> Outcome:
    """Note that messages reached a device of the member."""
    thread, side = scene.seat(command.thread)
    upto = Seq(min(command.upto, thread.tip))
    if upto <= side.delivered:
        return Outcome()
    after, told = show_progress(scene, thread, replace(side, delivered=upto))
    return Outcome(records=[after], told=told)


def typing(scene: Scene, command: Typing) -> Outcome:
    """Pass on that a member is typing, where neither side waits for the other's consent."""
    thread, side = scene.seat(command.thread)
    other = _listener(scene, thread, side, False)
    if other is None or not scene.facts.account(side.account).shows_typing:
        return Outcome()
    theirs = scene.facts.find_member(thread.id, other)
    if theirs is None or not theirs.has_accepted:
        return Outcome()
    return Outcome(passing=[(Typed(thread=thread.id, account=side.account), (other,))])


def show_progress(
    scene: Scene, thread: Thread, side: Member, *, also: tuple[AccountId, ...] = (), lifting: bool = False
) -> tuple[Member, list[Notice]]:
    """Show the other member how far this one has got since it was shown last, as far as it may know.

    Reading is secret until the reader has accepted, whatever the folder. What
    was shown stays shown: so nobody notices when a restriction begins.

    Args:
        scene: What is known.
        thread: Where.
        side: This one's side, as it will be.
        also: Who else hears what the other hears of reading: the reader's own devices.
        lifting: Whether a restriction that still stands is being lifted.
    """
    told: list[Notice] = []
    other = _listener(scene, thread, side, lifting)
    if other is None:
        return side, told
    if side.read > side.shown_read and scene.facts.account(side.account).shows_receipts:
        told.append((Read(thread=thread.id, account=side.account, upto=Seq(side.read)), (*also, other)))
        side = replace(side, shown_read=side.read, shown_delivered=max(side.shown_delivered, side.read))
    if side.delivered > side.shown_delivered:
        told.append((Delivered(thread=thread.id, account=side.account, upto=Seq(side.delivered)), (other,)))
        side = replace(side, shown_delivered=side.delivered)
    return side, told


def _listener(scene: Scene, thread: Thread, side: Member, lifting: bool) -> AccountId | None:
    """Give the other member of a pair, if it may hear of this one."""
    if thread.kind is not ThreadKind.PAIR:
        return None
    other = other_of(thread, side.account)
    return other if may_learn(scene.facts, scene.policy, side, other, lifting=lifting) else None
