"""Questions over many records: what a rule asks that no single record answers; asked through ``Facts``."""

from msgspec import Struct

from bridge.ids import AccountId, ThreadId
from bridge.wire.values import Network, OutcomeOf


class Question(Struct, frozen=True, gc=False):
    """The base of what is computed over many records; answers last for one batch only."""


class HandleOwner(Question, frozen=True, gc=False):
    """Whose handle is this? Answer: ``AccountId | None``. ``key`` is as ``handle_key`` gives it."""

    network: Network
    key: str


class Mutual(Question, frozen=True, gc=False):
    """Have these two accounts a friend in common? Answer: ``bool``."""

    one: AccountId
    other: AccountId


class OwnUpto(Question, frozen=True, gc=False):
    """How many messages did the account post in the thread up to this seq? Answer: ``int``."""

    thread: ThreadId
    account: AccountId
    upto: int


class Tightened(Question, frozen=True, gc=False):
    """Which ties block, restrict or hide, owned by or aimed at any of these? Answer: ``tuple[Tie, ...]``."""

    accounts: tuple[AccountId, ...]


class OwnThreads(Question, frozen=True, gc=False):
    """What does the account's list of threads come to? Answer: ``ThreadCounts``."""

    account: AccountId


class SignedIn(Question, frozen=True, gc=False):
    """Which devices of the account are signed in? Answer: ``tuple[DeviceId, ...]``, in order."""

    account: AccountId


class ThreadCounts(Struct, frozen=True, gc=False):
    """How many threads an account has.

    Attributes:
        crossing: Shown pair threads with accounts of other networks that are neither declined nor lapsed.
        groups: Groups.
        pending: Those of them that are unanswered requests of the account's, each with its other side.
    """

    crossing: int
    groups: int
    pending: tuple[tuple[ThreadId, AccountId], ...]


class Arrived(Struct, frozen=True, gc=False):
    """Messages of one sender that fell alike: taken ones by their decision, refused ones by their verdict.

    Nothing is decided by them, so they are no question to the facts: a listing of the store, read beside.
    """

    sender: AccountId
    outcome: OutcomeOf
    category: str
    messages: int
