"""Queries that facts alone answer: look-ups, previews and explanations. They change nothing."""

from typing import assert_never

from bridge.domain.model import Member, Message, ThreadKind
from bridge.domain.networks import seen_across
from bridge.domain.outcome import Scene, other_of
from bridge.domain.routing import (
    as_the_receiver_knows,
    decide_route,
    may_learn,
    route,
    shown_to_receiver,
)
from bridge.domain.rules.controls import get_controls
from bridge.domain.rules.hybrid import preview_leave_hybrid
from bridge.domain.rules.links import list_link_asks
from bridge.domain.rules.messages import check_content
from bridge.domain.rules.threads import find_other
from bridge.domain.rules.unlink import preview_unlink
from bridge.domain.translate import translate
from bridge.domain.views import account_view, text_of
from bridge.errors import Invalid, NotFound
from bridge.ids import AccountId, Seq, thread_of_pair
from bridge.wire import replies
from bridge.wire.queries import (
    Explain,
    FindAccount,
    GetControls,
    ListLinkAsks,
    PreviewLeaveHybrid,
    PreviewSend,
    PreviewUnlink,
)
from bridge.wire.values import Translation

FactQuery = (
    FindAccount | GetControls | Explain | ListLinkAsks | PreviewUnlink | PreviewLeaveHybrid | PreviewSend
)
"""The queries that need no listing from the store."""


def answer(scene: Scene, query: FactQuery) -> replies.Reply:
    """Answer a query from facts.

    Raises:
        Refusal: If the call is malformed or not allowed.
        Missing: If a fact is not in memory; load it and ask again.
    """
    match query:
        case FindAccount():
            return _find(scene, query)
        case GetControls():
            return get_controls(scene, query)
        case Explain():
            return _explain(scene, query)
        case ListLinkAsks():
            return list_link_asks(scene, query)
        case PreviewUnlink():
            return preview_unlink(scene, query)
        case PreviewLeaveHybrid():
            return preview_leave_hybrid(scene, query)
        case PreviewSend():
            return _preview_send(scene, query)
        case _:
            assert_never(query)


def is_present_for(scene: Scene, account: AccountId) -> bool:
    """Say whether the session may know that an account is online."""
    found = scene.facts.find_account(account)
    if found is None or not found.shows_presence:
        return False
    for leg in scene.legs:
        thread = thread_of_pair(leg, account)
        own, side = scene.facts.find_member(thread, leg), scene.facts.find_member(thread, account)
        if own is None or side is None or not own.has_accepted:
            continue  # nothing crosses before a request is accepted
        if may_learn(scene.facts, scene.policy, side, leg):
            return True
    return False


def _find(scene: Scene, query: FindAccount) -> replies.Found:
    return replies.Found(account=account_view(find_other(scene, query.account, query.network, query.handle)))


def _explain(scene: Scene, query: Explain) -> replies.Explained:
    own = scene.own(query.as_)
    if query.thread is not None:
        message = _received(scene, own.id, query)
        assert message.decision is not None
        return replies.Explained(decision=shown_to_receiver(message.decision))
    if query.account is None:
        raise Invalid("Name an account, or a thread and a seq.", path="$.account")
    sender = find_other(scene, query.account, None, None)
    side: Member | None = scene.facts.find_member(thread_of_pair(own.id, sender.id), own.id)
    way = route(scene.facts, scene.policy, sender.id, own.id, side)
    decision = decide_route(as_the_receiver_knows(way))
    return replies.Explained(decision=shown_to_receiver(decision))


def _received(scene: Scene, own: AccountId, query: Explain) -> Message:
    """Give a message that this account received and that has a decision."""
    assert query.thread is not None
    if query.seq is None:
        raise Invalid("Name the message by its seq.", path="$.seq")
    thread, _ = scene.seat(query.thread)
    message = scene.facts.message(thread.id, query.seq)
    if own not in thread.members or message is None or message.sender == own or message.decision is None:
        raise NotFound("There is no such message that this account received.", path="$.seq")
    return message


def _preview_send(scene: Scene, query: PreviewSend) -> replies.SendPreview:
    thread, side = scene.seat(query.thread)
    if thread.kind is not ThreadKind.PAIR:
        raise NotFound(path="$.thread")
    own, other = scene.facts.account(side.account), scene.facts.account(other_of(thread, side.account))
    check_content(scene, thread, own, query)
    quoted = None if query.reply_to is None else text_of(scene.facts, thread.id, Seq(query.reply_to))
    hybrid = seen_across(own.network, other.network, other.hybrid)
    shown = translate(query.text, quoted, other.network, hybrid)
    return replies.SendPreview(
        text=shown.text, parts=shown.parts, translation=shown.translation or Translation(kept=("text",))
    )
