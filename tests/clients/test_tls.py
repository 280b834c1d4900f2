"""A hub that speaks TLS: clients reach it by wss://, and are told what to do where they do not trust it."""

import asyncio
import io
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.app import Hub, running_hub
from bridge.cli.watch import check
from bridge.config import Config, HubSettings, Limits, Listen, PolicySettings, StoreSettings
from bridge.hub import entrance
from clients import Client, ConnectionClosed, Options, SocketOptions
from clients.terminal.plain import FAILED, chat
from tests.clients.terminal.people import AT_ONCE, DIRECT, own, person

HERE = Path(__file__).parent / "tls"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """A hub with a certificate of its own making: for localhost, for a hundred years, of no use elsewhere."""
    config = Config(
        listen=Listen(port=0, tls_cert=HERE / "cert.pem", tls_key=HERE / "key.pem"),
        store=StoreSettings(path=str(tmp_path / "hub.db")),
        policy=PolicySettings(register=True),
        hub=HubSettings(drain_s=0.1),
    )
    async with running_hub(config) as running:
        yield running


async def test_a_hub_with_a_certificate_that_the_system_trusts_needs_nothing_said(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(HERE / "cert.pem"))

    async with person(hub, DIRECT, "Ana") as ana:
        assert hub.url.startswith("wss://")
        assert (await ana.get_controls(own(ana))).version == 0


async def test_a_context_of_ones_own_is_taken(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(HERE / "cert.pem"))
    async with person(hub, DIRECT, "Ana") as ana:
        monkeypatch.delenv("SSL_CERT_FILE")
        context = ssl.create_default_context(cafile=HERE / "cert.pem")
        trusting = SocketOptions(ssl=context)

        async with Client(hub.url, token=ana.token, options=Options(socket=trusting)) as again:
            assert again.accounts == ana.accounts


async def test_who_does_not_trust_it_is_told_what_to_do(hub: Hub) -> None:
    stdout = io.StringIO()

    with pytest.raises(ConnectionClosed, match=r"not trusted: self-signed certificate.*SSL_CERT_FILE"):
        await Client(hub.url, token="t").connect()
    code = await chat(hub.url, token="t", keep=False, stdin=io.StringIO(), stdout=stdout, options=AT_ONCE)

    assert (code, "SSL_CERT_FILE" in stdout.getvalue()) == (FAILED, True)


async def test_a_health_check_asks_it_over_tls_whatever_its_own_settings_say(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_STORE__PATH", hub.config.store.path)

    code = await asyncio.to_thread(check)

    assert (code, "takes connections" in capsys.readouterr().out) == (0, True)


async def test_whoever_shakes_no_hands_is_let_go_in_time_and_leaves_nothing() -> None:
    config = Config(
        listen=Listen(port=0, tls_cert=HERE / "cert.pem", tls_key=HERE / "key.pem"),
        store=StoreSettings(path=""),
        limits=Limits(sign_in_s=0.05, connections=5),
    )
    async with running_hub(config) as hub, asyncio.timeout(10):
        silent = [await asyncio.open_connection("127.0.0.1", hub.port) for _ in range(3)]
        plain, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(b"GET /healthz HTTP/1.1\r\n\r\n")
        ends = [await reader.read() for reader, _ in silent]
        await plain.read()
        for one in (writer, *(writer for _, writer in silent)):
            one.close()

        assert ends == [b""] * 3
        assert not hub.server._sockets
        assert hub.server._services.entrance.under_way == 0


async def test_whoever_shakes_no_hands_counts_among_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "_HELD", 0)  # nobody waits to be turned away
    config = Config(
        listen=Listen(port=0, tls_cert=HERE / "cert.pem", tls_key=HERE / "key.pem"),
        store=StoreSettings(path=""),
        limits=Limits(connections=2),
    )
    async with running_hub(config) as hub, asyncio.timeout(10):
        silent = [await asyncio.open_connection("127.0.0.1", hub.port) for _ in range(4)]
        end = await silent[-1][0].read()
        waiting = hub.server._services.entrance.under_way
        turned_away = dict(hub.counters.turned_away_total)
    ends = [await reader.read() for reader, _ in silent]  # the hub that stops lets go of all
    for _, writer in silent:
        writer.close()

    assert (end, waiting, turned_away) == (b"", 3, {"too_many": 1})
    assert ends == [b""] * 4
