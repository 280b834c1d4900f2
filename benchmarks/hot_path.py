"""What a message costs inside the hub, without the kernel's sockets: ``python -m benchmarks.hot_path``.

The whole hub runs, on SQLite on disk; only its sockets' transports are ours. They hand in frames
that were written beforehand and count the acknowledgements that come out, so that hardly anything
but the hub is measured: CPU of the loop's thread, and of all other threads (SQLite's), for a message.
For comparing one version of the code with another on a noisy machine: the lower quintile of many
short rounds stands for a quiet one. ``--profile`` prints where the loop's time goes.
"""

import argparse
import asyncio
import cProfile
import json
import pstats
import tempfile
from collections import deque
from pathlib import Path
from time import process_time, thread_time
from typing import Final, NamedTuple, Protocol, cast

import msgspec
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.uri import parse_uri

from benchmarks.load.people import Person, make_people, tell_much
from benchmarks.load.processes import LOOP
from bridge.app import Hub, running_hub
from bridge.config import Config
from bridge.ids import AccountId, Seq, ThreadId, thread_of_pair
from bridge.process import spare_the_collector
from bridge.wire.calls import AnyCall
from bridge.wire.codec import JSON
from bridge.wire.commands import Accept, MarkDelivered, OpenThread, Send
from bridge.wire.sign_in import SignIn
from bridge.wire.values import Network

_MARKS: Final = 16
_TEXT: Final = "It is a truth universally acknowledged, that a message must be short. 🙂"


class Watch(Protocol):
    """Looks on while messages are on their way: a profiler, say."""

    def enable(self) -> object:
        """Begin to look."""

    def disable(self) -> object:
        """Look away."""


class Shape(NamedTuple):
    """Who talks, and how much.

    Attributes:
        rounds: Rounds; the first one only warms up.
        pairs: Pairs of people.
        window: Unanswered sends of each pair, at least two.
        sends: By each person, in a round.
    """

    rounds: int = 20
    pairs: int = 50
    window: int = 16
    sends: int = 64

    @property
    def counted(self) -> int:
        """How many messages go through after the first round."""
        return 2 * self.pairs * self.sends * (self.rounds - 1)


class Client:
    """The transport of one of the hub's sockets; who is at its other end sends what was prepared.

    Attributes:
        account: Who that is.
        done: Resolved once it is signed in, then again in each round once all its sends are answered.
    """

    def __init__(self, hub: Hub, person: Person) -> None:
        """Connect and shake hands."""
        self.account = AccountId(person.account)
        self.prepared: deque[bytes] = deque()
        self.answered = self.heard = self._calls = 0
        self._wanted = 1
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._marks: deque[bytes] = deque()
        self._loop = asyncio.get_running_loop()
        self._socket = hub.server._accept()
        self._socket.connection_made(cast(asyncio.Transport, self))
        self._client = ClientProtocol(parse_uri(hub.url))
        self._client.send_request(self._client.connect())
        self._sign_in = SignIn(token=person.token)
        self._socket.data_received(b"".join(self._client.data_to_send()))

    def frame(self, operation: AnyCall) -> bytes:
        """Write the frame of a call."""
        self._calls += 1
        data = JSON.call(self._calls, operation)
        self._client.send_text(data)
        return b"".join(self._client.data_to_send())

    def call(self, operation: AnyCall) -> None:
        """Make a call now."""
        self._loop.call_soon(self._socket.data_received, self.frame(operation))

    def prepare(self, thread: ThreadId, sends: int, first: int) -> None:
        """Write the frames of a round."""
        for number in range(sends):
            token = f"{first + number:012x}-{self.account}"
            self.prepared.append(self.frame(Send(thread=thread, text=_TEXT, token=token)))
        for upto in range(first + _MARKS, first + sends + 1, _MARKS):
            self._marks.append(self.frame(MarkDelivered(thread=thread, upto=Seq(upto))))
        self.answered, self.heard, self._wanted = 0, 0, sends
        self.done = self._loop.create_future()

    def say(self, count: int) -> None:
        """Send that many of the prepared ones, in one piece."""
        frames = [self.prepared.popleft() for _ in range(min(count, len(self.prepared)))]
        if frames:
            self._loop.call_soon(self._socket.data_received, b"".join(frames))

    # --- what the hub's socket asks of its transport

    def write(self, data: bytes) -> None:
        """Count what came; send on."""
        if self._client.state is State.CONNECTING:
            self._client.receive_data(data)
            self._client.events_received()
            self.call(self._sign_in)
            return
        answered, heard = data.count(b'"re":'), data.count(b'"message_sent"')
        self.answered += answered
        if self.answered >= self._wanted and not self.done.done():
            self.done.set_result(None)
        if heard:
            self.heard += heard
            marks = self._marks
            while marks and self.heard >= _MARKS:
                self.heard -= _MARKS
                self._loop.call_soon(self._socket.data_received, marks.popleft())
        if answered and self.prepared:
            self.say(answered)

    def is_closing(self) -> bool:
        """Never close."""
        return False

    def get_extra_info(self, name: str) -> object:
        """Name the peer."""
        return ("127.0.0.1", 1) if name == "peername" else None

    def get_write_buffer_size(self) -> int:
        """Hold nothing back."""
        return 0

    def set_write_buffer_limits(self, high: int) -> None:
        """Need none."""

    def pause_reading(self) -> None:
        """Go on."""

    def resume_reading(self) -> None:
        """Go on."""

    def abort(self) -> None:
        """Go on."""


