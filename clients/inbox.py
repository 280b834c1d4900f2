"""What a person sees: events and snapshots folded into threads by folder. Pure.

Feed it every push of ``Client.events()`` and the threads of every account that it
calls ``stale``; read it for drawing. Hearing an event twice changes nothing; a
snapshot may be older or newer than events that were heard around it. Where the
events cannot tell something exactly, the thread is ``unsure``: read it again with
``get_thread`` and ``load_thread`` it. A thread whose two accounts became one person's is
there twice, as each of them sees it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bridge.errors import BridgeError
from bridge.ids import AccountId, ThreadId
from bridge.wire.events import (
    AnyEvent,
    Delivered,
    HybridChanged,
    LegAdded,
    LegRemoved,
    LinkChanged,
    MessageSent,
    Read,
    ThreadChanged,
    Typed,
)
from bridge.wire.values import AccountView, Consent, Folder, MessageView, ThreadView
from clients.notices import AnyNotice, Push, SendSettled, SessionOpened

TYPING_S = 6.0
"""So long somebody counts as typing after a ``typed``."""


class SendState(StrEnum):
    """How far an own message has come."""

    SENDING = "sending"
    SENT = "sent"  #: on the hub's disk
    DELIVERED = "delivered"  #: on a device of the other side
    READ = "read"
    FAILED = "failed"  #: refused; ``Outgoing.error`` says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An own message that the hub has not taken yet."""

    token: str
    thread: ThreadId
    text: str
    state: SendState = SendState.SENDING
    error: BridgeError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thread, as a list shows it; fields as in ``ThreadView``."""

    id: ThreadId
    leg: AccountId
    others: tuple[AccountView, ...]
    folder: Folder
    consent: Consent
    closed: str | None
    tip: int
    unread: int
    read: int
    answered: bool
    others_read: int
    others_delivered: int
    last: MessageView | None
    last_at: int
    title: str | None = None
    segments: tuple[ThreadId, ...] = ()

    @property
    def is_request(self) -> bool:
        """Whether the reader has still to answer: reading it must leave no trace."""
        return self.consent is Consent.PENDING


class _Thread:
    """One thread's fold: a base from a snapshot, and what was heard on top of it."""

    def __init__(self, thread: ThreadId, leg: AccountId) -> None:
        self.id = thread
        self.leg = leg
        self.others: tuple[AccountView, ...] = ()
        self.folder = Folder.NONE
        self.consent = Consent.NONE
        self.closed: str | None = None
        self.answered = False
        self.base_tip = self.base_read = self.base_unread = 0
        self.tip = self.read = self.others_read = self.others_delivered = 0
        self.last: MessageView | None = None
        self.last_at = 0
        self.title: str | None = None
        self.segments: tuple[ThreadId, ...] = ()
        self.heard: dict[int, bool] = {}  # seq above base_tip → whether it is somebody else's
        self.changed = False  # an event said where it is; a snapshot may be older than that
        self.spoken_in = False  # an event told of a message; likewise
        self.unsure = False

    def load(self, view: ThreadView) -> None:
        """Take a snapshot for the base; what was heard beyond it stays on top."""
        self.leg, self.others = view.leg, view.others or self.others
        self.title, self.segments = view.title, view.segments
        if not self.changed:
            self.folder, self.consent, self.closed = view.folder, view.consent, view.closed
        self.answered = self.answered or view.answered
        self.base_tip, self.base_read, self.base_unread = view.tip, view.read, view.unread
        self.heard = {seq: other for seq, other in self.heard.items() if seq > view.tip}
        self.tip, self.read = max(self.tip, view.tip), max(self.read, view.read)
        self.others_read = max(self.others_read, view.others_read)
        self.others_delivered = max(self.others_delivered, view.others_delivered)
        if view.last is not None and (self.last is None or view.last.seq > self.last.seq):
            self.last = view.last
        self.last_at = max(self.last_at, view.last_at)
        self.unsure = False

    def say(self, message: MessageView) -> None:
        """Hear a message."""
        if message.seq <= self.tip:
            return
        own = message.sender == self.leg
        self.spoken_in = True
        self.unsure = self.unsure or message.seq != self.tip + 1
        if own and self.read == message.seq - 1:
            self.read = message.seq  # who has read all before has read what he says himself
        self.answered = self.answered or not own
        self.tip, self.last, self.last_at = message.seq, message, max(self.last_at, message.at)
        self.heard[message.seq] = not own
        self._settle()

    def read_upto(self, upto: int) -> None:
        """Move the own receipt."""
        self.read = max(self.read, min(upto, self.tip))
        self._settle()

    def unread(self) -> int:
        """Count the others' messages after the own receipt."""
        new = sum(other for seq, other in self.heard.items() if seq > self.read)
        if self.read >= self.base_tip:
            return new
        return new + min(self.base_unread, self.base_tip - max(self.read, self.base_read))

    def _settle(self) -> None:
        """Forget what no longer matters, and notice what can no longer be told exactly."""
        if self.read >= self.tip:
            self.heard.clear()
            self.base_tip = self.base_read = self.tip
            self.base_unread = 0
        elif self.base_read < self.read < self.base_tip and self.base_unread:
            # Whose messages lie between two receipts only the hub knows, unless all are theirs.
            self.unsure = self.unsure or self.base_unread != self.base_tip - self.base_read

    def row(self) -> Row:
        return Row(
            id=self.id,
            leg=self.leg,
            others=self.others,
            folder=self.folder,
            consent=self.consent,
            closed=self.closed,
            tip=self.tip,
            unread=self.unread(),
            read=self.read,
            answered=self.answered,
            others_read=self.others_read,
            others_delivered=self.others_delivered,
            last=self.last,
            last_at=self.last_at,
            title=self.title,
            segments=self.segments,
        )


