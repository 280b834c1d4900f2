"""Moving: every answer that the old store gave, the new one gives."""

from pathlib import Path
from random import Random

import pytest

from bridge.errors import StoreNotEmpty
from bridge.ids import Position
from bridge.store.base import Head
from bridge.store.move import move
from bridge.store.postgres import PostgresStore
from bridge.store.sqlite import SqliteStore
from bridge.store.sqlite.walk import SqliteFile
from tests.builders import ANA, BEN, keep, keep_told, make_device, make_people
from tests.store.engines import FILE, Clockwork, Postgres, closing
from tests.store.world import FAR, KINDS, Move, World, batch_of, keep_talks, picture_of

POSTGRES = Postgres()


async def lived(folder: Path, seed: int) -> tuple[World, SqliteStore]:
    """Give a SQLite store in which much has happened, some of it trimmed and erased."""
    chance, world, clock = Random(seed), World(), Clockwork()
    store = await SqliteStore.open(folder / FILE, clock=clock)
    await store.commit(batch_of([world.begin()]))
    for _ in range(20):
        clock.now += 10
        steps = (Move(chance.choice(KINDS), *(chance.randrange(256) for _ in range(3))) for _ in range(8))
        await store.commit(batch_of([world.move(step) for step in steps]))
    await store.trim(1_050, 99)
    await store.erase(ANA, 2)
    return world, store


@pytest.mark.parametrize("seed", range(3))
async def test_what_was_moved_answers_everything_as_before(tmp_path: Path, seed: int) -> None:
    world, old = await lived(tmp_path, seed)
    heard: list[tuple[int, int]] = []

    async with closing(POSTGRES.open(tmp_path, Clockwork())) as new:
        assert isinstance(new, PostgresStore)
        audited = await move(SqliteFile(tmp_path / FILE), new, lambda *far: heard.append(far))

        assert audited == await old.audit()
        assert await picture_of(new, world) == await picture_of(old, world)
        assert new.epoch == old.epoch
    await old.close()
    assert heard == sorted(heard)
    assert heard[-1][0] == heard[-1][1]


async def test_journals_go_on_where_they_stood_and_age_as_before(tmp_path: Path) -> None:
    clock = Clockwork()
    old = await SqliteStore.open(tmp_path / FILE, clock=clock)
    pair = (await keep_talks(old))[0]
    clock.now += 10
    await keep_told(old, pair, pair.say(ANA, "later"))
    await old.close()

    async with closing(POSTGRES.open(tmp_path, clock)) as new:
        assert isinstance(new, PostgresStore)
        await move(SqliteFile(tmp_path / FILE), new)

        assert await keep_told(new, pair, pair.say(BEN, "at the new place")) == {ANA: 7, BEN: 7}
        assert await new.trim(clock.now, 99) == 10
        assert await new.heads([ANA]) == {ANA: Head(Position(7), Position(6))}
        assert (await new.audit()).problems == ()


async def test_a_token_signs_in_after_the_move(tmp_path: Path) -> None:
    phone = make_device("phone")
    old = await SqliteStore.open(tmp_path / FILE)
    await keep(old, *make_people(), phone)
    await old.close()

    async with closing(POSTGRES.open(tmp_path, Clockwork())) as new:
        assert isinstance(new, PostgresStore)
        await move(SqliteFile(tmp_path / FILE), new)

        assert await new.device_by_token(phone.token) == phone


async def test_nothing_is_moved_onto_something(tmp_path: Path) -> None:
    _, old = await lived(tmp_path, 1)
    await old.close()

    async with closing(POSTGRES.open(tmp_path, Clockwork())) as new:
        assert isinstance(new, PostgresStore)
        await keep(new, *make_people(BEN))
        with pytest.raises(StoreNotEmpty):
            await move(SqliteFile(tmp_path / FILE), new)

        assert [account.id for account in await new.accounts(limit=9)] == [BEN]


async def test_an_event_told_later_is_no_earlier_one(tmp_path: Path) -> None:
    world, old = await lived(tmp_path, 2)
    await old.close()

    async with closing(POSTGRES.open(tmp_path, Clockwork())) as new:
        assert isinstance(new, PostgresStore)
        await move(SqliteFile(tmp_path / FILE), new)
        before = await new.replay(ANA, Position(0), 999)
        tell = world.move(Move("tell", 0, 0, 2))
        await new.commit(batch_of([tell]))

        after = await new.replay(ANA, Position(0), 999)
        assert after[:-1] == before
        assert after[-1].told == tell.told[0][0]
        assert await new.trim(FAR, 999) > 0
        assert (await new.audit()).problems == ()