class Spans:
    """CPU of rounds, in microseconds for a message."""

    def __init__(self) -> None:
        self.loop: list[float] = []
        self.others: list[float] = []

    def low(self, share: float = 0.2) -> tuple[float, float]:
        """Give the lower quintile of both."""
        return tuple(round(sorted(one)[int(len(one) * share)], 2) for one in (self.loop, self.others))  # type: ignore[return-value]


async def _pairs(hub: Hub, count: int) -> list[tuple[Client, Client, ThreadId]]:
    ones = await make_people(hub.pipeline, ((Network.MESSENGER, f"p{number}") for number in range(count)))
    others = await make_people(hub.pipeline, ((Network.DIRECT, f"q{number}") for number in range(count)))
    await tell_much(hub.store, [AccountId(one.account) for one in (*ones, *others)])
    pairs = []
    for one, other in zip(ones, others, strict=True):
        writer, reader = Client(hub, one), Client(hub, other)
        await asyncio.wait([writer.done, reader.done])
        thread = thread_of_pair(writer.account, reader.account)
        await hub.pipeline.do(
            writer.account, OpenThread(as_=writer.account, account=reader.account, confirm=True)
        )
        await hub.pipeline.do(writer.account, Send(thread=thread, text="hello", token="0-hello"))
        await hub.pipeline.do(reader.account, Accept(threads=(thread,)))
        pairs.append((writer, reader, thread))
    return pairs


async def measure(folder: Path, shape: Shape, watch: Watch | None) -> Spans:
    """Measure rounds in which all people send, after a first one that warms up."""
    config = msgspec.convert({"store": {"path": str(folder / "hub.db")}, "listen": {"port": 0}}, Config)
    spans = Spans()
    async with running_hub(config, None) as hub:
        pairs = await _pairs(hub, shape.pairs)
        spare_the_collector()
        for number in range(shape.rounds):
            for writer, reader, thread in pairs:
                for client in (writer, reader):
                    client.prepare(thread, shape.sends, number * shape.sends + 1)
            if watch and number:
                watch.enable()
            loop, whole = thread_time(), process_time()
            for writer, reader, _ in pairs:
                writer.say(shape.window // 2)
                reader.say(shape.window // 2)
            await asyncio.wait([client.done for writer, reader, _ in pairs for client in (writer, reader)])
            loop, whole = thread_time() - loop, process_time() - whole
            if watch and number:
                watch.disable()
            messages = 2 * len(pairs) * shape.sends
            if number:
                spans.loop.append(loop / messages * 1e6)
                spans.others.append((whole - loop) / messages * 1e6)
    return spans


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sends", type=int, default=64, help="by each of the hundred people, in a round")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    profile = cProfile.Profile() if options.profile else None
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=LOOP) as runner:
        shape = Shape(rounds=options.rounds, sends=options.sends)
        spans = runner.run(measure(Path(folder), shape, profile))
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    loop, others = spans.low()
    print(json.dumps({"loop_us": loop, "other_threads_us": others, "rounds": options.rounds}))


if __name__ == "__main__":
    main()
