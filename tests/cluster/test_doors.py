"""NATS asks who comes; a hub that is not let in goes on without it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from nats.aio.client import Client

from bridge.bus.nats import NatsBus
from bridge.bus.options import NatsOptions, options_of
from bridge.config import BusSettings
from bridge.errors import ConfigInvalid
from bridge.wire.commands import Send
from tests.cluster.servers import Nats, nats_binary, nats_server
from tests.cluster.town import OneMemory, page, town
from tests.hub.house import ANA, CYD

USER, PASSWORD = "isthmus", "n0t-a-guess"


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Nats]:
    """A NATS server that wants a password."""
    if nats_binary() is None:
        pytest.skip("NOT PROVEN HERE: hubs sign in to NATS (there is no nats-server)")
    async with nats_server(tmp_path, ["--user", USER, "--pass", PASSWORD]) as server:
        yield server


async def test_hubs_sign_in_to_nats(password_hash: str, tmp_path: Path, guarded: Nats) -> None:
    bus = {"user": USER, "password": PASSWORD}
    async with town(password_hash, OneMemory(), tmp_path, guarded.url, bus=bus) as made:
        await made[0].add(ANA, CYD)
        thread = await made[0].acquaint(ANA, CYD)
        ana, cyd = await made.join(0, ANA), await made.join(1, CYD)

        await ana.ask(Send(thread=thread, text="let in", token="k"))

        assert (await cyd.event("message_sent"))["message"]["text"] == "let in"
        assert (await page(made.hub(1), "/readyz"))[1].endswith("bus: ok\n")


async def test_a_hub_with_the_wrong_password_polls_and_says_so(
    password_hash: str, tmp_path: Path, guarded: Nats
) -> None:
    bus = {"user": USER, "password": "guess", "poll_s": 0.1}
    async with town(password_hash, OneMemory(), tmp_path, guarded.url, is_up=False, bus=bus) as made:
        await made[0].add(ANA, CYD)
        thread = await made[0].acquaint(ANA, CYD)
        ana, cyd = await made.join(0, ANA), await made.join(1, CYD)

        await ana.ask(Send(thread=thread, text="anyway", token="k"))

        assert (await cyd.event("message_sent"))["message"]["text"] == "anyway"
        assert (await page(made.hub(1), "/readyz"))[1].endswith("bus: away: polling\n")


def test_what_nats_asks_for_is_read_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "seed").write_text("SUAXYZ\n")

    options = options_of(BusSettings(url="tls://one:4222, tls://two:4222", seed=tmp_path / "seed"))

    assert options.servers == ("tls://one:4222", "tls://two:4222")
    assert options.connect["nkeys_seed_str"] == "SUAXYZ"
    assert options.connect["tls"].check_hostname
    assert options_of(BusSettings(url="nats://one", token="t")).connect == {"token": "t"}


@pytest.mark.parametrize("field", ["seed", "ca", "tls_cert"])
def test_a_file_for_nats_that_is_not_there_is_named(tmp_path: Path, field: str) -> None:
    settings = replace(BusSettings(url="tls://one:4222"), **{field: tmp_path / "none"})

    with pytest.raises(ConfigInvalid) as refused:
        options_of(settings)

    assert refused.value.path == "$.bus"


async def test_a_bus_outlives_whatever_else_answers_in_the_place_of_nats(
    nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(*where: object, **how: object) -> Client:
        monkeypatch.undo()
        raise AttributeError("'list' object has no attribute 'get'")  # as of "INFO [1]"

    monkeypatch.setattr("bridge.bus.nats.nats.connect", connect)
    bus = NatsBus(NatsOptions(servers=(nats.url,)))
    bus.begin()
    try:
        await is_up(bus)
    finally:
        await bus.close()


@pytest.mark.parametrize(
    "error",
    [RuntimeError("closed transport"), TypeError("not callable"), AttributeError("no _add_writer")],
    ids=["uvloop", "Python 3.12, earlier", "Python 3.12, later"],
)
async def test_a_bus_whose_connection_was_lost_at_that_moment_closes_all_the_same(
    nats: Nats, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    close = Client.close

    async def lost(client: Client) -> None:
        await close(client)
        raise error

    bus = NatsBus(NatsOptions(servers=(nats.url,)))
    bus.begin()
    await is_up(bus)
    monkeypatch.setattr(Client, "close", lost)

    await bus.close()

    assert not bus.is_up


async def is_up(bus: NatsBus) -> None:
    """Wait until NATS is there."""
    async with asyncio.timeout(10):
        while not bus.is_up:  # noqa: ASYNC110 -- the bus tells its hub, not us
            await asyncio.sleep(0)
