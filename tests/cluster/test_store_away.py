"""A hub whose PostgreSQL is away refuses writes, says so, and goes on once it is back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.wire.commands import Send
from tests.cluster.servers import Nats
from tests.cluster.town import OneDatabase, Town, page, town
from tests.engines_postgres import PROMISE, PostgresServer, find_binaries
from tests.hub.house import ANA, CYD
from tests.hub.talker import Refused


@pytest.fixture
async def postgres() -> AsyncIterator[PostgresServer]:
    """A PostgreSQL of the test's own, which it may kill."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(PROMISE)
    server = PostgresServer(binaries, durable=False)
    try:
        await asyncio.to_thread(server.start)
        yield server
    finally:
        await asyncio.to_thread(server.stop)


async def ready(made: Town, number: int, status: int) -> str:
    """Wait until a hub's readiness is so; give the page."""
    async with asyncio.timeout(20):
        while True:
            code, text = await page(made.hub(number), "/readyz")
            if code == status:
                return text


async def test_writes_are_refused_while_postgresql_is_away_and_the_same_tokens_work_later(
    password_hash: str, tmp_path: Path, nats: Nats, postgres: PostgresServer
) -> None:
    bus = {"poll_s": 0.1}
    async with town(password_hash, OneDatabase(postgres.dsn("away")), tmp_path, nats.url, bus=bus) as made:
        await made[0].add(ANA, CYD)
        thread = await made[0].acquaint(ANA, CYD)
        ana, cyd = await made.join(0, ANA), await made.join(1, CYD)
        await asyncio.to_thread(postgres.kill)
        away = await ready(made, 0, 503)

        with pytest.raises(Refused) as refused:
            await ana.ask(Send(thread=thread, text="hello?", token="same"))
        await asyncio.to_thread(postgres.start)
        back = await ready(made, 0, 200)
        sent = await ana.ask(Send(thread=thread, text="hello?", token="same"))
        heard = await cyd.event("message_sent")

    assert away == "not ready\nstore: away: writes are refused\nbus: ok\n"
    assert back == "ready\nstore: ok\nbus: ok\n"
    assert refused.value.code in ("unavailable", "internal")
    assert refused.value.error["temporary"] is True
    assert (sent["seq"], heard["message"]["seq"]) == (3, 3)
