"""The judge has teeth: a hub with any one of the seeded bugs is caught, and one without is not accused."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from clients.errors import ConnectionLost
from tests.faults.flaws import FLAWS
from tests.faults.judge import Judge, Verdict
from tests.faults.rig import Rig

CAUGHT_AS = {
    "acknowledge_before_commit": {
        "lost",
        "seq_means_two",
        "other_verdict",
        "position_means_two",
        "said_twice",
    },
    "forget_tokens": {"other_verdict", "said_twice"},
    "stale_controls": {"against_control"},
    "skip_one_at_resume": {"gap"},
    "repeat_one_at_resume": {"duplicate"},
    "subscribe_after_backlog": {"gap"},
    "swap_pushes": {"gap"},
    "keep_revoked_sockets": {"revoked_lives"},
}
"""As what each seeded bug may be found out."""


async def a_short_life(folder: Path, flaw: str) -> Verdict:
    """Kill a hub a few times under load, revoke a device, and judge."""
    async with Rig(folder, names=("ana", "ben"), flaw=flaw) as rig:
        cast = rig.cast(seed=7)
        await cast.arrive()
        twin = await cast.bring(rig.twins[0])
        cast.begin()
        for _ in range(4):
            await cast.reached(150)
            await rig.kill()
            await rig.start()
        await twin.client.wait_until_ready(10)
        assert twin.client.signed is not None
        await cast.actors[0].client.wait_until_ready(10)
        with suppress(ConnectionLost):  # a hub with a bug in its pushes makes its clients come back
            await cast.actors[0].client.revoke_device(twin.client.signed.device)
        await cast.reached(200)
        settled = False
        with suppress(TimeoutError):
            async with asyncio.timeout(4):
                await cast.settle(patience_s=2)
                settled = True
        await cast.leave()
    return Judge(cast.history).judge(settled=settled)


def test_every_seeded_bug_has_its_name_in_the_list() -> None:
    assert CAUGHT_AS.keys() | {"sync_later"} == FLAWS.keys()  # caught by a power cut alone


@pytest.mark.slow
@pytest.mark.parametrize("flaw", sorted(CAUGHT_AS))
async def test_a_hub_with_a_seeded_bug_is_caught(tmp_path: Path, flaw: str) -> None:
    verdict = await a_short_life(tmp_path, flaw)
    assert verdict.kinds & CAUGHT_AS[flaw]


@pytest.mark.slow
async def test_a_hub_without_one_is_not_accused(tmp_path: Path) -> None:
    verdict = await a_short_life(tmp_path, "")
    assert verdict.findings == []
    assert verdict.governed > 0
