"""Says what happens, as it happens: messages, requests, receipts, connections, links."""

import asyncio

from bridge.errors import BridgeError
from bridge.wire.events import (
    AccountStateChanged,
    ControlsChanged,
    HybridChanged,
    LegAdded,
    LegRemoved,
    LinkAnswered,
    LinkAsked,
    LinkAttempted,
    LinkChanged,
    MessageSent,
    Read,
    ThreadChanged,
    TieChanged,
    Typed,
)
from bridge.wire.values import AccountState, Folder, Hybrid, MessageView, TieState
from clients.errors import ConnectionClosed, OutboxBroken
from clients.listeners import EventStream
from clients.notices import (
    Closed,
    Connected,
    Disconnected,
    Failed,
    Push,
    Reconnected,
    SendDelayed,
    SendSettled,
)
from clients.terminal import words
from clients.terminal.chat import Chat
from clients.terminal.cleaning import clean_line
from clients.terminal.elsewhere import Elsewhere


class Listener:
    """Says what happens, as it happens.

    Attributes:
        loaded: Set once the threads were read for the first time.
        failed: Whether the connection ended for good.
    """

    def __init__(self, chat: Chat) -> None:
        """Tell what happens in ``chat``."""
        self.loaded = asyncio.Event()
        self.failed = False
        self._chat = chat
        self._elsewhere = Elsewhere()
        self._away = False  # whether it was said that the connection is gone
        self._delayed: set[str] = set()  # messages of which that was said

    async def listen(self, stream: EventStream) -> None:
        """Fold each push into the inbox, then say it."""
        try:
            await self._follow(stream)
        finally:
            for told in self._chat.typed.values():  # nothing more will be said of these
                told.cancel()

    async def _follow(self, stream: EventStream) -> None:
        async for push in stream:
            now = asyncio.get_running_loop().time()
            news = self._is_news(push, now)
            self._chat.inbox.hear(push, now)
            if not isinstance(push.event, Disconnected):  # it is told at once; reading waits for the hub
                await self._reload()
            if news:
                self._tell(push)

    async def _reload(self) -> None:
        try:
            await self._chat.reload()
        except ConnectionClosed:
            pass  # the stream's end says it
        except BridgeError as error:
            self._chat.say(f"The lists are not whole yet; they are read again. {words.refusal(error)}")

    def _is_news(self, push: Push, now: float) -> bool:
        """Say whether something was not shown before: a snapshot may already hold it."""
        match push.event:
            case MessageSent(message=message):
                row = self._chat.row(message.thread)
                return row is None or message.seq > row.tip
            case Typed(thread=thread, account=account):
                return account not in self._chat.inbox.typing(thread, now)
            case _:
                return True

    def _tell(self, push: Push) -> None:
        chat = self._chat
        match push.event:
            case MessageSent(message=message) if message.sender in chat.client.accounts:
                under_way = bool(chat.inbox.outgoing(message.thread))
                self._tell_own(self._elsewhere.hear(message, under_way=under_way))
            case MessageSent() as sent:
                self._tell_message(sent)
            case ThreadChanged(thread=thread) if thread == chat.open and (row := chat.row(thread)):
                chat.mark_read(row)  # a request that was read without a trace, until it was accepted
            case Read() as read:
                self._tell_read(read)
            case Typed() as typed:
                row = chat.row(typed.thread)
                if row is not None and typed.thread == chat.open:
                    chat.say(f"{chat.name_in(row, typed.account)} is typing.")
            case SendSettled() | SendDelayed() | Failed():
                self._tell_sending(push.event)
            case Connected() | Reconnected() | Disconnected() | Closed():
                self._tell_connection(push.event)
            case _:
                for line in self._of_people(push):
                    chat.say(line)

    def _tell_connection(self, event: Connected | Reconnected | Disconnected | Closed) -> None:
        chat = self._chat
        match event:
            case Connected():
                self._welcome()
            case Reconnected() as back:
                self._away = False
                if not back.resumed:
                    self._elsewhere.forget()
                missed = "nothing was missed" if back.resumed else "the lists were read anew"
                chat.say(f"Connected again; {missed}.")
            case Disconnected() if self.loaded.is_set() and not self._away:
                self._away = True
                chat.say("Connection lost; it is tried until it is back.")
            case Closed(error=error) if error is not None:
                self.failed = True
                chat.say(f"The connection is closed: {clean_line(error.text)}")
            case _:
                pass

    def _tell_sending(self, event: SendSettled | SendDelayed | Failed) -> None:
        chat = self._chat
        match event:
            case SendSettled() as settled:
                self._delayed.discard(settled.token)
                chat.inbox.dismiss(settled.token)
                self._tell_settled(settled)
                under_way = bool(chat.inbox.outgoing(settled.thread))
                self._tell_own(self._elsewhere.settle(settled, under_way=under_way))
            case SendDelayed(token=token, error=error) if token not in self._delayed:
                self._delayed.add(token)
                chat.waiting.add(token)
                chat.say(f"Not sent yet: {clean_line(error.text)} It is tried until it is sent.")
            case Failed(error=OutboxBroken(text=text)):
                chat.say(clean_line(text))
            case _:
                pass

    def _tell_settled(self, settled: SendSettled) -> None:
        """Say what became of a message; of one that is not the last that was typed, also what it said."""
        chat, row = self._chat, self._chat.row(settled.thread)
        via = "" if row is None else f" as {chat.via(row)}"
        to = "" if row is None else f" to {chat.title(row)},{via}"
        told = chat.typed.pop(settled.token, None)
        when = "" if told is not None else f" from last time{to}"
        if settled.error is not None:
            chat.undone = chat.undone or told is not None
            said = "" if told is not None and not chat.typed else f" It said: {settled.text}"
            chat.say(f"Not sent{when}: {clean_line(settled.error.text)}{said}")
        elif told is not None:
            chat.say(f"Sent{via}, number {settled.seq}.")
        else:
            chat.say(f"Sent{when}, number {settled.seq}: {settled.text}")
        if told is not None and not told.done():
            told.set_result(None)

    def _welcome(self) -> None:
        chat = self._chat
        names = " and ".join(words.own_name(account) for account in chat.client.accounts.values())
        chat.say(f"Signed in as {names}. /help lists the commands.")
        for account in chat.client.accounts.values():
            if account.state is AccountState.DEACTIVATED:
                chat.say(
                    f"{words.own_name(account)} is deleted; /restore takes that back until it is erased."
                )
        chat.say(f"Unread messages: {chat.inbox.unread}. Requests waiting: {chat.inbox.requests}.")
        for link in chat.asked:
            chat.say(words.asks_for_a_link(link.account))
        self.loaded.set()

    def _tell_message(self, event: MessageSent) -> None:
        chat, message = self._chat, event.message
        row = chat.row(message.thread)
        if row is None or row.folder is Folder.HIDDEN:
            return
        if message.thread == chat.open:
            chat.say(chat.line(message))
            chat.mark_read(row)
        elif row.is_request:
            if row.tip == 1:  # one notice per request, however much follows
                chat.say(f"New request. {chat.line(message)}")
        else:
            chat.say(f"New message. {chat.line(message)}")

    def _tell_own(self, messages: list[MessageView]) -> None:
        """Say what the person wrote on another device; what was typed here is confirmed as it is sent."""
        for message in messages:
            if message.thread == self._chat.open:
                self._chat.say(self._chat.line(message))

    def _tell_read(self, event: Read) -> None:
        chat = self._chat
        row = chat.row(event.thread)
        if row is not None and event.thread == chat.open and event.account != row.leg:
            chat.say(f"{chat.name_in(row, event.account)} has read up to {event.upto}.")

    def _of_people(self, push: Push) -> list[str]:
        """Say what happened around accounts."""
        match push.event:
            case LinkAsked(account=account) as link:
                self._chat.note_asked(link)
                return [words.asks_for_a_link(account)]
            case LegAdded(account=account):
                return [f"You can use {words.own_name(account)} here too now. /accounts lists your accounts."]
            case LegRemoved():
                return ["One of your accounts can no longer be used here. /accounts lists the others."]
            case LinkAnswered(accepted=accepted):
                return ["Your link was approved." if accepted else "Your link was refused."]
            case LinkAttempted():
                return ["Somebody tried to link your account and could not prove that it is theirs."]
            case LinkChanged(linked_to=linked):
                names = " and ".join(words.full_name(account) for account in linked)
                return [
                    f"Your account is linked to {names} now." if linked else "Your account is unlinked now."
                ]
            case HybridChanged(hybrid=hybrid):
                return [f"Chats across networks are {'on' if hybrid is Hybrid.ON else 'off'} now."]
            case AccountStateChanged(account=account):
                out = "out of use" if account.state is AccountState.DEACTIVATED else "in use"
                return [f"{words.own_name(account)} is {out} now."]
            case ControlsChanged():
                return ["Your message controls were changed."]
            case TieChanged(incoming=True) as tie:
                answers = " /tie admit or /tie dismiss answers." if tie.state is TieState.ASKED else ""
                return [words.tie(tie) + answers]
            case _:
                return []
