"""A crowd that comes at once is let in a few at a time, in its order, and others are served meanwhile."""

import asyncio
import errno
import gc
import socket
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from websockets.frames import Opcode

from bridge.hub import entrance
from bridge.hub.entrance import Entrance
from bridge.wire.commands import Send
from bridge.wire.queries import WhoIsHere
from bridge.wire.sign_in import SignIn
from tests.hub.house import ANA, BEN, CYD, NETWORKS, House, config, house
from tests.hub.line import Line


async def test_newcomers_are_accepted_few_in_a_turn(password_hash: str) -> None:
    async with house(password_hash) as hub:
        clients = [socket.create_connection(("127.0.0.1", hub.hub.port)) for _ in range(50)]
        counters, most, before = hub.hub.counters, 0, 0
        async with asyncio.timeout(10):
            while counters.connections < len(clients):
                await asyncio.sleep(0)
                most, before = max(most, counters.connections - before), counters.connections
        for client in clients:
            client.close()

    assert 1 <= most <= entrance.A_TURN


def lose(line: Line) -> None:
    line.transport.write_eof()


def leave(line: Line) -> None:
    line.frame(Opcode.CLOSE, b"\x03\xe8")


def say_and_leave(line: Line) -> None:
    line.say({"id": 2, "op": "count_unread"})
    leave(line)


@pytest.mark.parametrize("end", [lose, leave, say_and_leave])
async def test_those_who_leave_at_once_are_let_out_few_in_a_turn(
    password_hash: str, end: Callable[[Line], None]
) -> None:
    async with house(password_hash) as hub:
        await hub.add(ANA)
        lines = [await hub.line() for _ in range(50)]
        counters = hub.hub.counters
        for line in lines:
            line.say({"id": 1, "op": "sign_in", "token": hub.tokens[ANA]})
            await line.until(line.calls)
        for line in lines:
            end(line)
        most, before = 0, counters.connections
        async with asyncio.timeout(10):
            while counters.connections:
                await asyncio.sleep(0)
                most, before = max(most, before - counters.connections), counters.connections

    assert 1 <= most <= entrance.A_TURN


@pytest.mark.one_hub
async def test_whoever_leaves_is_sought_only_among_whom_he_watched(hub: House) -> None:
    class Watchers(dict[Any, Any]):
        def items(self) -> Any:
            raise AssertionError("all are gone through")

    await hub.add(ANA, BEN)
    await hub.acquaint(BEN, ANA)
    sessions = hub.hub.sessions
    sessions._watchers = Watchers()
    ana = await hub.join(ANA)
    await ana.ask(WhoIsHere(accounts=(BEN,)))
    watched = list(sessions._watchers)
    await ana.close()
    ben = await hub.join(BEN)
    await ben.ask(WhoIsHere(accounts=(ANA,)))

    assert watched == [BEN]
    assert list(sessions._watchers) == [ANA]


