"""Time misbehaves: the clock jumps by a day, or the hub is held for seconds. That signs nobody out, or in."""

import signal
from pathlib import Path

import pytest

from bridge.errors import SignInFailed
from clients.client import Client
from clients.options import State
from tests.faults.hub_process import A_DAY_AHEAD, A_DAY_BACK
from tests.faults.judge import Judge
from tests.faults.moments import a_moment
from tests.faults.rig import Rig, problems


@pytest.mark.slow
async def test_a_clock_that_jumps_by_a_day_signs_nobody_out_and_no_revoked_device_in(tmp_path: Path) -> None:
    async with Rig(tmp_path, names=("ana", "ben")) as rig:
        cast = rig.cast(seed=9)
        await cast.arrive()
        twin = await cast.bring(rig.twins[0])
        assert twin.client.signed is not None
        await cast.actors[0].client.revoke_device(twin.client.signed.device)
        cast.begin()
        for jump in (A_DAY_AHEAD, A_DAY_BACK, A_DAY_BACK):
            rig.signal(jump)
            await cast.reached(100)
            await rig.kill()
            await rig.start()
            await cast.reached(50)
            with pytest.raises(SignInFailed):
                await Client(rig.url, token=rig.twins[0].token).connect()
        for actor in cast.actors:
            await actor.client.wait_until_ready(10)
        await cast.settle()
        await cast.leave()
        assert twin.client.state is State.CLOSED
        await rig.stop()
    assert Judge(cast.history).judge().findings == []
    assert await problems(rig.path) == ()


@pytest.mark.slow
async def test_a_hub_that_was_held_for_seconds_goes_on_with_everybody(tmp_path: Path, release: bool) -> None:
    async with Rig(tmp_path, names=("ana", "ben")) as rig:
        cast = rig.cast(seed=9)
        await cast.arrive()
        cast.begin()
        await cast.reached(50)
        rig.signal(signal.SIGSTOP)
        await a_moment(30.0 if release else 2.5)  # longer than the clients' patience with a silent hub
        rig.signal(signal.SIGCONT)
        await cast.reached(200)
        await cast.settle()
        await cast.leave()
        await rig.stop()
    assert Judge(cast.history).judge().findings == []
    assert await problems(rig.path) == ()
