"""A wire without a kernel: what the hub writes is read by a client's protocol within the same turn."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from bridge.app import Hub
from bridge.wire.calls import AnyCall
from bridge.wire.codec import Codec

Fields = dict[str, Any]

_MESSAGES = (Opcode.TEXT, Opcode.BINARY)


def at_once(step: Callable[[], None]) -> None:
    """Take a step now: a wire's client waits for nothing but answers."""
    step()


class Wire:
    """The transport of one of a hub's sockets, with a client at its other end.

    Attributes:
        codec: How the client speaks.
        close_code: What the hub said when it closed, once it did.
        cursors: The newest cursor of each journal that came, in any frame.
        next_page: Where the listing that was answered last goes on.
    """

    def __init__(self, hub: Hub, codec: Codec) -> None:
        """Connect and shake hands."""
        self.codec = codec
        self.close_code: int | None = None
        self.cursors: dict[str, str] = {}
        self.next_page: str | None = None
        self._came: list[bytes] = []
        self._calls = 0
        self._gone = False
        names = [Subprotocol(codec.subprotocol)]
        self._client = ClientProtocol(parse_uri(hub.url), subprotocols=names, max_size=None)
        hub.server.in_turn = at_once
        self._socket = hub.server._accept()
        self._socket.connection_made(cast(asyncio.Transport, self))
        self._client.send_request(self._client.connect())
        self._pass_on()

    # --- what a client does

    def call(self, operation: AnyCall) -> int:
        """Send a call; give its number, which counts on from the last one's."""
        self._calls += 1
        data = self.codec.call(self._calls, operation)
        self._client.send_binary(data) if self.codec.binary else self._client.send_text(data)
        self._pass_on()
        return self._calls

    def taken(self) -> Sequence[bytes]:
        """Take what has come since the last time."""
        came, self._came = self._came, []
        return came

    def cut(self) -> None:
        """Lose the connection."""
        if not self._gone:
            self._gone = True
            self._socket.connection_lost(None)

    @property
    def is_open(self) -> bool:
        """Whether anything can still be said."""
        return not self._gone and self.close_code is None

    # --- what the hub's socket asks of its transport

    def write(self, data: bytes) -> None:
        """Have the client read it at once."""
        self._client.receive_data(data)
        for event in self._client.events_received():
            if isinstance(event, Frame) and event.opcode in _MESSAGES:
                self._take(bytes(event.data))
        if self._client.close_rcvd is not None and self.close_code is None:
            self.close_code = self._client.close_rcvd.code
            asyncio.get_running_loop().call_soon(self._pass_on)  # the answer to it

    def close(self) -> None:
        """End once this turn is over, as a transport does."""
        asyncio.get_running_loop().call_soon(self.cut)

    abort = close

    def is_closing(self) -> bool:
        """Say whether it ended."""
        return self._gone

    def get_extra_info(self, name: str) -> object:
        """Name the peer."""
        return ("127.0.0.1", 1) if name == "peername" else None

    def get_write_buffer_size(self) -> int:
        """Hold nothing back."""
        return 0

    def set_write_buffer_limits(self, high: int) -> None:
        """Need none."""

    def pause_reading(self) -> None:
        """Go on: what was said was said."""

    def resume_reading(self) -> None:
        """Go on."""

    # --- inside

    def _pass_on(self) -> None:
        for data in self._client.data_to_send():
            if data and not self._gone:
                self._socket.data_received(data)

    def _take(self, data: bytes) -> None:
        self._came.append(data)
        frame = cast(Fields, self.codec.unpack(data))
        if "at" in frame:
            self.cursors[frame["account"]] = frame["cursor"]
        if "re" in frame:
            self.next_page = frame.get("ok", {}).get("next")
        for leg in frame.get("ok", {}).get("legs", ()):
            self.cursors[leg["account"]] = leg["cursor"]
        event = frame.get("event", {})
        if event.get("type") == "leg_added":
            self.cursors[event["leg"]["account"]] = event["leg"]["cursor"]
        elif event.get("type") == "leg_removed":
            self.cursors.pop(event["account"], None)
