"""People on the real hub, and what they type and read."""

import asyncio
import io
import queue
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from bridge.app import Hub
from bridge.ids import AccountId, ThreadId
from bridge.wire.sign_in import Register
from bridge.wire.values import Network
from clients import Backoff, Client, Options
from clients.terminal.plain import OK, UNDONE, chat

PASSWORD = "correct horse"
DIRECT, MESSENGER = Network.DIRECT, Network.MESSENGER
AT_ONCE = Options(backoff=Backoff(min_s=0, max_s=0), acknowledge=False)


def person(hub: Hub, network: Network, name: str) -> Client:
    """Prepare somebody new, who is registered on connecting."""
    register = Register(network=network, handle=name.lower(), name=name, password=PASSWORD, device="tests")
    return Client(hub.url, register=register, options=AT_ONCE)


def own(client: Client) -> AccountId:
    """Name the first own account."""
    return next(iter(client.accounts))


async def thread_of(speaker: Client, other: Client) -> ThreadId:
    """Open the thread of two people."""
    opened = await speaker.open_thread(own(other), as_=own(speaker), confirm=True)
    assert opened.thread is not None
    return opened.thread.id


async def chatted(hub: Hub, network: Network, name: str, *typed: str, keep: bool = False) -> list[str]:
    """Chat through a pipe; give the lines after the welcome."""
    stdout = io.StringIO()
    stdin = io.StringIO("".join(line + "\n" for line in (PASSWORD, *typed)))
    code = await chat(
        hub.url,
        network=network,
        handle=name.lower(),
        keep=keep,
        stdin=stdin,
        stdout=stdout,
        options=AT_ONCE,
    )
    assert code in (OK, UNDONE), stdout.getvalue()
    return stdout.getvalue().splitlines()[3:]


class Keyboard(io.StringIO):
    """Where a test types lines, one by one, when it likes."""

    def __init__(self, is_terminal: bool = False) -> None:
        super().__init__()
        self._is_terminal = is_terminal
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def isatty(self) -> bool:
        return self._is_terminal

    def type(self, line: str) -> None:
        self._lines.put(line + "\n")

    def end(self) -> None:
        self._lines.put(None)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # the base knows bytes only
        while (line := self._lines.get()) is not None:
            yield line


class Paper(io.StringIO):
    """Where a test reads what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._half = ""
        self._news = asyncio.Event()

    def write(self, text: str) -> int:
        *lines, self._half = (self._half + text).split("\n")
        self.lines += lines
        self._news.set()
        return len(text)

    async def has(self, start: str) -> str:
        """Wait for a line that begins so, and take it and all before it off."""
        while True:
            for number, line in enumerate(self.lines):
                if line.startswith(start):
                    del self.lines[: number + 1]
                    return line
            self._news.clear()
            await self._news.wait()


@asynccontextmanager
async def at_keyboard(
    url: str, token: str | None, *, is_terminal: bool = False, **more: Any
) -> AsyncIterator[tuple[Keyboard, Paper]]:
    """Sit down to a chat that is signed in; leave it at the end."""
    keyboard, paper = Keyboard(is_terminal), Paper()
    chatting = asyncio.create_task(
        chat(url, token=token, stdin=keyboard, stdout=paper, **{"options": AT_ONCE, **more})
    )
    try:
        await paper.has("Unread messages")
        yield keyboard, paper
    finally:
        keyboard.end()
        await asyncio.wait([chatting])
    assert chatting.result() in (OK, UNDONE)
