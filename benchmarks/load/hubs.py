"""Hubs on one store, each in its process: looked at from outside, killed, stopped, held and started."""

import threading
from contextlib import ExitStack
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGSTOP
from subprocess import Popen
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.load.hub_process import Order, Running
from benchmarks.load.processes import rss_mib, started

_STOPS: Final = 0.3  # how often a hub is stopped as an operator does, in place of being killed
_HOLDS: Final = 0.3  # … and how often it is held
_HELD_S: Final = (0.5, 9.0)
_SERIOUS: Final = ("ERROR", "CRITICAL", "Traceback")


class Look(Struct, kw_only=True):
    """What hubs use: a hub that is just being started again counts as nothing.

    Attributes:
        rss_mib: Memory.
        files: Files and sockets that are open.
        threads: Threads.
    """

    rss_mib: float = 0.0
    files: int = 0
    threads: int = 0


class Hubs:
    """Several hubs, or one.

    Attributes:
        urls: Where they listen, whenever they run.
        ended: How often one was killed, stopped or held.
        crashes: Those that ended by themselves, or not in good order.
    """

    def __init__(self, order: Order, count: int, core: int, log: Path) -> None:
        """Prepare; ``log`` takes all that they say."""
        self.urls: list[str] = []
        self.ended = 0
        self.crashes: list[str] = []
        self._order, self._core = order, core
        self._log = log
        self._errors = log.open("a")
        self._running: list[tuple[ExitStack, Popen[str]] | None] = [None] * count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in range(len(self._running)):
            self._stop(number)
        self._errors.close()

    def start(self) -> Running:
        """Start all; give who can sign in. The first one makes the people.

        Raises:
            RuntimeError: If one does not start.
        """
        first = self._start(0, self._order)
        self.urls.append(first.url)
        self._order = replace(self._order, pairs=0, fresh=True)
        self.urls += [self._start(number, self._order).url for number in range(1, len(self._running))]
        return first

    def look(self) -> Look:
        """See what they use now."""
        seen = Look()
        for running in self._running:
            if running is None:
                continue
            _, process = running
            place = Path(f"/proc/{process.pid}")
            try:
                seen.rss_mib += round(rss_mib(process.pid), 1)
                seen.files += len(list((place / "fd").iterdir()))
                seen.threads += len(list((place / "task").iterdir()))
            except OSError:
                continue  # it was just killed
        return seen

    def disturb(self, every_s: float, chance: Random, over: threading.Event) -> None:
        """Kill, stop or hold one of them every so often (0: never), and have it go on, until it is over.

        Raises:
            RuntimeError: If one does not start again.
        """
        while not over.wait(every_s or None):
            number = chance.randrange(len(self._running))
            running = self._running[number]
            fate = chance.random()
            if running is not None and running[1].poll() is None and fate >= _STOPS:
                if fate < _STOPS + _HOLDS:
                    hold(running[1], chance.uniform(*_HELD_S), over)
                    self.ended += 1
                    continue
                running[1].kill()
                self._stop(number, killed=True)
            else:
                self._stop(number)
            self.ended += 1
            listen = replace(self._order.config.listen, port=urlsplit(self.urls[number]).port)
            self._start(number, replace(self._order, config=replace(self._order.config, listen=listen)))

    def complaints(self) -> list[str]:
        """Give what they said of errors; the lines of what is no error are left out."""
        lines = self._log.read_text().splitlines()
        starts = [at for at, line in enumerate(lines) if line.startswith(_SERIOUS)]
        return [" … ".join(dict.fromkeys((lines[at], _last_of_trace(lines, at)))) for at in starts]

    def _start(self, number: int, order: Order) -> Running:
        stack = ExitStack()
        process, line = stack.enter_context(
            started("benchmarks.load.hub_process", order=order, core=self._core, errors=self._errors)
        )
        self._running[number] = stack, process
        return msgspec.json.decode(line, type=Running)

    def _stop(self, number: int, *, killed: bool = False) -> None:
        running, self._running[number] = self._running[number], None
        if running is None:
            return
        stack, process = running
        if not killed and process.poll() is not None:
            self.crashes.append(f"hub {number} ended by itself, with {process.returncode}")
        stack.close()
        if not killed and process.returncode:
            self.crashes.append(f"hub {number} ended with {process.returncode} when it was stopped")


def hold(process: Popen[str], seconds: float, over: threading.Event) -> None:
    """Have a process stand still, as on a machine that is frozen, and go on where it stood."""
    process.send_signal(SIGSTOP)
    try:
        over.wait(seconds)
    finally:
        process.send_signal(SIGCONT)


def _last_of_trace(lines: list[str], at: int) -> str:
    """Give the line that says what was raised, where a trace follows; else the line itself."""
    last = lines[at]
    for line in lines[at + 1 :]:
        last = line
        if line and not line.startswith((" ", "Traceback")):
            return line
    return last
