"""The hub is killed again and again under load, and no client may ever notice more than a pause."""

import random
from pathlib import Path

import pytest

from tests.conftest import RELEASE
from tests.faults.cast import Cast
from tests.faults.judge import Judge
from tests.faults.moments import a_moment
from tests.faults.rig import Rig, problems

NAMES = ("ana", "ben", "cleo", "dov")
SEED = 20_260


@pytest.mark.slow
@pytest.mark.parametrize("kills", [10, pytest.param(1_000 if RELEASE else 50, marks=pytest.mark.long)])
async def test_kills_under_load_lose_double_and_reorder_nothing(tmp_path: Path, kills: int) -> None:
    acknowledged = kills * 400
    chance = random.Random(SEED)
    async with Rig(tmp_path, names=NAMES) as rig:
        cast = rig.cast(SEED)
        await cast.arrive(late=3)
        cast.begin()
        for kill in range(kills):
            if kill == kills // 3:
                await cast.accept_late()
            await until_a_random_moment(cast, chance, acknowledged // kills)
            await rig.kill()
            await rig.start()
        if (missing := acknowledged - cast.acknowledged) > 0:
            await cast.reached(missing)
        await cast.settle()
        await cast.leave()
        await rig.stop()
    verdict = Judge(cast.history).judge()
    assert verdict.findings == []
    assert [fault for actor in cast.actors for fault in actor.broken] == []
    assert [fault for actor in cast.actors for fault in actor.client.chain_breaks] == []
    assert verdict.acknowledged >= acknowledged
    assert min(verdict.governed, verdict.repeated, verdict.refused) > 2 * kills
    assert verdict.resumed > 4 * kills
    assert await problems(rig.path) == ()


async def until_a_random_moment(cast: Cast, chance: random.Random, acknowledged: int) -> None:
    """Let the load run for a while, and then for a moment that no batch has anything to do with."""
    if chance.random() < 0.2:  # while everybody comes back
        await a_moment(chance.random() * 0.2)
        return
    await cast.reached(chance.randrange(acknowledged * 2))
    await a_moment(chance.random() * 0.01)
