"""An outbox belongs to the account as which its messages were said; nobody else sends them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import Busy
from bridge.wire.commands import Send
from clients import OutboxOfAnother, State
from clients.outbox_file import OutboxFile
from tests.clients.bench import Bench
from tests.clients.fake_state import AB, ANA, BEN, CYD


async def leave_unsent(bench: Bench, path: Path, text: str) -> None:
    """Say something as Ana that the hub does not take yet, and leave."""
    ana = bench.client(outbox=path)
    await ana.connect()
    bench.hub.refuse.append((Send, Busy()))
    saying = asyncio.create_task(ana.send(AB, text))
    while bench.hub.refuse:
        assert not saying.done()
        await asyncio.to_thread(lambda: None)  # the message is kept in a thread before it goes out
    await ana.close()
    await asyncio.wait([saying])


def said(bench: Bench) -> list[tuple[str, Any]]:
    return [(message.sender, message.text) for message in bench.hub.threads[AB].messages]


async def test_what_one_account_left_unsent_is_never_sent_as_another(bench: Bench, tmp_path: Path) -> None:
    bench.hub.thread(ANA, BEN)
    path = tmp_path / "outbox"
    await leave_unsent(bench, path, "from Ana")
    ben = bench.client(token="token-ben", outbox=path)

    with pytest.raises(OutboxOfAnother):
        await ben.connect()
    assert (ben.state, said(bench)) == (State.CLOSED, [])
    ana = bench.client(outbox=path)
    await ana.connect()
    await ana.drain()

    assert said(bench) == [(ANA, "from Ana")]


async def test_an_outbox_with_nothing_unsent_serves_anybody(bench: Bench, tmp_path: Path) -> None:
    bench.hub.thread(ANA, BEN)
    path = tmp_path / "outbox"
    ana = bench.client(outbox=path)
    await ana.connect()
    await ana.send(AB, "from Ana")
    await ana.close()

    ben = bench.client(token="token-ben", outbox=path)
    await ben.connect()
    await ben.send(AB, "from Ben")

    assert said(bench) == [(ANA, "from Ana"), (BEN, "from Ben")]


async def test_an_account_that_was_linked_meanwhile_is_no_other_one(bench: Bench, tmp_path: Path) -> None:
    bench.hub.thread(ANA, BEN)
    await leave_unsent(bench, tmp_path / "outbox", "from Ana")
    bench.hub.devices["token-cyd"] = (CYD, ANA)

    cyd = bench.client(token="token-cyd", outbox=tmp_path / "outbox")
    await cyd.connect()
    await cyd.drain()

    assert said(bench) == [(ANA, "from Ana")]


async def test_a_token_that_turns_out_to_be_another_accounts_ends_the_client(bench: Bench) -> None:
    bench.hub.thread(ANA, BEN)
    client = bench.client()
    await client.connect()
    bench.hub.refuse.append((Send, Busy()))
    saying = asyncio.create_task(client.send(AB, "from Ana"))
    while bench.hub.refuse:
        assert not saying.done()
        await asyncio.sleep(0)
    bench.hub.devices["token-ana"] = (BEN,)

    bench.cut()
    while not saying.done():
        await bench.clock.advance(1)

    assert isinstance(saying.exception(), OutboxOfAnother)
    assert (client.state, said(bench)) == (State.CLOSED, [])


def test_whose_it_is_stays_when_what_was_sent_is_swept_out(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    with OutboxFile(path) as file:
        file.belong_to(ANA)
        file.add(Send(thread=AB, text="small", token="small"))
        for number in range(12):
            file.add(Send(thread=AB, text="x" * 100_000, token=f"k{number}"))
            file.done(f"k{number}")
        assert path.stat().st_size < 500_000

    with OutboxFile(path) as file:
        assert (file.owner, len(file.unsent())) == (ANA, 1)


async def test_a_disk_that_cannot_keep_whose_it_is_holds_nobody_up(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(self: OutboxFile, owner: str) -> None:
        raise OSError(28, "No space left on device")

    bench.hub.thread(ANA, BEN)
    monkeypatch.setattr(OutboxFile, "belong_to", full)
    client = bench.client(outbox=tmp_path / "outbox")
    await client.connect()

    assert (await client.send(AB, "said")).seq == 1
    assert "whose outbox this is cannot be kept" in caplog.text
