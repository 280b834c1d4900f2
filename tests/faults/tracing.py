"""What strace can do to a hub: kill it at its k-th sync, fail one, fill the disk, write down every write."""

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest

_QUIET: Final = ("strace", "-f", "-qq", "-o")
_SWIFT: Final = ("strace", "--seccomp-bpf", *_QUIET[1:])  # it forgets how often a call was injected into


@cache
def _works() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False).returncode == 0


def needs_strace(promise: str) -> None:
    """Skip, and say what was not proven, where nobody may be traced."""
    if not _works():
        pytest.skip(f"NOT PROVEN HERE: {promise} (strace is missing or forbidden)")


def injecting(call: str, what: str, *, when: str) -> list[str]:
    """Give the command that runs a hub and does something to its k-th call of a kind.

    Args:
        call: A system call, such as ``fdatasync``.
        what: ``signal=KILL``, ``error=EIO``, ``delay_exit=20000`` (µs), …
        when: ``5`` for the fifth, ``5..9`` for the fifth to the ninth, ``5+`` for all from the fifth on.
    """
    return [*_QUIET, "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={when}"]


def recording(log: Path, database: Path, fault: str = "") -> list[str]:
    """Give the command that runs a hub and writes down all that it writes to its database, and every sync.

    Args:
        log: Where to write it.
        database: Which writes.
        fault: What to inject, as strace wants it; empty for nothing.
    """
    paths = [word for name in (database, wal_of(database)) for word in ("-P", str(name))]
    calls = "trace=pwrite64,ftruncate,fdatasync,fsync"
    injected = ("-e", fault) if fault else ()
    return [
        *(_QUIET if fault else _SWIFT),
        str(log),
        "-y",
        "-xx",
        "-s",
        "10000000",
        *paths,
        "-e",
        calls,
        *injected,
    ]


def wal_of(database: Path) -> Path:
    """Name the log beside a database."""
    return database.with_name(database.name + "-wal")
