"""The judge has teeth for several hubs too: whatever seeded bug they share is caught, and none is accused."""

from functools import partial
from hashlib import blake2b
from pathlib import Path

import pytest

from tests.cluster.flaws import FLAWS
from tests.cluster.rig import Cluster
from tests.cluster.servers import Nats
from tests.engines_postgres import the_server
from tests.faults.judge import Verdict
from tests.faults.teeth import end_and_judge, found_in_lives

HUBS = 2
LOST = 0.02

CAUGHT_AS = {
    "acknowledge_before_commit": {
        *("lost", "seq_means_two", "other_verdict", "position_means_two", "said_twice", "answered_twice"),
    },
    "honour_stale_controls": {"against_control"},
    "remember_tokens_of_this_hub_alone": {"other_verdict", "said_twice"},
    "skip_one_at_resume": {"gap"},
    "tell_no_other_hub": {"untold", "revoked_lives"},
    "overlook_lost_news": {"gap"},
    "keep_revoked_sockets": {"revoked_lives"},
}
"""As what each seeded bug may be found out."""

BY_KILLS = {"", "acknowledge_before_commit", "remember_tokens_of_this_hub_alone", "skip_one_at_resume"}
"""Those which show when a hub is killed; where none is, everybody stays where he is, at both hubs."""


async def a_short_life(folder: Path, nats: Nats, flaw: str, number: int) -> Verdict:
    """Let people at two hubs talk, kill each hub if need be, revoke a device at the other hub, and judge."""
    place = folder / str(number)
    place.mkdir()
    schema = "t" + blake2b(str(place).encode(), digest_size=10).hexdigest()
    async with Cluster(
        place, the_server(), nats, ("ana", "ben"), LOST, hubs=HUBS, schema=schema, flaw=flaw
    ) as cluster:
        cast = cluster.cast(seed=7 + number)
        await cast.arrive()
        twin = await cast.bring(cluster.twins[0], at=1)
        cast.begin()
        for hub in range(HUBS):
            await cast.reached(150)
            if flaw in BY_KILLS:
                await cluster.kill(hub)
        return await end_and_judge(cast, twin, patience_s=5, within_s=30)


def test_every_seeded_bug_has_its_name_in_the_list() -> None:
    assert CAUGHT_AS.keys() == FLAWS.keys()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize("flaw", sorted(CAUGHT_AS))
async def test_hubs_with_a_seeded_bug_are_caught(tmp_path: Path, nats: Nats, flaw: str) -> None:
    found = await found_in_lives(partial(a_short_life, tmp_path, nats, flaw), CAUGHT_AS[flaw])
    assert found[-1] & CAUGHT_AS[flaw], found


@pytest.mark.slow
@pytest.mark.long
async def test_hubs_without_one_are_not_accused(tmp_path: Path, nats: Nats) -> None:
    verdict = await a_short_life(tmp_path, nats, "", 0)
    assert verdict.findings == []
    assert verdict.governed > 0
