"""A relay as one would write it first: no rules, no disk; the scale that the hub's cost is held against."""

import asyncio
import sys
from functools import partial
from itertools import count
from typing import Any

import orjson
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.load.processes import LOOP


async def relay(peers: dict[str, Any], socket: ServerConnection) -> None:
    """Sign in by name, then pass on what comes: three frames a message."""
    hello = orjson.loads(await socket.recv())
    name = hello["token"]
    peers[name] = socket, count(1)
    await socket.send(orjson.dumps({"re": hello["id"], "ok": {}}), text=True)
    async for frame in socket:
        call = orjson.loads(frame)
        peer, places = peers[call["thread"]]
        at = next(places)
        message = {"thread": name, "seq": at, "sender": name, "at": 1_800_000_000_000, "text": call["text"]}
        push = {"account": call["thread"], "at": at, "event": {"type": "message_sent", "message": message}}
        await peer.send(orjson.dumps(push), text=True)
        await socket.send(orjson.dumps({"re": call["id"], "ok": {"thread": name, "seq": at}}), text=True)


async def main() -> None:
    """Serve until the standard input ends; print the port."""
    async with serve(partial(relay, {}), "127.0.0.1", 0, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.Runner(loop_factory=LOOP if "asyncio" not in sys.argv else None).run(main())