async def test_when_the_system_has_no_room_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(entrance, "_NO_ROOM_S", 0.01)
    met, accept, lacks = asyncio.get_running_loop().create_future(), socket.socket.accept, [errno.EMFILE]

    class Met(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.abort()
            met.set_result(None)

    def without_room(listening: socket.socket) -> Any:
        if lacks:
            raise OSError(lacks.pop(), "Too many open files")
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", without_room)
    door = Entrance()
    port = await door.open("127.0.0.1", 0, share_port=False, tls=None, meet=Met)
    with socket.create_connection(("127.0.0.1", port)):
        await met
    door.close()

    assert not lacks
    assert "no connection is accepted for" in caplog.text


class Door:
    """An entrance that lets nobody in, and those who stand before it."""

    def __init__(self) -> None:
        self.entrance, self.came = Entrance(), asyncio.Queue[str]()
        self._port = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        def refuse(address: str) -> bytes:
            self.came.put_nowait(address)
            return b"later"

        self._port = await self.entrance.open(
            "127.0.0.1", 0, share_port=False, tls=None, meet=asyncio.Protocol, refuse=refuse
        )

    async def knock(self) -> asyncio.StreamReader:
        """Come, say something, and be heard."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers.append(writer)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(5):
            assert await self.came.get() == "127.0.0.1"
        return reader

    def close(self) -> None:
        self.entrance.close()
        for writer in self._writers:
            writer.close()


async def test_whoever_is_turned_away_waits_for_it_but_not_more_than_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(entrance, "_HELD", 2)
    monkeypatch.setattr(entrance, "_HELD_S", 60.0)
    door = Door()
    await door.open()
    held = [await door.knock(), await door.knock()]
    one_more = await door.knock()
    async with asyncio.timeout(5):
        told = await one_more.read()
    waiting = len(door.entrance._held)
    door.entrance.close()
    async with asyncio.timeout(5):
        ends = [await reader.read() for reader in held]
    door.close()

    assert told == b"later"
    assert waiting == 2
    assert ends == [b"later"] * 2
    assert not door.entrance._held


async def test_whoever_waited_is_answered_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "_HELD_S", 0.0)
    door = Door()
    await door.open()
    async with asyncio.timeout(5):
        told = [await (await door.knock()).read() for _ in range(20)]
    door.close()

    assert told == [b"later"] * 20


async def test_steps_that_ask_for_others_are_taken_no_faster_for_it() -> None:
    door, taken, most = Entrance(), 0, 0

    def step() -> None:
        nonlocal taken
        taken += 1
        door.in_turn(step)

    door.in_turn(step)
    for _ in range(100):
        before = taken
        await asyncio.sleep(0)
        most = max(most, taken - before)

    assert (most, taken) == (1, 100)


async def crowd(hub: House, people: int) -> list[asyncio.Future[Any]]:
    """Have a person come so many times at once; give the answers to come."""
    talkers = [await hub.connect() for _ in range(people)]
    return [await talker.begin(SignIn(token=hub.tokens[CYD])) for talker in talkers]


async def test_sign_ins_are_looked_at_a_few_at_a_time_and_others_are_served_meanwhile(
    password_hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "SIGN_INS_AT_ONCE", 3)
    async with house(password_hash, config(limits={"connections_per_person": 50})) as hub:
        await hub.add(ANA, BEN, CYD)
        thread = await hub.acquaint(BEN, ANA)
        ana = await hub.join(ANA)
        store, gate, looking = hub.hub.store, asyncio.Event(), []
        device_by_token = store.device_by_token

        async def gated(token: bytes) -> Any:
            looking.append(token)
            await gate.wait()
            return await device_by_token(token)

        monkeypatch.setattr(store, "device_by_token", gated)
        answers = await crowd(hub, 20)
        served = await ana.ask(Send(thread=thread, text="Quite a crowd.", token="meanwhile"))
        at_once = len(looking)
        gate.set()
        signed_in = [await answer for answer in answers]

        assert "seq" in served
        assert at_once <= 3
        assert len(looking) == 20
        assert all("ok" in answer for answer in signed_in)


async def test_a_password_that_takes_long_holds_up_no_token(password_hash: str) -> None:
    async with house(password_hash) as hub:
        await hub.add(ANA, BEN)
        passwords, gate = hub.hub.server._services.auth._passwords, asyncio.Event()
        verify = passwords.verify

        async def slow(stored: str, password: str) -> bool:
            await gate.wait()
            return await verify(stored, password)

        passwords.verify = slow  # type: ignore[method-assign]
        talkers = [await hub.connect() for _ in range(2 * entrance.SIGN_INS_AT_ONCE)]
        guesses = [
            await talker.begin(SignIn(network=NETWORKS[ANA], handle="ana", password="no", device="x"))
            for talker in talkers
        ]
        _, signed_in = await hub.sign_in(BEN)  # while all those wait
        gate.set()
        refused = [await guess for guess in guesses]

        assert signed_in["device"]
        assert all("error" in answer for answer in refused)


async def test_what_a_connection_held_is_free_when_it_is_gone_and_not_when_the_collector_comes(
    password_hash: str,
) -> None:
    async with house(password_hash) as hub:
        line = await hub.line()
        (held,) = hub.hub.server._sockets.items()
        kept = [weakref.ref(one) for one in (*held, held[0]._protocol)]
        del held
        gc.disable()
        try:
            line.end()
            async with asyncio.timeout(5):
                while any(one() is not None for one in kept):  # noqa: ASYNC110 -- nobody tells of memory
                    await asyncio.sleep(0)
        finally:
            gc.enable()

        assert [one() for one in kept] == [None, None, None]
