"""``python -m clients.tap ws://…``: type frames by hand, in either codec, and see what comes back.

A line is a call as JSON, ``{"op": "list_threads"}``, or in short ``list_threads`` or
``list_threads {"folder": "requests"}``; the ``id`` is filled in. ``!`` lists what was sent, ``!2``
sends the second again, ``raw …`` sends a text frame as it is. Sent frames are shown after ``>``,
frames of the hub after ``<``, always as JSON. In a pipe, the end of input waits for the answers.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TextIO

import orjson

from bridge.errors import ProtocolError
from bridge.wire.codec import CODECS, JSON, Codec
from clients.errors import CannotConnect, ConnectionLost
from clients.terminal.screen import Lines, Screen
from clients.transport import SocketOptions, Transport, dial


class Unclear(ValueError):
    """A line that is no call."""


class Tap:
    """One connection, tapped.

    Attributes:
        sent: The calls that were sent, without their ids, for ``!``.
    """

    def __init__(self, transport: Transport, codec: Codec, screen: Screen) -> None:
        """Speak over ``transport``."""
        self.sent: list[dict[str, object]] = []
        self._transport = transport
        self._codec = codec
        self._screen = screen
        self._last = 0
        self._open: set[int] = set()
        self._secret: str | None = None
        self._answered = asyncio.Event()
        self._answered.set()

    async def sign_in(self, token: str) -> None:
        """Sign in with a token, which is shown nowhere."""
        self._secret = token
        await self.send({"op": "sign_in", "token": token})

    def _shown(self, call: dict[str, object]) -> str:
        is_secret = self._secret is not None and call.get("token") == self._secret
        return orjson.dumps({**call, "token": "…"} if is_secret else call).decode()

    async def take(self, line: str) -> None:
        """Do one line."""
        line = line.strip()
        if not line:
            return
        if line == "!":
            for number, call in enumerate(self.sent, 1):
                self._screen.say(f"{number}. {self._shown(call)}")
            return
        if line.startswith("raw "):
            self._screen.say(f"> {line[4:]}")
            await self._transport.send(line[4:].encode())
            return
        try:
            call = self._again(line[1:]) if line.startswith("!") else read(line)
        except Unclear as unclear:
            self._screen.say(str(unclear))
            return
        await self.send(call)

    async def send(self, call: dict[str, object]) -> None:
        """Send a call; a missing ``id`` is filled in."""
        self.sent.append({key: value for key, value in call.items() if key != "id"})
        if "id" not in call:
            self._last += 1
            call = {"id": self._last, **call}
        number = call["id"]
        if isinstance(number, int):  # nothing else is answered
            self._last = max(self._last, number)
            self._open.add(number)
            self._answered.clear()
        self._screen.say(f"> {self._shown(call)}")
        await self._transport.send(self._codec.pack(call))

    async def listen(self) -> None:
        """Show what comes, until the connection ends.

        Raises:
            ConnectionLost: At its end.
        """
        while True:
            data = await self._transport.receive()
            try:
                frame = self._codec.unpack(data)
            except ProtocolError as wrong:
                self._screen.say(f"< unreadable ({wrong.text}): {data!r}")
                continue
            self._screen.say(f"< {orjson.dumps(frame).decode()}")
            if isinstance(frame, dict):
                self._open.discard(frame.get("re"))
            if not self._open:
                self._answered.set()

    async def answered(self) -> None:
        """Wait until every call was answered."""
        await self._answered.wait()

    def _again(self, number: str) -> dict[str, object]:
        if not number.isdecimal() or not 0 < int(number) <= len(self.sent):
            raise Unclear("There is no such number; ! lists what was sent.")
        return self.sent[int(number) - 1]


def read(line: str) -> dict[str, object]:
    """Read a call as it is typed.

    Raises:
        Unclear: If it is none.
    """
    op, _, rest = ("", "", line) if line.startswith(("{", "[")) else line.partition(" ")
    try:
        fields = orjson.loads(rest or "{}")
    except orjson.JSONDecodeError as wrong:
        raise Unclear(f"This is not JSON: {wrong}") from None
    if not isinstance(fields, dict):
        raise Unclear("A call is an object, or an operation's name and an object.")
    return {"op": op, **fields} if op else fields


async def tap(url: str, codec: Codec, token: str | None, stdin: TextIO, stdout: TextIO) -> int:
    """Tap a hub until the input or the connection ends; return the exit code."""
    screen, lines = Screen(stdout), Lines(stdin)
    try:
        transport = await dial(url, codec, SocketOptions(user_agent="isthmus-tap"))
    except CannotConnect as error:
        screen.say(error.text)
        return 1
    tapped = Tap(transport, codec, screen)
    listening = asyncio.create_task(tapped.listen())
    typing = asyncio.create_task(_type(tapped, lines, token))
    try:
        await asyncio.wait((listening, typing), return_when=asyncio.FIRST_COMPLETED)
        await (listening if listening.done() else typing)
        return 0
    except ConnectionLost as lost:
        screen.say(f"closed {lost.close_code} {lost.text}".rstrip())
        return 1
    finally:
        for task in (listening, typing):
            task.cancel()
        await asyncio.gather(listening, typing, return_exceptions=True)
        await transport.close()


async def _type(tapped: Tap, lines: Lines, token: str | None) -> None:
    try:
        if token is not None:
            await tapped.sign_in(token)
        while (line := await lines.read()) is not None:
            await tapped.take(line)
        await tapped.answered()
    except ConnectionLost:
        await asyncio.Event().wait()  # the listener says how it ended


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments and tap."""
    parser = argparse.ArgumentParser(
        prog="python -m clients.tap",
        description="Type frames by hand: JSON calls, or an operation's name and a JSON object.",
    )
    parser.add_argument("url", help="the hub, as ws://127.0.0.1:8765")
    parser.add_argument("--codec", choices=["json", "msgpack"], default="json")
    parser.add_argument("--token-file", type=Path, help="sign in first, with the token in this file")
    given = parser.parse_args(arguments)
    try:
        token = given.token_file.read_text().strip() if given.token_file else None
    except (OSError, UnicodeDecodeError) as wrong:
        parser.error(f"no token can be read: {wrong}")
    codec = CODECS.get(f"isthmus.v1.{given.codec}", JSON)
    try:
        return asyncio.run(tap(given.url, codec, token, sys.stdin, sys.stdout))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has gone
        return 0


if __name__ == "__main__":
    sys.exit(main())
