"""Processes of a benchmark: started, pinned to a core, measured, ended by their own pid."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final, TypeVar

import msgspec
from msgspec import Struct

try:
    import uvloop
except ImportError:  # Windows: the hub runs on asyncio's own loop there too
    LOOP: Callable[[], asyncio.AbstractEventLoop] | None = None
else:
    LOOP = uvloop.new_event_loop

T = TypeVar("T", bound=Struct)

ROOT: Final = Path(__file__).resolve().parents[2]
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


def cores() -> list[int]:
    """List the cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


@contextmanager
def started(
    module: str,
    *arguments: str,
    order: Struct | None = None,
    core: int | None = None,
    before: Sequence[str] = (),
    errors: IO[str] | None = None,
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run a module until the block ends; give the process and the first line that it printed.

    Args:
        module: What ``python -m`` should run.
        arguments: Its arguments.
        order: What it shall do, which it learns from ``ordered``.
        core: The core that it may use; absent: any.
        before: A command that runs it, such as ``strace``.
        errors: Where its standard error goes; absent: where this process's does.

    Raises:
        RuntimeError: If it ends before it prints anything.
    """
    with ExitStack() as stack:
        if order is not None:  # in a file: a command line has no room for a thousand people
            file = stack.enter_context(tempfile.NamedTemporaryFile(suffix=".json"))
            file.write(msgspec.json.encode(order, enc_hook=str))
            file.flush()
            arguments = (file.name, *arguments)
        process = stack.enter_context(
            subprocess.Popen(
                [*before, sys.executable, "-m", module, *arguments],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"{module} ended with {process.wait()} before it served")
            yield process, line
            process.stdin.close()
            process.wait(20)
        finally:
            if process.poll() is None:
                process.kill()


def ordered(kind: type[T]) -> T:
    """Read what this process was started to do.

    Raises:
        msgspec.ValidationError: If it is not of that kind.
    """
    text = Path(sys.argv[1]).read_bytes()
    return msgspec.json.decode(text, type=kind, dec_hook=lambda named, value: named(value))  # paths


def give_way() -> None:
    """Run only while nobody else wants the core: what others on it wait for is then the hub, not this."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def cpu_s(pid: int) -> float:
    """Give the seconds of CPU, user and system, that a process and its children have used."""
    return sum(map(_own_cpu_s, tree(pid)))


def _own_cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it ended: its parent has what it used
    return sum(map(int, fields[11:15])) * _TICK_S


def rss_mib(pid: int) -> float:
    """Give the memory that a process holds, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def free_port() -> int:
    """Give a port of the loopback that nobody listens on now."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        number: int = place.getsockname()[1]
        return number


def memory_mib(pids: Sequence[int]) -> float:
    """Give the memory of processes and their children, in MiB; what they share counts once."""
    return sum(_share_mib(one) for pid in pids for one in tree(pid))


def _share_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0  # it ended
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def tree(pid: int) -> list[int]:
    """List a process and all that it started and that still runs."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(one for child in children for one in tree(child))]
