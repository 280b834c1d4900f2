"""Plain frames read in place are those that the library would have read, however the bytes come."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from bridge.errors import CloseCode
from bridge.hub.counters import Counters
from bridge.hub.plain import FRAMED, read_plain
from bridge.hub.sockets import A_READ, Socket

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
MOST = 300
SIZES = st.sampled_from((0, 1, 50, 125, 126, 127, 299, MOST, MOST + 1))


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.takes = True

    def pause_reading(self) -> None:
        self.takes = False

    def resume_reading(self) -> None:
        self.takes = True

    def write(self, data: Any) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


class Heard(list[bytes | str]):
    """A listener that keeps what it heard."""

    def on_connected(self) -> None:
        pass

    def on_open(self, codec: object, bearer: str | None) -> None:
        pass

    def on_frame(self, data: bytes | str) -> None:
        self.append(data)

    def on_piece(self) -> None:
        """It is part of no message, or of one that is heard once it is whole."""

    def on_closed(self) -> None:
        pass


Step = Callable[[], None]


def socket_of(
    heard: Heard, in_turn: Callable[[Step], None] = lambda step: step()
) -> tuple[Socket, Transport]:
    """Make a socket with its handshake to come."""
    hub = SimpleNamespace(
        counters=Counters(),
        origins=(),
        behind_proxy=False,
        frame_bytes=MOST,
        send_queue_bytes=10_000_000,
        page=lambda path: None,
        accepts=lambda address: True,
        taken=lambda socket: None,
        came=lambda socket, listener: None,
        in_turn=in_turn,
        flush_soon=lambda socket: None,
    )
    socket, transport = Socket(cast(Any, hub), lambda socket: heard), Transport()
    socket.connection_made(transport)
    return socket, transport


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Draw a frame as a client may send it, right or wrong."""
    opcode = draw(st.sampled_from((*Opcode, Opcode.TEXT, Opcode.BINARY, Opcode.TEXT)))
    size = draw(SIZES) if opcode < Opcode.CLOSE else draw(st.integers(0, 125))
    payload = b"\x03\xe8" + b"x" * 3 if opcode is Opcode.CLOSE else b"y" * size
    fin = draw(st.booleans()) or opcode >= Opcode.CLOSE
    return Frame(opcode, payload, fin).serialize(mask=draw(st.integers(0, 9)) > 0)


def by_the_library(data: bytes) -> tuple[list[bytes], int | None]:
    """Read everything with the stock parser: the messages, and the code with which it would close."""
    protocol = ServerProtocol(max_size=MOST)
    protocol.receive_data(REQUEST)
    (request,) = protocol.events_received()
    protocol.send_response(protocol.accept(cast(Any, request)))
    protocol.receive_data(data)
    messages: list[bytes] = []
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode in (Opcode.TEXT, Opcode.BINARY):
            messages.append(bytes(event.data))
        elif event.opcode is Opcode.CONT:
            messages[-1] += event.data
        if event.opcode < Opcode.CLOSE:
            whole = event.fin
    if messages and not whole:
        messages.pop()
    return messages, protocol.close_sent.code if protocol.close_sent else None


@given(
    sent=st.lists(frames(), max_size=8),
    cuts=st.lists(st.integers(0, 2_000), max_size=6),
    joined=st.booleans(),
    settled=st.booleans(),
    a_turn=st.sampled_from((1, 2, A_READ)),
)
@example(sent=[b"\x88\x05\x03\xe8xxx"], cuts=[1], joined=False, settled=True, a_turn=A_READ)
def test_messages_and_errors_are_the_librarys_however_the_bytes_are_cut(
    sent: list[bytes], cuts: list[int], joined: bool, settled: bool, a_turn: int
) -> None:
    async def run() -> tuple[Heard, int | None]:
        heard = Heard()
        socket, _ = socket_of(heard)
        if settled:
            socket.settle()
        places = sorted({0, *(cut % (len(data) + 1) for cut in cuts), len(data)})
        pieces = [data[one:other] for one, other in pairwise(places)]
        if joined and pieces:  # what comes in one read with the request
            socket.data_received(REQUEST + pieces.pop(0))
        else:
            socket.data_received(REQUEST)
        for piece in pieces:
            socket.data_received(piece)
        closed = socket._protocol.close_sent
        return heard, closed.code if closed else None

    data = b"".join(sent)

    with patch("bridge.hub.sockets.A_READ", a_turn):
        heard, code = asyncio.run(run())

    expected, closed = by_the_library(data)
    assert [one.encode() if isinstance(one, str) else one for one in heard] == expected
    assert code == closed or joined  # before its handshake is answered, a client is cut without a word


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
@pytest.mark.parametrize("binary", [False, True])
def test_frames_are_written_as_the_library_writes_them(size: int, binary: bool) -> None:
    payload = b"z" * size

    assert FRAMED[binary](payload) == Frame(Opcode.BINARY if binary else Opcode.TEXT, payload).serialize(
        mask=False
    )


@given(data=st.binary(max_size=200))
def test_whatever_comes_reading_stops_between_frames(data: bytes) -> None:
    heard: list[bytes] = []

    at, end, left = read_plain(data, 0, MOST, 99, lambda payload, is_text: heard.append(payload))

    assert 0 <= at <= len(data)
    assert end == 0 or end > at
    assert left == 99 - len(heard)
    assert sum(map(len, heard)) + 6 * len(heard) <= at


