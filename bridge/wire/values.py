"""Closed sets, bounded fields and views: the words that calls, replies and events are made of."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, field

from bridge.ids import AccountId, DeviceId, PersonId, Position, Seq, ThreadId

END = r"(?![\s\S])"  # the end of the text in every regex dialect; `$` forgives a newline
NO_CONTROLS = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*" + END  # newline and tab are text
NAME = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*" + END  # nor bidi overrides: they forge names

REF = r"^[!-~]{1,64}" + END  # ids are compared, logged and looked up: printable, whatever they are

MAX_INT = 2**53 - 1  # what every JSON reader can hold

AccountRef = Annotated[AccountId, Meta(pattern=REF)]
ThreadRef = Annotated[ThreadId, Meta(pattern=REF)]
DeviceRef = Annotated[DeviceId, Meta(pattern=REF)]
SeqNumber = Annotated[Seq, Meta(ge=1, le=MAX_INT)]
Text = Annotated[str, Meta(min_length=1, max_length=60_000, pattern=NO_CONTROLS)]
Handle = Annotated[str, Meta(min_length=1, max_length=64, pattern=NAME)]
DisplayName = Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME)]
DeviceName = Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME)]
Password = Annotated[str, Meta(min_length=8, max_length=200)]
SendToken = Annotated[str, Meta(pattern=REF)]
Secret = Annotated[str, Meta(pattern=r"^[!-~]{1,200}" + END)]
Cursor = Annotated[str, Meta(pattern=r"^[!-~]{1,200}" + END)]
Phone = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{5,14}" + END)]  # E.164
Url = Annotated[str, Meta(max_length=2_000, pattern=r"^https?://[!-~]+" + END)]
PageSize = Annotated[int, Meta(ge=1, le=200)]
OutcomeWord = Annotated[str, Meta(pattern=r"^[a-z_]{1,32}" + END)]
Category = Annotated[str, Meta(pattern=r"^[a-z_]{1,64}" + END)]
Words = Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_CONTROLS)]


class Network(StrEnum):
    """The built-in networks; what each can do stands in ``bridge.domain.networks``."""

    DIRECT = "direct"
    MESSENGER = "messenger"


class Hybrid(StrEnum):
    """Whether an account takes part in chats across networks."""

    NEVER = "never"  #: not upgraded yet
    ON = "on"
    OFF = "off"  #: left


class AccountState(StrEnum):
    """Whether an account can be reached."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"


class Folder(StrEnum):
    """Where a member finds a thread."""

    INBOX = "inbox"
    REQUESTS = "requests"
    HIDDEN = "hidden"
    ARCHIVED = "archived"
    NONE = "none"  #: not shown: nothing was delivered yet, or it was declined


class Consent(StrEnum):
    """What a member answered to the request that a thread is for him."""

    NONE = "none"  #: it never was a request
    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"  #: an unlink ended it unanswered


class OutcomeOf(StrEnum):
    """Where a message may land."""

    INBOX = "inbox"
    REQUESTS = "requests"
    HIDDEN = "hidden"
    NONE = "none"


class TieKind(StrEnum):
    """A relation that one account has to another."""

    FOLLOW = "follow"
    FRIEND = "friend"
    BLOCK = "block"
    RESTRICT = "restrict"


class TieState(StrEnum):
    """How far a tie has come."""

    ABSENT = "absent"
    ASKED = "asked"
    ON = "on"


class Level(StrEnum):
    """How well a thread carries a capability."""

    FULL = "full"
    PARTIAL = "partial"
    FALLBACK = "fallback"
    DROPPED = "dropped"
    REJECTED = "rejected"


class LegState(StrEnum):
    """How a journal goes on after a sign-in."""

    RESUMED = "resumed"  #: what was missed follows, then live events
    SNAPSHOT = "snapshot"  #: read the threads again; live events follow


class View(Struct, frozen=True, omit_defaults=True):
    """The base of everything that the hub shows: absent fields have their default."""


class AccountView(View, frozen=True, kw_only=True):
    """What anyone may know of an account.

    Attributes:
        id: The account.
        network: Where it lives.
        handle: Its unique name there; it may change, the id never does. Empty where nobody can be reached by
            it: a deleted account, or a person whom only an imported archive names.
        name: For display.
        picture: An address, if it has one.
        private: Whether follows need approval; it never limits who may write.
    """

    id: AccountId
    network: Network
    handle: str
    name: str
    picture: str | None = None
    private: bool = False


class OwnAccountView(AccountView, frozen=True, kw_only=True):
    """What the owner knows of an account beyond ``AccountView``."""

    person: PersonId
    hybrid: Hybrid
    state: AccountState = AccountState.ACTIVE
    region: str = ""
    professional: bool = False
    linked_to: tuple[AccountId, ...] = ()
    single_sign_on: bool = False
    synced: tuple[str, ...] = ()
    shows_typing: bool = True
    shows_presence: bool = True
    shows_receipts: bool = True


