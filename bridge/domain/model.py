"""The records that the rules read and replace: what the product knows.

A record is a value. A rule never changes one; it makes its successor, and the store keeps exactly what
the rule made. Each kind has a key; ``Facts`` and the stores find a record by its kind and key.
"""

from enum import StrEnum

from msgspec import Struct

from bridge.domain.hold import Hold
from bridge.ids import AccountId, DeviceId, PersonId, Seq, ThreadId
from bridge.wire.values import AccountState, Consent, Folder, Hybrid, Network, OutcomeOf


class Record(Struct, frozen=True, kw_only=True, gc=False):
    """The base of all records."""


class Account(Record, frozen=True, kw_only=True, gc=False):
    """One identity on one network. Key: ``id``.

    Attributes:
        id: Opaque, for ever.
        network: Where it lives.
        handle: As its owner writes it; unique per network by ``handle_key``.
        name: For display.
        person: Whose it is; an account alone is its own person.
        hybrid: Whether it takes part in chats across networks.
        state: Whether it can be reached.
        picture: An address, or empty.
        private: Whether follows need approval.
        region: For the roll-out of the upgrade; a word of the operator's.
        professional: Whether it speaks for a business.
        minor: Whether the age floor protects it.
        suspected: Whether the operator's spam score is against it.
        phone: The keyed hash of its verified number, or empty.
        shows_typing: Whether others may see it type.
        shows_presence: Whether others may see it online.
        shows_receipts: Whether others may see what it has read.
        epoch: Rises when its journal starts anew.
        erase_at: When its content is erased, in milliseconds since 1970; 0: never. Below 0: likewise at that
            time, and its owner cannot take it back, since the operator deactivated it.
        placeholder: Whether only an archive speaks of it: nobody can sign in to it.
    """

    id: AccountId
    network: Network
    handle: str
    name: str
    person: PersonId
    hybrid: Hybrid
    state: AccountState = AccountState.ACTIVE
    picture: str = ""
    private: bool = False
    region: str = ""
    professional: bool = False
    minor: bool = False
    suspected: bool = False
    phone: bytes = b""
    shows_typing: bool = True
    shows_presence: bool = True
    shows_receipts: bool = True
    epoch: int = 1
    erase_at: int = 0
    placeholder: bool = False


class Person(Record, frozen=True, kw_only=True, gc=False):
    """The accounts that one human has linked. Key: ``id``.

    Attributes:
        id: Whose record this is.
        accounts: The accounts, in the order of linking; empty once all have left.
        single_sign_on: Whether signing in to one account opens all.
        sync_name: Whether a new name of one account becomes that of the others.
        sync_picture: Likewise for the picture.
        generation: Rises at each link and unlink.
    """

    id: PersonId
    accounts: tuple[AccountId, ...]
    single_sign_on: bool = False
    sync_name: bool = False
    sync_picture: bool = False
    generation: int = 1


class Controls(Record, frozen=True, kw_only=True, gc=False):
    """An account's message controls. Key: ``account``. Absent: all defaults, version 0.

    Attributes:
        account: Whose.
        version: Rises by one at each change.
        outcomes: What was set, by category; a category not named has its default.
        keep_connected: Whether a ``none`` for the other network refuses strangers only.
    """

    account: AccountId
    version: int = 0
    outcomes: dict[str, str] = {}
    keep_connected: bool = False


class Tie(Record, frozen=True, kw_only=True, gc=False):
    """What one account has to do with another. Key: ``(owner, other)``; a friendship is kept on both sides.

    Attributes:
        owner: Whose side this is.
        other: The other account.
        follows: The owner follows the other.
        follow_asked: The owner asked to follow; the other is private and has not answered.
        friend: Both are friends.
        friend_asked: The owner asked to be friends; the other has not answered.
        blocks: The owner blocks the other.
        restricts: The owner restricts the other.
        hides: The owner declined the other's request and chose to hide what follows.
        confirmed: The owner chose knowingly to speak to the other as this account.
        claimed: What only an archive of the owner's says of the other's side (``follows`` or ``friend``).
    """

    owner: AccountId
    other: AccountId
    follows: bool = False
    follow_asked: bool = False
    friend: bool = False
    friend_asked: bool = False
    blocks: Hold = Hold.NO
    restricts: Hold = Hold.NO
    hides: Hold = Hold.NO
    confirmed: bool = False
    claimed: str = ""


