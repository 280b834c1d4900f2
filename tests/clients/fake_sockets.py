"""Ways to reach the small hub: whole frames in memory, cut where a test likes, and real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed as SocketClosed
from websockets.typing import Subprotocol

from bridge.wire.codec import CODECS, Codec
from clients.errors import ConnectionLost
from tests.clients.fake_hub import FakeHub


class Pipe:
    """A transport in memory: whole frames, cut whenever a test says so."""

    def __init__(self, hub: FakeHub, codec: Codec) -> None:
        self._hub, self._binary = hub, codec.binary
        self._down: asyncio.Queue[bytes | int] = asyncio.Queue()
        self.closed_with: int | None = None
        self.wire = hub.connect(codec, self._down.put_nowait, self._down.put_nowait)

    async def send(self, frame: bytes) -> None:
        if self.closed_with is not None:
            raise ConnectionLost
        self.wire.receive(frame if self._binary else frame.decode())

    async def receive(self) -> bytes | str:
        frame = await self._down.get()
        if isinstance(frame, int):
            self._hub.drop(self.wire)
            raise ConnectionLost(close_code=frame)
        return frame if self._binary else frame.decode()

    def cut(self, code: int = 1006) -> None:
        """Break the connection; what is on its way down is still read."""
        self._hub.drop(self.wire)
        self._down.put_nowait(code)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self.closed_with is None:
            self.closed_with = code
        self._hub.drop(self.wire)


@asynccontextmanager
async def serving(hub: FakeHub) -> AsyncIterator[str]:
    """Serve a hub on a real socket; gives its address."""

    async def talk(socket: ServerConnection) -> None:
        codec = CODECS[socket.subprotocol or "isthmus.v1.json"]
        frames: asyncio.Queue[bytes | int] = asyncio.Queue()
        wire = hub.connect(codec, frames.put_nowait, frames.put_nowait)

        async def write() -> None:
            while not isinstance(frame := await frames.get(), int):
                await socket.send(frame, text=not codec.binary)
            await socket.close(frame)

        writing = asyncio.create_task(write())
        try:
            async for data in socket:
                wire.receive(data)
        except SocketClosed:
            pass  # broken connections are what these tests are about
        finally:
            hub.drop(wire)
            writing.cancel()
            await asyncio.wait([writing])
            if not writing.cancelled():
                writing.exception()

    protocols = [Subprotocol(name) for name in CODECS]
    async with serve(
        talk, "127.0.0.1", 0, subprotocols=protocols, compression=None, close_timeout=1
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"
