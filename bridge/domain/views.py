"""What each account may see of records: made of facts, the same live, at a replay and in a listing."""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from bridge.domain.content import Content, unpack
from bridge.domain.facts import Facts
from bridge.domain.model import Account, Member, Message, Person, Thread, ThreadKind
from bridge.domain.networks import carried
from bridge.domain.outcome import other_of
from bridge.domain.policy import Policy
from bridge.domain.routing import closed_reason
from bridge.domain.translate import shows_as_said, translate
from bridge.ids import Seq, ThreadId
from bridge.wire.events import (
    AccountStateChanged,
    JournalEvent,
    LinkAsked,
    LinkChanged,
    ProfileChanged,
    ThreadChanged,
    TieChanged,
)
from bridge.wire.values import AccountState, AccountView, MessageView, OwnAccountView, ThreadView

AnyView = AccountView | OwnAccountView

SHOW_ACCOUNTS: Final[dict[type, str]] = {
    ThreadChanged: "others",
    TieChanged: "account",
    LinkAsked: "account",
    LinkChanged: "linked_to",
    ProfileChanged: "account",
    AccountStateChanged: "account",
}
"""The events that show accounts, and in which field."""


def account_view(account: Account) -> AccountView:
    """Show an account to anyone."""
    if account.state is AccountState.DELETED:
        return AccountView(id=account.id, network=account.network, handle="", name="deleted account")
    return AccountView(
        id=account.id,
        network=account.network,
        handle="" if account.placeholder else account.handle,
        name=account.name,
        picture=account.picture or None,
        private=account.private,
    )


def own_account_view(account: Account, person: Person) -> OwnAccountView:
    """Show an account to its owner."""
    return OwnAccountView(
        id=account.id,
        network=account.network,
        handle=account.handle,
        name=account.name,
        picture=account.picture or None,
        private=account.private,
        person=person.id,
        hybrid=account.hybrid,
        state=account.state,
        region=account.region,
        professional=account.professional,
        linked_to=tuple(other for other in person.accounts if other != account.id),
        single_sign_on=person.single_sign_on,
        synced=(*(("name",) if person.sync_name else ()), *(("picture",) if person.sync_picture else ())),
        shows_typing=account.shows_typing,
        shows_presence=account.shows_presence,
        shows_receipts=account.shows_receipts,
    )


def message_view(facts: Facts, message: Message, viewer: Account) -> MessageView:
    """Show a message to an account: whole where its network can, else translated, and saying so."""
    if message.content is None or viewer.id == message.sender:
        return view_as_said(message)
    content = unpack(message.content)
    if shows_as_said(content.text, content.reply_to is not None, viewer.network, viewer.hybrid):
        return _whole(message, content)
    quoted = None if content.reply_to is None else text_of(facts, message.thread, content.reply_to)
    shown = translate(content.text, quoted, viewer.network, viewer.hybrid)
    return replace(
        _whole(message, content),
        text=shown.text,
        parts=shown.parts,
        reply_to=content.reply_to if shown.is_reply else None,
        translation=shown.translation,
    )


def view_as_said(message: Message) -> MessageView:
    """Show a message as its sender sees it; of one whose content was erased, its place in the chain stays."""
    if message.content is not None:
        return _whole(message, unpack(message.content))
    return MessageView(
        thread=message.thread,
        seq=message.seq,
        sender=message.sender,
        at=message.at,
        kind="erased",
        digest=message.digest.hex(),
        link=message.link.hex(),
    )


def _whole(message: Message, content: Content) -> MessageView:
    return MessageView(
        thread=message.thread,
        seq=message.seq,
        sender=message.sender,
        at=message.at,
        text=content.text,
        reply_to=content.reply_to,
        origin=content.origin,
        kind=content.kind,
        digest=message.digest.hex(),
        link=message.link.hex(),
    )


def what_is_left(facts: Facts, message: Message) -> Message:
    """Give a message without its content if its account was erased.

    Memory may hold what the store has erased since, and the store has it until the erasure comes to it.
    """
    if message.content is None or facts.account(message.sender).state is not AccountState.DELETED:
        return message
    return replace(message, content=None, salt=None)