class ContactList(Record, frozen=True, kw_only=True, gc=False):
    """The phone numbers that an account uploaded. Key: ``account``.

    Attributes:
        account: Whose contacts.
        phones: Keyed hashes, in hex, with when each came, in milliseconds since 1970; older lists are sets.
        uploads: How many uploads this day has seen.
        day: Which day, counted from 1970.
    """

    account: AccountId
    phones: dict[str, int] | frozenset[bytes] = {}
    uploads: int = 0
    day: int = 0


class ThreadKind(StrEnum):
    """What a conversation is."""

    PAIR = "pair"
    GROUP = "group"  #: so far only as imported history
    SEGMENT = "segment"  #: imported history beside a live thread, closed


class Thread(Record, frozen=True, kw_only=True, gc=False):
    """A conversation. Key: ``id``.

    Attributes:
        id: For a pair, made of the pair.
        kind: What it is.
        members: The accounts in it.
        tip: The newest ``seq``, 0 before the first.
        link: The chain's value at ``tip``.
        last_at: When the newest message was committed, in milliseconds since 1970.
        title: A name, for groups and imports.
        beside: For a segment, the live thread that it stands beside.
        source: For imports, which archive it came from.
    """

    id: ThreadId
    kind: ThreadKind = ThreadKind.PAIR
    members: tuple[AccountId, ...]
    tip: int = 0
    link: bytes
    last_at: int = 0
    title: str = ""
    beside: ThreadId | None = None
    source: str = ""


class Member(Record, frozen=True, kw_only=True, gc=False):
    """One account's side of a thread. Key: ``(thread, account)``.

    Attributes:
        thread: Which.
        account: Whose side.
        folder: Where the account finds the thread; ``none`` until a message came or the account opened it.
        consent: What it answered, where the thread is or was a request.
        started: It opened the thread itself.
        sent: How many messages it posted.
        read: How far it has read.
        read_sent: How many of its own messages lie at or before ``read``.
        delivered: How far its devices have got.
        displaced: Where the thread returns when a restriction is lifted, or after a declined, hidden request.
        unseen: It accepted while it restricted the other side, who learns of it when that is lifted.
        shown_read: How far the other side was told that it has read.
        shown_delivered: How far the other side was told that its devices have got.
    """

    thread: ThreadId
    account: AccountId
    folder: Folder = Folder.NONE
    consent: Consent = Consent.NONE
    started: bool = False
    sent: int = 0
    read: int = 0
    read_sent: int = 0
    delivered: int = 0
    displaced: Folder = Folder.NONE
    unseen: bool = False
    shown_read: int = 0
    shown_delivered: int = 0

    @property
    def stands(self) -> bool:
        """Say whether the thread is there for this member, be it declined: opened by it, or written to."""
        return self.started or self.folder is not Folder.NONE or self.consent is not Consent.NONE

    @property
    def has_accepted(self) -> bool:
        """Say whether this member wrote in the thread, accepted it or started it."""
        return self.sent > 0 or self.started or self.consent is Consent.ACCEPTED

    @property
    def has_answered(self) -> bool:
        """Say whether the other side can see that this member took the thread up."""
        return self.sent > 0 or (self.consent is Consent.ACCEPTED and not self.unseen)

    def unread(self, tip: int) -> int:
        """Count the others' messages after the receipt, in a thread that has come to ``tip``."""
        return (tip - self.read) - (self.sent - self.read_sent)


class Decision(Record, frozen=True, kw_only=True, gc=False):
    """Why a message landed where it did; kept with the message or its verdict.

    Attributes:
        outcome: Where it landed.
        rule: Which rule decided.
        category: The receiver's control category for the sender, if one decided; else empty.
        facts: What the rule rested on, as words; what only the sender may know begins with ``sender:``.
        version: The version of the receiver's controls.
    """

    outcome: OutcomeOf
    rule: str
    category: str = ""
    facts: tuple[str, ...] = ()
    version: int = 0


