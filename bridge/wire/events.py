"""What the hub tells: things that happened. Those with a place in a journal survive a lost connection."""

from msgspec import Struct

from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.values import (
    AccountView,
    Consent,
    Folder,
    Hybrid,
    LegHead,
    Level,
    MessageView,
    OwnAccountView,
    TieKind,
    TieState,
)


class Event(Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """The base of all events; ``type`` is its name on the wire."""


class MessageSent(Event, frozen=True, kw_only=True, tag="message_sent"):
    """Something was said in a thread; the sender's own devices hear it too."""

    message: MessageView


class ThreadChanged(Event, frozen=True, kw_only=True, tag="thread_changed"):
    """A thread appeared, moved to another folder, was answered or closed, for this account.

    Attributes:
        thread: Which.
        leg: The account that is told.
        others: The other members, when the thread appears.
        folder: Where it is now.
        consent: What this account answered, where it is or was a request.
        answered: Whether the other side wrote or visibly accepted.
        closed: Why this account can no longer write here, if it is the one that caused it.
        capabilities: What the thread carries, when the thread appears; see ``ThreadView``.
    """

    thread: ThreadId
    leg: AccountId
    others: tuple[AccountView, ...] = ()
    folder: Folder
    consent: Consent = Consent.NONE
    answered: bool = False
    closed: str | None = None
    capabilities: dict[str, Level] | None = None


class Delivered(Event, frozen=True, kw_only=True, tag="delivered"):
    """Messages up to a ``seq`` reached a device of a member."""

    thread: ThreadId
    account: AccountId
    upto: Seq


class Read(Event, frozen=True, kw_only=True, tag="read"):
    """A member has read up to a ``seq``."""

    thread: ThreadId
    account: AccountId
    upto: Seq


class TieChanged(Event, frozen=True, kw_only=True, tag="tie_changed"):
    """A relation of this account changed; ``incoming`` if the other account holds it."""

    leg: AccountId
    account: AccountView
    tie: TieKind
    state: TieState
    incoming: bool = False


class ControlsChanged(Event, frozen=True, kw_only=True, tag="controls_changed"):
    """An own account's message controls have a new version."""

    account: AccountId
    version: int


class ProfileChanged(Event, frozen=True, kw_only=True, tag="profile_changed"):
    """An own account appears differently now."""

    account: OwnAccountView


class LinkAsked(Event, frozen=True, kw_only=True, tag="link_asked"):
    """An account asks to be linked with this one; answer within the time given (milliseconds since 1970)."""

    leg: AccountId
    account: AccountView
    until: int


class LinkAnswered(Event, frozen=True, kw_only=True, tag="link_answered"):
    """The other account answered a link that this one had asked for."""

    leg: AccountId
    account: AccountId
    accepted: bool


class LinkAttempted(Event, frozen=True, kw_only=True, tag="link_attempted"):
    """Somebody tried to link this account and failed to prove that it is theirs."""

    leg: AccountId


class LinkChanged(Event, frozen=True, kw_only=True, tag="link_changed"):
    """This account was linked or unlinked (``linked_to`` is to what now); read its threads again likewise."""

    leg: AccountId
    linked_to: tuple[AccountView, ...] = ()
    undo_until: int | None = None


class HybridChanged(Event, frozen=True, kw_only=True, tag="hybrid_changed"):
    """This account took or left hybrid messaging; read its threads again, as some opened or closed."""

    account: AccountId
    hybrid: Hybrid


class AccountStateChanged(Event, frozen=True, kw_only=True, tag="account_state_changed"):
    """This account was deactivated, restored or deleted."""

    account: OwnAccountView


# --- events without a place in a journal


class Typed(Event, frozen=True, kw_only=True, tag="typed"):
    """A member is typing, or was within the last seconds. Not stored."""

    thread: ThreadId
    account: AccountId


class PresenceChanged(Event, frozen=True, kw_only=True, tag="presence_changed"):
    """An account came online or went. Not stored."""

    account: AccountId
    online: bool


class Heartbeat(Event, frozen=True, kw_only=True, tag="heartbeat"):
    """Where each own journal stands: a client that is behind these heads without events coming is deaf."""

    legs: tuple[LegHead, ...]
    at: int


class LegAdded(Event, frozen=True, kw_only=True, tag="leg_added"):
    """This session may use another account now; read its threads, its journal goes on from ``head``."""

    account: OwnAccountView
    leg: LegHead


class LegRemoved(Event, frozen=True, kw_only=True, tag="leg_removed"):
    """This session may no longer use an account; nothing of it comes from now on."""

    account: AccountId


JournalEvent = (
    MessageSent
    | ThreadChanged
    | Delivered
    | Read
    | TieChanged
    | ControlsChanged
    | ProfileChanged
    | LinkAsked
    | LinkAnswered
    | LinkAttempted
    | LinkChanged
    | HybridChanged
    | AccountStateChanged
)
"""Events that a journal keeps."""

PassingEvent = Typed | PresenceChanged | Heartbeat | LegAdded | LegRemoved
"""Events that are told once, or again by the next heartbeat or sign-in."""

AnyEvent = JournalEvent | PassingEvent
