"""The judge has teeth: a hub with any one of the seeded bugs is caught, and one without is not accused."""

from functools import partial
from pathlib import Path

import pytest

from tests.faults.flaws import FLAWS
from tests.faults.judge import Verdict
from tests.faults.rig import Rig
from tests.faults.teeth import end_and_judge, found_in_lives

CAUGHT_AS = {
    "acknowledge_before_commit": {
        "lost",
        "seq_means_two",
        "other_verdict",
        "position_means_two",
        "said_twice",
    },
    "forget_tokens": {"other_verdict", "said_twice"},
    "forget_tails_at_start": {"went_back", "position_means_two", "gap", "not_resumed"},
    "stale_controls": {"against_control"},
    "stale_conclusions": {"against_control"},
    "skip_one_at_resume": {"gap"},
    "repeat_one_at_resume": {"duplicate"},
    "subscribe_after_backlog": {"gap"},
    "swap_pushes": {"gap"},
    "keep_revoked_sockets": {"revoked_lives"},
}
"""As what each seeded bug may be found out."""


async def a_short_life(folder: Path, flaw: str, number: int) -> Verdict:
    """Kill a hub a few times under load, revoke a device, and judge."""
    place = folder / str(number)
    place.mkdir()
    async with Rig(place, names=("ana", "ben"), flaw=flaw) as rig:
        cast = rig.cast(seed=7 + number)
        await cast.arrive()
        twin = await cast.bring(rig.twins[0])
        cast.begin()
        for _ in range(4):
            await cast.reached(150)
            await rig.kill()
            await rig.start()
        return await end_and_judge(cast, twin, patience_s=2, within_s=4)


def test_every_seeded_bug_has_its_name_in_the_list() -> None:
    assert CAUGHT_AS.keys() | {"sync_later"} == FLAWS.keys()  # caught by a power cut alone


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("flaw", sorted(CAUGHT_AS))
async def test_a_hub_with_a_seeded_bug_is_caught(tmp_path: Path, flaw: str) -> None:
    found = await found_in_lives(partial(a_short_life, tmp_path, flaw), CAUGHT_AS[flaw])
    assert found[-1] & CAUGHT_AS[flaw], found


@pytest.mark.slow
@pytest.mark.long
async def test_a_hub_without_one_is_not_accused(tmp_path: Path) -> None:
    verdict = await a_short_life(tmp_path, "", 0)
    assert verdict.findings == []
    assert verdict.governed > 0
