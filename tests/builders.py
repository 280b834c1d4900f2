"""Small builders of records, messages and batches, so that a test names only what it is about.

Everything is deterministic: salts are made of the message's id, times count upwards.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from bridge.domain.content import Content, digest_of, first_link, next_link, pack
from bridge.domain.hold import HOLDS, Hold
from bridge.domain.keys import Key, key_of
from bridge.domain.model import (
    Account,
    AuditLine,
    Decision,
    Device,
    Member,
    Message,
    Person,
    StoredRecord,
    Thread,
    ThreadKind,
    Tie,
    Verdict,
)
from bridge.ids import AccountId, DeviceId, Position, Seq, ThreadId, home_of, segment_of, thread_of_pair
from bridge.store.base import Batch, Imported, Store, Told
from bridge.wire.values import Folder, Hybrid, Network, OutcomeOf

ANA, BEN, CYD, DAN = (AccountId(f"a-{name}") for name in ("ana", "ben", "cyd", "dan"))
"""Four accounts for tests: Ana and Cyd live on Direct, Ben and Dan on Messenger."""

PEOPLE = (ANA, BEN, CYD, DAN)

LANDED = Decision(outcome=OutcomeOf.INBOX, rule="accepted")
"""Why a message landed in an inbox, where a test does not care."""


def make_account(
    account: AccountId = ANA, network: Network | None = None, handle: str | None = None, **more: Any
) -> Account:
    """Make an account; its handle is its id without the ``a-``, its network is as ``PEOPLE`` have it."""
    if network is None:
        network = Network.MESSENGER if account in (BEN, DAN) else Network.DIRECT
    made = Account(
        id=account,
        network=network,
        handle=account[2:] if handle is None else handle,
        name=account[2:].title(),
        person=home_of(account),
        hybrid=Hybrid.ON,
    )
    return replace(made, **more)


def make_person(*accounts: AccountId, **more: Any) -> Person:
    """Make the person of these accounts, named after the first one."""
    return replace(Person(id=home_of(accounts[0]), accounts=accounts), **more)


def make_people(*accounts: AccountId) -> tuple[StoredRecord, ...]:
    """Make these accounts (all of ``PEOPLE`` if none is named), each with its own person."""
    named = accounts or PEOPLE
    return (*(make_account(account) for account in named), *(make_person(account) for account in named))


def make_tie(owner: AccountId, other: AccountId, **more: Any) -> Tie:
    """Make one side's tie, with what is named."""
    more |= {name: Hold(more[name]) for name in HOLDS if name in more}
    return replace(Tie(owner=owner, other=other), **more)


def make_verdict(account: AccountId, token: str, **more: Any) -> Verdict:
    """Make the verdict on a send; taken unless said otherwise."""
    made = Verdict(account=account, token=token, code="ok", thread=ThreadId("t"))
    if more.get("code", "ok") != "ok":
        made = replace(made, body=sha256(token.encode()).digest())
    return replace(made, **more)


def make_taken(message: Message, token: str = "") -> Verdict:
    """Make the verdict on the send that became this message."""
    name = token or f"{message.thread}/{message.seq}"
    return make_verdict(message.sender, name, thread=message.thread, seq=message.seq, at=message.at)


def make_device(name: str, account: AccountId = ANA, **more: Any) -> Device:
    """Make a sign-in; its token's digest is that of its name."""
    made = Device(
        id=DeviceId(name),
        account=account,
        name=name,
        token=sha256(name.encode()).digest(),
        created_at=1,
        seen_at=1,
    )
    return replace(made, **more)


def make_line(deed: str, account: str = ANA, **more: Any) -> AuditLine:
    """Make a line of the audit log."""
    return replace(AuditLine(at=1, actor="", deed=deed, account=account), **more)


