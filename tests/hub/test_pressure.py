"""What clients may do to the hub's memory and time: slow, deaf, flooding, broken and half-open ones."""

import asyncio
from typing import Any, Final

import pytest
from websockets.frames import Frame, Opcode

from bridge.errors import CloseCode
from bridge.hub.sockets import A_READ, Socket
from bridge.hub.work import Work
from bridge.wire.codec import CODECS, Codec
from bridge.wire.commands import Send
from bridge.wire.queries import CountUnread, GetThread
from tests.hub.house import ANA, BEN, House, config, house
from tests.hub.line import Line
from tests.hub.talker import leg_of

pytestmark = pytest.mark.one_hub  # see grounds.py

SMALL = {"send_queue_bytes": 50_000}


async def signed_in(hub: House, account: Any) -> Line:
    """Sign an account in on a line of its own."""
    line = await hub.line()
    line.say({"id": 1, "op": "sign_in", "token": hub.tokens[account]})
    await line.until(lambda: any("re" in frame for frame in line.calls()))
    return line


def held_for(sock: Socket) -> int:
    """Count the bytes that the hub holds for a peer."""
    assert sock._transport is not None
    return sum(map(len, (*sock._out, *sock._protocol.writes))) + sock._transport.get_write_buffer_size()


async def test_a_stalled_reader_is_closed_loses_nothing_and_disturbs_nobody(password_hash: str) -> None:
    async with house(password_hash, config(limits=SMALL)) as hub:
        await hub.add(ANA, BEN)
        thread = await hub.acquaint(BEN, ANA)
        stalled = await signed_in(hub, ANA)
        start = stalled.calls()[0]["ok"]["legs"][0]
        reader, ben = await hub.join(ANA), await hub.join(BEN)
        stalled.stall()

        said = 0
        while not hub.hub.counters.slow_readers_total:
            await ben.ask(Send(thread=thread, text=f"{said:05}" + "x" * 9_000, token=f"t{said}"))
            said += 1
            assert said < 5_000
        stalled.go_on()
        code = await stalled.lost()
        await reader.until(lambda: len(reader.messages()) == said)
        back, again = await hub.sign_in(ANA, cursors=(start["cursor"],))
        await back.until(lambda: len(back.messages()) == said)

        assert code == CloseCode.SLOW_READER
        assert hub.hub.counters.closed_total[str(CloseCode.SLOW_READER)] == 1
        assert "state" not in leg_of(again, ANA)
        assert back.positions(ANA) == list(range(start["head"] + 1, start["head"] + 1 + said))


async def test_the_memory_of_stalled_readers_is_bounded(password_hash: str) -> None:
    async with house(password_hash, config(limits=SMALL)) as hub:
        await hub.add(ANA, BEN)
        thread = await hub.acquaint(BEN, ANA)
        ben = await hub.join(BEN)
        stalled = [await signed_in(hub, ANA) for _ in range(5)]
        for line in stalled:
            line.stall()

        most = 0
        for n in range(5_000):
            await ben.ask(Send(thread=thread, text=f"{n}" + "x" * 9_000, token=f"t{n}"))
            most = max(most, *[held_for(sock) for sock in hub.hub.server._sockets])
            if hub.hub.counters.slow_readers_total == 5:
                break

        assert hub.hub.counters.slow_readers_total == 5
        assert most < SMALL["send_queue_bytes"] + 40_000, "one frame more than the limit at most"


