"""A wire to PostgreSQL that can be cut at the worst moment."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from pathlib import Path

SOCKET = ".s.PGSQL.5432"


class Cut(Enum):
    """What happens to the next thing that a client says."""

    NONE = "it passes"
    BEFORE = "it is lost, and so is the connection"
    AFTER = "the server hears it; its answer is lost, and so is the connection"
    LATE = "the connection is lost; the server hears it when it is let go"


class Wire:
    """Carries bytes between a socket of its own and the server's.

    Attributes:
        folder: Where its socket is: the ``host`` to connect to.
        cut: What happens to the next thing said; then it is ``NONE`` again.
    """

    def __init__(self, server: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="isthmus-wire-"))
        self.cut = Cut.NONE
        self._server = server
        self._held: list[tuple[asyncio.StreamWriter, asyncio.StreamReader, bytes]] = []
        self._talks: set[asyncio.Task[None]] = set()

    async def let_go(self) -> None:
        """Give the server what was held back, and wait until it has dealt with it."""
        for writer, reader, said in self._held:
            writer.write(said)
            writer.write(b"X\0\0\0\4")  # and goodbye, so that it closes when it is done
            await reader.read()
            writer.close()
        self._held.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        theirs, ours = await asyncio.open_unix_connection(str(self._server / SOCKET))
        back = asyncio.ensure_future(_copy(theirs, writer))
        held = False
        try:
            while said := await reader.read(1 << 20):
                cut, self.cut = self.cut, Cut.NONE
                if cut is not Cut.NONE:
                    back.cancel()
                    await asyncio.wait([back])
                if cut is Cut.BEFORE:
                    break
                if cut is Cut.LATE:
                    held = True
                    self._held.append((ours, theirs, said))
                    break
                ours.write(said)
                await ours.drain()
                if cut is Cut.AFTER:
                    await theirs.read(1)
                    break
        finally:
            back.cancel()
            writer.close()
            if not held:
                ours.close()
            self._talks.discard(task)

    async def close(self) -> None:
        """End all connections."""
        for writer, _, _ in self._held:
            writer.close()
        for task in tuple(self._talks):
            task.cancel()
        if self._talks:
            await asyncio.wait(tuple(self._talks))
        shutil.rmtree(self.folder)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while said := await reader.read(1 << 20):
            writer.write(said)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def wire_to(server: Path) -> AsyncIterator[Wire]:
    """Lay a wire to the server whose socket is in this folder."""
    wire = Wire(server)
    listening = await asyncio.start_unix_server(wire.serve, str(wire.folder / SOCKET))
    try:
        yield wire
    finally:
        listening.close()
        await wire.close()
        await listening.wait_closed()
