"""The admin socket: its owner's alone, bounded, and deaf to garbage."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from bridge.app import Hub, running_hub
from bridge.errors import StoreLocked, Unavailable
from bridge.hub import admin
from bridge.hub.admin import orders_to, reachable, read_order, socket_path
from bridge.hub.operator import Operator
from bridge.hub.orders import MAX_LINE, CreateAccount, ListAccounts, ReadStatus
from bridge.wire.values import Network
from tests.hub.house import config

CREATE = {"do": "create_account", "network": "direct", "handle": "ana", "name": "Ana"}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with running_hub(config(store={"path": str(tmp_path / "hub.db")})) as running:
        yield running


class Desk:
    """A raw connection to an admin socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(self, data: bytes) -> dict[str, Any]:
        """Send bytes; give the next line of the answer, or nothing if the other side hangs up."""
        self._writer.write(data)
        async with asyncio.timeout(10):
            line = await self._reader.readline()
        return json.loads(line) if line else {}

    async def ask(self, order: object, version: int = 1) -> dict[str, Any]:
        """Send an order."""
        return await self.say(json.dumps({"v": version, "order": order}).encode() + b"\n")


@asynccontextmanager
async def desk_of(hub: Hub) -> AsyncIterator[Desk]:
    reader, writer = await asyncio.open_unix_connection(socket_path(hub.config.store.path))
    try:
        yield Desk(reader, writer)
    finally:
        writer.close()


async def test_only_its_owner_may_open_the_socket(hub: Hub) -> None:
    mode = os.stat(socket_path(hub.config.store.path)).st_mode

    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_orders_are_done_one_after_the_other_on_one_connection(hub: Hub) -> None:
    async with desk_of(hub) as desk:
        made = await desk.ask(CREATE)
        shown = await desk.ask({"do": "show_account", "account": "direct/ana"})
        status = await desk.ask({"do": "read_status"})

    assert made == shown
    assert made["ok"]["account"] == "direct/ana"
    assert status["ok"]["url"] == hub.url


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"garbage\n",
        b"\x00\xff\xfe\n",
        b"[]\n",
        b"{}\n",
        b"null\n",
        b'{"v": 1}\n',
        b'{"v": "1", "order": {}}\n',
        b'{"v": 1, "order": {}, "more": 1}\n',
        b'{"v": 1, "order": []}\n',
        b'{"v": 1, "order": {}}\n',
        b'{"v": 1, "order": {"do": "dance"}}\n',
        b'{"v": 1, "order": {"do": "read_status", "loudly": true}}\n',
        b'{"v": 1, "order": {"do": "create_account"}}\n',
        b'{"v": 1, "order": {"do": "list_accounts", "limit": 1e9}}\n',
        b'{"v": 2, "order": {"do": "read_status"}}\n',
        b'{"v": 1, "order": ' + b"[" * 5_000 + b"]" * 5_000 + b"}\n",
        b'{"v": 1, "order": {"do": "act", "account": "direct/ana", "op": "send"}}\n',
        b"GET / HTTP/1.1\n",
    ],
)
async def test_garbage_is_answered_and_changes_nothing(hub: Hub, line: bytes) -> None:
    async with desk_of(hub) as desk:
        answer = await desk.say(line)
        after = await desk.ask({"do": "list_accounts"})

    assert answer["error"]["code"] in ("invalid", "not_found")
    assert after["ok"]["accounts"] == []


async def test_a_line_without_end_is_cut_off(hub: Hub) -> None:
    async with desk_of(hub) as desk:
        answer = await desk.say(b"x" * (MAX_LINE + 100))
        gone = await desk.say(b"")

    assert answer["error"]["text"] == "The line is too long."
    assert gone == {}


async def test_one_too_many_is_sent_away_and_the_others_stay(hub: Hub) -> None:
    async with desk_of(hub) as first:
        await first.ask({"do": "read_status"})
        crowd = [await asyncio.open_unix_connection(socket_path(hub.config.store.path)) for _ in range(20)]
        async with asyncio.timeout(10):
            answers = [await reader.readline() for reader, _ in crowd[15:]]
        still = await first.ask({"do": "read_status"})
        for _, writer in crowd:
            writer.close()

    assert all(json.loads(answer)["error"]["code"] == "busy" for answer in answers)
    assert "ok" in still


