"""Commands: what a client may have changed; decided by the rules, committed, then answered.

Each class is one operation: ``op`` is its name on the wire and ``reply`` the type
of its answer. Adding one: the class and its place in the union, a rule, a row in
``docs/protocol.md``, tests. The codec builds its tables from the unions.
"""

from typing import Annotated

from msgspec import Meta, field

from bridge.wire import replies
from bridge.wire.operation import Operation
from bridge.wire.values import (
    MAX_INT,
    AccountRef,
    Category,
    DisplayName,
    Handle,
    Network,
    OutcomeWord,
    Phone,
    SendToken,
    SeqNumber,
    Text,
    ThreadRef,
    TieKind,
    Url,
)

Threads_ = Annotated[tuple[ThreadRef, ...], Meta(min_length=1, max_length=100)]


class SetProfile(Operation, frozen=True, kw_only=True):
    """Change how an own account appears; absent fields stay."""

    op = "set_profile"
    reply = replies.Profile

    as_: AccountRef = field(name="as")
    handle: Handle | None = None
    name: DisplayName | None = None
    picture: Url | None = None
    private: bool | None = None
    shows_typing: bool | None = None
    shows_presence: bool | None = None
    shows_receipts: bool | None = None


class SetTie(Operation, frozen=True, kw_only=True):
    """Follow, befriend, block or restrict an account, or stop to."""

    op = "set_tie"
    reply = replies.Tied

    as_: AccountRef = field(name="as")
    account: AccountRef
    tie: TieKind
    on: bool = True


class AnswerTie(Operation, frozen=True, kw_only=True):
    """Answer a follow or friend request."""

    op = "answer_tie"
    reply = replies.Tied

    as_: AccountRef = field(name="as")
    account: AccountRef
    tie: TieKind
    accept: bool


class UploadContacts(Operation, frozen=True, kw_only=True):
    """Say which phone numbers an own account has in its contacts; replaces the list."""

    op = "upload_contacts"
    reply = replies.Done

    as_: AccountRef = field(name="as")
    phones: Annotated[tuple[Phone, ...], Meta(max_length=5_000)]


class Link(Operation, frozen=True, kw_only=True):
    """Join an account of the other network to the person, proven by its password."""

    op = "link"
    reply = replies.Linked

    as_: AccountRef = field(name="as")
    network: Network
    handle: Handle
    password: Annotated[str, Meta(min_length=1, max_length=200)]


class AskLink(Operation, frozen=True, kw_only=True):
    """Ask a signed-in device of the other account to approve a link, within 10 minutes."""

    op = "ask_link"
    reply = replies.Done

    as_: AccountRef = field(name="as")
    network: Network
    handle: Handle


class AnswerLink(Operation, frozen=True, kw_only=True):
    """Approve or refuse a link that another account asked for."""

    op = "answer_link"
    reply = replies.Linked

    as_: AccountRef = field(name="as")
    account: AccountRef
    accept: bool


class Upgrade(Operation, frozen=True, kw_only=True):
    """Take hybrid messaging, or take it again after leaving."""

    op = "upgrade"
    reply = replies.Effects

    as_: AccountRef = field(name="as")


class LeaveHybrid(Operation, frozen=True, kw_only=True):
    """Separate the inboxes again; the accounts stay linked."""

    op = "leave_hybrid"
    reply = replies.Effects

    as_: AccountRef = field(name="as")


class Unlink(Operation, frozen=True, kw_only=True):
    """Take an own account out of the person, after a preview."""

    op = "unlink"
    reply = replies.Effects

    as_: AccountRef = field(name="as")


class UndoUnlink(Operation, frozen=True, kw_only=True):
    """Link again within 14 days of an unlink, proven as a link is; tightened rules stay tight."""

    op = "undo_unlink"
    reply = replies.Linked

    as_: AccountRef = field(name="as")
    network: Network
    handle: Handle
    password: Annotated[str, Meta(min_length=1, max_length=200)]


class SetLinkOptions(Operation, frozen=True, kw_only=True):
    """Switch single sign-on and the syncing of name and picture of a linked person; absent fields stay."""

    op = "set_link_options"
    reply = replies.Done

    as_: AccountRef = field(name="as")
    single_sign_on: bool | None = None
    sync_name: bool | None = None
    sync_picture: bool | None = None