def text_of(facts: Facts, thread: ThreadId, seq: Seq) -> str:
    """Give the text of a message, empty where it has none or none any more."""
    message = facts.message(thread, seq)
    content = None if message is None else what_is_left(facts, message).content
    return "" if content is None else unpack(content).text or ""


def thread_changed(
    facts: Facts, policy: Policy, thread: Thread, side: Member, *, answered: bool, appears: bool
) -> ThreadChanged:
    """Tell an account of its thread's state; who is in it and what it carries only when it appears."""
    if thread.kind is not ThreadKind.PAIR:
        others = tuple(
            account_view(facts.account(other)) for other in thread.members if other != side.account
        )
        return ThreadChanged(
            thread=thread.id, leg=side.account, others=others if appears else (), folder=side.folder,
            consent=side.consent,
        )  # fmt: skip
    own, other = facts.account(side.account), facts.account(other_of(thread, side.account))
    return ThreadChanged(
        thread=thread.id,
        leg=side.account,
        others=(account_view(other),) if appears else (),
        folder=side.folder,
        consent=side.consent,
        answered=answered,
        closed=closed_reason(own, other, _is_linked(facts, own), policy),
        capabilities=carried(own.network, own.hybrid, other.network, other.hybrid) if appears else None,
    )


def thread_view(
    facts: Facts,
    policy: Policy,
    thread: Thread,
    side: Member,
    theirs: Member | None,
    last: Message | None,
    segments: tuple[ThreadId, ...] = (),
) -> ThreadView:
    """Show a thread to one of its members; ``theirs`` is the other side of a pair thread."""
    own = facts.account(side.account)
    base = ThreadView(
        id=thread.id,
        leg=side.account,
        others=tuple(account_view(facts.account(other)) for other in thread.members if other != side.account),
        folder=side.folder,
        consent=side.consent,
        tip=thread.tip,
        link=thread.link.hex(),
        unread=side.unread(thread.tip),
        read=side.read,
        last=message_view(facts, what_is_left(facts, last), own) if last is not None else None,
        last_at=thread.last_at,
        segments=segments,
        title=thread.title or None,
        closed=None if thread.kind is ThreadKind.PAIR else "history",
    )
    if thread.kind is not ThreadKind.PAIR:
        return base
    return _with_other_side(facts, policy, thread, own, theirs, base)


def _with_other_side(
    facts: Facts, policy: Policy, thread: Thread, own: Account, theirs: Member | None, base: ThreadView
) -> ThreadView:
    """Add what a pair thread shows of its other side, as far as the member may know."""
    other = facts.account(other_of(thread, own.id))
    return replace(
        base,
        closed=closed_reason(own, other, _is_linked(facts, own), policy),
        answered=theirs is not None and theirs.has_answered,
        others_read=theirs.shown_read if theirs else 0,
        others_delivered=theirs.shown_delivered if theirs else 0,
        capabilities=carried(own.network, own.hybrid, other.network, other.hybrid),
    )


def without_names(event: JournalEvent) -> JournalEvent:
    """Give what journals keep of an event: of accounts hardly more than their ids.

    So nothing in them outlives an erasure; see ``with_names``.
    """
    return _changed(event, _without_name)


def with_names(facts: Facts, event: JournalEvent) -> JournalEvent:
    """Show the accounts of an event that a journal kept, as they are now.

    Raises:
        Missing: If memory lacks one of them.
    """

    def named(view: AnyView) -> AnyView:
        account = facts.find_account(view.id)
        if account is None:
            return view
        if isinstance(view, OwnAccountView):
            return own_account_view(account, facts.person_of(account.id))
        return account_view(account)

    return _changed(event, named)


def _changed(event: JournalEvent, change: Callable[[AnyView], AnyView]) -> JournalEvent:
    name = SHOW_ACCOUNTS.get(type(event))
    shown = getattr(event, name) if name is not None else ()
    if name is None or shown == ():
        return event
    return replace(event, **{name: tuple(map(change, shown)) if isinstance(shown, tuple) else change(shown)})


def _without_name(view: AnyView) -> AnyView:
    bare = replace(view, handle="", name="", picture=None)
    return replace(bare, region="") if isinstance(bare, OwnAccountView) else bare


def _is_linked(facts: Facts, account: Account) -> bool:
    return len(facts.person_of(account.id).accounts) > 1
