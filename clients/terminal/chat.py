"""What the line-mode client's commands work on: client, inbox, open thread, last list."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress

from bridge.errors import BridgeError, NotFound, Refusal, UnknownOperation
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.events import LinkAsked
from bridge.wire.values import Folder, MessageView, Network, OwnAccountView, ThreadView
from clients.client import Client
from clients.errors import OutboxFull
from clients.inbox import Inbox, Row
from clients.options import State
from clients.outbox import TOKEN_CHANCE, new_token
from clients.terminal import words
from clients.terminal.cleaning import clean, clean_line
from clients.terminal.reading import Back, when
from clients.terminal.screen import Dialog, Lines, Screen

LEAVE_S = 3.0
"""So long who leaves waits for answers to what would be sent next time else."""

FOLDERS = (Folder.INBOX, Folder.REQUESTS, Folder.HIDDEN, Folder.ARCHIVED)

PATIENCE_S = 3.0
"""A message that is not answered for so long is said to wait."""

log = logging.getLogger("clients")


def number_in(text: str) -> int | None:
    """Read a number that a person may mean; ``None`` if it is none."""
    return int(text) if text.strip().isdecimal() and len(text) < 16 else None


class Wrong(Exception):
    """The person's line cannot be done as it is; the text says what to type instead."""


