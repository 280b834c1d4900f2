"""What a decision reads: records by key, and answers to questions over many records.

A rule simply asks. What is not in memory raises ``Missing`` with its key; the
pipeline loads it and runs the rule again, which is safe since rules are pure.
So a rule never lists what it needs, and nothing is loaded that no rule asked for.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from bridge.domain import eviction
from bridge.domain.keys import NAMES, Key
from bridge.domain.model import (
    Account,
    ContactList,
    Controls,
    Credential,
    Device,
    LinkAsk,
    Member,
    Message,
    Person,
    StoredRecord,
    Thread,
    Tie,
    Unlinking,
    Verdict,
    WaitingLinks,
)
from bridge.domain.networks import handle_key
from bridge.domain.questions import (
    HandleOwner,
    Mutual,
    OwnThreads,
    OwnUpto,
    Question,
    SignedIn,
    ThreadCounts,
    Tightened,
)
from bridge.errors import Refusal
from bridge.ids import AccountId, DeviceId, PersonId, Seq, ThreadId
from bridge.wire.values import Network

_MOVES: dict[type, tuple[type[Question], ...]] = {
    Tie: (Mutual, Tightened),
    Member: (OwnThreads,),
    Thread: (OwnThreads,),
    Account: (OwnThreads,),
    Device: (SignedIn,),
}
"""Which answers a record's successor makes doubtful; they are asked again after the commit.

