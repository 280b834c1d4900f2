"""The disk fails at the worst moments: in the middle of a commit, once, or because it is full."""

import random
from pathlib import Path

import pytest

from tests.faults.history import Answered
from tests.faults.hub_process import STOPPED
from tests.faults.judge import Judge
from tests.faults.power import PowerCut
from tests.faults.rig import Rig, problems
from tests.faults.tracing import injecting, needs_strace, recording


@pytest.mark.slow
@pytest.mark.long
async def test_a_kill_at_any_write_or_sync_of_a_commit_is_survived(tmp_path: Path, release: bool) -> None:
    needs_strace("a kill in the middle of a commit is survived")
    async with Rig(tmp_path, names=("ana", "ben")) as rig:
        cast = rig.cast(seed=5)
        await cast.arrive()
        cast.begin()
        for k in range(1, 1_001 if release else 21):
            for call in ("fdatasync", "pwrite64"):
                await rig.kill()
                rig.tracer = injecting(call, "signal=KILL", when=str(k))
                if await rig.serves():
                    await rig.ended()
        rig.tracer = []
        await rig.start()
        await cast.reached(100)
        await cast.settle()
        await cast.leave()
        await rig.stop()
    verdict = Judge(cast.history).judge()
    assert verdict.findings == []
    assert verdict.acknowledged > 200
    assert await problems(rig.path) == ()


async def test_a_sync_that_fails_stops_the_hub_before_it_acknowledges_anything_more(tmp_path: Path) -> None:
    needs_strace("a failed sync stops the hub")
    log = tmp_path / "writes"
    async with Rig(tmp_path, names=("ana", "ben")) as rig:
        cast = rig.cast(seed=5)
        await cast.arrive()
        cast.begin()
        await cast.reached(20)
        await rig.kill()
        power = PowerCut(rig.path)
        rig.tracer = recording(log, rig.path, "inject=fdatasync:error=EIO:when=12")
        await rig.start()
        code = await rig.ended()
        # What the failed sync left in the system's memory is lost: only what was synced before may be told.
        with log.open() as writes:
            power.happen(writes, random.Random(5))
        rig.tracer = []
        await rig.start()
        await cast.reached(50)
        await cast.settle()
        await cast.leave()
        await rig.stop()
    assert code == STOPPED
    assert Judge(cast.history).judge().findings == []
    assert await problems(rig.path) == ()


async def test_a_full_disk_refuses_sends_answers_reads_and_recovers_by_itself(tmp_path: Path) -> None:
    needs_strace("a full disk is survived")
    async with Rig(tmp_path, names=("ana", "ben")) as rig:
        cast = rig.cast(seed=5)
        await cast.arrive()
        await rig.kill()
        rig.tracer = injecting("pwrite64", "error=ENOSPC", when="200..500")
        await rig.start()
        cast.begin()
        await cast.refused_for_now.wait()
        actor = cast.actors[0]
        page = await actor.client.history_page(next(iter(actor.threads.values())))
        lives = rig.lives
        await cast.reached(100)
        await cast.settle()
        await cast.leave()
        await rig.stop()
    codes = {record.error["code"] for record in cast.history if isinstance(record, Answered) and record.error}
    assert page.messages
    assert "storage_full" in codes
    assert rig.lives == lives
    assert Judge(cast.history).judge().findings == []
    assert await problems(rig.path) == ()
