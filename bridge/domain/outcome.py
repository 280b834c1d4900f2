"""What a decision gives back: records to keep, what to tell whom, and the answer."""

from collections.abc import Callable

from msgspec import Struct, field

from bridge.domain.facts import Facts
from bridge.domain.model import Account, AuditLine, Member, Message, StoredRecord, Thread, ThreadKind
from bridge.domain.policy import Policy
from bridge.errors import BridgeError, NotAllowed, NotFound
from bridge.ids import AccountId, DeviceId, ThreadId
from bridge.wire.events import JournalEvent, Typed
from bridge.wire.replies import Done, Reply
from bridge.wire.values import AccountState

Told = Message | JournalEvent
"""What a journal entry refers to: a message, kept once in its thread, or an event, kept once."""

Notice = tuple[Told, tuple[AccountId, ...]]
"""Something that happened, and exactly who hears of it."""


class Outcome(Struct):
    """What one command came to: all of it is kept, or nothing.

    A refused send is an outcome too: its verdict is kept like any other's.

    Attributes:
        reply: The answer, or the refusal that answers after the commit.
        records: The successors of the records that change.
        messages: New messages.
        told: What exactly to tell whom, in order.
        passing: What to tell whom without keeping it.
        audit: Lines for the audit log.
    """

    reply: Reply | BridgeError = field(default_factory=Done)
    records: list[StoredRecord] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    told: list[Notice] = field(default_factory=list)
    passing: list[tuple[Typed, tuple[AccountId, ...]]] = field(default_factory=list)
    audit: list[AuditLine] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        """Say whether there is anything to commit."""
        return bool(self.records or self.messages or self.told or self.audit)


class Scene(Struct):
    """Everything that a rule may look at besides the command.

    Attributes:
        facts: What is known.
        policy: What the operator decided.
        account: The account that the session's device signed in to.
        now: The time, in milliseconds since 1970.
        chance: Gives so many unguessable bytes.
        proven: Accounts whose password the session has proven with this call.
        phone_key: The key under which phone numbers are hashed; never stored in the database.
        in_flight: How many other commands of the person wait behind this one.
        doubtful: Whether another hub may yet decide this too: its verdict is kept then, whatever it is.
    """

    facts: Facts
    policy: Policy
    account: AccountId
    now: int
    chance: Callable[[int], bytes]
    proven: frozenset[AccountId] = frozenset()
    phone_key: bytes = b""
    in_flight: int = 0
    doubtful: bool = False

    @property
    def legs(self) -> tuple[AccountId, ...]:
        """The accounts that the session may use."""
        return legs_of(self.facts, self.account)

    def own(self, account: AccountId) -> Account:
        """Give an account that the session may use.

        Raises:
            NotFound: If it may not; nor may what waited behind an erasure.
        """
        if account != self.account and account not in self.legs:
            raise NotFound(path="$.as")
        own = self.facts.account(account)
        if own.state is AccountState.DELETED:
            raise NotFound(path="$.as")
        return own

    def active(self, account: AccountId) -> Account:
        """Give an own account that may still approach others.

        Raises:
            NotFound: If the session may not use it.
            NotAllowed: If it is deactivated, or deleted though that can be taken back.
        """
        own = self.own(account)
        if own.state is not AccountState.ACTIVE:
            raise NotAllowed("This account is deactivated or deleted; it approaches nobody.", path="$.as")
        return own

    def seat(self, thread_id: ThreadId) -> tuple[Thread, Member]:
        """Give a thread and the own side of it.

        Raises:
            NotFound: If the session has no side in it, or the other side opened it and nothing came yet:
                strangers learn nothing, and an opening shows itself to nobody.
        """
        thread = self.facts.find_thread(thread_id)
        if thread is not None:
            if self.account in thread.members:
                leg: AccountId | None = self.account
            else:
                leg = next((leg for leg in self.legs if leg in thread.members), None)
            side = self.facts.find_member(thread_id, leg) if leg is not None else None
            if side is not None and (side.stands or thread.kind is not ThreadKind.PAIR):
                return thread, side
        raise NotFound(path="$.thread")

    def is_shut_out(self, device: DeviceId) -> bool:
        """Say whether a device was signed out, or its account can be used no more."""
        return self.facts.is_revoked(device) or not is_usable(self.facts.account(self.account))

    def note(self, deed: str, account: AccountId, detail: str = "") -> AuditLine:
        """Write a line for the audit log."""
        return AuditLine(at=self.now, actor=self.account, deed=deed, account=account, detail=detail)


def legs_of(facts: Facts, account: AccountId) -> tuple[AccountId, ...]:
    """Give the accounts that a device signed in to ``account`` may use.

    Its own; and the person's others that can be used, with single sign-on, or where
    both take part in hybrid messaging, which merges their inboxes.
    """
    own = facts.account(account)
    person = facts.person_of(account)
    if len(person.accounts) == 1:
        return (account,)
    others = [facts.account(other) for other in person.accounts if other != account]
    opened = [
        other.id for other in others if is_usable(other) and (person.single_sign_on or are_merged(own, other))
    ]
    return (account, *opened)


def is_usable(account: Account) -> bool:
    """Say whether an account can be signed in to: while it is active, or its deletion can be taken back."""
    return account.state is AccountState.ACTIVE or (
        account.state is AccountState.DEACTIVATED and account.erase_at > 0
    )


def are_merged(one: Account, other: Account) -> bool:
    """Say whether two accounts of a person share one inbox."""
    return one.hybrid == "on" and other.hybrid == "on"


def other_of(thread: Thread, account: AccountId) -> AccountId:
    """Give the other member of a pair thread."""
    one, other = thread.members
    return other if one == account else one
