"""The power fails under load: what was acknowledged is on disk, whatever became of the rest."""

import random
from pathlib import Path

import pytest

from tests.faults.judge import Judge, Verdict
from tests.faults.moments import a_moment
from tests.faults.power import Disk, PowerCut, Write
from tests.faults.rig import Rig, problems
from tests.faults.tracing import needs_strace, recording

PROMISE = "an acknowledged message survives a power cut"


async def cut_the_power(folder: Path, cuts: int, *, flaw: str = "") -> Verdict:
    """Let a hub lose its power so many times, with clients that come back each time; judge it all."""
    chance = random.Random(11)
    log = folder / "writes"
    async with Rig(folder, names=("ana", "ben"), flaw=flaw) as rig:
        cast = rig.cast(seed=3)
        await cast.arrive()
        cast.begin()
        await cast.reached(20)
        await rig.kill()
        rig.tracer = recording(log, rig.path)
        for cut in range(cuts):
            rig.small_log = cut % 2 == 1
            power = PowerCut(rig.path)
            await rig.start()
            await cast.reached(chance.randrange(20, 120))
            await a_moment(chance.random() * 0.01)
            await rig.kill()
            with log.open() as writes:
                power.happen(writes, chance)
        rig.tracer = []
        await rig.start()
        await cast.reached(50)
        await cast.settle(patience_s=5)
        await cast.leave()
        await rig.stop()
    return Judge(cast.history).judge()


def test_what_was_synced_survives_and_of_the_rest_each_sector_by_chance() -> None:
    disk = Disk(b"a" * 1024)
    disk.write(Write(0, b"b" * 512))
    disk.sync()
    disk.write(Write(512, b"c" * 2048))
    cuts = {disk.cut(random.Random(seed)) for seed in range(40)}
    assert {cut[:512] for cut in cuts} == {b"b" * 512}
    assert {cut[512:1024] for cut in cuts} == {b"a" * 512, b"c" * 512}
    assert {len(cut) for cut in cuts} >= {1024, 2560}


def test_a_sync_counts_once_it_came_back_and_only_if_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    path.write_bytes(b"....")
    hexed = "".join(f"\\x{byte:02x}" for byte in str(path).encode())
    for ends, kept in (("= 0", {b"new!"}), ("= -1 EIO (Input/output error) (INJECTED)", {b"....", b"new!"})):
        seen = set()
        for seed in range(20):
            path.write_bytes(b"....")
            power = PowerCut(path)
            log = (
                f'7 pwrite64(5<{hexed}>, "\\x6e\\x65\\x77\\x21", 4, 0) = 4\n',
                f"7 fdatasync(5<{hexed}> <unfinished ...>\n",
                f"7 <... fdatasync resumed>) {ends}\n",
            )
            power.happen(log, random.Random(seed))
            seen.add(path.read_bytes())
        assert seen == kept


@pytest.mark.slow
@pytest.mark.long
async def test_power_cuts_take_nothing_that_was_acknowledged(tmp_path: Path, release: bool) -> None:
    needs_strace(PROMISE)
    verdict = await cut_the_power(tmp_path, 500 if release else 10)
    assert verdict.findings == []
    assert verdict.acknowledged > 500
    assert await problems(tmp_path / "hub.db") == ()


@pytest.mark.slow
@pytest.mark.long
async def test_a_hub_that_does_not_sync_each_commit_is_caught_by_a_power_cut(tmp_path: Path) -> None:
    needs_strace(PROMISE)
    verdict = await cut_the_power(tmp_path, 2, flaw="sync_later")
    assert verdict.kinds & {"lost", "seq_means_two", "other_verdict", "not_resumed"}
