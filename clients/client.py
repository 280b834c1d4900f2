"""The SDK: a client that signs in, asks, listens, and comes back by itself; nothing is lost or doubled."""

import asyncio
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast, get_args, overload

from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.codec import CODECS
from bridge.wire.commands import MarkDelivered, MarkRead, OpenThread, Send
from bridge.wire.queries import Query
from bridge.wire.replies import Sent, SignedIn
from bridge.wire.sign_in import ListDevices, Register, SignOut
from bridge.wire.values import Folder, MessageView, Network, OwnAccountView, ThreadView
from clients.calls import Calls
from clients.chain import check_page
from clients.clock import Clock, within
from clients.core import Core
from clients.credentials import Credentials, GetToken, password_of
from clients.errors import CallTimeout, ChainBroken, ConnectionClosed, ConnectionLost
from clients.listeners import EventStream, as_event
from clients.notices import kind_of
from clients.options import Options, State
from clients.outbox import TOKEN_CHANCE, new_token
from clients.places import Place
from clients.session import Asks, R_co
from clients.transport import Dial, Transport, dial

E = TypeVar("E")
H = TypeVar("H", bound=Callable[[Any], Awaitable[object] | None])

REPEATABLE: Final = (*get_args(Query), ListDevices, MarkDelivered, MarkRead, OpenThread)
"""Operations that do no harm when they are done twice: asked again after a lost connection."""

DEFAULT: Final = -1.0  # stands for the timeout of the options


