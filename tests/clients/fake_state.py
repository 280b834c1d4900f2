"""The state of a small hub in memory: it keeps the wire's promises, without rules, disk or clock.

Journals are dense, tokens are remembered for ever, threads carry their chain. Tests
break its connections wherever they like.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from bridge.errors import (
    BridgeError,
    NotFound,
    NotSignedIn,
    SignInFailed,
    TokenReused,
)
from bridge.ids import AccountId, DeviceId, PersonId, Position, Seq, ThreadId, thread_of_pair
from bridge.wire import calls, operation, sign_in
from bridge.wire import commands as c
from bridge.wire import events as e
from bridge.wire import replies as r
from bridge.wire.codec import Codec, Malformed
from bridge.wire.values import (
    AccountView,
    Consent,
    Folder,
    Hybrid,
    LegHead,
    LegState,
    MessageView,
    Network,
    OwnAccountView,
    ThreadView,
)
from clients.chain import first_link, next_link

ANA, BEN, CYD = AccountId("a-ana"), AccountId("a-ben"), AccountId("a-cyd")
PASSWORD = "correct horse"
AB = thread_of_pair(ANA, BEN)


@dataclass
class Journal:
    """One account's events: encoded with the place at which they stand."""

    epoch: int = 1
    first: int = 1
    events: list[e.AnyEvent] = field(default_factory=list)

    @property
    def head(self) -> int:
        return self.first + len(self.events) - 1

    def cursor(self, account: AccountId, at: int) -> str:
        return f"{account}.{self.epoch}.{at}"


class Wire:
    """The hub's side of one connection."""

    def __init__(
        self, hub: "FakeState", codec: Codec, write: Callable[[bytes], None], close: Callable[[int], None]
    ) -> None:
        self.hub, self.codec, self._write, self.close = hub, codec, write, close
        self.accounts: tuple[AccountId, ...] = ()
        self.device: DeviceId | None = None

    def receive(self, data: bytes | str) -> None:
        try:
            call, operation = self.codec.read_call(data)
        except Malformed as wrong:
            self._write(self.codec.refusal(wrong.call, wrong.error))
            return
        self.hub.calls.append(operation)
        try:
            reply = self.hub.answer(self, operation)
        except BridgeError as error:
            self._write(self.codec.refusal(call, error))
            return
        self._write(self.codec.reply(call, self.codec.body(reply)))
        if isinstance(operation, sign_in.SignIn | sign_in.Register):
            self.hub.replay(self, operation.cursors if isinstance(operation, sign_in.SignIn) else ())
        if isinstance(operation, sign_in.SignOut):
            self.close(4504)

    def push(self, account: AccountId, at: int, event: e.AnyEvent) -> None:
        journal = f"{account}.{self.hub.journals[account].epoch}."
        self._write(self.codec.envelope(account, journal)(self.codec.body(event), at))

    def pass_on(self, event: e.AnyEvent) -> None:
        self._write(self.codec.passing(self.codec.body(event)))

    def write(self, data: bytes) -> None:
        """Write raw bytes, for broken frames."""
        self._write(data)


@dataclass
class Seat:
    """One member's side of a thread."""

    folder: Folder = Folder.NONE
    consent: Consent = Consent.NONE
    read: int = 0
    delivered: int = 0


@dataclass
class FakeThread:
    """A conversation of two."""

    id: ThreadId
    seats: dict[AccountId, Seat]
    messages: list[MessageView] = field(default_factory=list)
    title: str | None = None
    segments: tuple[ThreadId, ...] = ()

    @property
    def link(self) -> str:
        return self.messages[-1].link if self.messages else first_link(self.id).hex()

    def other(self, account: AccountId) -> AccountId:
        (other,) = set(self.seats) - {account}
        return other


