"""A small hub in memory that keeps the wire's promises towards a client, without rules, disk or clock.

Journals are dense, tokens are remembered for ever, threads carry their chain. Tests
break its connections wherever they like.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed as SocketClosed
from websockets.typing import Subprotocol

from bridge.errors import (
    BridgeError,
    CannotMessageSelf,
    NotFound,
    NotSignedIn,
    SignInFailed,
    TokenReused,
)
from bridge.ids import AccountId, DeviceId, PersonId, Position, Seq, ThreadId, thread_of_pair
from bridge.wire import commands as c
from bridge.wire import events as e
from bridge.wire import replies as r
from bridge.wire.codec import CODECS, Codec, Malformed
from bridge.wire.values import (
    AccountView,
    Consent,
    DeviceView,
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
from clients.errors import ConnectionLost

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
        self, hub: "FakeHub", codec: Codec, write: Callable[[bytes], None], close: Callable[[int], None]
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
        if isinstance(operation, c.SignIn | c.Register):
            self.hub.replay(self, operation.cursors if isinstance(operation, c.SignIn) else ())
        if isinstance(operation, c.SignOut):
            self.close(4504)

    def push(self, account: AccountId, at: int, event: e.AnyEvent) -> None:
        cursor = self.hub.journals[account].cursor(account, at)
        self._write(self.codec.push(self.codec.body(event), account, at, cursor))

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

    @property
    def link(self) -> str:
        return self.messages[-1].link if self.messages else first_link(self.id).hex()

    def other(self, account: AccountId) -> AccountId:
        (other,) = set(self.seats) - {account}
        return other


class FakeHub:
    """Accounts, threads, journals, tokens, connections."""

    def __init__(self, heartbeat_s: float = 20.0) -> None:
        self.heartbeat_s = heartbeat_s
        self.accounts: dict[AccountId, OwnAccountView] = {}
        self.journals: dict[AccountId, Journal] = {}
        self.threads: dict[ThreadId, FakeThread] = {}
        self.tokens: dict[tuple[AccountId, str], tuple[c.Send, r.Sent]] = {}
        self.devices: dict[str, tuple[AccountId, ...]] = {}
        self.wires: list[Wire] = []
        self.calls: list[c.AnyCall] = []
        self.refuse: list[tuple[type[c.Operation], BridgeError]] = []
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

    def answer(self, wire: Wire, operation: c.AnyCall) -> r.Reply:
        for number, (kind, error) in enumerate(self.refuse):
            if isinstance(operation, kind):
                del self.refuse[number]
                raise error
        if isinstance(operation, c.SignIn):
            return self._sign_in(wire, operation)
        if isinstance(operation, c.Register):
            account = AccountId("a-" + operation.handle)
            self.add_account(account, operation.network)
            return self._open(wire, (account,), (), f"token-{operation.handle}")
        if not wire.accounts:
            raise NotSignedIn
        return Answers(self, wire.accounts).answer(operation)

    def _sign_in(self, wire: Wire, operation: c.SignIn) -> r.SignedIn:
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
            reply_to=operation.reply_to, origin=self.accounts[speaker].network, digest=digest.hex(), link=link.hex(),
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
        )


class Answers:
    """What signed-in accounts are answered."""

    def __init__(self, hub: FakeHub, accounts: tuple[AccountId, ...]) -> None:
        self.hub, self.accounts = hub, accounts

    def answer(self, operation: Any) -> r.Reply:
        method = getattr(self, operation.op, None)
        if method is None:
            raise NotFound(f"The fake hub does not know {operation.op}.")
        reply: r.Reply = method(operation)
        return reply

    def _thread(self, name: ThreadId) -> tuple[FakeThread, AccountId]:
        thread = self.hub.threads.get(name)
        for account in self.accounts:
            if thread is not None and account in thread.seats:
                return thread, account
        raise NotFound

    def send(self, operation: c.Send) -> r.Sent:
        return self.hub.send(self._thread(operation.thread)[1], operation)

    def sign_out(self, _: c.SignOut) -> r.Done:
        return r.Done()

    def list_devices(self, _: c.ListDevices) -> r.Devices:
        return r.Devices(
            devices=(DeviceView(id=DeviceId("d-1"), name="fake", created_at=1, seen_at=2, here=True),)
        )

    def open_thread(self, operation: c.OpenThread) -> r.Opened:
        other = operation.account or AccountId(f"a-{operation.handle}")
        if other not in self.hub.accounts:
            raise NotFound
        if other in self.accounts:
            raise CannotMessageSelf
        view = self.hub.public(other)
        if operation.as_ is None or not operation.confirm:
            return r.Opened(propose=operation.as_ or self.accounts[0], other=view)
        thread = self.hub.thread(operation.as_, other)
        return r.Opened(thread=self.hub.view(thread, operation.as_), other=view)

    def list_threads(self, operation: c.ListThreads) -> r.Threads:
        views = [
            self.hub.view(thread, account)
            for thread in self.hub.threads.values()
            for account in self.accounts
            if account in thread.seats and thread.seats[account].folder is operation.folder
        ]
        views.sort(key=lambda view: (-view.last_at, view.id))
        start = int(operation.before or 0)
        page = tuple(views[start : start + operation.limit])
        rest = start + operation.limit < len(views)
        return r.Threads(threads=page, next=str(start + operation.limit) if rest else None)

    def get_thread(self, operation: c.GetThread) -> r.OneThread:
        return r.OneThread(thread=self.hub.view(*self._thread(operation.thread)))

    def history(self, operation: c.History) -> r.Messages:
        thread, _ = self._thread(operation.thread)
        if operation.after is not None:
            found = [m for m in thread.messages if m.seq > operation.after]
        else:
            found = [
                m for m in reversed(thread.messages) if operation.before is None or m.seq < operation.before
            ]
        return r.Messages(messages=tuple(found[: operation.limit]), more=len(found) > operation.limit)

    def search(self, operation: c.Search) -> r.SearchHits:
        found = [
            message
            for thread in self.hub.threads.values()
            if set(self.accounts) & set(thread.seats)
            for message in thread.messages
            if operation.text in (message.text or "")
        ]
        return r.SearchHits(messages=tuple(found))

    def accept(self, operation: c.Accept) -> r.Done:
        return self._move(operation.threads, Folder.INBOX, Consent.ACCEPTED)

    def decline(self, operation: c.Decline) -> r.Done:
        return self._move(operation.threads, Folder.NONE, Consent.DECLINED)

    def archive(self, operation: c.Archive) -> r.Done:
        return self._move(operation.threads, Folder.ARCHIVED if operation.on else Folder.INBOX, None)

    def _move(self, threads: Iterable[ThreadId], folder: Folder, consent: Consent | None) -> r.Done:
        for name in threads:
            thread, account = self._thread(name)
            thread.seats[account].folder = folder
            thread.seats[account].consent = consent or thread.seats[account].consent
            self.hub.changed(thread, account)
            if consent is Consent.ACCEPTED:
                self.hub.changed(thread, thread.other(account))
        return r.Done()

    def mark_read(self, operation: c.MarkRead) -> r.Done:
        thread, account = self._thread(operation.thread)
        seat = thread.seats[account]
        if operation.upto > seat.read:
            seat.read = seat.delivered = operation.upto
            told = thread.seats if seat.consent is not Consent.PENDING else (account,)
            for member in told:
                self.hub.tell(member, e.Read(thread=thread.id, account=account, upto=operation.upto))
        return r.Done()

    def mark_delivered(self, operation: c.MarkDelivered) -> r.Done:
        thread, account = self._thread(operation.thread)
        seat = thread.seats[account]
        if operation.upto > seat.delivered:
            seat.delivered = operation.upto
            if seat.consent is not Consent.PENDING:
                event = e.Delivered(thread=thread.id, account=account, upto=operation.upto)
                self.hub.tell(thread.other(account), event)
        return r.Done()

    def typing(self, operation: c.Typing) -> r.Done:
        thread, account = self._thread(operation.thread)
        for wire in self.hub.wires:
            if thread.other(account) in wire.accounts:
                wire.pass_on(e.Typed(thread=thread.id, account=account))
        return r.Done()

    def count_unread(self, _: c.CountUnread) -> r.Unread:
        return r.Unread()

    def who_is_here(self, operation: c.WhoIsHere) -> r.Present:
        return r.Present(online=operation.accounts)


class Pipe:
    """A transport in memory: whole frames, cut whenever a test says so."""

    def __init__(self, hub: FakeHub, codec: Codec) -> None:
        self._hub, self._binary = hub, codec.binary
        self._down: asyncio.Queue[bytes | int] = asyncio.Queue()
        self.closed_with: int | None = None
        self.wire = hub.connect(codec, self._down.put_nowait, self._down.put_nowait)

    async def send(self, frame: bytes) -> None:
        if self.closed_with is not None:
            raise ConnectionLost
        self.wire.receive(frame if self._binary else frame.decode())

    async def receive(self) -> bytes | str:
        frame = await self._down.get()
        if isinstance(frame, int):
            self._hub.drop(self.wire)
            raise ConnectionLost(close_code=frame)
        return frame if self._binary else frame.decode()

    def cut(self, code: int = 1006) -> None:
        """Break the connection; what is on its way down is still read."""
        self._hub.drop(self.wire)
        self._down.put_nowait(code)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self.closed_with is None:
            self.closed_with = code
        self._hub.drop(self.wire)


@asynccontextmanager
async def serving(hub: FakeHub) -> AsyncIterator[str]:
    """Serve a hub on a real socket; gives its address."""

    async def talk(socket: ServerConnection) -> None:
        codec = CODECS[socket.subprotocol or "isthmus.v1.json"]
        frames: asyncio.Queue[bytes | int] = asyncio.Queue()
        wire = hub.connect(codec, frames.put_nowait, frames.put_nowait)

        async def write() -> None:
            while not isinstance(frame := await frames.get(), int):
                await socket.send(frame, text=not codec.binary)
            await socket.close(frame)

        writing = asyncio.create_task(write())
        try:
            async for data in socket:
                wire.receive(data)
        except SocketClosed:
            pass  # broken connections are what these tests are about
        finally:
            hub.drop(wire)
            writing.cancel()
            await asyncio.wait([writing])
            if not writing.cancelled():
                writing.exception()

    protocols = [Subprotocol(name) for name in CODECS]
    async with serve(
        talk, "127.0.0.1", 0, subprotocols=protocols, compression=None, close_timeout=1
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"