class DeleteAccount(Operation, frozen=True, kw_only=True):
    """Make an own account unreachable now and erase it after the grace time."""

    op = "delete_account"
    reply = replies.Done

    as_: AccountRef = field(name="as")
    password: Annotated[str, Meta(min_length=1, max_length=200)]


class RestoreAccount(Operation, frozen=True, kw_only=True):
    """Take back the deletion of an own account within the grace time."""

    op = "restore_account"
    reply = replies.Done

    as_: AccountRef = field(name="as")


class SetControls(Operation, frozen=True, kw_only=True):
    """Change message controls, made against a version; absent categories stay.

    Attributes:
        as_: Whose controls.
        if_version: The version that the change was made against; another one is ``stale_version``.
        controls: The new outcome by category.
        keep_connected: Whether a category of the other network set to ``none`` refuses strangers only.
    """

    op = "set_controls"
    reply = replies.ControlsChanged

    as_: AccountRef = field(name="as")
    if_version: Annotated[int, Meta(ge=0, le=MAX_INT)]
    controls: Annotated[dict[Category, OutcomeWord], Meta(max_length=20)] = field(default_factory=dict)
    keep_connected: bool | None = None


class OpenThread(Operation, frozen=True, kw_only=True):
    """Get the thread with an account, or make it; the other side sees nothing of it.

    Attributes:
        account: With whom, or
        network: where and
        handle: by which handle.
        as_: The own account that speaks; absent: the hub proposes one.
        confirm: Says that speaking as this account, which reveals it, was chosen knowingly.
    """

    op = "open_thread"
    reply = replies.Opened

    as_: AccountRef | None = field(name="as", default=None)
    account: AccountRef | None = None
    network: Network | None = None
    handle: Handle | None = None
    confirm: bool = False


class Send(Operation, frozen=True, kw_only=True):
    """Post a message to a thread.

    Attributes:
        thread: Where to post; the sender must be a member.
        text: What to say.
        reply_to: The ``seq`` of the message that it answers.
        token: Chosen by the client. A repeated token is the same message for ever, so a client may retry
            without fear of saying a thing twice. Tokens that begin with the time (as UUIDv7 does) are
            cheaper to keep.
    """

    op = "send"
    reply = replies.Sent

    thread: ThreadRef
    text: Text
    reply_to: SeqNumber | None = None
    token: SendToken


class Accept(Operation, frozen=True, kw_only=True):
    """Accept requests: the threads move to the inbox and the senders may see receipts."""

    op = "accept"
    reply = replies.Done

    threads: Threads_


class Decline(Operation, frozen=True, kw_only=True):
    """Decline requests: the threads leave the list and the senders are not told.

    Attributes:
        threads: Which.
        hide: Send what these senders ask in future to the hidden folder.
    """

    op = "decline"
    reply = replies.Done

    threads: Threads_
    hide: bool = False


class Archive(Operation, frozen=True, kw_only=True):
    """Put threads away, or back into the inbox."""

    op = "archive"
    reply = replies.Done

    threads: Threads_
    on: bool = True


class MarkDelivered(Operation, frozen=True, kw_only=True):
    """Say that messages up to a ``seq`` reached this device."""

    op = "mark_delivered"
    reply = replies.Done

    thread: ThreadRef
    upto: SeqNumber


class MarkRead(Operation, frozen=True, kw_only=True):
    """Move the reader's receipt forward; the other side learns of it only where the reader has accepted."""

    op = "mark_read"
    reply = replies.Done

    thread: ThreadRef
    upto: SeqNumber


class Typing(Operation, frozen=True, kw_only=True):
    """Tell the other side that the member is typing; never stored."""

    op = "typing"
    reply = replies.Done

    thread: ThreadRef


Command = (
    SetProfile
    | SetTie
    | AnswerTie
    | UploadContacts
    | Link
    | AskLink
    | AnswerLink
    | Upgrade
    | LeaveHybrid
    | Unlink
    | UndoUnlink
    | SetLinkOptions
    | DeleteAccount
    | RestoreAccount
    | SetControls
    | OpenThread
    | Send
    | Accept
    | Decline
    | Archive
    | MarkDelivered
    | MarkRead
    | Typing
)