def settled_socket(heard: Heard) -> tuple[Socket, Transport, deque[Step]]:
    """Make a socket that is signed in; its turns come when they are taken from the queue."""
    turns: deque[Step] = deque()
    socket, transport = socket_of(heard, turns.append)
    socket.data_received(REQUEST)
    turns.popleft()()
    socket.settle()
    return socket, transport, turns


def many(count: int) -> bytes:
    """Write so many frames, numbered."""
    return b"".join(Frame(Opcode.TEXT, b"%d" % number).serialize(mask=True) for number in range(count))


async def test_much_at_once_is_read_by_turns_and_no_more_is_taken_meanwhile() -> None:
    heard = Heard()
    socket, transport, turns = settled_socket(heard)

    socket.data_received(many(3 * A_READ))
    seen = [(len(heard), transport.takes)]
    while turns:
        turns.popleft()()
        seen.append((len(heard), transport.takes))

    assert seen == [(A_READ, False), (2 * A_READ, False), (3 * A_READ, True)]
    assert heard == [str(number) for number in range(3 * A_READ)]


PING = Frame(Opcode.PING, b"p").serialize(mask=True)
PARTS = Frame(Opcode.TEXT, b"a", fin=False).serialize(mask=True) + Frame(
    Opcode.CONT, b"b", fin=False
).serialize(mask=True) * (3 * A_READ - 1)


@pytest.mark.parametrize("frames", [PING * 3 * A_READ, PARTS, many(1) + PARTS], ids=["pings", "parts", "all"])
async def test_what_the_library_reads_is_read_by_turns_too(frames: bytes) -> None:
    socket, transport, turns = settled_socket(Heard())
    fed = list[bytes]()
    receive = socket._protocol.receive_data

    def count(data: bytes) -> None:
        fed.append(data)
        receive(data)

    with patch.object(socket._protocol, "receive_data", count):
        socket.data_received(frames)
        seen = [len(fed)]
        while turns:
            assert not transport.takes
            turns.popleft()()
            seen.append(len(fed))

    assert max(after - before for before, after in pairwise([0, *seen])) <= A_READ
    assert seen[-1] == 3 * A_READ


async def test_long_frames_take_of_the_turns_to_come() -> None:
    heard, weight = Heard(), 10
    socket, _, turns = settled_socket(heard)
    long = Frame(Opcode.TEXT, b"y" * MOST).serialize(mask=True)

    with patch("bridge.hub.plain.WEIGHT", weight):
        socket.data_received(long * 20 + many(5))
        count = 1
        while turns:
            assert len(heard) <= count * A_READ // (1 + MOST // weight) + 1
            turns.popleft()()
            count += 1

    assert len(heard) == 25
    assert count >= 20 * (1 + MOST // weight) // A_READ


async def test_what_comes_with_the_request_is_read_by_turns_however_it_is_cut() -> None:
    for cut in range(len(REQUEST) - 6, len(REQUEST) + 1):
        heard, turns = Heard(), deque[Step]()
        socket, _ = socket_of(heard, turns.append)
        socket.data_received(REQUEST[:cut])
        socket.data_received(REQUEST[cut:] + many(2 * A_READ))

        seen = []
        while turns:
            turns.popleft()()
            seen.append(len(heard))

        assert seen[-2:] == [A_READ, 2 * A_READ]


async def test_who_pings_and_does_not_read_is_sent_away_and_gets_no_more_pongs() -> None:
    socket, _, _ = settled_socket(Heard())
    socket.flush()
    socket._most_queued = 100
    socket.pause_writing()

    held = []
    for _ in range(100):
        socket.data_received(PING)
        held.append(sum(map(len, socket._out)))

    assert socket._protocol.close_sent is not None
    assert socket._protocol.close_sent.code == CloseCode.SLOW_READER
    assert held[-1] == held[40] < 300


async def test_nothing_is_read_while_too_many_calls_wait() -> None:
    heard = Heard()
    socket, transport, turns = settled_socket(heard)
    socket.data_received(many(2 * A_READ + 1))
    socket.pause_reading()

    while turns:
        turns.popleft()()
    waiting = len(heard), transport.takes
    socket.resume_reading()
    while turns:
        turns.popleft()()

    assert waiting == (A_READ, False)
    assert (len(heard), transport.takes) == (2 * A_READ + 1, True)


async def test_what_came_before_the_peers_end_is_read() -> None:
    heard = Heard()
    socket, _, turns = settled_socket(heard)
    socket.data_received(many(3 * A_READ))

    socket.eof_received()
    while turns:
        turns.popleft()()

    assert len(heard) == 3 * A_READ


async def test_what_is_said_keeps_its_place_among_pongs_and_before_a_close() -> None:
    heard = Heard()
    socket, transport = socket_of(heard)
    socket.data_received(REQUEST)
    socket.flush()
    transport.written = b""

    socket.send(b"one")
    socket.data_received(Frame(Opcode.PING, b"p").serialize(mask=True))
    socket.send(b"two")
    socket.close(1000, "")

    assert transport.written == b"\x81\x03one" + b"\x8a\x01p" + b"\x81\x03two" + b"\x88\x02\x03\xe8"