async def test_reading_pauses_while_too_many_calls_wait(
    password_hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(password_hash, config(limits={"calls_in_flight": 4})) as hub:
        await hub.add(ANA, BEN)
        thread = await hub.acquaint(BEN, ANA)
        ben = await signed_in(hub, BEN)
        (connection,) = hub.hub.sessions.everyone()
        store, gate, most = hub.hub.store, asyncio.Event(), []
        tally = store.tally

        async def gated(accounts: Any) -> Any:
            most.append(connection._in_flight)  # type: ignore[attr-defined]  # a Connection
            await gate.wait()
            return await tally(accounts)

        monkeypatch.setattr(store, "tally", gated)
        for n in range(200):
            ben.say({"id": n + 10, "op": "count_unread"})
            ben.say(
                {"id": n + 1_000, "op": "get_thread", "thread": thread, "limit": "x" * 8_000}
            )  # many reads
        ana = await hub.join(ANA)
        async with asyncio.timeout(10):
            while connection._reading:  # type: ignore[attr-defined]
                await ana.ask(GetThread(thread=thread))  # others are served, whatever waits there
        waiting = len(most)
        gate.set()
        await ben.until(lambda: sum("ok" in frame for frame in ben.calls()) == 201)

        assert waiting < 200
        assert connection._reading  # type: ignore[attr-defined]


async def test_few_long_calls_count_for_many_and_the_rest_is_not_read(
    password_hash: str, monkeypatch: pytest.MonkeyPatch, codec: Codec
) -> None:
    async with house(password_hash, config(limits={"calls_in_flight": 20})) as hub:
        await hub.add(ANA, BEN)
        thread = await hub.acquaint(BEN, ANA)
        ben = await hub.join(BEN, codec)
        (connection,) = hub.hub.sessions.everyone()
        weighed = list[int]()
        submit = hub.hub.pipeline.submit

        def weigh(work: Work) -> None:
            submit(work)
            weighed.append(connection._in_flight)  # type: ignore[attr-defined]  # a Connection

        monkeypatch.setattr(hub.hub.pipeline, "submit", weigh)
        sends = [Send(thread=thread, text="x" * 9_000, token=f"t{n}") for n in range(30)]
        answers = await ben.pipe(*sends)

        assert [answer["ok"]["seq"] for answer in answers] == list(range(3, 33))
        assert weighed[0] == 3, "9,000 letters and some"
        assert max(weighed) <= 20 + A_READ, "what a turn reads above the limit"
        assert connection._in_flight == 0  # type: ignore[attr-defined]
        assert connection._heavy == {}  # type: ignore[attr-defined]


async def test_long_calls_of_one_name_weigh_nothing_once_all_are_answered(password_hash: str) -> None:
    async with house(password_hash) as hub:
        await hub.add(ANA, BEN)
        thread = await hub.acquaint(BEN, ANA)
        ben = await signed_in(hub, BEN)
        (connection,) = hub.hub.sessions.everyone()

        for n in range(5):
            ben.say(
                {"id": 7, "op": "send", "thread": thread, "text": "x" * 5_000 * (n % 3), "token": f"t{n}"}
            )
        await ben.until(lambda: sum(frame.get("re") == 7 for frame in ben.calls()) == 5)

        assert connection._in_flight == 0  # type: ignore[attr-defined]  # a Connection
        assert connection._heavy == {}  # type: ignore[attr-defined]


async def test_a_flood_is_answered_busy_or_too_fast_and_the_session_lives(password_hash: str) -> None:
    limits = {"calls_burst": 50, "calls_per_second": 10_000.0, "waiting_commands": 20}
    async with house(password_hash, config(limits=limits)) as hub:
        await hub.add(ANA, BEN)
        thread = await hub.acquaint(BEN, ANA)
        ben, ana = await hub.join(BEN), await hub.join(ANA)

        answers = await ben.pipe(*[Send(thread=thread, text=f"{n}", token=f"t{n}") for n in range(400)])

        codes = {answer["error"]["code"] if "error" in answer else "ok" for answer in answers}
        assert codes <= {"ok", "busy", "rate_limited"}
        assert "ok" in codes
        assert await ana.ask(CountUnread()) is not None
        kept = [answer["ok"]["seq"] for answer in answers if "ok" in answer]
        assert kept == list(range(3, 3 + len(kept)))


async def test_an_oversize_frame_is_closed_with_1009(password_hash: str, codec: Codec) -> None:
    async with house(password_hash, config(limits={"frame_bytes": 1_000})) as hub:
        await hub.add(ANA)
        talker = await hub.connect(codec)
        await talker.send_raw(b"x" * 2_000 if codec.binary else "x" * 2_000)

        assert await talker.closed() == 1009


async def test_fragments_that_are_oversize_together_are_closed_with_1009(password_hash: str) -> None:
    async with house(password_hash, config(limits={"frame_bytes": 1_000})) as hub:
        line = await hub.line()
        line.frame(Opcode.TEXT, b'{"id": 1, ', fin=False)
        for _ in range(30):
            line.frame(Opcode.CONT, b" " * 50, fin=False)

        assert await line.lost() == 1009


async def test_empty_fragments_without_end_cost_nothing(hub: House) -> None:
    await hub.add(ANA)
    line = await signed_in(hub, ANA)
    line.frame(Opcode.TEXT, b'{"id": 2, ', fin=False)
    for _ in range(2_000):
        line.frame(Opcode.CONT, b"", fin=False)
    line.frame(Opcode.CONT, b'"op": "count_unread"}')
    await line.until(lambda: len(line.calls()) == 2)

    assert line.calls()[1]["ok"] == {}


async def test_a_call_may_come_in_pieces_with_pings_between(hub: House) -> None:
    line = await hub.line()
    text = '{"id": 7, "op": "count_unread", "x": "ä"}'.encode()
    line.frame(Opcode.TEXT, text[:-4], fin=False)
    line.frame(Opcode.PING, b"still there?")
    line.frame(Opcode.CONT, text[-4:-3], fin=False)
    line.frame(Opcode.CONT, text[-3:])
    await line.until(lambda: len(line.frames) == 2)

    assert (line.frames[0].opcode, bytes(line.frames[0].data)) == (Opcode.PONG, b"still there?")
    assert line.calls()[0]["re"] == 7
    assert line.calls()[0]["error"]["path"] == "$.x"


async def test_text_that_is_not_utf8_is_closed_with_1007(hub: House) -> None:
    line = await hub.line()
    line.frame(Opcode.TEXT, b'{"id": 1, "op": "\xff"}')

    assert await line.lost() == 1007


@pytest.mark.parametrize(
    "garbage",
    [b"\x00", b"\xff" * 40, b"GET / HTTP/1.1\r\n\r\n", b"\x83\x00", b"\x81\x05abcde"],
    ids=["nothing", "reserved", "http", "opcode", "unmasked"],
)
async def test_garbage_after_the_handshake_ends_only_its_own_line(hub: House, garbage: bytes) -> None:
    await hub.add(ANA)
    ana = await hub.join(ANA)
    line = await hub.line()
    line.transport.write(garbage + b"\x00" * 200)

    assert await line.lost() in (1002, 1009, None)
    assert await ana.ask(CountUnread()) == {}


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00",
        b"POST / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * 20_000 + b"\r\n\r\n",
    ],
    ids=["tls", "post", "long"],
)
async def test_garbage_instead_of_a_handshake_ends_only_its_own_line(hub: House, garbage: bytes) -> None:
    await hub.add(ANA)
    ana = await hub.join(ANA)
    line = await hub.line(shake=False)
    line.transport.write(garbage)
    line.transport.write_eof()

    assert await line.lost() is None
    assert await ana.ask(CountUnread()) == {}