class Chat(Dialog):
    """One person at a terminal.

    Attributes:
        client: The connection to the hub.
        inbox: What there is to see.
        open: The thread that plain lines are sent to.
        back: How far that thread, or the last one that was open, was read back.
        listed: The threads of the last list, by which numbers name them.
        unlisted: What of that list was not shown yet.
        asked: Links that wait for an answer, each pair of accounts once.
        done: Whether the person wants to leave.
        undone: Whether something that was typed was not done, or not sent.
        keeps: Whether unsent messages are kept when the client ends.
        typed: What was typed here and is not answered for, by token; each is done once its end was said.
        waiting: Of which of these it was said that they wait.
        failed: Gets what went wrong in the background, if it is no refusal of the hub.
    """

    def __init__(self, client: Client, screen: Screen, lines: Lines, *, keeps: bool = False) -> None:
        """Begin with nothing open."""
        super().__init__(screen, lines)
        self.client = client
        self.inbox = Inbox()
        self.open: ThreadId | None = None
        self.back: Back
        self.listed: list[ThreadId] = []
        self.unlisted: list[ThreadId] = []
        self.asked: list[LinkAsked] = []
        self.done = False
        self.undone = False
        self.keeps = keeps
        self.typed: dict[str, asyncio.Future[None]] = {}
        self.waiting: set[str] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._speaking: AccountId | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    # --- accounts

    @property
    def speaking(self) -> OwnAccountView:
        """The own account that commands are about: the open thread's, the chosen one, or the first."""
        row = self.row(self.open) if self.open is not None else None
        for account in (row.leg if row else None, self._speaking):
            if account is not None and account in self.client.accounts:
                return self.client.accounts[account]
        return next(iter(self.client.accounts.values()))

    def speak_as(self, account: AccountId) -> None:
        """Choose the own account that commands are about."""
        self._speaking = account

    def account_named(self, text: str) -> tuple[Network, str]:
        """Read ``ben on messenger``, ``messenger ben`` or ``@ana``.

        Raises:
            Wrong: If it names no account.
        """
        parts = [part for part in text.split() if part.lower() != "on"]
        networks = [Network(part.lower()) for part in parts if part.lower() in list(Network)]
        handles = [part.removeprefix("@") for part in parts if part.lower() not in list(Network)]
        if len(handles) != 1 or len(networks) > 1:
            raise Wrong("Name an account like this: ben on messenger")
        guess = Network.DIRECT if "@" in text else self.speaking.network
        return (networks or [guess])[0], handles[0]

    def note_asked(self, link: LinkAsked) -> None:
        """Keep a link for the person to answer."""
        pair = link.leg, link.account.id
        self.asked = [kept for kept in self.asked if (kept.leg, kept.account.id) != pair] + [link]

    # --- threads

    def row(self, thread: ThreadId) -> Row | None:
        """Show a thread."""
        return self.inbox.thread(thread)

    def thread_named(self, text: str) -> Row:
        """Read a number of the last list; nothing names the open thread.

        Raises:
            Wrong: If there is no such thread.
        """
        if not text.strip():
            row = self.row(self.open) if self.open is not None else None
            if row is None:
                raise Wrong("No thread is open. Say which, by its number in the last list.")
            return row
        if (number := number_in(text)) is not None and 0 < number <= len(self.listed):
            row = self.row(self.listed[number - 1])
            if row is not None:
                return row
        raise Wrong("There is no such number in the last list; /threads or /requests shows one.")

    def title(self, row: Row) -> str:
        """Name a thread by its own name, or by the others in it."""
        return clean_line(row.title or "") or words.all_names(row.others)

    def name_in(self, row: Row, account: AccountId) -> str:
        """Name one of the others in a thread."""
        named = (words.full_name(other) for other in row.others if other.id == account)
        return next(named, self.title(row))

    def via(self, row: Row) -> str:
        """Say which own account a thread belongs to."""
        return words.own_name(self.client.accounts[row.leg]) if row.leg in self.client.accounts else "?"

    def summary(self, row: Row) -> str:
        """Describe a thread in one line."""
        parts = [f"{self.title(row)}, as {self.via(row)}"]
        if row.unread:
            parts.append(f"{row.unread} unread")
        if row.closed:
            parts.append("closed")
        if row.last is not None:
            text = clean_line(self.text_of(row.last))
            parts.append(f"last: {text[:80]}{'…' if len(text) > 80 else ''}")
        elif row.segments:
            parts.append("imported history")
        return ", ".join(parts)

    async def reload(self) -> None:
        """Read again what was missed, and the threads that events left unsure."""
        for account in tuple(self.inbox.stale):
            try:
                self.inbox.load(account, [view async for view in self._threads_of(account)])
                await self._load_asked(account)
            except NotFound:
                self.inbox.stale.discard(account)  # it went meanwhile, as the next event will say
        for thread in self.inbox.unsure:
            self.inbox.load_thread((await self.client.get_thread(thread)).thread)

    async def _load_asked(self, account: AccountId) -> None:
        """Note whose links waited before this client came."""
        with suppress(UnknownOperation):  # an older hub lists none
            for ask in await self.client.list_link_asks(account):
                self.note_asked(LinkAsked(leg=account, account=ask.account, until=ask.until))

    async def _threads_of(self, account: AccountId) -> AsyncIterator[ThreadView]:
        for folder in FOLDERS:
            async for view in self.client.threads(folder, as_=account, page=200):
                yield view

    # --- messages

    def text_of(self, message: MessageView) -> str:
        """Give what a message says, parts joined; what it is, if it has no text."""
        if message.parts:
            return "\n".join(clean(part) for part in message.parts)
        return clean(message.text) if message.text else f"[{clean_line(message.kind)}]"

    def sender_of(self, message: MessageView, row: Row | None = None) -> str:
        """Say who speaks, over which network; ``row`` is the thread to which imported history belongs."""
        row = row or self.row(message.thread)
        if row is not None and message.sender == row.leg:
            return f"You via {self.via(row)}"
        others = row.others if row is not None else ()
        named = next((words.name_of(other) for other in others if other.id == message.sender), "somebody")
        return f"From {named}" + (f" via {words.network(message.origin)}" if message.origin else "")

    def line(self, message: MessageView) -> str:
        """Write a message as a line."""
        answer = f", in reply to {message.reply_to}" if message.reply_to else ""
        return f"{self.sender_of(message)}{answer}: {self.text_of(message)}"

    async def show_before(self, row: Row) -> None:
        """Write the page before what was shown of the open thread, oldest message first."""
        was_imported = self.back.imported
        messages = await self.back.page(self.client)
        if self.back.imported and not was_imported:
            self.say("Imported history; its messages cannot be answered by number:")
        for moment, message in when(messages):
            if moment is not None:
                self.say(f"{moment}:")
            if self.back.imported:
                self.say(f"{self.sender_of(message, row)}: {self.text_of(message)}")
            else:
                self.say(f"{message.seq}. {self.line(message)}")

    def turn_to(self, row: Row | None) -> None:
        """Open a thread, or none."""
        self.open = None if row is None else row.id
        if row is not None:
            self.back = Back(row)

    def mark_read(self, row: Row) -> None:
        """Say in the background that the open thread was read; a request is read without a trace."""
        if not row.is_request and row.last is not None and row.tip > row.read:
            self._in_background(self._mark(row.id, row.last.seq))

    def post(self, row: Row, text: str, reply_to: int | None = None) -> None:
        """Send in the background, in order; the connection may be away."""
        self._in_background(self._send(row, text, reply_to))

    async def finish(self, *, leaving: bool = False) -> None:
        """Wait until everything said was answered for; who leaves does not wait for what is kept."""
        is_away = self.client.state is not State.CONNECTED
        patience_s = None
        if leaving and self.keeps and self.lines.is_terminal:
            patience_s = 0 if is_away else LEAVE_S
        elif self._tasks and is_away:
            self.say("Waiting for the connection, to send what is not sent yet.")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience_s)

    def _in_background(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.create_task(work, name="isthmus-chat-call")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self.failed.done():
            self.failed.set_exception(error)

    async def _mark(self, thread: ThreadId, upto: Seq) -> None:
        try:
            await self.client.mark_read(thread, upto)
        except BridgeError as error:
            log.debug("read receipt refused: %s", error)

    async def _send(self, row: Row, text: str, reply_to: int | None) -> None:
        answered = None if reply_to is None else Seq(reply_to)
        token = new_token(time.time_ns() // 1_000_000, secrets.token_bytes(TOKEN_CHANCE))
        told = self.typed[token] = asyncio.get_running_loop().create_future()
        self.inbox.sending(token, row.id, text)
        patience_s = PATIENCE_S if self.client.state is State.CONNECTED else 0
        waits = asyncio.get_running_loop().call_later(patience_s, self._say_it_waits, token)
        try:
            await self.client.send(row.id, text, reply_to=answered, token=token)
        except (Refusal, OSError) as error:  # of the hub, or of the disk: the listener says it, in its order
            log.debug("not sent: %s", error)
        except BridgeError as error:
            del self.typed[token]
            self.inbox.dismiss(token)
            self.undone = True
            if isinstance(error, OutboxFull) or not self.keeps:  # else it is sent next time
                self.say(f"Not sent: {clean_line(error.text)}")
            return
        finally:
            waits.cancel()
            self.waiting.discard(token)
        await told

    def _say_it_waits(self, token: str) -> None:
        """Say that a message is not answered for, unless its listener said why."""
        if token in self.typed and token not in self.waiting:
            self.waiting.add(token)
            if self.client.state is State.CONNECTED:
                self.say("Waiting: the hub does not answer yet. This is sent once, when it does.")
            elif self.lines.is_terminal:  # what comes through a pipe is waited for, which says it
                self.say("Waiting: there is no connection. This is sent once, when it is back.")
