"""What happens to news on the way costs time, and nothing else."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bridge.bus import silence
from bridge.bus.nats import NatsBus
from bridge.ids import ThreadId
from bridge.wire.commands import Send
from bridge.wire.queries import FindAccount, WhoIsHere
from bridge.wire.sign_in import RevokeDevice
from bridge.wire.values import Network
from tests.cluster.losing import lose
from tests.cluster.servers import Nats, nats_server
from tests.cluster.town import OneMemory, Shared, Town, page, town, up
from tests.hub.house import ANA, CYD, EVE
from tests.hub.talker import Talker

MANY = 60


async def talk(made: Town, ana: Talker, cyd: Talker, thread: ThreadId, start: int = 0) -> None:
    """Have both sides of a thread write at their hubs, one after the other, and wait until both heard all."""
    for n in range(start, start + MANY, 2):
        await ana.ask(Send(thread=thread, text=f"a{n}", token=f"a{n}"))
        await cyd.ask(Send(thread=thread, text=f"c{n}", token=f"c{n}"))
    for who in (ana, cyd):
        await who.until(lambda who=who: len(who.messages()) == start + MANY)  # type: ignore[misc]


def order_of(who: Talker) -> list[int]:
    """Give the seqs as they came."""
    return [message["seq"] for message in who.messages()]


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
async def test_lost_news_are_read_from_the_journal(
    password_hash: str,
    tmp_path: Path,
    shared: Shared,
    nats: Nats,
    monkeypatch: pytest.MonkeyPatch,
    share: float,
) -> None:
    lose(monkeypatch, share)
    async with town(password_hash, shared, tmp_path, nats.url) as made:
        await made[0].add(ANA, CYD)
        thread = await made[0].acquaint(ANA, CYD)
        ana, cyd = await made.join(0, ANA), await made.join(1, CYD)

        await talk(made, ana, cyd, thread)

        assert order_of(ana) == order_of(cyd) == list(range(3, 3 + MANY))
        assert ana.positions(ANA) == sorted(set(ana.positions(ANA)))


async def test_hubs_begin_without_nats_and_say_so(
    password_hash: str, tmp_path: Path, shared: Shared, nats: Nats
) -> None:
    await nats.kill()
    settings: dict[str, Any] = {"bus": {"poll_s": 0.1}}
    async with town(password_hash, shared, tmp_path, nats.url, is_up=False, **settings) as made:
        await made[0].add(ANA, CYD)
        thread = await made[0].acquaint(ANA, CYD)
        ana, cyd = await made.join(0, ANA), await made.join(1, CYD)
        without = await page(made.hub(0), "/readyz")

        await talk(made, ana, cyd, thread)
        await nats.start()
        for number in (0, 1):
            await up(made.hub(number))
        await talk(made, ana, cyd, thread, MANY)

        assert without == (200, "ready\nstore: ok\nbus: away: polling\n")
        assert await page(made.hub(0), "/readyz") == (200, "ready\nstore: ok\nbus: ok\n")
        assert order_of(ana) == order_of(cyd) == list(range(3, 3 + 2 * MANY))


@pytest.mark.slow
@pytest.mark.long
async def test_nats_dies_and_comes_back_under_load(
    password_hash: str, tmp_path: Path, shared: Shared, nats: Nats
) -> None:
    async with town(password_hash, shared, tmp_path, nats.url) as made:
        await made[0].add(ANA, CYD)
        thread = await made[0].acquaint(ANA, CYD)
        ana, cyd = await made.join(0, ANA), await made.join(1, CYD)

        for n in range(4):
            talking = asyncio.ensure_future(talk(made, ana, cyd, thread, n * MANY))
            await cyd.until(lambda n=n: len(cyd.messages()) > n * MANY + 10)  # type: ignore[misc]
            await (nats.start() if n % 2 else nats.kill())
            await talking
        for number in (0, 1):
            await up(made.hub(number))

        assert order_of(ana) == order_of(cyd) == list(range(3, 3 + 4 * MANY))


@pytest.mark.parametrize("away", [False, True], ids=["all-news-lost", "nats-away"])
async def test_a_revocation_is_noticed_without_its_news(
    password_hash: str,
    tmp_path: Path,
    shared: Shared,
    nats: Nats,
    monkeypatch: pytest.MonkeyPatch,
    away: bool,
) -> None:
    lose(monkeypatch, 1.0)
    settings: dict[str, Any] = {"hub": {"heartbeat_s": 0.5}}
    async with town(password_hash, shared, tmp_path, nats.url, **settings) as made:
        await made[0].add(ANA)
        ana = await made.join(0, ANA)
        await made[0].device(ANA)
        gone, answer = await made[1].sign_in(ANA)
        if away:
            await nats.kill()
            await up(made.hub(1), is_up=False)
        loop = asyncio.get_running_loop()
        before = loop.time()

        await ana.ask(RevokeDevice(device=answer["device"]))

        assert await gone.closed() == 4504
        assert loop.time() - before < 2.0


async def test_who_came_and_went_while_nats_was_away_is_told_once_it_is_back(
    password_hash: str, tmp_path: Path, nats: Nats
) -> None:
    async with town(password_hash, OneMemory(), tmp_path, nats.url) as made:
        await made[0].add(ANA, CYD, EVE)
        for other in (CYD, EVE):
            await made[0].acquaint(ANA, other)
        ana, cyd = await made.join(0, ANA), await made.join(1, CYD)
        online = await ana.ask(WhoIsHere(accounts=(CYD, EVE)))
        await nats.kill()
        for number in (0, 1):
            await up(made.hub(number), is_up=False)
        await cyd.close()
        await made.join(1, EVE)

        await nats.start()

        assert online == {"online": [CYD]}
        assert await ana.event("presence_changed", account=EVE, online=True)
        assert await ana.event("presence_changed", account=CYD, online=False)


async def test_a_nats_that_is_held_is_away_for_whoever_signs_in(
    password_hash: str, tmp_path: Path, shared: Shared, nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "MUTE_S", 0.5)
    async with town(password_hash, shared, tmp_path, nats.url) as made:
        await made[0].add(ANA, CYD)
        thread = await made[0].acquaint(ANA, CYD)
        cyd = await made.join(1, CYD)
        os.kill(nats.pid, signal.SIGSTOP)
        try:
            ana = await made.join(0, ANA)
            async with asyncio.timeout(5):
                await up(made.hub(0), is_up=False)

            await ana.ask(Send(thread=thread, text="past it", token="k"))
            assert (await cyd.event("message_sent"))["message"]["text"] == "past it"
        finally:
            os.kill(nats.pid, signal.SIGCONT)
        await up(made.hub(0))


async def test_a_nats_that_takes_less_than_was_said_costs_a_pause_and_no_connection(
    password_hash: str, tmp_path: Path
) -> None:
    small = tmp_path / "small.conf"
    small.write_text("max_payload: 1000")
    async with (
        nats_server(tmp_path, ("-c", str(small))) as nats,
        town(password_hash, OneMemory(), tmp_path, nats.url) as made,
    ):
        await made[0].add(ANA, CYD)
        thread = await made[0].acquaint(ANA, CYD)
        ana, cyd = await made.join(0, ANA), await made.join(1, CYD)
        buses = [bus for one in made.houses if isinstance(bus := one.hub.bus, NatsBus)]
        clients = [bus._client for bus in buses]

        await ana.ask(Send(thread=thread, text="x" * 900, token="long"))
        heard = await cyd.event("message_sent")

        assert heard["message"]["text"] == "x" * 900
        assert [bus._client for bus in buses] == clients
        assert all(bus.is_up for bus in buses)


async def test_news_that_cannot_be_taken_in_stop_no_hub(pair: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await pair[0].add(ANA, CYD)
    thread = await pair[0].acquaint(ANA, CYD)
    ana, cyd = await pair.join(0, ANA), await pair.join(1, CYD)
    busy = pair.hub(1).pipeline
    monkeypatch.setattr(busy, "_busy", True)
    monkeypatch.setattr(pair.hub(1).sessions, "hear", None)
    await ana.ask(Send(thread=thread, text="look for me", token="k1"))
    async with asyncio.timeout(10):
        while not busy._later:  # noqa: ASYNC110 -- the bus tells its hub, not us
            await asyncio.sleep(0)
    taken = asyncio.ensure_future(cyd.ask(FindAccount(network=Network.DIRECT, handle="ana")))

    async with asyncio.timeout(10):
        while busy._later:  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0)
    monkeypatch.undo()

    assert (await taken)["account"]["id"] == ANA
    assert (await cyd.event("message_sent"))["message"]["text"] == "look for me"
    assert busy.failed is None
