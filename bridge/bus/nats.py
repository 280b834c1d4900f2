"""The bus over NATS: core publish on a subject per account; interest routes; nothing is stored.

    <prefix>.account.<id>   what concerns an account: heard by the nodes that serve it
    <prefix>.here.<id>      that it came or went: heard by the nodes where somebody watches it
    <prefix>.node.<name>    what is written to one node alone: who writes it, and the letter
    <prefix>.all            what concerns every node: that a node is there, or leaves

That a node serves an account is the subscription itself; so whoever asks on the
account's subject learns at once from the server that nobody is there. What is lost is
found by looking: whatever hints at a loss (a broken connection, a slow consumer, a full
queue) has the node look at everything again; and now and then it looks without a hint.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from secrets import token_hex
from typing import Final

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from bridge.bus.base import Elsewhere, News
from bridge.bus.beats import Beats
from bridge.bus.interest import Interest
from bridge.bus.options import NatsOptions
from bridge.bus.outbox import Outbox
from bridge.bus.packets import Outgoing, read
from bridge.bus.presence import Presence
from bridge.bus.silence import GONE, has_read_all
from bridge.errors import Fault
from bridge.ids import AccountId
from bridge.standing import standing

log = logging.getLogger("bridge.bus")

_RETRY_S: Final = 0.5
_ANSWER_S: Final = 1.0
_SETTLED_S: Final = 2.0
_OUTBOX_BYTES: Final = 16 * 2**20
_ODD: Final = (*GONE, ValueError)
"""What the client raises besides where something else answers in NATS's place."""
_CAME, _WENT = b"1", b"0"
_NAME: Final = 16  # characters of a node's name


