"""Several hub processes on one port."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.cli.stopping import LIFELINE, told_to_stop
from bridge.cli.workers import check, command_of, reserve
from bridge.config import Config, StoreSettings
from bridge.errors import ConfigInvalid
from bridge.hub.keys import read_keys
from bridge.wire.events import MessageSent
from bridge.wire.sign_in import Register
from bridge.wire.values import Network
from clients.client import Client
from clients.options import Options
from clients.transport import SocketOptions
from tests.cluster.servers import Nats
from tests.faults.rig import ROOT
from tests.store.engines import Postgres


def test_a_worker_gets_the_command_line_without_what_makes_it_many() -> None:
    given = ["serve", "--workers", "3", "--port=0", "--db", "postgresql://x", "--workers=2"]

    assert command_of(given) == ["serve", "--db", "postgresql://x", "--json"]
    assert command_of(["serve", "--json"]) == ["serve", "--json"]


@pytest.mark.parametrize("path", ["isthmus.db", ""])
def test_a_store_with_one_writer_serves_one_process(path: str) -> None:
    config = Config(store=StoreSettings(path=path))

    with pytest.raises(ConfigInvalid, match="one writer") as refused:
        check(config, 2)

    assert refused.value.path == "$.store.path"


def test_hubs_of_one_database_must_share_their_secrets() -> None:
    config = Config(store=StoreSettings(path="postgresql://somewhere/isthmus"))

    with pytest.raises(ConfigInvalid) as refused:
        read_keys(config)

    assert refused.value.path == "$.store.keys"


def test_a_number_of_processes_is_wanted() -> None:
    with pytest.raises(ConfigInvalid, match="number of processes"):
        check(Config(), 0)


def test_a_held_port_is_free_for_those_who_share_it_and_for_no_others() -> None:
    with reserve("127.0.0.1", 0) as held:
        port = held.getsockname()[1]

        with reserve("127.0.0.1", port) as shared:
            assert shared.getsockname()[1] == port


@pytest.mark.slow
@pytest.mark.long
async def test_workers_share_a_port_and_are_replaced_while_people_talk(tmp_path: Path, nats: Nats) -> None:
    options = ["--db", Postgres().dsn(tmp_path), "--port", "0", "--register", "--workers", "2", "--json"]
    for setting in (f"store.keys={tmp_path / 'keys'}", f"bus.url={nats.url}", "policy.link_from=either"):
        options += ["--set", setting]
    command = [sys.executable, "-m", "bridge", "serve", *options]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)
    try:
        begun = await said(process)
        url = f"ws://{begun['listening']}"
        async with registered(url, "ana") as ana, registered(url, "cyd") as cyd:
            heard = cyd.events()
            thread = (await ana.open_thread(next(iter(cyd.accounts)))).thread
            assert thread is not None
            await ana.send(thread.id, "before")
            await cyd.accept(thread.id)
            os.kill(begun["workers"][0], signal.SIGKILL)
            await ana.send(thread.id, "one of them fell")
            process.send_signal(signal.SIGHUP)
            replaced = await said(process)
            await ana.send(thread.id, "all are new")
            texts: list[str | None] = []
            async with asyncio.timeout(20):
                async for push in heard:
                    if isinstance(push.event, MessageSent):
                        texts.append(push.event.message.text)
                    if len(texts) == 3:
                        break
    finally:
        process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), 30)

    assert texts == ["before", "one of them fell", "all are new"]
    assert set(replaced["reloaded"]).isdisjoint(begun["workers"])
    assert code == 0


async def test_a_worker_whose_supervisor_is_gone_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    lifeline, held = os.pipe()
    monkeypatch.setenv(LIFELINE, str(lifeline))
    told = told_to_stop()
    await asyncio.sleep(0)
    before = told.done()

    os.close(held)
    async with asyncio.timeout(5):
        await told
    os.close(lifeline)

    assert not before


@pytest.mark.slow
@pytest.mark.long
async def test_a_supervisor_that_is_killed_leaves_no_workers(tmp_path: Path, nats: Nats) -> None:
    options = ["--db", Postgres().dsn(tmp_path), "--port", "0", "--workers", "2", "--json"]
    for setting in (f"store.keys={tmp_path / 'keys'}", f"bus.url={nats.url}"):
        options += ["--set", setting]
    command = [sys.executable, "-m", "bridge", "serve", *options]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE)
    begun = await said(process)
    assert process.stderr is not None

    process.kill()
    try:
        async with asyncio.timeout(30):
            log = await process.stderr.read()  # all who write there have ended
    except TimeoutError:
        for pid in begun["workers"]:
            os.kill(pid, signal.SIGKILL)
        raise
    await process.wait()

    assert log.count(b"the supervisor is gone") == 2


def registered(url: str, handle: str) -> Client:
    """Make somebody on Direct, with a client."""
    who = Register(network=Network.DIRECT, handle=handle, name=handle.title(), password="correct horse")
    return Client(url, register=who, options=Options(socket=SocketOptions(proxy=None)))


async def said(process: asyncio.subprocess.Process) -> Any:
    """Read the next line that a command prints."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    return msgspec.json.decode(line)
