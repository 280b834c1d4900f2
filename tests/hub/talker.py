"""A client of few words: frames out, frames in, nothing remembered but what came."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import websockets
from msgspec import to_builtins
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from bridge.ids import AccountId
from bridge.wire.calls import AnyCall
from bridge.wire.codec import CODECS, JSON, Codec
from bridge.wire.frames import JSON_SUBPROTOCOL

Frame = dict[str, Any]

PATIENCE_S: Final = 10.0


class Refused(Exception):
    """A call was answered with an error."""

    def __init__(self, error: Frame) -> None:
        super().__init__(error["code"])
        self.code: str = error["code"]
        self.error = error


class Talker:
    """One socket to a hub.

    Attributes:
        frames: Everything that came, in order, heartbeats left out.
        heartbeats: Those.
        journals: What came of each journal, as ``(position, event)``.
        cursors: The newest cursor of each journal.
        bare: What came, as it was on the wire.
    """

    def __init__(self, socket: ClientConnection, codec: Codec) -> None:
        self.codec = codec
        self.frames: list[Frame] = []
        self.heartbeats: list[Frame] = []
        self.journals: dict[str, list[tuple[int, Frame]]] = {}
        self.cursors: dict[str, str] = {}
        self.bare: list[bytes | str] = []
        self.socket = socket
        self._next = 0
        self._replies: dict[int, asyncio.Future[Frame]] = {}
        self._came = asyncio.Event()
        self._reader = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def connect(cls, url: str, codec: Codec = JSON, *, bare: bool = False, **more: Any) -> "Talker":
        """Shake hands; ``bare``: without naming a subprotocol."""
        names = None if bare else [Subprotocol(codec.subprotocol)]
        socket = await websockets.connect(url, subprotocols=names, ping_interval=None, proxy=None, **more)
        assert socket.subprotocol == (None if bare else codec.subprotocol)
        assert codec is CODECS[codec.subprotocol if not bare else JSON_SUBPROTOCOL]
        return cls(socket, codec)

    # --- asking

    def say(self, operation: AnyCall) -> Awaitable[Frame]:
        """Prepare a call; awaiting what comes back sends it and gives its ``ok``."""
        return self.ask(operation)

    async def ask(self, operation: AnyCall) -> Frame:
        """Call, and wait for the answer.

        Raises:
            Refused: If it is an error.
        """
        return self.ok(await (await self.begin(operation)))

    async def begin(self, operation: AnyCall) -> asyncio.Future[Frame]:
        """Send a call without waiting for its answer."""
        self._next += 1
        reply: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._replies[self._next] = reply
        await self.socket.send(self._typed(self.codec.call(self._next, operation)))
        return reply

    async def pipe(self, *operations: AnyCall) -> list[Frame]:
        """Send calls at once, and wait for all answers, be they errors."""
        waiting = [await self.begin(operation) for operation in operations]
        return [await reply for reply in waiting]

    async def raw(self, frame: Frame | bytes | str) -> Frame:
        """Send a frame as it is, and wait for the next answer, whichever call it is to."""
        reply: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._replies[-1] = reply
        await self.send_raw(frame)
        return await asyncio.wait_for(reply, PATIENCE_S)

    async def send_raw(self, frame: Frame | bytes | str) -> None:
        """Send a frame as it is."""
        data = self._typed(self.codec.pack(frame)) if isinstance(frame, dict) else frame
        await self.socket.send(data)

    @staticmethod
    def ok(answer: Frame) -> Frame:
        """Give what an answer says.

        Raises:
            Refused: If it is an error.
        """
        if "error" in answer:
            raise Refused(answer["error"])
        found: Frame = answer["ok"]
        return found

    # --- hearing

    async def until(self, fits: Callable[[], bool]) -> None:
        """Wait until what came fits."""
        async with asyncio.timeout(PATIENCE_S):
            while not fits():
                assert not self._reader.done() or fits(), f"closed with {self.socket.close_code}"
                self._came.clear()
                await self._came.wait()

    async def event(self, kind: str, **wanted: object) -> Frame:
        """Wait for an event of a kind whose fields are as wanted."""

        def found() -> Frame | None:
            for frame in self.frames:
                event = frame.get("event")
                if event and event["type"] == kind and all(event.get(k) == v for k, v in wanted.items()):
                    return frame
            return None

        await self.until(lambda: found() is not None)
        frame = found()
        assert frame is not None
        event: Frame = frame["event"]
        return event

    async def settled(self) -> None:
        """Wait until everything that was told before now has come: an answer comes after it."""
        from bridge.wire.queries import CountUnread  # the only call that anyone may make

        await self.ask(CountUnread())

    def events(self, kind: str | None = None) -> list[Frame]:
        """Give the events that came, of one kind or of all."""
        found = [frame["event"] for frame in self.frames if "event" in frame]
        return [event for event in found if kind is None or event["type"] == kind]

    def messages(self) -> list[Frame]:
        """Give the messages that came."""
        return [event["message"] for event in self.events("message_sent")]

    def positions(self, account: str) -> list[int]:
        """Give the positions that came of a journal."""
        return [at for at, _ in self.journals.get(account, [])]

    # --- ends

    async def closed(self) -> int:
        """Wait until the hub closes, and give the close code."""
        await asyncio.wait_for(self.socket.wait_closed(), PATIENCE_S)
        code = self.socket.close_code
        assert code is not None
        return code

    async def close(self) -> None:
        """Leave."""
        await self.socket.close()
        await self._reader

    def cut(self) -> None:
        """Lose the line."""
        self.socket.transport.abort()

    async def gone(self) -> None:
        """Wait until nothing more comes."""
        await asyncio.wait_for(asyncio.shield(self._reader), PATIENCE_S)

    def _typed(self, data: bytes) -> bytes | str:
        return data if self.codec.binary else data.decode()

    async def _read(self) -> None:
        try:
            async for data in self.socket:
                self._take(data)
        except websockets.ConnectionClosed:
            pass
        finally:
            for reply in self._replies.values():
                reply.cancel()
            self._came.set()

    def _take(self, data: bytes | str) -> None:
        frame: Any = self.codec.unpack(data)
        event = frame.get("event")
        if event is not None and event["type"] == "heartbeat":
            self.heartbeats.append(event)
        else:
            self.bare.append(data)
            self.frames.append(frame)
        if "at" in frame:
            self.journals.setdefault(frame["account"], []).append((frame["at"], event))
            self.cursors[frame["account"]] = frame["cursor"]
        if "re" in frame:
            reply = self._replies.pop(frame["re"], None) or self._replies.pop(-1, None)
            if reply is not None and not reply.done():
                reply.set_result(frame)
        self._came.set()


def leg_of(signed_in: Frame, account: AccountId) -> Frame:
    """Give where a journal stands, by the answer to a sign-in."""
    (leg,) = [leg for leg in signed_in["legs"] if leg["account"] == account]
    found: Frame = leg
    return found


__all__ = ["PATIENCE_S", "Frame", "Refused", "Talker", "leg_of", "to_builtins"]
