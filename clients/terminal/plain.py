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
from bridge.wire.values import Network
from clients.client import Client
from clients.errors import ClientError
from clients.listeners import EventStream
from clients.notices import Disconnected
from clients.options import Options
from clients.terminal import threads, words
from clients.terminal.chat import Chat, Wrong
from clients.terminal.cleaning import clean_line
from clients.terminal.commands import find, similar
from clients.terminal.listener import Listener
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


async def _take_lines(chat: Chat, listener: Listener) -> None:
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
