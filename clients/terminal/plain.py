"""``isthmus chat --plain``: a whole client of lines, for screen readers, pipes, dumb terminals and demos.

Words in front of lines in place of glyphs, colours or positions; nothing that moves. A person
types commands with a slash, and plain lines into the open thread.
"""

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

from bridge.errors import BridgeError, SignInFailed
from bridge.wire.sign_in import SignOut
from bridge.wire.values import Network
from clients.errors import OutboxBroken, OutboxInUse, OutboxOfAnother
from clients.options import Options, State
from clients.terminal import threads, words
from clients.terminal.chat import Chat, Wrong
from clients.terminal.cleaning import clean_line, clean_typed
from clients.terminal.commands import find, similar
from clients.terminal.entering import Entered, Entrance, Who, secret_in
from clients.terminal.listener import Listener
from clients.terminal.screen import Lines, Screen, nobody
from clients.terminal.tokens import state_folder

log = logging.getLogger("clients")

OK, FAILED, NOT_SIGNED_IN, UNDONE, INTERRUPTED = 0, 1, 3, 4, 130
"""Exit codes; ``UNDONE`` tells a script that something it typed was not done or not sent."""

SIGN_OUT_S = 3.0
"""So long the hub may take to sign out who leaves."""

LONGEST_TYPED = 4_095
"""Bytes of a line that a terminal hands over; the system drops what follows, without a word."""


async def chat(
    url: str,
    *,
    token: str | None = None,
    token_file: Path | None = None,
    password_file: Path | None = None,
    network: Network | str | None = None,
    handle: str | None = None,
    keep: bool = True,
    outbox: Path | None = None,
    codec: str = "json",
    options: Options | None = None,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
) -> int:
    """Chat until the person leaves or the input ends.

    Args:
        url: The hub.
        token: A device's token, or
        token_file: a file that holds one, or
        password_file: a file that holds the password, with
        network: where the account lives and
        handle: its handle; what is missing is asked for, the password without showing it.
        keep: Whether to keep the token and unsent messages for next time, in the user's state directory.
        outbox: Where to keep unsent messages in place of that.
        codec: ``json`` or ``msgpack``.
        options: How the connection behaves.
        stdin: Where lines come from.
        stdout: Where lines go.

    Returns:
        The exit code: 0, 1 if the connection ended for good, 3 if the sign-in was not accepted, 4 if
        something that came through a pipe was not done or not sent.
    """
    screen = Screen(stdout or sys.stdout or nobody("w"))
    lines = Lines(stdin or sys.stdin or nobody("r"))
    try:
        who = Who(
            token=secret_in(token_file) if token_file else token,
            password=secret_in(password_file) if password_file else None,
            network=None if network is None else Network(network),
            handle=handle,
            keep=state_folder() if keep else None,
            outbox=outbox,
        )
        entrance = Entrance(url, who, screen, lines, codec=codec, options=options or Options())
        entered = await entrance.enter()
    except SignInFailed as error:
        screen.say(clean_line(error.text))
        return NOT_SIGNED_IN
    except (OutboxBroken, OutboxInUse, OutboxOfAnother) as error:
        screen.say(f"Unsent messages cannot be kept there: {clean_line(error.text)}")
        return FAILED
    except BridgeError as error:
        screen.say(f"No connection: {clean_line(error.text)}")
        return FAILED
    return await _talk(Chat(entered.client, screen, lines, keeps=entered.keeps), entered)


def in_a_process(url: str, **given: Any) -> int:
    """Chat in a process of its own: who closes the terminal leaves in good order too.

    Args:
        url: The hub.
        given: What ``chat`` takes.

    Returns:
        The exit code; 130 if it was ended from outside.
    """

    async def until_told() -> int:
        task = asyncio.current_task()
        assert task is not None, "this runs in a task"
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            return await chat(url, **given)
        except asyncio.CancelledError:
            return INTERRUPTED

    return asyncio.run(until_told())


async def _talk(chat: Chat, entered: Entered) -> int:
    listener = Listener(chat)
    listening = asyncio.create_task(listener.listen(entered.stream), name="isthmus-listen")
    typing = asyncio.create_task(_take_lines(chat, listener), name="isthmus-lines")
    try:
        done, _ = await asyncio.wait((listening, typing, chat.failed), return_when=asyncio.FIRST_COMPLETED)
        if chat.done:
            done.add(typing)
        for task in done:
            await task  # raises what nobody foresaw, as a reader that went away
        if listener.failed and not chat.done:
            return FAILED
        return UNDONE if chat.undone and not chat.lines.is_terminal else OK
    finally:
        typing.cancel()
        if entered.fleeting:
            await _sign_out(chat)
        await chat.client.close()
        await asyncio.gather(listening, typing, return_exceptions=True)
        if chat.keeps and chat.client.unsent:
            chat.say(f"Not sent yet: {chat.client.unsent}. Kept, and sent when you chat here next time.")


async def _sign_out(chat: Chat) -> None:
    """Revoke a token that nobody keeps, so that the list of devices holds no dead ones."""
    try:
        await chat.client.call(SignOut(), timeout_s=SIGN_OUT_S if chat.client.state is State.CONNECTED else 0)
    except BridgeError as error:
        log.debug("not signed out: %s", error)


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
    await chat.finish(leaving=True)


async def take(chat: Chat, line: str) -> None:
    """Do one line."""
    line = clean_typed(line)
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
        chat.undone = True
        chat.say(str(wrong))
    except BridgeError as error:
        chat.undone = True
        chat.say(words.refusal(error))
