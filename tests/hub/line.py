"""A WebSocket line whose every byte the test decides: when it reads, and what it writes."""

import asyncio
import json
from typing import Any, Final

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

PATIENCE_S: Final = 10.0

WHO_AM_I: Final = {"id": 1, "op": "count_unread"}


class Line(asyncio.Protocol):
    """One connection, with the library's protocol but a transport of the test's.

    Attributes:
        protocol: The library's side of it.
        frames: What came.
        wire: Everything that came, as bytes.
    """

    def __init__(self, url: str) -> None:
        self.protocol = ClientProtocol(parse_uri(url), max_size=None)
        self.frames: list[Frame] = []
        self.wire = bytearray()
        self.transport: asyncio.Transport
        self._came = asyncio.Event()
        self._lost = False

    @classmethod
    async def connect(cls, url: str, *, shake: bool = True) -> "Line":
        """Connect, and shake hands if asked to."""
        line = cls(url)
        host, port = line.protocol.uri.host, line.protocol.uri.port
        await asyncio.get_running_loop().create_connection(lambda: line, host, port)
        if shake:
            line.protocol.send_request(line.protocol.connect())
            line.flush()
            await line.until(lambda: line.protocol.state.name == "OPEN")
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.wire += data
        self.protocol.receive_data(data)
        self.frames += [event for event in self.protocol.events_received() if isinstance(event, Frame)]
        self._came.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._came.set()

    # --- what a test does

    def say(self, call: dict[str, Any]) -> None:
        """Send a call as JSON."""
        self.protocol.send_text(json.dumps(call).encode())
        self.flush()

    def frame(self, opcode: Opcode, data: bytes, *, fin: bool = True) -> None:
        """Send any frame."""
        self.transport.write(Frame(opcode, data, fin).serialize(mask=True))

    def flush(self) -> None:
        """Write what the protocol has ready."""
        for data in self.protocol.data_to_send():
            if data:
                self.transport.write(data)

    async def until(self, fits: Any) -> None:
        """Wait until what came fits."""
        async with asyncio.timeout(PATIENCE_S):
            while not fits():
                assert not self._lost, "the line is gone"
                self._came.clear()
                await self._came.wait()

    async def lost(self) -> int | None:
        """Wait until the hub ends the connection; give its close code, if it said one."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._lost and not any(frame.opcode is Opcode.CLOSE for frame in self.frames):
                self._came.clear()
                await self._came.wait()
        return self.protocol.close_rcvd.code if self.protocol.close_rcvd is not None else None

    def calls(self) -> list[dict[str, Any]]:
        """Give the answers and events that came, read as JSON."""
        return [json.loads(bytes(frame.data)) for frame in self.frames if frame.opcode is Opcode.TEXT]

    def stall(self) -> None:
        """Stop reading."""
        self.transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        self.transport.resume_reading()

    def end(self) -> None:
        """Cut the line."""
        self.transport.abort()
