"""One WebSocket: the library's sans-I/O protocol under a transport of our own.

The library does the handshake, ping, pong, close, fragments and whatever is wrong;
plain data frames are read and written in ``hub.plain``. All output is joined: what is
ready for a socket in one turn of the loop leaves in one write, which is three times
cheaper than a write per frame; and a reader that is too slow is told to come back
instead of growing the hub.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, Protocol, cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.typing import Origin

from bridge.errors import CloseCode
from bridge.hub.counters import Counters
from bridge.hub.handshake import Handshaking, bearer, forwarded_for
from bridge.hub.intake import Intake
from bridge.hub.limits import subscriber
from bridge.hub.listener import NOBODY, Listener
from bridge.hub.plain import FRAMED, WEIGHT, read_plain
from bridge.wire.codec import CODECS, JSON, Codec

_CLOSE_S = 5.0  # how long a peer has to answer a close before the socket is cut
_BAD_TEXT = 1007
_OPCODE: Final = 0x0F

A_READ: Final = 20
"""How many frames of one socket are read in a turn, pings and fragments too: who floods is read by turns."""

_HIGH_WATER = 64 * 1024  # asyncio's own; a small send queue must notice a slow peer before it is full


class SocketSettings(Protocol):
    """What a socket must know of the hub."""

    counters: Counters
    origins: tuple[str, ...]
    behind_proxy: bool
    frame_bytes: int
    send_queue_bytes: int

    def came(self, socket: "Socket", listener: Listener) -> None:
        """Know a socket that is connected, and who hears what comes over it."""

    def accepts(self, address: str) -> bool:
        """Say whether one more connection of this address is taken."""

    def in_turn(self, step: Callable[[], None]) -> None:
        """Take a step when it is its turn."""

    def taken(self, socket: "Socket") -> None:
        """Count a socket whose handshake was accepted."""

    def page(self, path: str) -> tuple[HTTPStatus, str] | None:
        """Answer a plain GET, or None for a WebSocket."""

    def flush_soon(self, socket: "Socket") -> None:
        """Have the socket's output written at the end of this turn."""

    def gone(self, socket: "Socket") -> None:
        """Forget the socket."""


