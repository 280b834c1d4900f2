"""A lean Matrix client: one connection to send on, one that waits in ``/sync`` for what others say.

The answer to a PUT is the acknowledgement. A window is filled by pipelining on
the one connection, so that the sender's order is kept, as a Matrix client keeps it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast
from urllib.parse import quote

import orjson

from benchmarks.peers.talker import Talker

_CLIENT: Final = "/_matrix/client/v3"
_PASSWORD: Final = "load-password"  # of accounts that live as long as the run
_FILTER: Final = quote(
    '{"room":{"timeline":{"limit":500,"types":["m.room.message"]},"state":{"types":[]},'
    '"ephemeral":{"types":[]},"account_data":{"types":[]}},"presence":{"types":[]},"account_data":{"types":[]}}'
)

_PATIENCE_MS: Final = 30_000

Answer = Callable[[dict[str, Any]], None]


class Http:
    """Answers of HTTP/1.1 on a kept connection, in the order of the requests."""

    def __init__(self, port: int, token: str = "") -> None:
        """Expect nothing yet."""
        self._port = port
        self.token = token
        self.waiting: deque[Answer] = deque()
        self._buffer = b""

    def request(self, verb: str, path: str, body: object, then: Answer) -> bytes:
        """Make a request whose answer goes to ``then``."""
        self.waiting.append(then)
        payload = b"" if body is None else orjson.dumps(body)
        head = f"{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
        if self.token:
            head += f"Authorization: Bearer {self.token}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        return head.encode() + payload

    def feed(self, data: bytes) -> None:
        """Take in bytes; hand out the answers that are whole.

        Raises:
            ConnectionError: If one is an error.
        """
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            if b"transfer-encoding: chunked" in head:
                found = _chunks(self._buffer, end + 4)
            else:
                size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                whole = len(self._buffer) >= end + 4 + size
                found = (self._buffer[end + 4 : end + 4 + size], end + 4 + size) if whole else None
            if found is None:
                return
            body, at = found
            self._buffer = self._buffer[at:]
            if not head.startswith(b"http/1.1 200"):
                raise ConnectionError(f"{head[:30].decode()}: {body[:200].decode()}")
            self.waiting.popleft()(orjson.loads(body))


def _chunks(buffer: bytes, at: int) -> tuple[bytes, int] | None:
    """Join the chunks of a body; None if some are not here yet."""
    found = b""
    while (end := buffer.find(b"\r\n", at)) >= 0:
        size = int(buffer[at:end], 16)
        if len(buffer) < end + size + 4:
            return None
        found += buffer[end + 2 : end + 2 + size]
        at = end + size + 4
        if not size:
            return found, at
    return None


class _Ears(asyncio.Protocol):
    """The connection that waits in ``/sync``."""

    transport: asyncio.Transport

    def __init__(self, talker: "MatrixTalker") -> None:
        self._talker = talker
        self._http = Http(talker.port, talker.token)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._talker.ears = self
        self.ask("", 0)

    def ask(self, since: str, patience_ms: int) -> None:
        query = f"filter={_FILTER}&timeout={patience_ms}" + (f"&since={quote(since)}" if since else "")
        self.transport.write(self._http.request("GET", f"{_CLIENT}/sync?{query}", None, self._talker.synced))

    def data_received(self, data: bytes) -> None:
        self._talker.guard(lambda: self._http.feed(data))


class MatrixTalker(Talker):
    """One Matrix client; see ``Talker``."""

    token = ""
    room = ""
    user = ""
    ears: _Ears | None = None
    _met: "asyncio.Future[None] | None" = None
    _asking: "asyncio.Future[dict[str, Any]] | None" = None

    def greet(self) -> None:
        """Register; the server of a benchmark lets anybody."""
        self.port = self._transport.get_extra_info("peername")[1]
        self._http = Http(self.port)
        self.user = f"@{self.name}:localhost"
        body = {"auth": {"type": "m.login.dummy"}, "username": self.name, "password": _PASSWORD}
        self._call("POST", f"{_CLIENT}/register", body, self._registered)

    def _call(self, verb: str, path: str, body: object, then: Answer) -> None:
        self.write(self._http.request(verb, path, body, then))

    def _registered(self, answer: dict[str, Any]) -> None:
        self.token = self._http.token = answer["access_token"]
        self.ready.set_result(None)

    async def meet(self) -> None:
        """Make a room with the partner, who joins; then listen, both."""
        other = self.other
        assert isinstance(other, MatrixTalker)
        body = {"preset": "private_chat", "is_direct": True, "invite": [other.user]}
        made = await self._asked("POST", f"{_CLIENT}/createRoom", body)
        self.room = other.room = made["room_id"]
        await other._asked("POST", f"{_CLIENT}/join/{quote(self.room)}", {})
        for one in (self, other):
            one._met = self._loop.create_future()
            await self._loop.create_connection(partial(_Ears, one), "127.0.0.1", self.port)
            await one._met

    async def _asked(self, verb: str, path: str, body: object) -> dict[str, Any]:
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._asking = answer
        self._call(verb, path, body, answer.set_result)
        return await answer

    def frame(self, number: int, text: str) -> bytes:
        """Send a text; its number is its transaction's name."""
        path = f"{_CLIENT}/rooms/{quote(self.room)}/send/m.room.message/{number}"
        body = {"msgtype": "m.text", "body": text}
        return self._http.request("PUT", path, body, lambda _: self.acknowledged(number))

    def data_received(self, data: bytes) -> None:
        """Take in answers to what was sent."""
        self.guard(lambda: self._http.feed(data))

    def guard(self, work: Callable[[], None]) -> None:
        """Do something; a server's error becomes a fault."""
        try:
            work()
        except ConnectionError as error:
            self._count.faults.append(f"{self.name}: {error}")
            if not self.ready.done():
                self.ready.set_exception(error)
            if self._asking is not None and not self._asking.done():
                self._asking.set_exception(error)

    def synced(self, answer: dict[str, Any]) -> None:
        """Take in what came since the last time, and ask for more."""
        room = answer.get("rooms", {}).get("join", {}).get(self.room)
        timeline = room["timeline"] if room else {"events": []}
        if timeline.get("limited") and self._met is not None and self._met.done():
            self._count.faults.append(f"{self.name}: the server left messages out")
        for event in timeline["events"]:
            if event["type"] == "m.room.message" and event["sender"] != self.user:
                self.heard(int(event["content"]["body"][:8]))
        if self._met is not None and not self._met.done():
            self._met.set_result(None)
        if self.ears is not None and not self._leaving:
            self.ears.ask(answer["next_batch"], _PATIENCE_MS)

    def leave(self) -> None:
        """Close both connections."""
        super().leave()
        if self.ears is not None:
            self.ears.transport.close()
