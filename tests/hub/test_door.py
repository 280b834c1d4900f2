"""Before a session: who may shake hands, from where, in which words, and the pages beside the socket."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import websockets
from websockets.typing import Origin, Subprotocol

from bridge.app import running_hub
from bridge.config import Config, Listen
from bridge.errors import CloseCode, ConfigInvalid
from bridge.hub import entrance
from bridge.hub.metrics import METRICS
from bridge.hub.server import tls_context
from bridge.store.memory import MemoryStore
from bridge.wire.queries import CountUnread
from tests.hub.house import ANA, House, config, house
from tests.hub.talker import Talker

pytestmark = pytest.mark.one_hub  # see grounds.py


async def get(hub: House, path: str) -> tuple[int, str]:
    """Ask for a page as any HTTP client does."""

    def fetch() -> tuple[int, str]:
        try:
            with urlopen(f"http://127.0.0.1:{hub.hub.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


async def refused_status(hub: House, **more: object) -> int:
    """Give the HTTP status with which a handshake is refused."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(hub.hub.url, proxy=None, **more)  # type: ignore[arg-type]
    return refused.value.response.status_code


# --- origins and words


async def test_a_browser_may_come_only_from_an_origin_that_is_allowed(password_hash: str) -> None:
    async with house(password_hash, config(listen={"origins": ("https://chat.example",)})) as hub:
        await hub.add(ANA)
        assert await refused_status(hub, origin=Origin("https://evil.example")) == HTTPStatus.FORBIDDEN
        assert await refused_status(hub, origin=Origin("null")) == HTTPStatus.FORBIDDEN
        browser = await hub.connect(origin=Origin("https://chat.example"))
        program = await hub.join(ANA)

        assert browser.socket.state.name == "OPEN"
        assert await program.ask(CountUnread()) == {}


async def test_no_browser_may_come_unless_the_operator_names_its_origin(hub: House) -> None:
    assert await refused_status(hub, origin=Origin("http://127.0.0.1")) == HTTPStatus.FORBIDDEN


async def test_a_client_that_speaks_only_other_words_is_refused(hub: House) -> None:
    assert await refused_status(hub, subprotocols=[Subprotocol("mqtt")]) == HTTPStatus.BAD_REQUEST


async def test_the_first_known_of_several_offered_words_is_taken(hub: House) -> None:
    names = [Subprotocol("mqtt"), Subprotocol("isthmus.v1.msgpack"), Subprotocol("isthmus.v1.json")]
    async with websockets.connect(hub.hub.url, subprotocols=names, proxy=None) as socket:
        assert socket.subprotocol == "isthmus.v1.msgpack"


# --- how many


async def test_an_address_has_a_limited_number_of_connections_which_pages_do_not_loosen(
    password_hash: str,
) -> None:
    async with house(password_hash, config(limits={"connections_per_address": 2})) as hub:
        first = await hub.connect()
        await hub.connect()
        for _ in range(3):
            assert (await get(hub, "/healthz"))[0] == HTTPStatus.OK
        assert await refused_status(hub) == HTTPStatus.SERVICE_UNAVAILABLE
        await first.close()

        assert (await hub.connect()).socket.state.name == "OPEN"


async def test_behind_a_proxy_connections_are_not_counted_by_its_address(password_hash: str) -> None:
    settings = config(limits={"connections_per_address": 1}, listen={"behind_proxy": True})
    async with house(password_hash, settings) as hub:
        both = [await hub.connect(), await hub.connect()]

        assert [talker.socket.state.name for talker in both] == ["OPEN", "OPEN"]


async def test_an_address_that_comes_too_fast_is_told_when_to_come_again(
    password_hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "_HELD_S", 0.0)
    settings = config(limits={"connects_per_second": 0.4, "connects_burst": 2})
    async with house(password_hash, settings) as hub:
        stayed = [await hub.connect(), await hub.connect()]
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(hub.hub.url, proxy=None)
        answer, counters = refused.value.response, hub.hub.counters

    assert [talker.socket.state.name for talker in stayed] == ["CLOSED", "CLOSED"]
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert answer.headers["Retry-After"] == "3"
    assert "come later" in answer.body.decode()
    assert counters.turned_away_total == {"too_fast": 1}
    assert counters.connections_total == 2  # nothing was made of the third