class Talk:
    """A thread with its members' sides, moved along by what is said in it, as the rules would.

    Attributes:
        thread: The thread as it is now.
        sides: Its members' sides as they are now.
        said: All that was said, in order.
    """

    def __init__(self, thread: Thread, folder: Folder = Folder.INBOX) -> None:
        self.thread = thread
        self.sides = {
            account: Member(thread=thread.id, account=account, folder=folder) for account in thread.members
        }
        self.said: list[Message] = []

    @property
    def id(self) -> ThreadId:
        return self.thread.id

    @property
    def members(self) -> tuple[AccountId, ...]:
        return self.thread.members

    @property
    def records(self) -> tuple[StoredRecord, ...]:
        """The thread and its members as they are now."""
        return (self.thread, *self.sides.values())

    @property
    def kept(self) -> tuple[StoredRecord | Message, ...]:
        """All of it, for a store that has none of it yet."""
        return (*self.records, *self.said)

    def say(
        self,
        sender: AccountId,
        text: str | None,
        *,
        at: int | None = None,
        decision: Decision | None = LANDED,
        **more: Any,
    ) -> Message:
        """Say something; times count on from the last message's unless told."""
        thread, seq = self.thread, Seq(self.thread.tip + 1)
        content = pack(Content(text, Network.DIRECT, **more))
        salt = sha256(f"{thread.id}/{seq}".encode()).digest()[:16]
        digest = digest_of(salt, content)
        message = Message(
            thread=thread.id,
            seq=seq,
            sender=sender,
            at=thread.last_at + 1 if at is None else at,
            content=content,
            salt=salt,
            digest=digest,
            link=next_link(thread.link, thread.id, seq, sender, digest),
            decision=decision,
        )
        self.thread = replace(thread, tip=seq, link=message.link, last_at=message.at)
        self.set(sender, sent=self.sides[sender].sent + 1)
        self.said.append(message)
        return message

    def set(self, account: AccountId, **more: Any) -> Member:
        """Change one member's side."""
        self.sides[account] = replace(self.sides[account], **more)
        return self.sides[account]

    def read(self, account: AccountId, upto: int) -> Member:
        """Move a member's receipt."""
        own = sum(1 for message in self.said if message.sender == account and message.seq <= upto)
        return self.set(account, read=upto, read_sent=own)

    def piece(self, messages: Sequence[Message] | None = None) -> Imported:
        """Give it as imported history: as it is now, with these (or all) of its messages."""
        return Imported(self.thread, tuple(self.sides.values()), self.said if messages is None else messages)


def make_pair_thread(one: AccountId = ANA, other: AccountId = BEN, folder: Folder = Folder.INBOX) -> Talk:
    """Open the thread of two accounts; both have it in the folder."""
    name = thread_of_pair(one, other)
    low, high = sorted((one, other))
    return Talk(Thread(id=name, members=(low, high), link=first_link(name)), folder)


def make_group(*members: AccountId, name: str = "g-1", title: str = "") -> Talk:
    """Open a group."""
    thread = ThreadId(name)
    return Talk(
        Thread(id=thread, kind=ThreadKind.GROUP, members=members, title=title, link=first_link(thread))
    )


def make_segment(beside: Talk, source: str = "archive-1") -> Talk:
    """Open a segment of imported history beside a live thread."""
    name = segment_of(beside.id, source)
    return Talk(
        Thread(
            id=name,
            kind=ThreadKind.SEGMENT,
            members=beside.members,
            link=first_link(name),
            beside=beside.id,
            source=source,
        )
    )


def make_batch(
    things: Iterable[StoredRecord | Message] = (),
    told: Iterable[tuple[Told, Collection[AccountId]]] = (),
    versions: Mapping[Key, object] | None = None,
) -> Batch:
    """Sort records, messages and audit lines into a batch; of two with one key the later stays."""
    batch = Batch(
        {},
        [],
        [(one, tuple(accounts)) for one, accounts in told],
        [],
        {} if versions is None else dict(versions),
    )
    for thing in things:
        match thing:
            case Message():
                batch.messages.append(thing)
            case AuditLine():
                batch.audit.append(thing)
            case _:
                batch.records[key_of(thing)] = thing
    return batch


async def keep(
    store: Store,
    *things: StoredRecord | Message,
    told: Iterable[tuple[Told, Collection[AccountId]]] = (),
) -> Mapping[AccountId, Position]:
    """Commit these things in one batch; give the new head of each journal that was told something."""
    return {
        account: position
        for places in await store.commit(make_batch(things, told))
        for account, position in places
    }


async def keep_told(store: Store, talk: Talk, *messages: Message) -> Mapping[AccountId, Position]:
    """Commit new messages of a talk and tell all its members."""
    return await keep(store, *talk.records, *messages, told=[(one, talk.members) for one in messages])