class NatsBus:
    """Carries news over NATS. After ``begin`` it connects in the background, for ever.

    Attributes:
        connects: True.
        is_up: Whether NATS is there.
        sent_total: Packets sent.
        heard_total: Packets heard.
        name: What other nodes call this one; each start takes a new name.
        nodes: The others.
    """

    def __init__(self, options: NatsOptions) -> None:
        """Connect to nothing yet."""
        self.connects = True
        self.is_up = False
        self.sent_total = self.heard_total = 0
        self.name = token_hex(_NAME // 2)
        self._presence = Presence(
            ask=self._ask,
            is_here=lambda account: self._subject("account", account) in self._interest,
            is_up=lambda: self.is_up,
            tell=self._tell_here,
            start=self._start,
        )
        self._beats = Beats(
            self.name,
            self._say,
            gone=self._tell_gone,
            back=self._presence.doubted,
            announced=self._tell_announced,
        )
        self.nodes = self._beats.nodes
        self._options = options
        self._hear: list[Callable[[News], None]] = []
        self._elsewhere: list[Elsewhere] = []
        self._outgoing = Outgoing(self.name)
        self._outbox = Outbox(_OUTBOX_BYTES)
        self._all = f"{options.prefix}.all"
        self._interest = Interest((self._all, f"{options.prefix}.node.{self.name}"), self._came)
        self._waiting: list[asyncio.Future[None]] = []
        self._due = asyncio.Event()
        self._flushing = False
        self._client: Client | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Begin to connect. Without NATS the bus is up later, and nodes look for themselves meanwhile."""
        self._start(standing("the connection to NATS", self._work))
        self._start(standing("this node's sign of life", self._beats.run))

    # --- the port

    def publish(self, news: News) -> None:
        """Tell this node at once, and the others at the end of this turn of the loop."""
        for account, online in news.presence:
            self._tell_presence(account, online)
        here = News(news.told, news.passing, news.moved, [pair for pair in news.presence if pair[1]])
        for hear in self._hear:
            hear(here)
        self._outgoing.add(news)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def write(self, node: str, letter: bytes) -> None:
        """Write to a node's own subject."""
        self._post(f"{self._options.prefix}.node.{node}", self.name.encode() + letter)

    def announce(self, data: bytes) -> None:
        """Tell all other nodes something."""
        self._beats.announce(data)

    def subscribe(self, hear: Callable[[News], None]) -> None:
        """Name who hears the news of this node."""
        self._hear.append(hear)

    def join(self, elsewhere: Elsewhere) -> None:
        """Name who hears the news of other nodes."""
        self._elsewhere.append(elsewhere)

    def serve(self, account: AccountId) -> None:
        """Subscribe to an account's subject."""
        self._want(self._subject("account", account))

    def leave(self, account: AccountId) -> None:
        """Unsubscribe from it."""
        self._want_no_more(self._subject("account", account))

    def watch(self, account: AccountId) -> None:
        """Subscribe to an account's comings and goings."""
        self._presence.watch(account)
        self._want(self._subject("here", account))

    def unwatch(self, account: AccountId) -> None:
        """Unsubscribe from them."""
        self._want_no_more(self._subject("here", account))
        self._presence.forget(account)

    async def settled(self) -> None:
        """Wait until NATS knows all subscriptions; return at once while it is away: then nodes look."""
        if not self.is_up:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._due.set()
        await asyncio.wait([done], timeout=_SETTLED_S)

    async def served_elsewhere(self, accounts: Collection[AccountId]) -> frozenset[AccountId]:
        """Ask on the accounts' subjects whether anybody is there."""
        return await self._presence.elsewhere(accounts)

    async def close(self) -> None:
        """Send what waits, and let go."""
        self._hear.clear()
        self._elsewhere.clear()
        client, self._client = self._client, None
        if client is not None and self.is_up:
            self._flush()
            self._beats.leave()
            with suppress(*GONE):
                await self._send_waiting(client)
                await self._barrier(client)
        self.is_up = False
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if client is not None:
            with suppress(*GONE):
                async with asyncio.timeout(_SETTLED_S):  # it wants to write all it has, even to the mute
                    await client.close()

    # --- sending

    def _subject(self, kind: str, account: AccountId) -> str:
        return f"{self._options.prefix}.{kind}.{account}"

    def _flush(self) -> None:
        self._flushing = False
        for account, packet in self._outgoing.packets():
            self._post(self._subject("account", account), packet)

    def _post(self, subject: str, packet: bytes) -> None:
        self._outbox.put(subject, packet)
        self._due.set()

    def _tell_presence(self, account: AccountId, online: bool) -> None:
        """Tell who watches; here, that somebody went is told once nobody else serves the account."""
        self._post(self._subject("here", account), (_CAME if online else _WENT) + self.name.encode())
        if not online:
            self._presence.went(account)

    async def _ask(self, account: AccountId) -> str:
        """Ask on an account's subject who is there; NATS says at once that nobody is."""
        client = self._client
        if client is None or not self.is_up:
            return ""
        try:
            answer = await client.request(self._subject("account", account), b"", timeout=_ANSWER_S)
        except GONE:
            return ""
        return answer.data.decode()

    def _tell_here(self, account: AccountId, online: bool) -> None:
        for hear in self._hear:
            hear(News(presence=((account, online),)))

    # --- subscriptions

    def _want(self, subject: str) -> None:
        self._interest.want(subject)
        self._due.set()

    def _want_no_more(self, subject: str) -> None:
        self._interest.drop(subject)
        self._due.set()

    async def _send_waiting(self, client: Client) -> None:
        while self._outbox:
            await self._send(client, *self._outbox.take())

    async def _send(self, client: Client, subject: str, packet: bytes) -> None:
        """Send one packet, if NATS takes so much; else the client would fail, and all that waits with it."""
        if len(packet) > client.max_payload:
            log.warning("NATS takes %d bytes, not %d: raise its max_payload", client.max_payload, len(packet))
            return
        self.sent_total += 1
        await client.publish(subject, packet)

    async def _work(self) -> None:
        """Connect; then subscribe and send whenever there is something to; for ever."""
        while True:
            try:
                client = self._client = await self._connect()
                await self._keep_sending(client)
            except _ODD as wrong:
                if self.is_up:
                    log.warning("NATS fails: %s", wrong or type(wrong).__name__)
                self._down()
            await asyncio.sleep(_RETRY_S)

    async def _keep_sending(self, client: Client) -> None:
        """Work until the client has given up."""
        self._interest.begin()
        await self._interest.follow(client)
        await self._barrier(client)
        self._up()
        while not client.is_closed:
            self._due.clear()
            waiting, self._waiting = self._waiting, []
            await self._interest.follow(client)
            await self._send_waiting(client)
            if waiting:
                if not await self._barrier(client) and self.is_up:
                    log.warning("NATS does not answer")  # its client's own pings would take half a minute
                    self._down()
                    await client.force_reconnect()
                for done in waiting:
                    if not done.done():
                        done.set_result(None)
            await self._due.wait()

    async def _barrier(self, client: Client) -> bool:
        """Wait until the server has read all that was written; say whether it answers at all."""
        return await has_read_all(client, f"{self._options.prefix}.nobody")

    # --- the connection

    async def _connect(self) -> Client:
        if self._client is not None:
            with suppress(*GONE):
                await self._client.close()
        options = self._options
        return await nats.connect(
            list(options.servers),
            no_echo=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RETRY_S,
            connect_timeout=2,
            ping_interval=10,
            pending_size=_OUTBOX_BYTES,
            error_cb=self._on_error,
            disconnected_cb=self._on_lost,
            reconnected_cb=self._on_back,
            closed_cb=self._on_lost,
            **options.connect,
        )

    async def _on_error(self, error: Exception) -> None:
        if isinstance(error, nats.errors.SlowConsumerError):
            log.warning("this node reads NATS too slowly: it looks at the journals instead")
            self._doubt()
        elif self.is_up:
            log.warning("NATS: %s", error or type(error).__name__)

    async def _on_back(self) -> None:
        self._up()

    async def _on_lost(self) -> None:
        self._down()
        self._due.set()

    def _up(self) -> None:
        if not self.is_up:
            log.info("NATS is there")
        self.is_up = True
        self._beats.up()
        self._due.set()
        self._doubt()

    def _down(self) -> None:
        if self.is_up:
            log.warning("NATS is away: this node looks at the journals until it is back")
        self.is_up = False
        for done in self._waiting:
            if not done.done():
                done.set_result(None)
        self._doubt()

    def _doubt(self) -> None:
        self._presence.doubted()
        for elsewhere in self._elsewhere:
            elsewhere.doubted()

    # --- hearing

    async def _came(self, message: Msg) -> None:
        """Take in what another node sent."""
        self.heard_total += 1
        if message.reply:  # somebody asks whether the account is served here
            await message.respond(self.name.encode())
            return
        _, kind, *name = message.subject[len(self._options.prefix) :].split(".", 2)
        if kind == "account":
            self._take_news(AccountId(name[0]), message.data)
        elif kind == "here":
            self._take_presence(AccountId(name[0]), message.data[:1] == _CAME, message.data[1:].decode())
        elif kind == "all":
            self._beats.take(message.data)
        else:
            for elsewhere in self._elsewhere:
                elsewhere.wrote(message.data[:_NAME].decode(), message.data[_NAME:])

    def _take_news(self, account: AccountId, data: bytes) -> None:
        try:
            news, head = read(account, data)
        except Fault as fault:
            log.warning("%s", fault.text)
            self._doubt()
            return
        for elsewhere in self._elsewhere:
            elsewhere.heard(news)
            if head:
                elsewhere.woken(account, head)

    def _say(self, data: bytes) -> bool:
        if self.is_up:
            self._post(self._all, data)
        return self.is_up

    def _tell_gone(self, node: str) -> None:
        self._presence.gone(node)
        for elsewhere in self._elsewhere:
            elsewhere.gone(node)

    def _tell_announced(self, data: bytes) -> None:
        for elsewhere in self._elsewhere:
            elsewhere.announced(data)

    def _take_presence(self, account: AccountId, online: bool, node: str) -> None:
        if not online:
            self._presence.went(account)
            return
        self._presence.came(account, node)
        for elsewhere in self._elsewhere:
            elsewhere.heard(News(presence=((account, True),)))

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the bus failed", exc_info=error)
