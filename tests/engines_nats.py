"""A real NATS for the tests: one for all tests of a process, each with a prefix of its own."""

import atexit
import json
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.cluster.servers import nats_binary
from tests.guard import guarded, let_go

PROMISE: Final = "NOT PROVEN HERE: hubs hear of each other over NATS (there is no nats-server)"
_START_S: Final = 20.0


@cache
def the_nats() -> str:
    """Start it and give its address; it ends with the tests of this process."""
    binary = nats_binary()
    if binary is None:
        pytest.skip(PROMISE)
    folder = Path(tempfile.mkdtemp(prefix="isthmus-nats-"))
    command = [
        binary,
        "-a",
        "127.0.0.1",
        "-p",
        "-1",
        "--ports_file_dir",
        str(folder),
        "-l",
        str(folder / "log"),
    ]
    server = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    atexit.register(_end, server, folder, guarded(server.pid, folder))
    ports = folder / f"nats-server_{server.pid}.ports"
    deadline = time.monotonic() + _START_S
    while not (ports.exists() and ports.stat().st_size):
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.02)
        if server.returncode is not None or time.monotonic() > deadline:
            raise RuntimeError(f"NATS did not start: {(folder / 'log').read_text()}")
    port = json.loads(ports.read_text())["nats"][0].rpartition(":")[2]
    return f"nats://127.0.0.1:{port}"


def _end(server: "subprocess.Popen[bytes]", folder: Path, guard: "subprocess.Popen[bytes]") -> None:
    let_go(guard)
    server.kill()  # it keeps nothing
    server.wait(_START_S)
    shutil.rmtree(folder)
