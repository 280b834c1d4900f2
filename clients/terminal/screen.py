"""Lines out and lines in: the only places where the line-mode client meets the terminal."""

import asyncio
import os
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast

from clients.terminal.cleaning import clean

WAITING_LINES = 100
"""So many lines may wait to be taken; a pipe that is faster waits."""


def nobody(mode: str) -> TextIO:
    """Stand in for a stream that the process was started without: nobody types there, nobody reads."""
    return cast(TextIO, open(os.devnull, mode, encoding="utf-8"))


class Screen:
    """Writes lines: words only, no colours, no cursor movements, so that it works everywhere."""

    def __init__(self, stdout: TextIO) -> None:
        """Write to ``stdout``."""
        self._stdout = stdout

    def say(self, text: str) -> None:
        """Write a text; the lines after its first are marked, so that no message can forge a line of ours."""
        first, *more = clean(text).split("\n")
        lines = [first, *(f"  more: {line}" for line in more)]
        self._stdout.write("".join(line + "\n" for line in lines))
        self._stdout.flush()

    def ask(self, text: str) -> None:
        """Write a question; the answer comes on the same line."""
        self._stdout.write(clean(text).replace("\n", " ") + " ")
        self._stdout.flush()


class Lines:
    """Reads lines in a thread of its own, so that waiting for a person never holds up the connection."""

    def __init__(self, stdin: TextIO) -> None:
        """Read from ``stdin``, from the first ``read`` on."""
        self._stdin = stdin
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._room = threading.Semaphore(WAITING_LINES)
        self._thread: threading.Thread | None = None
        self._ended = False

    async def read(self) -> str | None:
        """Wait for a line, without its end; ``None`` at the end of input."""
        if self._thread is None:
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(
                target=self._pump, args=(loop,), name="isthmus-input", daemon=True
            )
            self._thread.start()
        if self._ended:
            return None
        line = await self._queue.get()
        self._room.release()
        self._ended = line is None
        return line

    @property
    def is_terminal(self) -> bool:
        """Whether a person types."""
        return self._stdin.isatty()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Show nothing of what is typed meanwhile, where a person types."""
        if not self.is_terminal:
            yield
            return
        fd = self._stdin.fileno()
        before = termios.tcgetattr(fd)
        silent = termios.tcgetattr(fd)
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(fd, termios.TCSADRAIN, silent)
        try:
            yield
        finally:
            termios.tcsetattr(fd, termios.TCSADRAIN, before)

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(OSError):  # a terminal that is gone is the end of input
            for line in self._lines():
                self._room.acquire()
                if not self._hand_over(loop, line):
                    return
        self._hand_over(loop, None)

    def _hand_over(self, loop: asyncio.AbstractEventLoop, line: str | None) -> bool:
        try:
            loop.call_soon_threadsafe(self._queue.put_nowait, line)
        except RuntimeError:
            return False  # the loop is closed: nobody reads any more
        return True

    def _lines(self) -> Iterator[str]:
        """Read by file descriptor: a buffered reader's lock, held by this thread, would hinder the exit."""
        if self._stdin is not sys.stdin:
            yield from (line.rstrip("\r\n") for line in self._stdin)
            return
        rest = b""
        while chunk := os.read(self._stdin.fileno(), 65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line.rstrip(b"\r").decode("utf-8", "replace") for line in lines)
        if rest:
            yield rest.decode("utf-8", "replace")


class Dialog:
    """Talks with a person: says, asks, asks in secret."""

    def __init__(self, screen: Screen, lines: Lines) -> None:
        """Talk over these."""
        self.screen = screen
        self.lines = lines

    def say(self, text: str) -> None:
        """Write a line."""
        self.screen.say(text)

    async def ask(self, question: str) -> str:
        """Ask the person; nothing typed, or the end of input, is an empty answer."""
        self._put(question)
        return (await self.lines.read() or "").strip()

    async def ask_hidden(self, question: str) -> str:
        """Ask for something that must not be seen."""
        with self.lines.hidden():
            self._put(question)
            answer = await self.lines.read() or ""
        if self.lines.is_terminal:
            self.say("")  # the person's own newline was hidden too
        return answer

    async def confirmed(self, question: str) -> bool:
        """Ask for a yes."""
        return (await self.ask(f"{question} Type yes to go on:")).lower() == "yes"

    def _put(self, question: str) -> None:
        """Ask on the line of the answer, where a person types one; a pipe shows no answer."""
        if self.lines.is_terminal:
            self.screen.ask(question)
        else:
            self.say(question)
