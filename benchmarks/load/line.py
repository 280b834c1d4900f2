"""A lean WebSocket client: frames made by hand, joined writes; it must not be what a benchmark measures.

It masks with a key of zeros, so that its frames are what it says; the hub unmasks
them at the same cost as any others.
"""

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_NO_KEY = bytes(4)


class Line(asyncio.Protocol):
    """One connection.

    Attributes:
        closed: Done when the connection is gone; holds the close code, 1006 if there was none.
        pongs: How many pings were answered.
    """

    def __init__(self, host: str, subprotocol: str | None, on_frame: Callable[[bytes], None]) -> None:
        """Hand each frame's content to ``on_frame``."""
        self._loop = asyncio.get_running_loop()
        self._host = host
        self._subprotocol = subprotocol
        self._first = bytes([0x80 | (_BINARY if (subprotocol or "").endswith("msgpack") else _TEXT)])
        self._on_frame = on_frame
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._out: list[bytes] = []
        self._code = 1006
        self.pongs = 0
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[int] = self._loop.create_future()

    @classmethod
    async def open(cls, url: str, subprotocol: str | None, on_frame: Callable[[bytes], None]) -> "Line":
        """Connect and shake hands; ``tcp://`` for a line without WebSocket.

        Raises:
            ConnectionError: If that fails.
        """
        place = urlsplit(url)
        assert place.hostname is not None
        assert place.port is not None
        loop = asyncio.get_running_loop()
        kind = RawLine if place.scheme == "tcp" else cls
        _, line = await loop.create_connection(
            lambda: kind(place.netloc, subprotocol, on_frame), place.hostname, place.port
        )
        await line.opened
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its bases
        offer = f"Sec-WebSocket-Protocol: {self._subprotocol}\r\n" if self._subprotocol else ""
        self._transport.write(
            f"GET / HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\n"
            f"{offer}\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Cut what came into frames."""
        buffer = self._buffer + data if self._buffer else data
        if not self.opened.done():
            head, end, buffer = buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionError(head.split(b"\r\n")[0].decode()))
                return
            self.opened.set_result(None)
        at, size = 0, len(buffer)
        while size - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length > 125:
                start = at + (4 if length == 126 else 10)
                if size < start:
                    break
                length = int.from_bytes(buffer[at + 2 : start], "big")
            end_at = start + length
            if size < end_at:
                break
            opcode = buffer[at] & 15
            if opcode <= _BINARY:
                self._on_frame(buffer[start:end_at])
            elif opcode == _PONG:
                self.pongs += 1
            elif opcode == _PING:
                self._write(bytes([0x80 | _PONG]), buffer[start:end_at])
            elif opcode == _CLOSE:
                self._code = int.from_bytes(buffer[start : start + 2], "big") or 1005
                self._write(bytes([0x80 | _CLOSE]), buffer[start : start + 2])
            at = end_at
        self._buffer = buffer[at:]

    def connection_lost(self, error: Exception | None) -> None:
        """Tell that it is over."""
        self._transport = None
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("closed during the handshake"))
        self.closed.set_result(self._code)

    def send(self, payload: bytes) -> None:
        """Queue a frame; all that are queued in one turn of the loop leave in one write."""
        self._write(self._first, payload)

    def ping(self, payload: bytes = b"") -> None:
        """Queue a ping; ``pongs`` counts the answers."""
        self._write(bytes([0x80 | _PING]), payload)

    def close(self) -> None:
        """Say goodbye and let the other side close."""
        self._write(bytes([0x80 | _CLOSE]), (1000).to_bytes(2, "big"))

    def pause(self) -> None:
        """Read nothing more."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport is not None:
            self._transport.resume_reading()

    def _write(self, first: bytes, payload: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        size = len(payload)
        if size < 126:
            self._out += (first, bytes([0x80 | size]), _NO_KEY, payload)
        elif size < 65536:
            self._out += (first, b"\xfe", size.to_bytes(2, "big"), _NO_KEY, payload)
        else:
            self._out += (first, b"\xff", size.to_bytes(8, "big"), _NO_KEY, payload)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(b"".join(out))


class RawLine(Line):
    """A line without WebSocket: each frame behind its length, four bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be open at once."""
        self._transport = cast(asyncio.Transport, transport)
        self.opened.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Cut what came into frames."""
        buffer = self._buffer + data if self._buffer else data
        at, size = 0, len(buffer)
        while size - at >= 4:
            end = at + 4 + int.from_bytes(buffer[at : at + 4], "big")
            if size < end:
                break
            self._on_frame(buffer[at + 4 : end])
            at = end
        self._buffer = buffer[at:]

    def close(self) -> None:
        """End the line."""
        if self._transport is not None:
            self._transport.close()

    def _write(self, first: bytes, payload: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += (len(payload).to_bytes(4, "big"), payload)
