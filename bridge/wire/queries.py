"""Queries: what a client may ask without changing anything."""

from typing import Annotated

from msgspec import Meta, field

from bridge.wire import replies
from bridge.wire.operation import Operation
from bridge.wire.values import (
    MAX_INT,
    AccountRef,
    Category,
    Cursor,
    Folder,
    Handle,
    Network,
    OutcomeWord,
    PageSize,
    SeqNumber,
    Text,
    ThreadRef,
    TieKind,
    Words,
)


class FindAccount(Operation, frozen=True, kw_only=True):
    """Look an account up by network and handle, or by id."""

    op = "find_account"
    reply = replies.Found

    network: Network | None = None
    handle: Handle | None = None
    account: AccountRef | None = None


class ListTies(Operation, frozen=True, kw_only=True):
    """List an own account's relations of one kind, both ways where the owner may know them."""

    op = "list_ties"
    reply = replies.Ties

    as_: AccountRef = field(name="as")
    tie: TieKind
    before: Cursor | None = None
    limit: PageSize = 50


class GetControls(Operation, frozen=True, kw_only=True):
    """Read an own account's message controls."""

    op = "get_controls"
    reply = replies.Controls

    as_: AccountRef = field(name="as")


class PreviewControls(Operation, frozen=True, kw_only=True):
    """Show what a change of controls would do, without doing it; fields as in ``set_controls``."""

    op = "preview_controls"
    reply = replies.ControlsPreview

    as_: AccountRef = field(name="as")
    controls: Annotated[dict[Category, OutcomeWord], Meta(max_length=20)] = field(default_factory=dict)
    keep_connected: bool | None = None


class Explain(Operation, frozen=True, kw_only=True):
    """Tell where a next message would land by what the asker owns, or why a message lies where it does.

    Of the sender's blocks, contacts, links, hybrid state, age and spam score the former knows nothing; a
    message that rests on the sender's own of these reads ``not_delivered``.

    Attributes:
        as_: The own account that receives.
        account: The sender, or
        thread: the thread and
        seq: the message.
    """

    op = "explain"
    reply = replies.Explained

    as_: AccountRef = field(name="as")
    account: AccountRef | None = None
    thread: ThreadRef | None = None
    seq: SeqNumber | None = None


class ListLinkAsks(Operation, frozen=True, kw_only=True):
    """List whose links wait for an own account's ``answer_link``: who comes later is told of none."""

    op = "list_link_asks"
    reply = replies.LinkAsks

    as_: AccountRef = field(name="as")


class PreviewUnlink(Operation, frozen=True, kw_only=True):
    """Show what an unlink would do, without doing it."""

    op = "preview_unlink"
    reply = replies.Effects

    as_: AccountRef = field(name="as")


class PreviewLeaveHybrid(Operation, frozen=True, kw_only=True):
    """Show what leaving hybrid messaging would do, without doing it."""

    op = "preview_leave_hybrid"
    reply = replies.Effects

    as_: AccountRef = field(name="as")


class PreviewSend(Operation, frozen=True, kw_only=True):
    """Show how a message would look on the other side, before it is sent; what cannot be said is refused."""

    op = "preview_send"
    reply = replies.SendPreview

    thread: ThreadRef
    text: Text
    reply_to: SeqNumber | None = None


class ListThreads(Operation, frozen=True, kw_only=True):
    """List a folder of the merged inbox, or of one leg, newest first."""

    op = "list_threads"
    reply = replies.Threads

    folder: Folder = Folder.INBOX
    as_: AccountRef | None = field(name="as", default=None)
    before: Cursor | None = None
    limit: PageSize = 50


class GetThread(Operation, frozen=True, kw_only=True):
    """Read one thread's state."""

    op = "get_thread"
    reply = replies.OneThread

    thread: ThreadRef


class History(Operation, frozen=True, kw_only=True):
    """Read a page of messages, newest first; ``after`` turns the direction."""

    op = "history"
    reply = replies.Messages

    thread: ThreadRef
    before: SeqNumber | None = None
    after: Annotated[int, Meta(ge=0, le=MAX_INT)] | None = None
    limit: PageSize = 50


class Search(Operation, frozen=True, kw_only=True):
    """Find words or beginnings of words in one's own threads, newest first."""

    op = "search"
    reply = replies.SearchHits

    text: Words
    thread: ThreadRef | None = None
    before: Cursor | None = None
    limit: PageSize = 50


class WhoIsHere(Operation, frozen=True, kw_only=True):
    """Ask which of these accounts are online, of those that let the asker know."""

    op = "who_is_here"
    reply = replies.Present

    accounts: Annotated[tuple[AccountRef, ...], Meta(min_length=1, max_length=100)]


class CountUnread(Operation, frozen=True, kw_only=True):
    """Count unread threads and messages by folder, over the merged inbox; requests are counted apart."""

    op = "count_unread"
    reply = replies.Unread


Query = (
    FindAccount
    | ListTies
    | GetControls
    | PreviewControls
    | Explain
    | ListLinkAsks
    | PreviewUnlink
    | PreviewLeaveHybrid
    | PreviewSend
    | ListThreads
    | GetThread
    | History
    | Search
    | WhoIsHere
    | CountUnread
)
