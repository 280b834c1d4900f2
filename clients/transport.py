"""Sockets for the client: one port of four verbs, kept by ``websockets``."""

import platform
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from ssl import SSLCertVerificationError, SSLContext
from typing import Literal, Protocol
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed as SocketClosed
from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.typing import Subprotocol

import bridge
from bridge.wire.codec import Codec
from bridge.wire.frames import JSON_SUBPROTOCOL
from clients.errors import CannotConnect, ConnectionClosed, ConnectionLost

TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses of a refused handshake after which it is worth to come back."""


TRUST = "Then name the file of its authority in SSL_CERT_FILE, or give SocketOptions an ssl context."


class Transport(Protocol):
    """A connection that carries whole frames, in order, until it breaks."""

    async def send(self, frame: bytes) -> None:
        """Hand a frame over; wait while the other side is slow.

        Raises:
            ConnectionLost: If the connection is gone.
        """

    async def receive(self) -> bytes | str:
        """Wait for the next frame.

        Raises:
            ConnectionLost: If the connection is gone.
        """
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and wait until it is closed; more often than once does no harm."""


Dial = Callable[[], Awaitable[Transport]]
"""Make a new connection; raises ``CannotConnect`` (temporary or not)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketOptions:
    """How the WebSocket is made.

    Attributes:
        ssl: For ``wss://``; the system's defaults if absent.
        proxy: ``True`` uses the environment's, but none to reach this very machine; ``None`` none, else the
            proxy's address.
        headers: More headers for the handshake.
        user_agent: What the hub's log calls this program.
        open_timeout_s: How long one attempt may take.
        max_frame: The largest frame that is taken from the hub, in bytes.
        compress: Whether to offer permessage-deflate; it costs memory on both sides.
    """

    ssl: SSLContext | None = None
    proxy: str | Literal[True] | None = True
    headers: Mapping[str, str] = field(default_factory=dict)
    user_agent: str = f"isthmus/{bridge.__version__} python/{platform.python_version()}"
    open_timeout_s: float = 10.0
    max_frame: int = 64 * 2**20
    compress: bool = False


class WebSocket:
    """A transport over one WebSocket."""

    def __init__(self, socket: ClientConnection, codec: Codec) -> None:
        """Carry the frames of ``codec``."""
        self._socket = socket
        self._text = not codec.binary

    async def send(self, frame: bytes) -> None:
        """Hand a frame over."""
        try:
            await self._socket.send(frame, text=self._text)
        except SocketClosed as closed:
            raise _lost(closed) from None

    async def receive(self) -> bytes | str:
        """Wait for the next frame."""
        try:
            return await self._socket.recv()
        except SocketClosed as closed:
            raise _lost(closed) from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and wait until it is closed."""
        await self._socket.close(code, reason)


async def dial(url: str, codec: Codec, options: SocketOptions) -> WebSocket:
    """Connect to a hub.

    Raises:
        CannotConnect: If nobody answers (``temporary``), or what answers is no hub (not so).
    """
    try:
        socket = await connect(
            url,
            subprotocols=[Subprotocol(codec.subprotocol)],
            additional_headers=dict(options.headers),
            user_agent_header=options.user_agent,
            proxy=None if options.proxy is True and _is_here(url) else options.proxy,
            ssl=options.ssl or (True if urlsplit(url).scheme == "wss" else None),
            open_timeout=options.open_timeout_s,
            max_size=options.max_frame,
            compression="deflate" if options.compress else None,
            ping_interval=None,  # the hub's heartbeats tell more than pings do
            close_timeout=2,
        )
    except (OSError, ValueError, WebSocketException) as wrong:  # a timeout is an OSError
        raise _why_not(wrong, url) from wrong
    if socket.subprotocol is None and codec.subprotocol != JSON_SUBPROTOCOL:
        await socket.close()
        raise _cannot(f"The hub does not speak {codec.subprotocol}.", temporary=False)
    return WebSocket(socket, codec)


def _why_not(wrong: Exception, url: str) -> CannotConnect:
    """Say why there is no connection, and whether to come back."""
    match wrong:
        case InvalidStatus(response=response):
            status, wait = response.status_code, response.headers.get("Retry-After", "")
            cannot = _cannot(f"The handshake was refused with HTTP {status}.", status in TRY_AGAIN)
            cannot.retry_after_s = float(wait) if wait.isdecimal() else None
            return cannot
        case InvalidMessage():
            # A wire that broke in the middle of the handshake; anything else that is no HTTP is no hub.
            cut = isinstance(wrong.__cause__, EOFError | ConnectionError)
            return _cannot(f"The hub cannot be reached: {wrong}", temporary=cut)
        case SSLCertVerificationError(verify_message=said):
            why = f"The hub's certificate is not trusted: {said}. Is it of your own making? {TRUST}"
            return _cannot(why, temporary=False)
        case InvalidURI():
            why = f"This is no address of a hub: {url}. One looks like ws://127.0.0.1:8765; with TLS, wss://…"
            return _cannot(why, temporary=False)
        case InvalidHandshake() | ValueError():
            return _cannot(f"There is no hub at this address: {wrong}", temporary=False)
        case _:
            return _cannot(f"The hub cannot be reached: {str(wrong) or type(wrong).__name__}", temporary=True)


def _is_here(url: str) -> bool:
    """Say whether an address is this machine's own: no proxy can reach it, whatever the environment says."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _cannot(text: str, temporary: bool) -> CannotConnect:
    error = CannotConnect(text)
    error.temporary = temporary
    return error


def _lost(closed: SocketClosed) -> ConnectionLost | ConnectionClosed:
    if closed.rcvd is None:
        return ConnectionLost()
    return ConnectionLost(closed.rcvd.reason, close_code=closed.rcvd.code)
