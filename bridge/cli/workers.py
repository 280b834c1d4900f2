"""``isthmus serve --workers N``: several hub processes on one port, kept alive, replaced one by one.

The kernel parts the connections among the processes (SO_REUSEPORT); to each other
they are hubs of a cluster like any others. SIGHUP starts a new process for each old
one, and sends the old one home once the new one listens: nobody is turned away.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from bridge.cli.exits import BROKEN, OK
from bridge.cli.notify import NOTIFY_SOCKET, notify
from bridge.cli.printing import Printer
from bridge.cli.stopping import LIFELINE
from bridge.config import Config
from bridge.errors import ConfigInvalid

log = logging.getLogger("bridge.hub")

_START_S: Final = 60.0
_PAUSES_S: Final = (0.1, 0.5, 2.0, 5.0)  # before a process that ended by itself is started again
_OURS: Final = ("--workers", "--port")
_STEADY_S: Final = 30.0  # after so long a life the pauses begin anew


def command_of(arguments: Sequence[str]) -> list[str]:
    """Give the command line of one worker: this one's, without the options that the supervisor sets."""
    kept: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word in _OURS:
            next(rest, None)
        elif word.partition("=")[0] not in _OURS:
            kept.append(word)
    return [*kept, *(() if "--json" in kept else ("--json",))]


def check(config: Config, workers: int) -> None:
    """Refuse several processes where only one may write.

    Raises:
        ConfigInvalid: If the store takes one writer, or there is no way from process to process.
    """
    if workers < 1:
        raise ConfigInvalid(f"--workers takes a number of processes, not {workers}.")
    if not config.store.path.startswith(("postgresql://", "postgres://")):
        raise ConfigInvalid(
            f"SQLite takes one writer, so it serves one process, not {workers}: "
            "name a PostgreSQL database with --db postgresql://..., or leave --workers out.",
            path="$.store.path",
        )


def _launcher() -> list[str]:
    """Give what this process was started with before its arguments: a Python and a module or a script."""
    return [sys.executable, *sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]]


class Worker:
    """One process.

    Attributes:
        ended: Done with its exit code.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Watch a process that was started."""
        self._process = process
        self.ended = asyncio.ensure_future(process.wait())
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, command: Sequence[str], port: int, lifeline: int) -> "Worker":
        """Start a process; return once it listens. It ends with the pipe whose other end this one holds.

        Raises:
            ConfigInvalid: If it ended instead; it has said why.
        """
        options = ["--port", str(port), "--set", "listen.share_port=true"]
        process = await asyncio.create_subprocess_exec(
            *(*_launcher(), *command, *options),
            stdout=asyncio.subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name != NOTIFY_SOCKET}
            | {LIFELINE: str(lifeline)},
            pass_fds=(lifeline,),
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_S):
                await worker._listening()
        except BaseException:
            await worker.stop()
            raise
        return worker

    async def _listening(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = msgspec.json.decode(line)
            if "listening" in said:
                self._reader = asyncio.ensure_future(self._drain())
                return
            if "error" in said:
                raise ConfigInvalid(said["error"]["text"], path=said["error"]["path"])
        raise ConfigInvalid(f"A worker ended with code {await self.ended}; its log says why.")

    async def _drain(self) -> None:
        assert self._process.stdout is not None
        while await self._process.stdout.readline():
            pass

    async def stop(self) -> int:
        """Send it home, and wait until it has finished."""
        if not self.ended.done():
            self._process.send_signal(signal.SIGTERM)
        return await self.ended

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid


class Supervisor:
    """Keeps the workers alive."""

    def __init__(self, command: Sequence[str], config: Config, workers: int, printer: Printer) -> None:
        """Start nothing yet."""
        self._command = command
        self._config = config
        self._count = workers
        self._printer = printer
        self._workers: list[Worker] = []
        self._told = asyncio.Event()
        self._stopping = self._reloading = False
        self._lifeline, self._held = os.pipe()  # a supervisor that is killed leaves no workers behind

    async def run(self) -> int:
        """Work until SIGTERM or Ctrl-C."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        listen = self._config.listen
        with reserve(listen.host, listen.port) as held:
            port = held.getsockname()[1]
            try:
                for _ in range(self._count):  # one after the other: the first one may have to make the schema
                    self._workers.append(await Worker.start(self._command, port, self._lifeline))
                self._printer.data(
                    {"listening": f"{listen.host}:{port}", "port": port, "workers": self._pids}
                )
                self._printer.line(f"{self._count} hubs listen on {listen.host} port {port}: {self._pids}.")
                self._printer.line("Replace them one by one with SIGHUP; stop them with Ctrl-C.")
                notify("READY=1")
                await self._supervise(port)
                notify("STOPPING=1")
            finally:
                codes = await asyncio.gather(*(worker.stop() for worker in self._workers))
        self._printer.data({"stopped": not any(codes)})
        return OK if not any(codes) else BROKEN

    @property
    def _pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    def _stop(self) -> None:
        self._stopping = True
        self._told.set()

    def _reload(self) -> None:
        self._reloading = True
        self._told.set()

    async def _supervise(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        fallen, last = 0, loop.time()
        while not self._stopping:
            told = asyncio.ensure_future(self._told.wait())
            ended = [worker.ended for worker in self._workers]
            await asyncio.wait([told, *ended], return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            self._told.clear()
            if self._reloading:
                self._reloading = False
                notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
                await self._replace_all(port)
            for place, worker in enumerate(self._workers):
                if worker.ended.done() and not self._stopping:
                    fallen = fallen + 1 if loop.time() - last < _STEADY_S else 0
                    last = loop.time()
                    log.error("worker %d ended with code %d", worker.pid, worker.ended.result())
                    await asyncio.sleep(_PAUSES_S[min(fallen, len(_PAUSES_S) - 1)])
                    await self._replace(place, port)

    async def _replace_all(self, port: int) -> None:
        for place, old in enumerate(list(self._workers)):
            if await self._replace(place, port):
                await old.stop()
        notify("READY=1")
        self._printer.data({"reloaded": self._pids})
        self._printer.line(f"Replaced: {self._pids}.")

    async def _replace(self, place: int, port: int) -> bool:
        """Start a process in a place; say whether it listens."""
        try:
            self._workers[place] = await Worker.start(self._command, port, self._lifeline)
        except (ConfigInvalid, TimeoutError) as wrong:  # the old ones go on; the next try follows
            log.error("a worker cannot be started: %s", wrong or "it took too long")
            return False
        return True


def reserve(host: str, port: int) -> socket.socket:
    """Hold a port without listening on it, so that it stays ours while no process listens.

    Raises:
        ConfigInvalid: If it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
    except OSError as wrong:
        held.close()
        raise ConfigInvalid(f"Can't listen on {host} port {port}: {wrong.strerror}.") from wrong
    return held


def supervise(config: Config, workers: int, printer: Printer) -> int:
    """Run so many hubs on one port until told to stop.

    Raises:
        ConfigInvalid: If they cannot be run like this.
    """
    check(config, workers)

    async def run() -> int:
        return await Supervisor(command_of(sys.argv[1:]), config, workers, printer).run()

    return asyncio.run(run())
