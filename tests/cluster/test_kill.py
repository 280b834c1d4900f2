"""Hubs, NATS and PostgreSQL are killed under load, and no client may ever notice more than a pause."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.cluster.rig import HUBS, Cluster
from tests.cluster.servers import Nats
from tests.conftest import RELEASE
from tests.engines_postgres import PROMISE, PostgresServer, find_binaries
from tests.faults.judge import Judge

NAMES = ("ana", "ben", "cleo", "dov", "eli", "fay", "gus", "hal", "ida", "jon", "kim", "lea")
SEED = 40_004
LOST = 0.01
SETTLED_S = 5.0


@pytest.fixture
async def cluster(tmp_path: Path, nats: Nats) -> AsyncIterator[Cluster]:
    """Three hubs that lose one in a hundred of their news, on servers of their own."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(PROMISE)
    server = PostgresServer(binaries)
    try:
        server.start()
        async with Cluster(tmp_path, server, nats, NAMES, LOST) as made:
            yield made
    finally:
        server.stop()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(14_400 if RELEASE else 600)
async def test_kills_of_hubs_and_engines_lose_double_and_reorder_nothing(
    cluster: Cluster, release: bool
) -> None:
    rounds, acknowledged = (50, 40_000) if release else (5, 5_000)
    chance = random.Random(SEED)
    kills: list[Callable[[], Awaitable[object]]] = [
        *(lambda number=number: cluster.kill(number) for number in range(HUBS)),
        cluster.kill_nats,
        cluster.kill_postgres,
    ]
    cast = cluster.cast(SEED)
    await cast.arrive()
    cast.begin()

    for turn in range(rounds):
        await cast.reached(chance.randrange(acknowledged // rounds, 2 * acknowledged // rounds))
        if turn % len(kills) == 0:  # each of them equally often, in any order
            chance.shuffle(kills)
        await kills[turn % len(kills)]()
    await cast.reached(acknowledged // rounds)
    await cast.settle(patience_s=SETTLED_S)
    await cast.leave()

    verdict = Judge(cast.history).judge()
    assert verdict.findings == []
    assert [fault for actor in cast.actors for fault in actor.broken] == []
    assert [fault for actor in cast.actors for fault in actor.client.chain_breaks] == []
    assert verdict.acknowledged >= acknowledged
    assert verdict.governed > 20
    assert await cluster.problems() == ()


@pytest.mark.slow
@pytest.mark.long
async def test_a_rolling_restart_loses_nothing(cluster: Cluster) -> None:
    cast = cluster.cast(SEED)
    await cast.arrive()
    cast.begin()

    codes = []
    for number in range(HUBS):
        await cast.reached(200)
        codes.append(await cluster.replace(number))
    await cast.reached(200)
    await cast.settle(patience_s=SETTLED_S)
    await cast.leave()

    verdict = Judge(cast.history).judge()
    assert verdict.findings == []
    assert codes == [0] * HUBS
    assert [fault for actor in cast.actors for fault in actor.broken] == []
    assert await cluster.problems() == ()
