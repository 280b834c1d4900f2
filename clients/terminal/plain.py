"""``isthmus chat --plain``: a whole client of lines, for screen readers, pipes, dumb terminals and demos.

Words in front of lines in place of glyphs, colours or positions; nothing that moves. A person
types commands with a slash, and plain lines into the open thread.
"""

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bridge.errors import BridgeError, SignInFailed
from bridge.wire.events import (
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
from bridge.wire.values import Folder, Hybrid, MessageView, Network
from clients.client import Client
from clients.errors import ClientError, ConnectionClosed
from clients.listeners import EventStream
from clients.notices import Closed, Connected, Disconnected, Push, Reconnected, SendDelayed, SendSettled
from clients.options import Options
from clients.terminal import threads, words
from clients.terminal.chat import Chat, Wrong
from clients.terminal.cleaning import clean_line
from clients.terminal.commands import find, similar
from clients.terminal.elsewhere import Elsewhere
from clients.terminal.screen import Dialog, Lines, Screen, nobody
from clients.terminal.tokens import TokenFile, default_path

OK, FAILED, NOT_SIGNED_IN = 0, 1, 3
"""Exit codes."""

LONGEST_TYPED = 4_095
"""Bytes of a line that a terminal hands over; the system drops what follows, without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who wants to chat; what is missing is asked for.

    Attributes:
        token: A device's token, if the person has one.
        network: Where the account lives.
        handle: Its handle.
        keep: Where to keep the token of the sign-in; ``None`` keeps none.
    """

    token: str | None = None
    network: Network | None = None
    handle: str | None = None
    keep: Path | None = None


async def chat(
    url: str,
    *,
    token: str | None = None,
    network: Network | str | None = None,
    handle: str | None = None,
    keep_token: bool = True,
    codec: str = "json",
    options: Options | None = None,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
) -> int:
    """Chat until the person leaves or the input ends.

    Args:
        url: The hub.
        token: A device's token, or
        network: where the account lives and
        handle: its handle; what is missing is asked for, the password without showing it.
        keep_token: Whether to keep the token for next time, in the user's state directory.
        codec: ``json`` or ``msgpack``.
        options: How the connection behaves.
        stdin: Where lines come from.
        stdout: Where lines go.

    Returns:
        The exit code: 0, 1 if the connection ended for good, 3 if the sign-in was not accepted.
    """
    screen = Screen(stdout or sys.stdout or nobody("w"))
    lines = Lines(stdin or sys.stdin or nobody("r"))
    who = Who(
        token=token,
        network=None if network is None else Network(network),
        handle=handle,
        keep=default_path() if keep_token else None,
    )
    try:
        client = await _signed_in(url, who, screen, lines, codec, options or Options())
    except SignInFailed as error:
        screen.say(clean_line(error.text))
        return NOT_SIGNED_IN
    except BridgeError as error:
        screen.say(f"No connection: {clean_line(error.text)}")
        return FAILED
    return await _talk(Chat(client[0], screen, lines), client[1])


async def _signed_in(
    url: str, who: Who, screen: Screen, lines: Lines, codec: str, options: Options
) -> tuple[Client, EventStream]:
    """Sign in with a token that is given or kept, else ask for what is missing."""
    if who.token is not None:
        return await _connected(Client(url, token=who.token, codec=codec, options=options), url, screen)
    asking = Dialog(screen, lines)
    network = who.network or await _network(asking)
    handle = (who.handle or await asking.ask("Your name there:")).removeprefix("@")
    if not handle:
        raise SignInFailed("Nobody is named, so nobody is signed in.")
    tokens, account = None if who.keep is None else TokenFile(who.keep), f"{network} {handle}"
    kept = tokens.find(url, account) if tokens else None
    if kept is not None and tokens is not None:
        try:
            return await _connected(Client(url, token=kept, codec=codec, options=options), url, screen)
        except SignInFailed:
            with suppress(OSError):  # what cannot be forgotten is refused again next time
                tokens.forget(url, account)
    password = await asking.ask_hidden(f"Password of {handle} on {words.network(network)} (not shown):")
    if not password:
        raise SignInFailed("No password is given, so nobody is signed in.")
    client = Client(
        url,
        network=network,
        handle=handle,
        password=password,
        device="isthmus chat",
        codec=codec,
        options=options,
    )
    signed = await _connected(client, url, screen)
    if tokens is not None and client.token is not None:
        try:
            tokens.keep(url, account, client.token)
        except OSError as wrong:
            screen.say(f"The password will be asked for next time too: {clean_line(str(wrong))}")
    return signed


async def _network(asking: Dialog) -> Network:
    """Ask until a network is named.

    Raises:
        SignInFailed: If nothing is said.
    """
    while said := (await asking.ask("Network (direct or messenger):")).lower():
        if said in list(Network):
            return Network(said)
    raise SignInFailed("No network is named, so nobody is signed in.")


async def _connected(client: Client, url: str, screen: Screen) -> tuple[Client, EventStream]:
    stream = client.events()  # from before the first event
    is_told = False

    @client.on(Disconnected)
    def tell_once(gone: Disconnected) -> None:
        nonlocal is_told
        if not is_told:
            is_told = True
            screen.say(_waiting(url, gone))

    await client.connect()
    is_told = True  # the listener tells what follows
    return client, stream


def _waiting(url: str, gone: Disconnected) -> str:
    """Say why there is no connection yet: nobody answers, or a hub does and asks for patience."""
    if isinstance(gone.error, ClientError):
        return f"{clean_line(url)} does not answer yet; it is tried for half a minute. Does a hub run there?"
    return f"{clean_line(gone.error.text)} It is tried again in {gone.retry_in_s:.0f} seconds."


async def _talk(chat: Chat, stream: EventStream) -> int:
    listener = Listener(chat)
    listening = asyncio.create_task(listener.listen(stream), name="isthmus-listen")
    typing = asyncio.create_task(_take_lines(chat, listener), name="isthmus-lines")
    try:
        done, _ = await asyncio.wait((listening, typing, chat.failed), return_when=asyncio.FIRST_COMPLETED)
        if chat.done:
            done.add(typing)
        for task in done:
            await task  # raises what nobody foresaw, as a reader that went away
        return FAILED if listener.failed and not chat.done else OK
    finally:
        typing.cancel()
        await chat.client.close()
        await asyncio.gather(listening, typing, return_exceptions=True)


async def _take_lines(chat: Chat, listener: "Listener") -> None:
    """Do what the person types, one line after the other, until the end."""
    await listener.loaded.wait()
    while not chat.done:
        line = await chat.lines.read()
        if line is None:
            break
        if chat.lines.is_terminal and len(line.encode()) >= LONGEST_TYPED:
            chat.say(
                f"Nothing was done: a terminal takes {LONGEST_TYPED:,} bytes a line, and this may have lost "
                "its end. Send it in parts, or through a pipe."
            )
            continue
        await take(chat, line)
        if not chat.lines.is_terminal:
            await chat.finish()  # a script's next line may rest on this one; a person goes on typing
    await chat.finish()


async def take(chat: Chat, line: str) -> None:
    """Do one line."""
    try:
        if not line.startswith("/") or line.startswith("//"):
            if line.strip():
                await threads.send(chat, line[1:] if line.startswith("//") else line)
            return
        name, _, text = line[1:].partition(" ")
        command = find(name)
        if command is None:
            guess = similar(name)
            hint = f" Did you mean /{guess}?" if guess else " /help lists the commands."
            raise Wrong(f"There is no command /{name}, so nothing was sent.{hint}")
        await command.run(chat, text.strip())
    except Wrong as wrong:
        chat.say(str(wrong))
    except BridgeError as error:
        chat.say(words.refusal(error))


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
        self._delayed: set[str] = set()  # messages of which that was said

    async def listen(self, stream: EventStream) -> None:
        """Fold each push into the inbox, then say it."""
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
            case Connected():
                self._welcome()
            case Reconnected() as back:
                if not back.resumed:
                    self._elsewhere.forget()
                missed = "nothing was missed" if back.resumed else "the lists were read anew"
                chat.say(f"Connected again; {missed}.")
            case Disconnected() as gone if self.loaded.is_set():
                chat.say(f"Connection lost; trying again in {gone.retry_in_s:.1f} seconds.")
            case Closed(error=error):
                if error is not None:
                    self.failed = True
                    chat.say(f"The connection is closed: {clean_line(error.text)}")
            case MessageSent(message=message) if message.sender in chat.client.accounts:
                under_way = bool(chat.inbox.outgoing(message.thread))
                self._tell_own(self._elsewhere.hear(message, under_way=under_way))
            case SendSettled() as settled:
                self._delayed.discard(settled.token)
                chat.inbox.dismiss(settled.token)  # a refusal is told where it was typed
                under_way = bool(chat.inbox.outgoing(settled.thread))
                self._tell_own(self._elsewhere.settle(settled, under_way=under_way))
            case SendDelayed() as delayed:
                self._tell_delayed(delayed)
            case MessageSent() as sent:
                self._tell_message(sent)
            case ThreadChanged(thread=thread) if thread == chat.open and (row := chat.row(thread)):
                chat.mark_read(row)  # a request that was read without a trace, until it was accepted
            case Read() as read:
                self._tell_read(read)
            case Typed() as typed:
                row = chat.row(typed.thread)
                if row is not None and typed.thread == chat.open:
                    chat.say(f"{chat.title(row)} is typing.")
            case _:
                for line in self._of_people(push):
                    chat.say(line)

    def _welcome(self) -> None:
        chat = self._chat
        names = " and ".join(words.own_name(account) for account in chat.client.accounts.values())
        chat.say(f"Signed in as {names}. /help lists the commands.")
        chat.say(f"Unread messages: {chat.inbox.unread}. Requests waiting: {chat.inbox.requests}.")
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

    def _tell_delayed(self, notice: SendDelayed) -> None:
        """Say once for each message that it waits; its end is told where it was typed."""
        if notice.token not in self._delayed:
            self._delayed.add(notice.token)
            self._chat.say(f"Not sent yet: {clean_line(notice.error.text)} It is tried until it is sent.")

    def _tell_read(self, event: Read) -> None:
        chat = self._chat
        row = chat.row(event.thread)
        if row is not None and event.thread == chat.open and event.account != row.leg:
            chat.say(f"{chat.title(row)} has read up to {event.upto}.")

    def _of_people(self, push: Push) -> list[str]:
        """Say what happened around accounts."""
        match push.event:
            case LinkAsked(account=account) as link:
                self._chat.note_asked(link)
                return [
                    f"{words.full_name(account)} asks to be linked with you. /approve or /refuse answers."
                ]
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
            case ControlsChanged():
                return ["Your message controls were changed."]
            case TieChanged(incoming=True, account=account, tie=tie, state=state):
                return [f"{words.full_name(account)}: {tie} {state}."]
            case _:
                return []
