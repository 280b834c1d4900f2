"""What an operator does from a command line, beside the hubs, is as good as done at one of them."""

import asyncio
from pathlib import Path

from bridge.app import offline_operator
from bridge.hub.orders import SignOut
from tests.cluster.servers import Nats
from tests.cluster.town import OneDatabase, town
from tests.hub.house import ANA, config
from tests.store.engines import Postgres


async def test_whoever_an_operator_signs_out_is_closed_at_every_hub_at_once(
    password_hash: str, tmp_path: Path, nats: Nats
) -> None:
    dsn = Postgres().dsn(tmp_path)
    settings = config(store={"path": dsn, "keys": tmp_path / "keys"}, bus={"url": nats.url})
    async with town(password_hash, OneDatabase(dsn), tmp_path, nats.url) as made:
        await made[0].add(ANA)
        here, there = await made.join(0, ANA), await made.join(1, ANA)

        async with offline_operator(settings) as operator:
            await operator.do(SignOut(account="direct/ana"), lambda done, total: None)

        async with asyncio.timeout(2):
            assert await here.closed() == await there.closed() == 4504


async def test_without_nats_an_operators_deed_is_done_all_the_same(
    password_hash: str, tmp_path: Path, nats: Nats
) -> None:
    dsn = Postgres().dsn(tmp_path)
    settings = config(store={"path": dsn, "keys": tmp_path / "keys"}, bus={"url": nats.url})
    async with town(password_hash, OneDatabase(dsn), tmp_path, nats.url) as made:
        await made[0].add(ANA)
        here = await made.join(0, ANA)
        await nats.kill()

        async with offline_operator(settings) as operator:
            await operator.do(SignOut(account="direct/ana"), lambda done, total: None)

        assert await here.closed() == 4504
