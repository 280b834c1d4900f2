"""How far a member has got and read, and that it is typing: told only where the reader has accepted."""

from msgspec.structs import replace

from bridge.domain.model import Member, Thread, ThreadKind
from bridge.domain.outcome import Outcome, Scene, other_of
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
    # Reading is secret until the reader has accepted, whatever the folder.
    hears = _others(scene, thread, side, shows=scene.facts.account(side.account).shows_receipts)
    event = Read(thread=thread.id, account=side.account, upto=upto)
    return Outcome(records=[after], told=[(event, (side.account, *hears))])


def mark_delivered(scene: Scene, command: MarkDelivered) -> Outcome:
    """Note that messages reached a device of the member."""
    thread, side = scene.seat(command.thread)
    upto = Seq(min(command.upto, thread.tip))
    if upto <= side.delivered:
        return Outcome()
    outcome = Outcome(records=[replace(side, delivered=upto)])
    hears = _others(scene, thread, side, shows=True)
    if hears:
        outcome.told.append((Delivered(thread=thread.id, account=side.account, upto=upto), hears))
    return outcome


def typing(scene: Scene, command: Typing) -> Outcome:
    """Pass on that a member is typing."""
    thread, side = scene.seat(command.thread)
    hears = _others(scene, thread, side, shows=scene.facts.account(side.account).shows_typing)
    if not hears:
        return Outcome()
    return Outcome(passing=[(Typed(thread=thread.id, account=side.account), hears)])


def _others(scene: Scene, thread: Thread, side: Member, *, shows: bool) -> tuple[AccountId, ...]:
    """Give the other members who may hear of this one."""
    if not shows or thread.kind is not ThreadKind.PAIR:
        return ()
    other = other_of(thread, side.account)
    return (other,) if may_learn(scene.facts, scene.policy, side, other) else ()