class Translation(View, frozen=True, kw_only=True):
    """What crossing to the other network did to a message; absent when nothing changed."""

    kept: tuple[str, ...] = ()
    converted: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


class MessageView(View, frozen=True, kw_only=True):
    """One message as one member sees it.

    Attributes:
        thread: Its thread; together with ``seq`` the message's id.
        seq: Its place in the thread: dense, from 1, the same for all members.
        sender: The account that speaks.
        at: When it was committed, in milliseconds since 1970.
        text: What it says; absent if it was cut into ``parts``.
        parts: The text cut to what the reader's network shows.
        reply_to: The ``seq`` of the message that it answers.
        origin: The network on which it was said; absent once the content was erased.
        kind: ``text``, what an imported row was (``photo``, ``call``, …), or ``erased``.
        translation: What the crossing did to it.
        digest: HMAC of the original content, in hex.
        link: The thread's hash chain up to here, in hex.
    """

    thread: ThreadId
    seq: Seq
    sender: AccountId
    at: int
    text: str | None = None
    parts: tuple[str, ...] = ()
    reply_to: Seq | None = None
    origin: Network | None = None
    kind: str = "text"
    translation: Translation | None = None
    digest: str = ""
    link: str = ""


class ThreadView(View, frozen=True, kw_only=True):
    """One thread as one member sees it.

    Attributes:
        id: The thread.
        leg: The reader's own account to which it belongs; what is sent here goes out as it.
        others: The other members.
        folder: Where the reader finds it.
        consent: What the reader answered, where it is or was a request.
        closed: Why the reader cannot write here, if he cannot and knows why.
        tip: The newest ``seq``; 0 while nothing was said.
        link: The chain's value at ``tip``, in hex.
        unread: Messages of others after the reader's receipt.
        read: How far the reader has read.
        answered: Whether the other side wrote or visibly accepted.
        others_read: How far the others have read, as far as the reader may know.
        others_delivered: How far the messages reached the others' devices, likewise.
        last: The newest message.
        last_at: When it was committed, in milliseconds since 1970.
        capabilities: What the thread carries, by name, and how well. What is ``rejected`` follows from the
            reader's own account alone, so it moves with ``hybrid_changed``; the other side's upgrade is told
            to nobody, so ``fallback`` may have become ``full`` since.
        segments: Closed threads that hold imported history from before this one, oldest first.
        title: A name for the thread, where it has one.
    """

    id: ThreadId
    leg: AccountId
    others: tuple[AccountView, ...] = ()
    folder: Folder
    consent: Consent = Consent.NONE
    closed: str | None = None
    tip: int = 0
    link: str = ""
    unread: int = 0
    read: int = 0
    answered: bool = False
    others_read: int = 0
    others_delivered: int = 0
    last: MessageView | None = None
    last_at: int = 0
    capabilities: dict[str, Level] = field(default_factory=dict)
    segments: tuple[ThreadId, ...] = ()
    title: str | None = None


class LinkAskView(View, frozen=True, kw_only=True):
    """A link that waits for an answer.

    Attributes:
        account: Who asked.
        until: Until when it can be answered, in milliseconds since 1970.
    """

    account: AccountView
    until: int


class TieView(View, frozen=True, kw_only=True):
    """A relation as its owner sees it; ``incoming`` if the other account holds it."""

    account: AccountView
    tie: TieKind
    state: TieState
    incoming: bool = False


class DeviceView(View, frozen=True, kw_only=True):
    """A sign-in that can be revoked. Times in milliseconds since 1970."""

    id: DeviceId
    name: str
    created_at: int
    seen_at: int
    here: bool = False
    accounts: tuple[AccountId, ...] = ()


class ControlView(View, frozen=True, kw_only=True):
    """One category of an account's message controls.

    Attributes:
        category: Whom it is about; see ``docs/controls.md``.
        outcome: What happens to their messages now.
        options: What it may be set to.
        available: Whether it applies; some need a link first.
    """

    category: str
    outcome: str
    options: tuple[str, ...]
    available: bool = True


class DecisionView(View, frozen=True, kw_only=True):
    """Why a message of a sender lands where it does, as far as the asker may know.

    Attributes:
        outcome: ``inbox``, ``requests``, ``hidden`` or ``none``.
        rule: The rule that decided, or ``not_delivered`` where it rests on what only the sender may know.
        category: The control category that the sender fell in, if one decided.
        facts: The facts of the asker's own that the rule rested on.
        controls_version: The version of the asker's controls that was in force.
    """

    outcome: OutcomeOf
    rule: str
    category: str | None = None
    facts: tuple[str, ...] = ()
    controls_version: int = 0


class LegHead(View, frozen=True, kw_only=True):
    """Where one own account's journal stands.

    Attributes:
        account: Whose journal.
        state: How it goes on.
        head: The newest position; events up to here precede all live ones.
        cursor: Where a client without events of this journal would resume: after ``head``.
    """

    account: AccountId
    state: LegState = LegState.RESUMED
    head: Position
    cursor: str