class Client(Calls):
    """One signed-in device.

    ``async with Client(url, token=…) as client`` signs in, and closes at the end.
    A lost connection is no end: the client comes back with its cursors, sends what is
    in its outbox under the same tokens, and hears each event exactly once, in order.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        get_token: GetToken | None = None,
        network: Network | str | None = None,
        handle: str | None = None,
        password: str | None = None,
        register: Register | None = None,
        device: str = "Python client",
        codec: str = "json",
        outbox: str | os.PathLike[str] | None = None,
        places: Mapping[AccountId, Place] | None = None,
        options: Options | None = None,
        dial: Dial | None = None,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            url: The hub, as ``ws://127.0.0.1:8000`` or ``wss://…``.
            token: A device's token, or
            get_token: a function that gets one, asked again when it is no longer good, or
            network: where the account lives,
            handle: its handle and
            password: its password; this makes a new device, whose token is used from then on, or
            register: the account to make first.
            device: How the list of devices should call a new device.
            codec: ``json`` or ``msgpack``.
            outbox: Where to keep unsent messages over a crash; in memory if absent.
            places: Where an earlier client stood in its journals (``Push.places``): it goes on behind them.
            options: How to behave.
            dial: Makes a connection; for tests.
            clock: Tells the time; for tests.
            chance: Draws numbers from 0 to 1; for tests.
        """
        self.options = options or Options()
        sign_in = None
        if network is not None and handle is not None and password is not None:
            sign_in = password_of(network, handle, password, device)
        given = Credentials(token=token, get_token=get_token, password=sign_in, register=register)
        self._core = Core(self.options, given, places)
        self._url = url
        self._codec = CODECS[f"isthmus.v1.{codec}"]
        self._outbox = outbox
        self._dial = dial or self._dial_socket
        self._clock = clock
        self._chance = chance
        self._started = False

    # --- life

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def state(self) -> State:
        """Where it stands with its hub."""
        return self._core.lifeline.state if self._started else State.DISCONNECTED

    @property
    def token(self) -> str | None:
        """The device's token, once known: sign in with it next time. Keep it secret."""
        return self._core.credentials.token

    @property
    def signed(self) -> SignedIn | None:
        """The hub's newest answer to the sign-in."""
        return self._core.signed

    @property
    def accounts(self) -> Mapping[AccountId, OwnAccountView]:
        """The own accounts that this session may use, by id."""
        return self._core.accounts

    @property
    def places(self) -> Mapping[AccountId, Place]:
        """Where it stands in each journal; what is behind that may still wait for a listener."""
        return self._core.places.known()

    @property
    def chain_breaks(self) -> list[ChainBroken]:
        """With ``verify``: where a told message did not fit its thread's chain."""
        return self._core.chain_breaks

    @property
    def unsent(self) -> int:
        """How many messages wait in the outbox."""
        return len(self._core.sender) if self._started else 0

    async def connect(self, *, wait: bool = True, timeout_s: float | None = 30.0) -> None:
        """Start; unless told otherwise, wait until signed in.

        Raises:
            SignInFailed: If the sign-in was not accepted.
            ConnectionClosed: If what answers is no hub.
            CallTimeout: If nobody answers in time; the client is closed then.
            OutboxInUse: If another process has the outbox open.
            OutboxOfAnother: If another account's unsent messages are in it.
        """
        if not self._started:
            await self._core.start(self._codec, self._dial, self._outbox, self._clock, self._chance)
            self._started = True
        if wait:
            try:
                await self.wait_until_ready(timeout_s)
            except CallTimeout as late:
                trouble = self._core.lifeline.trouble
                await self.close()
                why = f": {trouble.text}" if trouble is not None else "."
                raise CallTimeout(f"No hub answered at {self._url} within {timeout_s:g} s{why}") from late
            except BaseException:
                await self.close()
                raise

    async def wait_until_ready(self, timeout_s: float | None = None) -> None:
        """Wait until signed in.

        Raises:
            BridgeError: What closed the client for good.
            CallTimeout: If it takes longer.
        """
        await self._running().lifeline.ready(timeout_s)

    async def drain(self, timeout_s: float | None = None) -> None:
        """Send what is in the outbox, then close.

        Raises:
            CallTimeout: If it takes longer; the client is closed all the same.
            BridgeError: What ended the client before all was sent.
        """
        core = self._running()
        idle = asyncio.ensure_future(core.sender.idle())
        try:
            await within(core.clock, timeout_s, idle)
        finally:
            idle.cancel()
            await self.close()

    async def close(self) -> None:
        """Close now; calls that wait raise ``ConnectionClosed``, a kept outbox stays on disk."""
        if self._started:
            await self._core.stop()

    async def sign_out(self) -> None:
        """Revoke this device's token, then close."""
        await self.call(SignOut())
        await self.close()

    def _running(self) -> Core:
        if not self._started:
            raise ConnectionClosed("The client is not connected yet; use connect() or async with.")
        return self._core

    async def _dial_socket(self) -> Transport:
        return await dial(self._url, self._codec, self.options.socket)

    # --- asking

    async def call(self, operation: Asks[R_co], *, timeout_s: float | None = DEFAULT) -> R_co:
        """Ask the hub and wait for the answer.

        Reads, and what does no harm when done twice, are asked again after a lost
        connection; a ``Send`` stays in the outbox.

        Raises:
            Refusal: If the hub said no, by its own class of ``bridge.errors``.
            ConnectionLost: If the connection broke; whether the command was done is unknown.
            CallTimeout: If no answer came in time.
            ConnectionClosed: If the client is closed.
        """
        if timeout_s == DEFAULT:
            timeout_s = self.options.call_timeout_s
        core = self._running()
        clock = core.clock
        if isinstance(operation, Send):
            return cast(R_co, await within(clock, timeout_s, core.sender.post(operation)))
        until = None if timeout_s is None else clock.time() + timeout_s
        while True:
            connection = await core.lifeline.ready(None if until is None else until - clock.time())
            left_s = None if until is None else until - clock.time()
            try:
                return cast(R_co, await within(clock, left_s, connection.ask(operation)))
            except ConnectionLost:
                if not isinstance(operation, REPEATABLE):
                    raise

    async def send(
        self,
        thread: ThreadId,
        text: str,
        *,
        reply_to: Seq | None = None,
        token: str | None = None,
        timeout_s: float | None = None,
    ) -> Sent:
        """Post a message to a thread, at most once however often the connection breaks.

        Args:
            thread: Where to.
            text: What to say.
            reply_to: The ``seq`` of the message that it answers.
            token: The caller's own; the same token is the same message for ever.
            timeout_s: How long to wait; the message stays in the outbox after that. ``None``: for ever.

        Raises:
            Refusal: If the hub did not take it; ``request_pending``, ``not_accepting``, ``too_long``, …
            OutboxFull: If too many unsent messages wait.
            CallTimeout: If no answer came in time; the message may still go out.
        """
        token = token or new_token(time.time_ns() // 1_000_000, secrets.token_bytes(TOKEN_CHANCE))
        message = Send(thread=thread, text=text, reply_to=reply_to, token=token)
        return await self.call(message, timeout_s=timeout_s)

    async def history(
        self,
        thread: ThreadId,
        *,
        before: Seq | None = None,
        after: int | None = None,
        page: int = 50,
    ) -> AsyncIterator[MessageView]:
        """Walk through a thread, newest first; with ``after``, oldest first from there.

        Raises:
            ChainBroken: With ``verify``, at the first message that does not fit its chain.
        """
        last: tuple[MessageView, ...] = ()
        while True:
            found = await self.history_page(thread, before=before, after=after, limit=page)
            if self.options.verify:
                check_page((*last, *found.messages))
            for message in found.messages:
                yield message
            if not found.more or not found.messages:
                return
            last = found.messages[-1:]
            before, after = (last[0].seq, None) if after is None else (None, last[0].seq)

    async def threads(
        self, folder: Folder = Folder.INBOX, *, as_: AccountId | None = None, page: int = 50
    ) -> AsyncIterator[ThreadView]:
        """Walk through a folder, newest first."""
        before: str | None = None
        while True:
            found = await self.list_threads(folder, as_=as_, before=before, limit=page)
            for thread in found.threads:
                if self.options.verify:
                    self._core.chains.know(thread)
                yield thread
            before = found.next
            if before is None:
                return

    # --- listening

    def on(self, kind: type[Any] | str) -> Callable[[H], H]:
        """Decorate a function, plain or async, to be called with each event of a kind.

        Handlers are called one after the other, in the order of the events, in a task of
        their own: a slow one delays the others, never the connection. Kinds are the
        classes of ``bridge.wire.events`` and ``clients.notices``, or their names.
        """
        wanted = kind_of(kind)

        def keep(handler: H) -> H:
            self._core.listeners.add(wanted, handler)
            return handler

        return keep

    def events(self) -> EventStream:
        """Stream everything that happens from now on: ``async for push in client.events()``."""
        return self._core.listeners.stream()

    @overload
    async def wait_for(
        self, kind: type[E], check: Callable[[E], bool] | None = None, timeout_s: float | None = None
    ) -> E: ...

    @overload
    async def wait_for(
        self, kind: str, check: Callable[[Any], bool] | None = None, timeout_s: float | None = None
    ) -> Any: ...

    async def wait_for(
        self,
        kind: type[E] | str,
        check: Callable[[Any], bool] | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Wait for the next event of a kind for which ``check`` says yes.

        Raises:
            CallTimeout: If it takes longer.
            ConnectionClosed: If the client is closed meanwhile.
        """
        wanted: type[E] = kind_of(kind)
        waiter = self._core.listeners.waiter(wanted, check)
        try:
            return as_event(await within(self._running().clock, timeout_s, waiter.future), wanted)
        finally:
            self._core.listeners.forget(waiter)