@pytest.mark.parametrize(
    ("op", "why"),
    [
        ("send", "speak"),
        ("accept", "answer"),
        ("history", "read"),
        ("mark_read", "read"),
        ("sign_in", "be"),
        ("x", ""),
    ],
)
async def test_an_operator_cannot_be_somebody(hub: Hub, op: str, why: str) -> None:
    async with desk_of(hub) as desk:
        await desk.ask(CREATE)
        answer = await desk.ask({"do": "act", "account": "direct/ana", "op": op})

    assert answer["error"]["code"] == "not_supported", why


async def test_the_socket_ends_with_the_hub_and_tells_who_waits(tmp_path: Path) -> None:
    path = str(tmp_path / "hub.db")
    async with running_hub(config(store={"path": path})), orders_to(path) as orders:
        assert orders is not None
        (known,) = [said async for said in orders.ask(ReadStatus())]
        left = orders

        async def wait() -> None:
            async for _ in left.ask(CreateAccount(network=Network.DIRECT, handle="ana", name="Ana")):
                pass

        await wait()
    with pytest.raises(Unavailable):
        await wait()
    async with orders_to(path) as nobody:
        assert nobody is None

    assert "ok" in known
    assert not socket_path(path).exists()


async def test_a_socket_left_by_a_killed_hub_is_nobody(tmp_path: Path) -> None:
    path = str(tmp_path / "hub.db")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path(path)))

    async with orders_to(path) as nobody:
        found = nobody
    async with running_hub(config(store={"path": path})) as hub, desk_of(hub) as desk:
        answer = await desk.ask({"do": "read_status"})

    assert found is None
    assert "ok" in answer


async def test_a_second_hub_is_refused_and_the_first_keeps_its_socket(hub: Hub) -> None:
    with pytest.raises(StoreLocked):
        async with running_hub(hub.config):
            pass
    async with desk_of(hub) as desk:
        answer = await desk.ask({"do": "read_status"})

    assert "ok" in answer


async def test_a_database_deep_in_folders_has_its_socket_too(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 6)
    deep.mkdir(parents=True)
    path = str(deep / "hub.db")

    async with running_hub(config(store={"path": path})), orders_to(path) as orders:
        assert orders is not None
        said = [line async for line in orders.ask(ReadStatus())]

    assert "ok" in said[-1]
    with reachable(Path(path)) as address:
        assert len(address) < 100


async def test_a_hub_in_memory_has_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async with running_hub(config()):
        files = os.listdir(tmp_path)

    assert files == []


def test_an_order_reads_as_it_was_written() -> None:
    assert read_order(b'{"do": "list_accounts", "limit": 5}') == ListAccounts(limit=5)


class Gone:
    """What is left of whoever asked and hung up; a fast loop's transport takes no more writes."""

    def is_closing(self) -> bool:
        return True

    def write(self, data: bytes) -> None:
        raise RuntimeError("the handler is closed")

    async def drain(self) -> None:
        raise ConnectionResetError

    def close(self) -> None:
        pass


async def test_what_was_ordered_is_done_though_whoever_asked_has_gone() -> None:
    done: list[object] = []

    class Slow:
        async def do(self, order: object, report: Callable[[int, int], None]) -> object:
            report(1, 2)
            done.append(order)
            return {}

    reader = asyncio.StreamReader()
    reader.feed_data(b'{"v": 1, "order": {"do": "read_status"}}\n')

    await admin._Desk(cast("Operator", Slow())).serve(reader, cast("asyncio.StreamWriter", Gone()))

    assert done == [ReadStatus()]


async def test_an_order_that_fails_by_a_fault_of_ours_is_answered_and_seen(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(Operator, "_list", fail)
    async with desk_of(hub) as desk:
        failed = await desk.ask({"do": "list_accounts"})
        after = await desk.ask({"do": "read_status"})

    assert failed["error"]["code"] == "internal"
    assert "a bug of ours" in caplog.text
    assert "ok" in after
