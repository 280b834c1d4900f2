"""How often servers wait for the disk: strace, attached to processes that run already."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_CALLS: Final = "fsync,fdatasync,sync_file_range,msync"
_ATTACH_S: Final = 20.0


def can_trace() -> bool:
    """Say whether strace is installed."""
    return shutil.which("strace") is not None


@contextmanager
def traced(pids: Sequence[int], report: Path) -> Iterator[None]:
    """Write every wait for the disk of these processes and their threads to a file while the block runs.

    Each line ends in ``= 0``; a file is named behind its number: ``fdatasync(7</data/hub.db-wal>) = 0``.

    Raises:
        RuntimeError: If strace may not attach.
    """
    chosen = [word for pid in pids for word in ("-p", str(pid))]
    command = ["strace", "-f", "-y", "-q", "-e", f"trace={_CALLS}", "-o", str(report), *chosen]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as tracer:
        try:
            _wait(tracer, pids)
            yield
        finally:
            if tracer.poll() is None:
                tracer.send_signal(signal.SIGINT)
            tracer.wait(_ATTACH_S)


def _wait(tracer: "subprocess.Popen[bytes]", pids: Sequence[int]) -> None:
    """Wait until every thread of the processes has the tracer."""
    end = time.monotonic() + _ATTACH_S
    while not all(_has(tracer.pid, thread) for pid in pids for thread in os.listdir(f"/proc/{pid}/task")):
        if tracer.poll() is not None or time.monotonic() > end:
            said = tracer.stderr.read() if tracer.stderr and tracer.poll() is not None else b"it hangs"
            raise RuntimeError(f"strace does not attach: {said.decode().strip()[-200:]}")
        time.sleep(0.02)


def _has(tracer: int, thread: str) -> bool:
    try:
        return f"TracerPid:\t{tracer}\n" in Path(f"/proc/{thread}/status").read_text()
    except OSError:
        return True  # it ended


def waits(report: Path) -> list[str]:
    """List the files that were waited for, one for each wait, also where another thread came between."""
    lines = report.read_text().splitlines()
    return [
        line.partition("<")[2].partition(">")[0]
        for line in lines
        if any(f"{call}(" in line for call in _CALLS.split(","))
    ]
