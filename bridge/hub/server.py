"""The listening side: accepts sockets, joins their writes, keeps time for all of them, and drains."""

import asyncio
import logging
import os
import ssl
from collections import Counter
from http import HTTPStatus
from math import ceil
from socket import gaierror

from bridge.config import Config, Listen
from bridge.errors import CloseCode, ConfigInvalid, RateLimited
from bridge.hub.cluster import Cluster
from bridge.hub.connection import Connection
from bridge.hub.counters import Counters
from bridge.hub.limits import Rate, subscriber
from bridge.hub.listener import Listener
from bridge.hub.metrics import exposition
from bridge.hub.services import Services, now_ms
from bridge.hub.sockets import Socket

log = logging.getLogger("bridge.hub")

_TOO_FAST = (
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: %d\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 54\r\n\r\n"
    b"Too many new connections of this address; come later.\n"
)
_SILENCE = 3  # heartbeats without a sign of life after which a peer counts as gone


class Server:
    """All sockets of this process."""

    def __init__(self, config: Config, services: Services, cluster: Cluster) -> None:
        """Listen to nothing yet."""
        self._cluster = cluster
        self.counters: Counters = services.counters
        self.in_turn = services.entrance.in_turn
        self.origins = config.listen.origins
        self.behind_proxy = config.listen.behind_proxy
        self.frame_bytes = config.limits.frame_bytes
        self.send_queue_bytes = config.limits.send_queue_bytes
        self.ready = False
        self._config = config
        self._services = services
        self._loop = asyncio.get_running_loop()
        self._sockets: dict[Socket, Connection] = {}
        self._by_address: Counter[str] = Counter()
        self._comers = Rate(config.limits.connects_per_second, config.limits.connects_burst, self._loop.time)
        self._tls = config.listen.tls_cert is not None  # until its hands are shaken no word could be read
        self._taken: dict[Socket, str] = {}
        self._dirty: dict[Socket, None] = {}
        self._draining = False
        self._gone: asyncio.Future[None] | None = None

    async def start(self) -> int:
        """Listen; return the port.

        Raises:
            ConfigInvalid: If the address may not be bound like this, or cannot be.
        """
        listen = self._config.listen
        context = tls_context(listen)
        try:
            port = await self._services.entrance.open(
                listen.host,
                listen.port,
                share_port=listen.share_port,
                tls=context,
                shake_s=self._config.limits.sign_in_s,
                meet=self._accept,
                refuse=self._refusal,
            )
        except OSError as wrong:
            known = None if isinstance(wrong, gaierror) else wrong.errno
            why = os.strerror(known) if known else wrong.strerror  # asyncio adds much to what the system says
            raise ConfigInvalid(
                f"Can't listen on {listen.host} port {listen.port}: {why}. Choose another: --host, --port."
            ) from wrong
        self.ready = True
        return port

    async def keep_time(self) -> None:
        """Tell heartbeats and end silent connections, for ever: one timer for all sockets."""
        every = self._config.hub.heartbeat_s
        now = self._loop.time()
        while True:
            await asyncio.sleep(every)
            before, now, at = now, self._loop.time(), now_ms()
            was_stopped = now - before > 2 * every  # then it was the hub that did not listen
            for socket, connection in list(self._sockets.items()):
                silent = now - socket.heard_at
                if silent > every * _SILENCE and not was_stopped:
                    connection.close(CloseCode.HEARTBEAT_LOST, "no sign of life")
                elif connection.account:
                    if silent > every / 2:
                        socket.ping()
                    connection.heartbeat(at)

    async def drain(self) -> None:
        """Take no new connections, send everyone elsewhere, and wait for them to go."""
        self.ready = False
        self._draining = True
        self._services.entrance.close()
        for connection in list(self._sockets.values()):
            connection.close(CloseCode.DRAINING, "the hub is being replaced: come back")
        if self._sockets:
            self._gone = self._loop.create_future()
            await asyncio.wait([self._gone], timeout=self._config.hub.drain_s)
        for socket in list(self._sockets):
            socket.abort()
        await asyncio.sleep(0)
        self._services.entrance.finish()

    def _accept(self) -> Socket:
        return Socket(self, lambda socket: Connection(self._services, socket))

    def _refusal(self, address: str) -> bytes | None:
        """Give what is said to whoever comes too fast, or is too many before any hand is shaken.

        Behind a proxy all would bear its address.
        """
        if self._tls and self._are_many(self._services.entrance.under_way):
            return b""
        if self.behind_proxy:
            return None
        try:
            self._comers.take(subscriber(address))
        except RateLimited as much:
            self.counters.turned_away_total["too_fast"] += 1
            return b"" if self._tls else _TOO_FAST % ceil(much.retry_after_s or 0)
        return None

    def _are_many(self, more: int = 0) -> bool:
        if len(self._sockets) + more <= self._config.limits.connections:
            return False
        self.counters.turned_away_total["too_many"] += 1
        return True

    # --- what sockets ask

    def accepts(self, address: str) -> bool:
        """Say whether one more connection of this address is taken."""
        limits, by_address = self._config.limits, self._by_address[address]
        if self._draining:
            return False
        if self._are_many():
            return False
        if by_address >= limits.connections_per_address and not self.behind_proxy:
            self.counters.turned_away_total["too_many"] += 1
            return False
        return True

    def came(self, socket: Socket, listener: Listener) -> None:
        """Know a socket that is connected; one whose TLS fails never is, and would never be gone."""
        assert isinstance(listener, Connection), "each socket has its session"
        self._sockets[socket] = listener

    def taken(self, socket: Socket) -> None:
        """Count a socket whose handshake was accepted."""
        self._taken[socket] = socket.address
        self._by_address[socket.address] += 1

    def page(self, path: str) -> tuple[HTTPStatus, str] | None:
        """Answer a plain GET: health, readiness, metrics, or how to speak to this port."""
        match path:
            case "/healthz":
                return HTTPStatus.OK, "ok\n"
            case "/readyz":
                return self._readiness()
            case "/metrics":
                return HTTPStatus.OK, exposition(self.counters)
            case _:
                return (
                    HTTPStatus.UPGRADE_REQUIRED,
                    "This is an Isthmus hub: connect with a WebSocket client.\n",
                )

    def _readiness(self) -> tuple[HTTPStatus, str]:
        """Say whether to send people here, and how the engines are: without NATS yes, without store no."""
        services, cluster = self._services, self._cluster
        ok = self.ready and services.pipeline.failed is None and cluster.store_is_up
        store = "ok" if cluster.store_is_up else "away: writes are refused"
        bus = "none" if not services.bus.connects else "ok" if services.bus.is_up else "away: polling"
        text = f"{'ready' if ok else 'not ready'}\nstore: {store}\nbus: {bus}\n"
        return (HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE), text

    def flush_soon(self, socket: Socket) -> None:
        """Have a socket's output written at the end of this turn, together with the others'."""
        if not self._dirty:
            self._loop.call_soon(self._flush)
        self._dirty[socket] = None

    def gone(self, socket: Socket) -> None:
        """Forget a socket."""
        self._dirty.pop(socket, None)
        self._sockets.pop(socket, None)
        if self._gone is not None and not self._sockets and not self._gone.done():
            self._gone.set_result(None)
        address = self._taken.pop(socket, None)
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for socket in dirty:
            socket.flush()


def tls_context(listen: Listen) -> ssl.SSLContext | None:
    """Read the certificate, if there is one; refuse to be reachable from elsewhere without one or a proxy.

    Raises:
        ConfigInvalid: If the address needs TLS, or the certificate cannot be used.
    """
    if listen.tls_cert is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(listen.tls_cert, listen.tls_key)
        except (OSError, ssl.SSLError) as wrong:
            raise ConfigInvalid(f"The certificate {listen.tls_cert} can't be used: {wrong}") from wrong
        return context
    is_loopback = listen.host in ("localhost", "::1") or listen.host.startswith("127.")
    if not is_loopback and not listen.behind_proxy:
        raise ConfigInvalid(
            f"{listen.host} is reachable from elsewhere: give --tls-cert and --tls-key, or --behind-proxy.",
            path="$.listen.host",
        )
    return None
