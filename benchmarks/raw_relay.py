"""The floor: the naive relay's work over bare sockets, frames behind their lengths, one joined write a turn.

No WebSocket, no rules, no disk; the JSON of the three frames is the same as the
naive relay's. No server in Python that speaks it can be cheaper.
"""

import asyncio
import sys
from itertools import count
from typing import Any, cast

import orjson

from benchmarks.load.processes import LOOP


class RawRelay(asyncio.Protocol):
    """One connection of the relay."""

    def __init__(self, peers: "dict[str, RawRelay]") -> None:
        """Find the others among ``peers``."""
        self._peers = peers
        self._name = ""
        self._buffer = b""
        self._out: list[bytes] = []
        self._places = count(1)
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Cut what came into frames."""
        buffer = self._buffer + data if self._buffer else data
        at, size = 0, len(buffer)
        while size - at >= 4:
            end = at + 4 + int.from_bytes(buffer[at : at + 4], "big")
            if size < end:
                break
            self._on_call(orjson.loads(buffer[at + 4 : end]))
            at = end
        self._buffer = buffer[at:]

    def _on_call(self, call: dict[str, Any]) -> None:
        if not self._name:
            self._name = call["token"]
            self._peers[self._name] = self
            self.send(orjson.dumps({"re": call["id"], "ok": {}}))
            return
        name, peer = self._name, self._peers[call["thread"]]
        at = next(peer._places)
        message = {"thread": name, "seq": at, "sender": name, "at": 1_800_000_000_000, "text": call["text"]}
        push = {"account": call["thread"], "at": at, "event": {"type": "message_sent", "message": message}}
        peer.send(orjson.dumps(push))
        self.send(orjson.dumps({"re": call["id"], "ok": {"thread": name, "seq": at}}))

    def send(self, frame: bytes) -> None:
        """Queue a frame; all of one turn of the loop leave in one write."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += (len(frame).to_bytes(4, "big"), frame)

    def _flush(self) -> None:
        out, self._out = self._out, []
        self._transport.write(b"".join(out))


async def main() -> None:
    """Serve until the standard input ends; print the port."""
    loop = asyncio.get_running_loop()
    peers: dict[str, RawRelay] = {}
    server = await loop.create_server(lambda: RawRelay(peers), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.Runner(loop_factory=LOOP if "asyncio" not in sys.argv else None).run(main())