class Message(Record, frozen=True, kw_only=True, gc=False):
    """An utterance as it was said, whole. Key: ``(thread, seq)``.

    Attributes:
        thread: Where.
        seq: Its place: dense, from 1.
        sender: Who speaks.
        at: When it was committed (imported: said), in milliseconds since 1970.
        content: What was said, as ``domain.content`` packs it; None once erased.
        salt: What makes ``digest`` unguessable; None once erased.
        digest: HMAC-SHA-256 of ``content`` under ``salt``.
        link: The thread's chain up to here.
        decision: Why it landed where it did; None for imports.
    """

    thread: ThreadId
    seq: Seq
    sender: AccountId
    at: int
    content: bytes | None
    salt: bytes | None
    digest: bytes
    link: bytes
    decision: Decision | None = None


class Verdict(Record, frozen=True, kw_only=True, gc=False):
    """What became of one send, for ever. Key: ``(account, token)``.

    Attributes:
        account: Who sent.
        token: The client's token.
        body: For a refusal, a digest of what was sent, so that another body under the same token is noticed;
            what was taken is the message itself.
        code: ``ok``, or the code of the refusal.
        thread: Where it was sent.
        seq: Its place, if it was taken; else 0.
        at: When it was committed, in milliseconds since 1970.
        decision: For a refusal, why.
        receiver: For a refusal, who did not get it.
    """

    account: AccountId
    token: str
    body: bytes = b""
    code: str
    thread: ThreadId
    seq: int = 0
    at: int = 0
    decision: Decision | None = None
    receiver: AccountId | None = None


class LinkAsk(Record, frozen=True, kw_only=True, gc=False):
    """A link that waits for the other account's approval. Key: ``(asker, other)``.

    Attributes:
        asker: Who asked.
        other: Who may approve.
        until: Until when, in milliseconds since 1970; 0 once answered.
    """

    asker: AccountId
    other: AccountId
    until: int


class WaitingLinks(Record, frozen=True, kw_only=True, gc=False):
    """Until when whose links wait for an account, where ``LinkAsk`` does still. Key: ``account``."""

    account: AccountId
    askers: dict[AccountId, int]


class Unlinking(Record, frozen=True, kw_only=True, gc=False):
    """An account's last unlink, kept with each that it parted. Key: ``account``.

    Attributes:
        account: Whose.
        others: From whom it was parted, by this unlink or one before it.
        until: Until when it can be undone, in milliseconds since 1970; 0: it cannot, or was.
        hybrids: The hybrid state before of each account that was linked then.
        single_sign_on: The person's switch before.
    """

    account: AccountId
    others: tuple[AccountId, ...]
    until: int
    hybrids: dict[AccountId, Hybrid]
    single_sign_on: bool = False


class Credential(Record, frozen=True, kw_only=True, gc=False):
    """An account's password as an argon2id hash; empty: it proves itself by none. Key: ``account``."""

    account: AccountId
    password: str


class Device(Record, frozen=True, kw_only=True, gc=False):
    """A sign-in that can be revoked. Key: ``id``.

    Attributes:
        id: Opaque.
        account: The account that signed in; single sign-on may open more.
        name: As its owner calls it; empty once it was signed out.
        token: SHA-256 of its token.
        created_at: In milliseconds since 1970; so is the next, kept to the minute.
        seen_at: When it was used last.
        revoked: Whether it was signed out.
    """

    id: DeviceId
    account: AccountId
    name: str
    token: bytes
    created_at: int
    seen_at: int
    revoked: bool = False


class AuditLine(Record, frozen=True, kw_only=True, gc=False):
    """One line of the audit log: appended, never changed. No text of messages, no secrets, nobody's name.

    Attributes:
        at: In milliseconds since 1970.
        actor: Which account did it; empty: the operator.
        deed: The operation's name.
        account: Whom it concerned.
        detail: What changed, in plain words and values.
    """

    at: int
    actor: str
    deed: str
    account: str
    detail: str = ""


StoredRecord = (
    Account | Person | Controls | Tie | ContactList | Thread | Member | Verdict | LinkAsk | WaitingLinks
    | Unlinking | Credential | Device | AuditLine
)  # fmt: skip
"""All that a commit may put, besides messages and events: an AuditLine is appended, the others replace."""