async def test_a_handshake_that_does_not_end_is_cut_off_in_time(password_hash: str) -> None:
    async with house(password_hash, config(limits={"sign_in_s": 0.02})) as hub:
        line = await hub.line(shake=False)
        line.transport.write(b"GET / HTTP/1.1\r\nHost: x\r\n")

        assert await line.lost() is None
        assert hub.hub.counters.connections == 0


@pytest.mark.parametrize(
    ("name", "frame", "code"),
    [
        ("isthmus.v1.json", b'{"id": 1, "op": "count_unread"}', CloseCode.WRONG_FRAME_TYPE),
        ("isthmus.v1.msgpack", '{"id": 1, "op": "count_unread"}', CloseCode.WRONG_FRAME_TYPE),
        ("isthmus.v1.json", "[]", CloseCode.PROTOCOL),
        ("isthmus.v1.json", "{}", CloseCode.PROTOCOL),
        ("isthmus.v1.json", '{"id": 1, "id": 2, "op": "x"}', CloseCode.PROTOCOL),
        ("isthmus.v1.json", "no json", CloseCode.PROTOCOL),
        ("isthmus.v1.msgpack", b"\xc1", CloseCode.PROTOCOL),
    ],
)
async def test_what_is_no_call_ends_the_session_with_its_code(
    hub: House, name: str, frame: bytes | str, code: int
) -> None:
    await hub.add(ANA)
    talker = await hub.join(ANA, CODECS[name])
    await talker.send_raw(frame)

    assert await talker.closed() == code
    assert hub.hub.counters.closed_total == {str(code): 1}


async def test_half_open_peers_are_closed_and_silent_ones_that_answer_pings_stay(password_hash: str) -> None:
    async with house(password_hash, config(hub={"heartbeat_s": 0.15})) as hub:
        await hub.add(ANA, BEN)
        ana = await hub.join(ANA)
        dead = await signed_in(hub, BEN)

        assert await dead.lost() == CloseCode.HEARTBEAT_LOST
        assert await ana.ask(CountUnread()) == {}
        assert len(ana.heartbeats) >= 2


async def test_a_frame_after_the_close_is_not_heard(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    line = await signed_in(hub, BEN)
    line.frame(Opcode.BINARY, b"wrong type")
    line.say({"id": 2, "op": "send", "thread": thread, "text": "too late", "token": "t"})

    assert await line.lost() == CloseCode.WRONG_FRAME_TYPE
    ana = await hub.join(ANA)
    assert (await ana.ask(CountUnread()))["messages"] == 2 - 1


PING: Final = Frame(Opcode.PING, b"").serialize(mask=True)
PART: Final = Frame(Opcode.CONT, b"", fin=False).serialize(mask=True)


@pytest.mark.parametrize(
    "said",
    [PING, Frame(Opcode.PONG, b"").serialize(mask=True), PART, b""],
    ids=["pings", "pongs", "parts", "calls"],
)
async def test_who_does_not_sign_in_is_heard_for_a_while_only(hub: House, said: bytes) -> None:
    line = await hub.line()
    if said == PART:
        line.frame(Opcode.TEXT, b'{"id": 1, ', fin=False)
    if not said:
        for number in range(100):
            line.say({"id": number + 1, "op": "count_unread"})
    else:
        line.transport.write(said * 1_000)
    await line.until(lambda: line.protocol.close_rcvd is not None)

    assert line.protocol.close_rcvd is not None
    assert line.protocol.close_rcvd.code == CloseCode.PROTOCOL
    assert len(line.frames) < 300


async def test_pings_count_as_calls_do(password_hash: str) -> None:
    async with house(password_hash, config(limits={"calls_per_second": 1.0, "calls_burst": 100})) as hub:
        await hub.add(ANA)
        line = await signed_in(hub, ANA)
        line.transport.write(PING * 200)
        await line.until(lambda: line.protocol.close_rcvd is not None)

        assert line.protocol.close_rcvd is not None
        assert line.protocol.close_rcvd.code == CloseCode.PROTOCOL
