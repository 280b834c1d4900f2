"""What the hub answers: one type per kind of answer, named by the operations that give it."""

from msgspec import Struct, field

from bridge.ids import AccountId, DeviceId, PersonId, Seq, ThreadId
from bridge.wire.values import (
    AccountView,
    ControlView,
    DecisionView,
    DeviceView,
    LegHead,
    LinkAskView,
    MessageView,
    OutcomeOf,
    OwnAccountView,
    ThreadView,
    TieState,
    TieView,
    Translation,
)


class Reply(Struct, frozen=True, omit_defaults=True):
    """The base of all answers: absent fields have their default."""


class Done(Reply, frozen=True, kw_only=True):
    """It is done, and on disk if it changed something."""


class SignedIn(Reply, frozen=True, kw_only=True):
    """The session is open; events follow, each journal from its own place.

    Attributes:
        person: Whose session this is.
        device: The device that is signed in.
        token: The device's token; only when the sign-in made a new device. Keep it secret.
        accounts: The accounts that this session may use; the one that signed in stands first.
        legs: Where each journal stands.
        removed: Accounts named in the cursors that are no longer the caller's (``leg_removed``).
        heartbeat_s: How often the hub tells each journal's head; three times this without a word is a
            lost connection.
        max_frame: The largest frame that the hub takes, in bytes.
        hub: The product's version.
    """

    person: PersonId
    device: DeviceId
    token: str | None = None
    accounts: tuple[OwnAccountView, ...]
    legs: tuple[LegHead, ...]
    removed: tuple[AccountId, ...] = ()
    heartbeat_s: float
    max_frame: int
    hub: str


class Devices(Reply, frozen=True, kw_only=True):
    """The person's devices."""

    devices: tuple[DeviceView, ...]


class Profile(Reply, frozen=True, kw_only=True):
    """The account as it now is."""

    account: OwnAccountView


class Found(Reply, frozen=True, kw_only=True):
    """The account that was looked up."""

    account: AccountView


class Tied(Reply, frozen=True, kw_only=True):
    """How the tie stands now."""

    state: TieState


class Ties(Reply, frozen=True, kw_only=True):
    """A page of relations; ``next`` continues it."""

    ties: tuple[TieView, ...]
    next: str | None = None


class LinkAsks(Reply, frozen=True, kw_only=True):
    """The links that wait for the account's answer, the newest last."""

    asks: tuple[LinkAskView, ...]


class Linked(Reply, frozen=True, kw_only=True):
    """The person's accounts after the link; unchanged if it was declined."""

    accounts: tuple[OwnAccountView, ...]


class Effects(Reply, frozen=True, kw_only=True):
    """What a change does, or did.

    Attributes:
        threads_closed: Cross-network threads that become read-only.
        threads_opened: Cross-network threads that can be written to again.
        groups_left: Groups that lose a member.
        requests_lapsed: Unanswered requests that end.
        in_flight: Messages received but not committed; each gets one verdict.
        categories_added: Control categories that appear.
        categories_removed: Control categories that no longer apply.
        leaves_hybrid: Whether the account leaves hybrid messaging.
        reset: Control categories that are set back to ``requests``.
        undo_until: Until when this can be undone, in milliseconds since 1970.
    """

    threads_closed: int = 0
    threads_opened: int = 0
    groups_left: int = 0
    requests_lapsed: int = 0
    in_flight: int = 0
    categories_added: tuple[str, ...] = ()
    categories_removed: tuple[str, ...] = ()
    leaves_hybrid: bool = False
    reset: tuple[str, ...] = ()
    undo_until: int | None = None


class Controls(Reply, frozen=True, kw_only=True):
    """An account's message controls, most specific category first."""

    account: AccountId
    version: int
    keep_connected: bool = False
    controls: tuple[ControlView, ...]


class ControlsChanged(Reply, frozen=True, kw_only=True):
    """The controls' new version, and what the change did."""

    version: int
    effects: Effects


class Moved(Reply, frozen=True, kw_only=True):
    """How many past messages of a category would have fallen elsewhere; refused senders are never named."""

    category: str
    was: OutcomeOf
    would_be: OutcomeOf
    messages: int


class ControlsPreview(Reply, frozen=True, kw_only=True):
    """What a change of controls would do, and how the last 30 days would have fallen."""

    effects: Effects
    moved: tuple[Moved, ...]


class Explained(Reply, frozen=True, kw_only=True):
    """The decision, as far as the asker may know it."""

    decision: DecisionView


class Opened(Reply, frozen=True, kw_only=True):
    """The thread; or, if no identity was confirmed, the account that the hub proposes to speak as.

    Attributes:
        thread: The thread, once it exists.
        propose: The own account to speak as; call again with ``as`` and ``confirm``.
        other: The account to be written to.
        crosses: Whether the proposed way crosses networks.
    """

    thread: ThreadView | None = None
    propose: AccountId | None = None
    other: AccountView
    crosses: bool = False


class Sent(Reply, frozen=True, kw_only=True):
    """The message is on disk, in order, for every member."""

    thread: ThreadId
    seq: Seq
    at: int


class SendPreview(Reply, frozen=True, kw_only=True):
    """How the message would look on the other side."""

    text: str | None = None
    parts: tuple[str, ...] = ()
    translation: Translation = field(default_factory=Translation)


class Threads(Reply, frozen=True, kw_only=True):
    """A page of threads, newest first; ``next`` continues it."""

    threads: tuple[ThreadView, ...]
    next: str | None = None


class OneThread(Reply, frozen=True, kw_only=True):
    """The thread's state."""

    thread: ThreadView


class Messages(Reply, frozen=True, kw_only=True):
    """A page of messages; ``more`` says whether there is another in the same direction."""

    messages: tuple[MessageView, ...]
    more: bool = False


class SearchHits(Reply, frozen=True, kw_only=True):
    """A page of hits, newest first; ``next`` continues it."""

    messages: tuple[MessageView, ...]
    next: str | None = None


class Present(Reply, frozen=True, kw_only=True):
    """The accounts among those asked for that are online, as far as the asker may know."""

    online: tuple[AccountId, ...]


class Unread(Reply, frozen=True, kw_only=True):
    """Unread threads and messages of the inbox, and the number of requests waiting."""

    threads: int = 0
    messages: int = 0
    requests: int = 0