async def test_behind_a_proxy_nobody_comes_too_fast_for_its_address(password_hash: str) -> None:
    settings = config(limits={"connects_burst": 1}, listen={"behind_proxy": True})
    async with house(password_hash, settings) as hub:
        both = [await hub.connect(), await hub.connect()]

        assert [talker.socket.state.name for talker in both] == ["OPEN", "OPEN"]


async def test_a_full_hub_takes_nobody_more(password_hash: str) -> None:
    async with house(password_hash, config(limits={"connections": 1})) as hub:
        await hub.connect()

        assert await refused_status(hub) == HTTPStatus.SERVICE_UNAVAILABLE
        assert hub.hub.counters.turned_away_total == {"too_many": 1}


# --- pages


async def test_health_and_readiness_are_told(hub: House) -> None:
    assert await get(hub, "/healthz") == (HTTPStatus.OK, "ok\n")
    status, text = await get(hub, "/readyz")
    assert (status, text.splitlines()[0]) == (HTTPStatus.OK, "ready")

    hub.hub.server.ready = False

    assert (await get(hub, "/readyz"))[0] == HTTPStatus.SERVICE_UNAVAILABLE


async def test_any_other_page_says_how_to_speak_to_this_port(hub: House) -> None:
    status, text = await get(hub, "/index.html")

    assert status == HTTPStatus.UPGRADE_REQUIRED
    assert "WebSocket" in text


async def test_the_metrics_count_what_happened(hub: House) -> None:
    await hub.add(ANA)
    ana = await hub.join(ANA)
    await ana.pipe(CountUnread(), CountUnread())
    await ana.raw({"id": 50, "op": "accept", "threads": ["t-nowhere"]})

    status, text = await get(hub, "/metrics")
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    assert status == HTTPStatus.OK
    assert lines["isthmus_sessions"] == "1"
    assert int(lines["isthmus_calls_total"]) == 4
    assert lines['isthmus_refusals_total{code="not_found"}'] == "1"
    for name in METRICS:
        assert f"# TYPE {name} " in text


# --- addresses and certificates


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_a_hub_that_others_can_reach_needs_a_certificate_or_a_proxy(host: str) -> None:
    with pytest.raises(ConfigInvalid, match="--tls-cert"):
        tls_context(Listen(host=host))
    assert tls_context(Listen(host=host, behind_proxy=True)) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_a_hub_for_this_machine_needs_neither(host: str) -> None:
    assert tls_context(Listen(host=host)) is None


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "cert.pem"
    bad.write_text("no certificate")

    with pytest.raises(ConfigInvalid, match=r"cert\.pem"):
        tls_context(Listen(tls_cert=bad))
    with pytest.raises(ConfigInvalid, match="missing"):
        tls_context(Listen(tls_cert=tmp_path / "missing.pem"))


async def test_a_port_that_is_taken_is_named_with_the_next_step(hub: House) -> None:
    settings = Config(listen=Listen(port=hub.hub.port), store=config().store)

    with pytest.raises(ConfigInvalid, match=f"port {hub.hub.port}"):
        async with running_hub(settings, await MemoryStore.open()):
            pass


# --- the end


async def test_a_hub_that_stops_sends_everybody_elsewhere_with_a_code_to_come_back(
    password_hash: str,
) -> None:
    async with house(password_hash) as hub:
        await hub.add(ANA)
        talkers: list[Talker] = [await hub.join(ANA), await hub.connect()]
        line = await hub.line()
        draining = asyncio.ensure_future(hub.hub.server.drain())
        codes = [await talker.closed() for talker in talkers]
        late = await get_refused(hub)
        line.end()
        await draining

    assert codes == [CloseCode.DRAINING] * 2
    assert late
    assert CloseCode.may_come_back(codes[0])


async def get_refused(hub: House) -> bool:
    """Say whether nobody listens any more."""
    try:
        await asyncio.open_connection("127.0.0.1", hub.hub.port)
    except ConnectionRefusedError:
        return True
    return False


async def test_peers_that_do_not_answer_the_close_are_cut_when_the_time_is_over(password_hash: str) -> None:
    async with house(password_hash, config(hub={"drain_s": 0.02})) as hub:
        line = await hub.line()
        line.stall()
        await hub.hub.server.drain()

        assert hub.hub.counters.connections == 0
