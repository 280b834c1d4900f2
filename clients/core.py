"""The parts of a client put together: connection, outbox, listeners, receipts, chains."""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Final

from msgspec.structs import replace

from bridge.errors import BridgeError
from bridge.ids import AccountId
from bridge.wire.codec import Codec
from bridge.wire.events import (
    AccountStateChanged,
    Heartbeat,
    HybridChanged,
    LegAdded,
    LegRemoved,
    LinkChanged,
    MessageSent,
    PresenceChanged,
    ProfileChanged,
    Typed,
)
from bridge.wire.replies import SignedIn
from bridge.wire.values import OwnAccountView
from clients.chain import Chains
from clients.clock import Clock
from clients.connection import Connection
from clients.credentials import Credentials
from clients.errors import ChainBroken, ConnectionClosed, EventsMissed
from clients.lifeline import Lifeline
from clients.listeners import Listeners
from clients.notices import Closed, Connected, Disconnected, Push, Reconnected, SendDelayed, SendSettled
from clients.options import Options
from clients.places import Place, Places
from clients.receipts import Receipts
from clients.sender import Sender
from clients.session import Told, Welcome
from clients.transport import Dial

DROPPABLE: Final = (Heartbeat, Typed, PresenceChanged)
"""Events that a listener which is behind may miss."""


class Core:
    """The parts of one client, put together once the loop runs."""

    def __init__(
        self, options: Options, credentials: Credentials, places: Mapping[AccountId, Place] | None
    ) -> None:
        """Prepare what can be used before the client is connected."""
        self.options = options
        self.credentials = credentials
        self.places = Places(places)
        self.accounts: dict[AccountId, OwnAccountView] = {}
        self.signed: SignedIn | None = None
        self.chains = Chains()
        self.chain_breaks: list[ChainBroken] = []
        self.listeners = Listeners(options.event_limit, self._on_room)
        self._holding = False

    async def start(
        self,
        codec: Codec,
        dial: Dial,
        outbox: str | os.PathLike[str] | None,
        clock: Clock | None,
        chance: Callable[[], float],
    ) -> None:
        """Put the parts together and begin to connect.

        Raises:
            OutboxInUse: If another process has the outbox open.
        """
        self.clock: Clock = clock or asyncio.get_running_loop()
        backoff = self.options.backoff

        def pause_s(attempts: int, at_least: float | None) -> float:
            return backoff.delay_s(attempts, chance(), at_least)

        self.sender = Sender(outbox, self.options.sending, self.clock, pause_s, self._tell)
        self.lifeline = Lifeline(
            self,
            dial=dial,
            codec=codec,
            credentials=self.credentials,
            places=self.places,
            options=self.options,
            clock=self.clock,
            chance=chance,
        )
        span_s = self.options.acknowledge_span_s
        self.receipts = Receipts(self.clock, span_s, lambda: self.lifeline.live)
        damage = await self.sender.open()
        self.listeners.start()
        if damage is not None:
            self.listeners.fail(damage)
        self.lifeline.start()

    async def stop(self) -> None:
        """Take the parts down, the connection first; handlers still see what waits for them."""
        self.receipts.stop()
        try:
            await self.lifeline.stop()
        finally:  # who is cancelled meanwhile still lets go of the outbox
            await self.sender.close()
        await self.listeners.stop(ConnectionClosed())

    # --- what the lifeline tells

    def opened(self, connection: Connection, news: Welcome) -> None:
        """Begin to use a connection that is signed in.

        Raises:
            OutboxOfAnother: If what is unsent was said as another account.
        """
        self.sender.claim([account.id for account in news.signed.accounts])
        kind = Connected if self.signed is None else Reconnected
        self.signed = news.signed
        self.accounts = {account.id: account for account in news.signed.accounts}
        self._holding = False
        for account in news.reload:
            self.chains.forget(account)
        self.listeners.tell(Push(kind(signed=news.signed, reload=news.reload)))
        self.sender.connected(connection)
        self.receipts.resume()

    def heard(self, news: Told) -> None:
        """Pass an event on; if a listener is full now, leave the next ones at the hub."""
        match news.event:
            case MessageSent():
                self._note_message(news.event, news.account)
            case LegAdded(account=account):
                self.chains.forget(account.id)
                self.accounts[account.id] = account
            case ProfileChanged() | AccountStateChanged():
                self.accounts[news.event.account.id] = news.event.account
            case LegRemoved():
                self.accounts.pop(news.event.account, None)
            case LinkChanged(leg=leg) if leg in self.accounts:
                linked = tuple(account.id for account in news.event.linked_to)
                self.accounts[leg] = replace(self.accounts[leg], linked_to=linked)
            case HybridChanged(account=account) if account in self.accounts:
                self.accounts[account] = replace(self.accounts[account], hybrid=news.event.hybrid)
            case _:
                pass
        push = Push(news.event, news.account, news.at, news.cursor)
        self.listeners.tell(push, always=not isinstance(news.event, DROPPABLE))
        if self.listeners.full and not self._holding and (connection := self.lifeline.live) is not None:
            self._holding = True
            connection.hold()

    def lost(self, error: BridgeError, retry_in_s: float) -> None:
        """Keep all until the next connection."""
        self.sender.disconnected()
        self.listeners.tell(Push(Disconnected(error=error, retry_in_s=retry_in_s)))

    def ended(self, error: BridgeError) -> None:
        """Fail all who wait: there will be no other connection."""
        self.sender.fail(error)
        by_caller = isinstance(error, ConnectionClosed) and error.resumable
        self.listeners.tell(Push(Closed(error=None if by_caller else error)))
        self.listeners.end(error)

    # --- what the parts tell

    def _note_message(self, event: MessageSent, leg: AccountId | None) -> None:
        message = event.message
        if self.options.acknowledge and message.sender not in self.accounts:
            self.receipts.note(message.thread, message.seq)
        if self.options.verify and leg is not None:  # each message has its journal
            try:
                self.chains.hear(message, leg)
            except ChainBroken as broken:
                self.chain_breaks.append(broken)
                self.listeners.fail(broken)

    def _tell(self, notice: SendSettled | SendDelayed) -> None:
        self.listeners.tell(Push(notice))

    def _on_room(self) -> None:
        """Fetch what was left at the hub: come back with the cursors."""
        if self._holding:
            self._holding = False
            self.lifeline.restart(EventsMissed("The listeners caught up."))