``OwnUpto`` counts below a seq that was said, and what was said stays. ``HandleOwner`` is
learned with each account.
"""

_BETWEEN: Final = frozenset((Account, Person, Tie, Controls))
"""Kinds that say what stands between accounts; conclusions rest on these alone."""


class Missing(Exception):
    """A rule asked for what is not in memory.

    Attributes:
        keys: What to load before the rule runs again.
    """

    def __init__(self, *keys: Key) -> None:
        """Name what is missing."""
        super().__init__()
        self.keys = keys


R = TypeVar("R")
T = TypeVar("T")


def for_each(things: Iterable[T], act: Callable[[T], R]) -> list[R]:
    """Act on each; what is missing for any of them is asked for at once, as every look takes its time.

    Raises:
        Missing: If facts are missing; whatever was done is done again with them.
        Refusal: If one is refused, and nothing is missing for those before it.
    """
    done: list[R] = []
    missing: list[Key] = []
    for thing in things:
        try:
            done.append(act(thing))
        except Missing as lacking:
            missing += lacking.keys
        except Refusal:
            if not missing:
                raise
            break  # one before it may be refused first
    if missing:
        raise Missing(*missing)
    return done


UNKNOWN: Final = object()
"""Stands for what is not in memory."""


class Facts:
    """The records and answers in memory. Between batches it equals what is on disk, as far as it goes.

    Attributes:
        conclusions: What rules concluded from accounts, persons, ties and controls alone, under keys of
            theirs; forgotten as soon as any of those moves.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.conclusions: dict[object, Any] = {}
        self._tables: defaultdict[type, dict[Any, Any]] = defaultdict(dict)
        self._answers: dict[type, dict[Question, object]] = {}
        self._held = 0  # records after the last look of ``shrink``, or fewer
        self._said = 0  # bytes of contents, or fewer are held
        self._accounts: dict[AccountId, Account | None] = self._tables[Account]
        self._persons: dict[PersonId, Person | None] = self._tables[Person]
        self._ties: dict[tuple[AccountId, AccountId], Tie | None] = self._tables[Tie]
        self._controls: dict[AccountId, Controls | None] = self._tables[Controls]
        self._threads: dict[ThreadId, Thread | None] = self._tables[Thread]
        self._members: dict[tuple[ThreadId, AccountId], Member | None] = self._tables[Member]
        self._messages: dict[tuple[ThreadId, Seq], Message | None] = self._tables[Message]
        self._verdicts: dict[tuple[AccountId, str], Verdict | None] = self._tables[Verdict]

    # --- asking

    def need(self, keys: Iterable[Key]) -> None:
        """See that all of these are in memory, so that what is not is loaded together."""
        missing = [key for key in keys if key[1] not in self._tables[key[0]]]
        if missing:
            raise Missing(*missing)

    def _get(self, kind: type[R], key: object) -> R | None:
        try:
            found: R | None = self._tables[kind][key]
        except KeyError:
            raise Missing((kind, key)) from None
        return found

    def find_account(self, account: AccountId) -> Account | None:
        """Give the account, or None if there is none by this id."""
        try:
            return self._accounts[account]
        except KeyError:
            raise Missing((Account, account)) from None

    def account(self, account: AccountId) -> Account:
        """Give an account that is known to exist."""
        try:
            found = self._accounts[account]
        except KeyError:
            raise Missing((Account, account)) from None
        assert found is not None, "an id from a record names an account"
        return found

    def person_of(self, account: AccountId) -> Person:
        """Give the person to whom an existing account belongs."""
        found = self.find_person(self.account(account).person)
        assert found is not None, "every account belongs to exactly one person"
        return found

    def accounts_of(self, account: Account) -> tuple[AccountId, ...]:
        """Give all accounts of an account's person."""
        try:
            person = self._persons[account.person]
        except KeyError:
            raise Missing((Person, account.person)) from None
        assert person is not None, "every account belongs to exactly one person"
        return person.accounts

    def find_person(self, person: PersonId) -> Person | None:
        """Give the person by id, or None."""
        try:
            return self._persons[person]
        except KeyError:
            raise Missing((Person, person)) from None

    def controls(self, account: AccountId) -> Controls:
        """Give the account's controls; version 0 with all defaults if it never set any."""
        return self.find_controls(account) or Controls(account=account)

    def find_controls(self, account: AccountId) -> Controls | None:
        """Give the account's controls, or None if all are as they were at first."""
        try:
            return self._controls[account]
        except KeyError:
            raise Missing((Controls, account)) from None

    def tie(self, owner: AccountId, other: AccountId) -> Tie:
        """Give what the owner has to do with the other; all false if nothing."""
        key = (owner, other)
        try:
            return self._ties[key] or Tie(owner=owner, other=other)
        except KeyError:
            raise Missing((Tie, key), (Tie, (other, owner))) from None

    def ties_between(self, owners: tuple[AccountId, ...], others: tuple[AccountId, ...]) -> list[Tie]:
        """Give what any of the owners has to do with any of the others, as far as it is anything."""
        found: list[Tie] = []
        missing: list[Key] = []
        for owner in owners:
            for other in others:
                try:
                    tie = self._ties[owner, other]
                except KeyError:
                    missing += [(Tie, (owner, other)), (Tie, (other, owner))]
                else:
                    if tie is not None:
                        found.append(tie)
        if missing:
            raise Missing(*missing)
        return found

    def contacts(self, account: AccountId) -> ContactList:
        """Give the account's uploaded contacts."""
        return self._get(ContactList, account) or ContactList(account=account)

    def find_thread(self, thread: ThreadId) -> Thread | None:
        """Give the thread, or None."""
        try:
            return self._threads[thread]
        except KeyError:
            raise Missing((Thread, thread)) from None

    def find_member(self, thread: ThreadId, account: AccountId) -> Member | None:
        """Give the account's side of the thread, or None if it is not in it."""
        key = (thread, account)
        try:
            return self._members[key]
        except KeyError:
            raise Missing((Member, key)) from None

    def message(self, thread: ThreadId, seq: Seq) -> Message | None:
        """Give the message, or None if so much was not said yet.

        The thread's tip tells. That there is no message is never learned: another node may say it in the next
        moment, and since what was said stays, nobody would ask again.
        """
        standing = self.find_thread(thread)
        if standing is None or not 0 < seq <= standing.tip:
            return None
        return self._get(Message, (thread, seq))

    def verdict(self, account: AccountId, token: str) -> Verdict | None:
        """Give what became of a token, if memory knows.

        A token that memory does not know is taken for a new one: the commit
        finds out, and raises ``Stale``. Tokens are nearly always new, and a
        look-up per message would cost as much as the whole decision.
        """
        return self._verdicts.get((account, token))

    def recall(self, account: AccountId, token: str) -> None:
        """Make sure that ``verdict`` says what became of a token, however long ago."""
        self._get(Verdict, (account, token))

    def link_ask(self, asker: AccountId, other: AccountId) -> LinkAsk | None:
        """Give the link that the asker waits for, or None."""
        return self._get(LinkAsk, (asker, other))

    def waiting_links(self, account: AccountId) -> WaitingLinks:
        """Give whose links wait for an account's approval, answered ones too; nobody's if it has none."""
        return self._get(WaitingLinks, account) or WaitingLinks(account=account, askers={})

    def unlinking(self, account: AccountId) -> Unlinking | None:
        """Give the account's last unlink, or None."""
        return self._get(Unlinking, account)

    def find_device(self, device: DeviceId) -> Device | None:
        """Give the device, signed out or not, or None."""
        return self._get(Device, device)

    def is_revoked(self, device: DeviceId) -> bool:
        """Say whether a device was signed out, or never was."""
        found = self.find_device(device)
        return found is None or found.revoked

    def signed_in(self, account: AccountId) -> tuple[DeviceId, ...]:
        """Name the account's devices that are signed in."""
        return self._ask(SignedIn(account))  # type: ignore[return-value]

    def password(self, account: AccountId) -> str:
        """Give the hash of the account's password; empty if it has none."""
        found = self._get(Credential, account)
        return "" if found is None else found.password

    def handle_owner(self, network: Network, handle: str) -> AccountId | None:
        """Give the account with this handle, however it is written."""
        return self._ask(HandleOwner(network, handle_key(handle)))  # type: ignore[return-value]

    def have_mutual_friend(self, one: AccountId, other: AccountId) -> bool:
        """Say whether the two have a friend in common."""
        return bool(self._ask(Mutual(one, other)))

    def own_upto(self, thread: ThreadId, account: AccountId, upto: int) -> int:
        """Count the account's messages in the thread up to a seq."""
        return self._ask(OwnUpto(thread, account, upto))  # type: ignore[return-value]

    def tightened(self, accounts: tuple[AccountId, ...]) -> tuple[Tie, ...]:
        """Give the ties that block, restrict or hide, owned by or aimed at any of these."""
        return self._ask(Tightened(accounts))  # type: ignore[return-value]

    def own_threads(self, account: AccountId) -> ThreadCounts:
        """Count the account's threads."""
        return self._ask(OwnThreads(account))  # type: ignore[return-value]

    def _ask(self, question: Question) -> object:
        try:
            return self._answers[type(question)][question]
        except KeyError:
            raise Missing((type(question), question)) from None

    def known(self, key: Key) -> object:
        """Give the record or None as memory has it, or ``UNKNOWN``; for comparing, never for deciding."""
        kind, name = key
        return self._tables[kind].get(name, UNKNOWN)

    # --- learning

    def learn(self, key: Key, value: object) -> None:
        """Take in what the store knows of a key: a record, None if there is none, or an answer."""
        kind, name = key
        if isinstance(name, Question):
            self._answers.setdefault(kind, {})[name] = value
            return
        if isinstance(value, Message):
            self.say(value)
            return
        table = self._tables[kind]
        if kind in _BETWEEN and name in table:  # nothing was concluded from what nobody knew
            self.conclusions.clear()
        table[name] = value

    def apply(self, records: Iterable[StoredRecord | Message]) -> None:
        """Move the facts by what a decision made: the only way in which facts move."""
        for record in records:
            self.say(record) if isinstance(record, Message) else self.put(record)

    def say(self, message: Message) -> None:
        """Move by a message."""
        self._messages[message.thread, message.seq] = message
        self._said += len(message.content or b"")

    def put(self, record: StoredRecord) -> Key:
        """Move one fact; give its key."""
        kind = type(record)
        name = NAMES[kind](record)
        if kind in _BETWEEN:
            self.conclusions.clear()
            if isinstance(record, Account):
                self._free_handle(record)
                self.learn((HandleOwner, HandleOwner(record.network, handle_key(record.handle))), record.id)
        self._tables[kind][name] = record
        if self._answers:
            for question in _MOVES.get(kind, ()):
                self._answers.pop(question, None)
        return kind, name

    def _free_handle(self, after: Account) -> None:
        """Forget whose handle it is that an account gives up: asked after the commit, it is nobody's."""
        before = self._tables[Account].get(after.id)
        if before is not None and before.handle != after.handle and HandleOwner in self._answers:
            self._answers[HandleOwner].pop(HandleOwner(before.network, handle_key(before.handle)), None)

    def forget(self, keys: Iterable[Key]) -> None:
        """Drop what may differ from the disk."""
        self.conclusions.clear()
        for kind, name in keys:
            self._tables[kind].pop(name, None)

    def forget_answers(self) -> None:
        """Drop all answers: they hold for one batch."""
        self._answers.clear()

    def shrink(self, most: int, most_bytes: int = 0) -> None:
        """Keep the newest, and fewer of heavy kinds; between batches.

        Args:
            most: About how many of each light kind.
            most_bytes: How many bytes of what messages say.
        """
        if self._said > most_bytes:
            self._said = eviction.let_contents_go(self._messages, most_bytes)
        if len(self.conclusions) > most // eviction.CONCLUDED:
            self.conclusions.clear()
        self._held = min(self._held, held := sum(map(len, self._tables.values())))
        if held - self._held < most // eviction.FEW:
            return
        for kind, table in self._tables.items():
            if eviction.let_oldest_go(kind, table, most) and kind in _BETWEEN:
                self.conclusions.clear()
        self._held = sum(map(len, self._tables.values()))