class FakeState:
    """Accounts, threads, journals, tokens, connections."""

    def __init__(self, heartbeat_s: float = 20.0) -> None:
        self.heartbeat_s = heartbeat_s
        self.accounts: dict[AccountId, OwnAccountView] = {}
        self.journals: dict[AccountId, Journal] = {}
        self.threads: dict[ThreadId, FakeThread] = {}
        self.tokens: dict[tuple[AccountId, str], tuple[c.Send, r.Sent]] = {}
        self.devices: dict[str, tuple[AccountId, ...]] = {}
        self.wires: list[Wire] = []
        self.calls: list[calls.AnyCall] = []
        self.refuse: list[tuple[type[operation.Operation], BridgeError]] = []
        self.strangers: set[tuple[AccountId, AccountId]] = set()
        for account, network in ((ANA, Network.DIRECT), (BEN, Network.MESSENGER), (CYD, Network.DIRECT)):
            self.add_account(account, network)

    def add_account(self, account: AccountId, network: Network) -> None:
        name = account[2:]
        self.accounts[account] = OwnAccountView(
            id=account,
            network=network,
            handle=name,
            name=name.title(),
            person=PersonId("p-" + name),
            hybrid=Hybrid.ON,
        )
        self.journals[account] = Journal()
        self.devices[f"token-{name}"] = (account,)

    def connect(self, codec: Codec, write: Callable[[bytes], None], close: Callable[[int], None]) -> Wire:
        wire = Wire(self, codec, write, close)
        self.wires.append(wire)
        return wire

    # --- sessions

    def answer(self, wire: Wire, operation: calls.AnyCall) -> r.Reply:
        for number, (kind, error) in enumerate(self.refuse):
            if isinstance(operation, kind):
                del self.refuse[number]
                raise error
        if isinstance(operation, sign_in.SignIn):
            return self._sign_in(wire, operation)
        if isinstance(operation, sign_in.Register):
            account = AccountId("a-" + operation.handle)
            self.add_account(account, operation.network)
            return self._open(wire, (account,), (), f"token-{operation.handle}")
        if not wire.accounts:
            raise NotSignedIn
        return self.answers(wire.accounts, operation)

    def answers(self, accounts: tuple[AccountId, ...], operation: calls.AnyCall) -> r.Reply:
        """Answer a call of signed-in accounts."""
        raise NotFound(f"{operation.op} of {accounts}")

    def _sign_in(self, wire: Wire, operation: sign_in.SignIn) -> r.SignedIn:
        if operation.token is not None:
            if operation.token not in self.devices:
                raise SignInFailed
            return self._open(wire, self.devices[operation.token], operation.cursors, None)
        account = AccountId(f"a-{operation.handle}")
        if account not in self.accounts or operation.password != PASSWORD:
            raise SignInFailed
        return self._open(wire, (account,), operation.cursors, f"token-{operation.handle}")

    def _open(
        self, wire: Wire, accounts: tuple[AccountId, ...], cursors: Iterable[str], token: str | None
    ) -> r.SignedIn:
        wire.accounts = accounts
        legs = tuple(self.leg(account, cursors) for account in accounts)
        removed = {AccountId(cursor.split(".")[0]) for cursor in cursors} - set(accounts)
        return r.SignedIn(
            person=PersonId("p-" + accounts[0][2:]),
            device=DeviceId("d-" + accounts[0][2:]),
            token=token,
            accounts=tuple(self.accounts[account] for account in accounts),
            legs=legs,
            removed=tuple(removed),
            heartbeat_s=self.heartbeat_s,
            max_frame=65_536,
            hub="fake",
        )

    def leg(self, account: AccountId, cursors: Iterable[str]) -> LegHead:
        journal = self.journals[account]
        state = LegState.SNAPSHOT if self._from(account, cursors) is None else LegState.RESUMED
        head = Position(journal.head)
        return LegHead(account=account, state=state, head=head, cursor=journal.cursor(account, head))

    def _from(self, account: AccountId, cursors: Iterable[str]) -> int | None:
        journal = self.journals[account]
        for cursor in cursors:
            name, epoch, at = cursor.split(".")
            if (
                name == account
                and int(epoch) == journal.epoch
                and journal.first - 1 <= int(at) <= journal.head
            ):
                return int(at)
        return None

    def replay(self, wire: Wire, cursors: Iterable[str]) -> None:
        for account in wire.accounts:
            journal, start = self.journals[account], self._from(account, cursors)
            for at in range(journal.head + 1 if start is None else start + 1, journal.head + 1):
                wire.push(account, at, journal.events[at - journal.first])

    # --- events

    def tell(self, account: AccountId, event: e.AnyEvent) -> None:
        """Put an event into a journal and push it."""
        journal = self.journals[account]
        journal.events.append(event)
        for wire in tuple(self.wires):
            if account in wire.accounts:
                wire.push(account, journal.head, event)

    def heartbeat(self) -> None:
        """Tell all heads to all."""
        for wire in tuple(self.wires):
            if wire.accounts:
                wire.pass_on(
                    e.Heartbeat(legs=tuple(self.leg(account, ()) for account in wire.accounts), at=0)
                )

    def forget_journal(self, account: AccountId) -> None:
        """Begin a new epoch, as after an import."""
        self.journals[account] = Journal(epoch=self.journals[account].epoch + 1)

    def drop(self, wire: Wire) -> None:
        """Forget a connection."""
        if wire in self.wires:
            self.wires.remove(wire)

    def close_all(self, code: int) -> None:
        """Close every connection."""
        for wire in tuple(self.wires):
            self.drop(wire)
            wire.close(code)

    # --- threads

    def thread(self, one: AccountId, other: AccountId) -> FakeThread:
        name = thread_of_pair(one, other)
        return self.threads.setdefault(name, FakeThread(name, {one: Seat(), other: Seat()}))

    def say(self, speaker: AccountId, other: AccountId, text: str, token: str = "") -> r.Sent:
        """Let an account speak without a client."""
        thread = self.thread(speaker, other)
        number = len(thread.messages) + 1
        return self.send(speaker, c.Send(thread=thread.id, text=text, token=token or f"t{thread.id}{number}"))

    def send(self, speaker: AccountId, operation: c.Send) -> r.Sent:
        before = self.tokens.get((speaker, operation.token))
        if before is not None:
            if before[0] != operation:
                raise TokenReused(path="$.token")
            return before[1]
        thread = self.threads[operation.thread]
        message = self._message(thread, speaker, operation)
        reply = r.Sent(thread=thread.id, seq=message.seq, at=message.at)
        self.tokens[speaker, operation.token] = (operation, reply)
        self._place(thread, speaker, message.seq)
        thread.messages.append(message)
        for account in thread.seats:
            self.tell(account, e.MessageSent(message=message))
        return reply

    def _message(self, thread: FakeThread, speaker: AccountId, operation: c.Send) -> MessageView:
        seq = Seq(len(thread.messages) + 1)
        digest = sha256(operation.text.encode()).digest()
        link = next_link(bytes.fromhex(thread.link), thread.id, seq, speaker, digest)
        return MessageView(
            thread=thread.id, seq=seq, sender=speaker, at=1_000 + seq, text=operation.text,
            reply_to=operation.reply_to, origin=self.accounts[speaker].network, digest=digest.hex(),
            link=link.hex(),
        )  # fmt: skip

    def _place(self, thread: FakeThread, speaker: AccountId, seq: Seq) -> None:
        other = thread.other(speaker)
        mine, theirs = thread.seats[speaker], thread.seats[other]
        if mine.read == seq - 1:
            mine.read = seq
        if mine.folder is not Folder.INBOX:
            mine.folder = Folder.INBOX
            mine.consent = Consent.NONE if mine.consent is Consent.NONE else Consent.ACCEPTED
            self.changed(thread, speaker)
        if theirs.folder is Folder.NONE:
            stranger = (other, speaker) in self.strangers
            theirs.folder = Folder.REQUESTS if stranger else Folder.INBOX
            theirs.consent = Consent.PENDING if stranger else Consent.NONE
            self.changed(thread, other)

    def changed(self, thread: FakeThread, account: AccountId) -> None:
        view = self.view(thread, account)
        self.tell(
            account,
            e.ThreadChanged(
                thread=thread.id,
                leg=account,
                others=view.others,
                folder=view.folder,
                consent=view.consent,
                answered=view.answered,
            ),
        )

    def public(self, account: AccountId) -> AccountView:
        own = self.accounts[account]
        return AccountView(id=own.id, network=own.network, handle=own.handle, name=own.name)

    def view(self, thread: FakeThread, account: AccountId) -> ThreadView:
        seat, other = thread.seats[account], thread.other(account)
        theirs = thread.seats[other]
        tip = len(thread.messages)
        return ThreadView(
            id=thread.id,
            leg=account,
            others=(self.public(other),),
            folder=seat.folder,
            consent=seat.consent,
            tip=tip,
            link=thread.link,
            unread=sum(m.seq > seat.read and m.sender != account for m in thread.messages),
            read=seat.read,
            answered=any(m.sender == other for m in thread.messages) or theirs.consent is Consent.ACCEPTED,
            others_read=0 if theirs.consent is Consent.PENDING else theirs.read,
            others_delivered=0 if theirs.consent is Consent.PENDING else theirs.delivered,
            last=thread.messages[-1] if thread.messages else None,
            last_at=thread.messages[-1].at if thread.messages else 0,
            title=thread.title,
            segments=thread.segments,
        )