class Socket(asyncio.Protocol):
    """One connection, from its first byte to its last."""

    def __init__(self, hub: SocketSettings, listen: Callable[["Socket"], Listener]) -> None:
        """Wait for the connection."""
        self.codec: Codec = JSON
        self._framed = FRAMED[False]
        self.address = ""
        self.heard_at = 0.0
        self._hub = hub
        self._listener: Listener = listen(self)
        self._protocol = Handshaking(
            origins=[None, *(Origin(origin) for origin in hub.origins)],
            max_size=hub.frame_bytes,
        )
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._fragments = bytearray()
        self._fragments_are_text = False
        self._intake = Intake(self._read, hub.in_turn)
        self._plain = False  # whether the handshake is done
        self._parted = False
        self._owed = 0  # bytes of a frame that the library has begun to read
        self._leaves = False  # whether its close waits for a turn, or had it
        self._owing = 0  # what long frames took of turns to come
        self._head = b""  # the beginning of a frame's head
        self._out: list[bytes] = []
        self._most_queued = hub.send_queue_bytes
        self._queued = 0
        self._is_dirty = False
        self._paused = False
        self._closing = False
        self._is_open = False  # the protocol's state, and nobody closes: asked for each frame
        self._owes = False  # whether the protocol may have something to send
        self._drained: asyncio.Future[None] | None = None

    # --- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has the methods, not the ancestry
        self._transport.set_write_buffer_limits(high=min(_HIGH_WATER, self._hub.send_queue_bytes // 4))
        peer = transport.get_extra_info("peername")
        self.address = subscriber(peer[0]) if isinstance(peer, tuple) else "local"
        self._intake.begin(self._transport)
        self.heard_at = self._loop.time()
        self._hub.counters.connections += 1
        self._hub.counters.connections_total += 1
        self._hub.came(self, self._listener)
        self._listener.on_connected()

    def data_received(self, data: bytes) -> None:
        """Read what came; before the sign-in, when it is its turn."""
        self.heard_at = self._loop.time()
        self._intake.take(data)

    def _read(self, data: bytes, at: int) -> int:
        """Read a turn's frames from ``at`` on: plain ones here, and each other one by the library."""
        whole, left = len(data), A_READ - self._owing
        if self._head and left > 0:
            data, self._head = self._head + data, b""
        size = len(data)
        while at < size and (left > 0 or self._owed):
            if not self._plain:
                end = at + self._protocol.of_request(data[at:])
            elif self._owed:
                end = min(size, at + self._owed)
                self._owed -= end - at
            else:
                most = -1 if self._parted else self._hub.frame_bytes  # between fragments nothing is plain
                at, end, left = read_plain(data, at, most, left, self._on_message)
                if not end:
                    self._head, at = data[at:], size
                if end <= at:  # a head that is not whole, or that many for now
                    break
                if data[at] & _OPCODE == Opcode.CLOSE and not self._leaves:
                    self._leaves = True  # when it is its turn: thousands may leave at once
                    if at < size - whole:  # the beginning of its head came before, and is kept for that turn
                        self._head, at = data[at : size - whole], size - whole
                    break
                left -= 1 + min(end - at, self._hub.frame_bytes) // WEIGHT  # a longer one is not read
                self._owed = end - at
                continue
            self._feed(data[at:end])
            at = end
        self._owing = max(0, -left)
        return whole - (size - at)

    def _feed(self, data: bytes) -> None:
        """Feed the protocol and handle what came of it."""
        protocol, was_closing = self._protocol, self._closing
        protocol.receive_data(data)
        self._look()
        made = protocol.data_to_send()  # pongs, in their place among the answers
        if was_closing:
            made = [piece for piece in made if not piece]  # the end; no pongs for whom we send away
        self._out += made
        self._queued += sum(map(len, made))
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._on_ws_frame(event)
            elif isinstance(event, Request) and not self._closing:
                self._on_request(event)
                self._plain = self._is_open and not protocol.extensions
        if self._queued > self._most_queued:
            self._crowd()
        self._flush_soon()  # pongs and closes are the protocol's own
        if not was_closing and protocol.state is not State.OPEN and protocol.close_expected():
            self._closing = True
            self._loop.call_later(_CLOSE_S, self.abort)

    def eof_received(self) -> bool:
        """The peer will send no more: end, when it is its turn, for thousands may leave at once."""
        assert self._transport is not None, "what ends was connected"
        if self._transport.get_extra_info("sslcontext") is not None:  # TLS does not stay half open
            self._end()
            return False
        self._hub.in_turn(self._end)
        return True

    def _end(self) -> None:
        """Read what is left, and close."""
        if self._transport is None:
            return
        self._intake.finish()
        self._protocol.receive_eof()
        self._look()
        self._owes = True
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        """The kernel takes no more for now."""
        self._paused = True

    def resume_writing(self) -> None:
        """The kernel takes bytes again."""
        self._paused = False
        self._let_go()
        self._flush_soon()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever listens that it is over."""
        self._closing = True
        self._is_open = False
        self._transport = None
        self._intake.end()
        self._let_go()
        self._hub.counters.connections -= 1
        self._hub.gone(self)
        listener, self._listener = self._listener, NOBODY
        self._hub.in_turn(listener.on_closed)
        protocol = self._protocol  # what is in no circle is freed now, and not when the collector comes
        protocol.parser.close()
        protocol.parser_exc = None

    # --- what the session calls

    def send(self, frame: bytes) -> None:
        """Queue one message; it leaves at the end of this turn of the loop.

        A peer that lets more than the limit pile up is told to come back.
        """
        if not self._is_open:
            return
        self._out.append(self._framed(frame))
        self._queued += len(frame)
        if self._queued > self._most_queued:
            self._crowd()
        if not self._is_dirty:
            self._is_dirty = True
            self._hub.flush_soon(self)

    def close(self, code: int, reason: str = "") -> None:
        """Say why, then end the connection; one that does not answer is cut."""
        if self._closing or self._transport is None:
            return
        self._closing, self._is_open = True, False
        self._hub.counters.closed_total[str(code)] += 1
        if self._protocol.state is not State.OPEN:
            self.abort()
            return
        self._protocol.send_close(code, reason)
        self._out += self._protocol.data_to_send()
        self._loop.call_later(_CLOSE_S, self.abort)
        if not self._paused:
            self.flush()

    async def room(self) -> None:
        """Wait until the peer has taken most of what it was sent, or is gone."""
        while not self._closing and (self._paused or self._queued > self._hub.send_queue_bytes // 4):
            if not self._paused:
                self.flush()  # what is ready goes to the kernel first; that may be all
                continue
            if self._drained is None:
                self._drained = self._loop.create_future()
            await asyncio.shield(self._drained)

    def ping(self) -> None:
        """Ask whether the peer is still there."""
        if self._is_open:
            self._protocol.send_ping(b"")
            self._flush_soon()

    @property
    def is_open(self) -> bool:
        """Say whether what is sent now may still arrive."""
        return self._is_open

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    def settle(self) -> None:
        """Read what comes at once from now on."""
        self._intake.settle()

    def pause_reading(self) -> None:
        """Take no more calls until some are answered."""
        self._intake.stop()

    def resume_reading(self) -> None:
        """Take calls again."""
        self._intake.go_on()

    def flush(self) -> None:
        """Write everything that is ready, in one piece."""
        self._is_dirty = False
        transport = self._transport
        if transport is None or (self._paused and not self._closing):
            return
        pieces, self._out = self._out, []
        if self._owes:
            self._owes = False
            pieces += self._protocol.data_to_send()
        if not pieces:
            return
        counters = self._hub.counters
        counters.frames_out_total += len(pieces)
        counters.bytes_out_total += self._queued
        self._queued = 0
        if transport.is_closing():
            return
        transport.write(b"".join(pieces))
        if pieces[-1] == b"":
            transport.close()
        elif transport.get_write_buffer_size() > self._most_queued:
            self._crowd()

    # --- inside

    def _let_go(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def _look(self) -> None:
        """See what state the protocol is in now."""
        self._is_open = not self._closing and self._protocol.state is State.OPEN

    def _flush_soon(self) -> None:
        self._owes = True
        if not self._is_dirty:
            self._is_dirty = True
            self._hub.flush_soon(self)

    def _crowd(self) -> None:
        """Send a peer away that lets more pile up than is kept for it; its journal waits."""
        if not self._closing:
            self._hub.counters.slow_readers_total += 1
            self.close(CloseCode.SLOW_READER, "reading too slowly: come back with your cursor")

    def _on_request(self, request: Request) -> None:
        page = self._hub.page(request.path)
        if page is not None and "Upgrade" not in request.headers:
            self._protocol.send_response(self._protocol.reject(page[0], page[1]))
            return
        if self._hub.behind_proxy:  # the last one is what the proxy itself saw
            self.address = subscriber(forwarded_for(request)) or self.address
        if not self._hub.accepts(self.address):
            self._protocol.send_response(
                self._protocol.reject(
                    HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections; come back later.\n"
                )
            )
            return
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        self._out += self._protocol.data_to_send()  # before anything that is said
        self._look()
        if self._is_open:
            self._hub.taken(self)
            self.codec = CODECS.get(self._protocol.subprotocol or "", JSON)
            self._framed = FRAMED[self.codec.binary]
            self._listener.on_open(self.codec, bearer(request))

    def _on_ws_frame(self, frame: Frame) -> None:
        """Take a data frame that the library read, and put fragments together."""
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self._fragments = bytearray(frame.data)
            self._fragments_are_text = frame.opcode is Opcode.TEXT
        elif frame.opcode is Opcode.CONT:
            self._fragments += frame.data
        else:
            self._listener.on_piece()
            return
        self._parted = not frame.fin  # between fragments a plain frame is an error, which the library finds
        if self._parted:
            self._listener.on_piece()
        else:
            whole, self._fragments = bytes(self._fragments), bytearray()
            self._on_message(whole, self._fragments_are_text)

    def _on_message(self, data: bytes, is_text: bool) -> None:
        self._hub.counters.frames_in_total += 1
        if self._closing:
            return
        if not is_text:
            self._listener.on_frame(data)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.close(_BAD_TEXT, "text must be UTF-8")
            return
        self._listener.on_frame(text)