class Inbox:
    """All threads of a person's accounts.

    Attributes:
        stale: Accounts whose threads must be read again: list them and ``load`` them.
    """

    def __init__(self) -> None:
        """Know nothing."""
        self.stale: set[AccountId] = set()
        self._own: set[AccountId] = set()
        self._threads: dict[tuple[AccountId, ThreadId], _Thread] = {}
        self._outgoing: dict[str, Outgoing] = {}
        self._typing: dict[tuple[ThreadId, AccountId], float] = {}

    # --- what goes in

    def hear(self, push: Push, now: float = 0.0) -> None:
        """Fold one push in; ``now`` in seconds, of any clock, is for typing only."""
        event = push.event
        match event:
            case SessionOpened():
                self._open(event)
            case LegAdded():
                self._own.add(event.account.id)
                self.stale.add(event.account.id)
            case LegRemoved():
                self._forget(event.account)
            case HybridChanged(account=leg) | LinkChanged(leg=leg):
                if leg in self._own:
                    self._read_again(leg)  # threads across networks close and open by it
            case SendSettled():
                self._settle(event)
            case Typed():
                self._typing[event.thread, event.account] = now + TYPING_S
            case _:
                self._fold(event, push.account)

    def load(self, leg: AccountId, views: Iterable[ThreadView]) -> None:
        """Take all threads of one account, of all folders, in place of what was known of it."""
        by_id = {view.id: view for view in views if view.leg == leg}
        for thread in [thread for thread in self._threads.values() if thread.leg == leg]:
            if thread.id not in by_id and not thread.changed and not thread.spoken_in:
                del self._threads[leg, thread.id]
        for view in by_id.values():
            self.load_thread(view)
        self.stale.discard(leg)

    def load_thread(self, view: ThreadView) -> None:
        """Take one thread, as ``get_thread`` gives it."""
        self._at(view.id, view.leg).load(view)

    def sending(self, token: str, thread: ThreadId, text: str) -> None:
        """Show a message that goes out under this token."""
        self._outgoing[token] = Outgoing(token=token, thread=thread, text=text)

    def dismiss(self, token: str) -> None:
        """Stop to show a message that failed."""
        self._outgoing.pop(token, None)

    # --- what a person sees

    def threads(self, folder: Folder = Folder.INBOX) -> list[Row]:
        """List a folder, newest first."""
        rows = [thread.row() for thread in self._threads.values() if thread.folder is folder]
        return sorted(rows, key=lambda row: (-row.last_at, row.id, row.leg))

    def thread(self, thread: ThreadId) -> Row | None:
        """Show one thread, in whichever folder it is; as an own account sees it, if two are in it."""
        return next((known.row() for known in self._threads.values() if known.id == thread), None)

    @property
    def unsure(self) -> list[ThreadId]:
        """Threads of which the events did not tell all; of one that is there twice, ``stale`` says so."""
        return [
            thread.id for thread in self._threads.values() if thread.unsure and not self._is_twice(thread)
        ]

    @property
    def requests(self) -> int:
        """How many requests wait for an answer."""
        return sum(
            thread.folder is Folder.REQUESTS and thread.consent is Consent.PENDING
            for thread in self._threads.values()
        )

    @property
    def unread(self) -> int:
        """How many messages of the inbox are unread; requests never count."""
        return sum(thread.unread() for thread in self._threads.values() if thread.folder is Folder.INBOX)

    def outgoing(self, thread: ThreadId) -> list[Outgoing]:
        """List the own messages of a thread that are not taken yet, or were refused."""
        return [message for message in self._outgoing.values() if message.thread == thread]

    def state_of(self, message: MessageView) -> SendState:
        """Say how far an own message has come."""
        thread = self._threads.get((message.sender, message.thread))
        if thread is None or message.seq > max(thread.others_read, thread.others_delivered):
            return SendState.SENT
        return SendState.READ if message.seq <= thread.others_read else SendState.DELIVERED

    def typing(self, thread: ThreadId, now: float) -> list[AccountId]:
        """Name who is typing in a thread."""
        return [who for (where, who), until in self._typing.items() if where == thread and until > now]

    # --- folding

    def _open(self, event: SessionOpened) -> None:
        own = {account.id for account in event.signed.accounts}
        for gone in self._own - own:
            self._forget(gone)
        for leg in {*event.reload, *(own - self._own)}:  # of one it does not know, nothing else was told
            self._read_again(leg)
        self._own = own

    def _read_again(self, leg: AccountId) -> None:
        self.stale.add(leg)
        for thread in self._threads.values():
            if thread.leg == leg:
                thread.changed = thread.spoken_in = False  # that is older than the snapshot to come

    def _forget(self, account: AccountId) -> None:
        self._own.discard(account)
        self.stale.discard(account)
        for thread in [thread for thread in self._threads.values() if thread.leg == account]:
            del self._threads[account, thread.id]

    def _settle(self, event: SendSettled) -> None:
        message = self._outgoing.pop(event.token, None)
        if message is not None and event.error is not None:
            self._outgoing[event.token] = Outgoing(
                token=message.token,
                thread=message.thread,
                text=message.text,
                state=SendState.FAILED,
                error=event.error,
            )

    def _fold(self, event: AnyEvent | AnyNotice, journal: AccountId | None) -> None:
        match event:
            case MessageSent(message=message):
                if journal is not None:
                    self._say(self._at(message.thread, journal), message)
            case ThreadChanged():
                self._change(event)
            case Read() | Delivered() if journal is not None:
                if (thread := self._threads.get((journal, event.thread))) is not None:
                    self._receive(thread, event)
            case _:
                pass

    def _say(self, thread: _Thread, message: MessageView) -> None:
        thread.say(message)
        self._typing.pop((message.thread, message.sender), None)
        self._doubt(thread)

    def _receive(self, thread: _Thread, receipt: Read | Delivered) -> None:
        if isinstance(receipt, Read) and receipt.account == thread.leg:
            thread.read_upto(receipt.upto)
            return self._doubt(thread)
        if isinstance(receipt, Read):
            thread.others_read = max(thread.others_read, receipt.upto)
        thread.others_delivered = max(thread.others_delivered, receipt.upto)

    def _doubt(self, thread: _Thread) -> None:
        """Have all of an account read again where ``get_thread`` may show what the other one sees."""
        if thread.unsure and self._is_twice(thread):
            self.stale.add(thread.leg)

    def _is_twice(self, thread: _Thread) -> bool:
        return sum(other.id == thread.id for other in self._threads.values()) > 1

    def _change(self, event: ThreadChanged) -> None:
        appears = (event.leg, event.thread) not in self._threads
        thread = self._at(event.thread, event.leg)
        if appears and not event.others:  # it had appeared before; what was said in it is not known
            thread.unsure = True
            self._doubt(thread)
        thread.others = event.others or thread.others
        thread.folder, thread.consent, thread.closed = event.folder, event.consent, event.closed
        thread.answered = thread.answered or event.answered
        thread.changed = True

    def _at(self, name: ThreadId, leg: AccountId) -> _Thread:
        thread = self._threads.get((leg, name))
        if thread is None:
            thread = self._threads[leg, name] = _Thread(name, leg)
        return thread
