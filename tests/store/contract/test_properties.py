"""For any sequence of changes: loading equals applying, batching changes nothing, engines agree."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.facts import Facts, HandleOwner, Key
from bridge.domain.model import (
    Account,
    ContactList,
    Controls,
    Credential,
    LinkAsk,
    Member,
    Message,
    Person,
    Thread,
    Tie,
    Unlinking,
    Verdict,
)
from bridge.domain.networks import handle_key
from bridge.store.base import Store
from tests.builders import ANA, PEOPLE, make_batch, make_people
from tests.store.engines import ENGINES, Clockwork
from tests.store.world import FAR, MOVES, Move, World, batch_of, moves, picture_of, split

EXAMPLES: Final = max(
    20, settings().max_examples // 4
)  # each opens stores, which costs more than a pure example

READ: Final[dict[type, Callable[..., object]]] = {
    Account: Facts.find_account,
    Person: Facts.find_person,
    Controls: Facts.controls,
    Tie: lambda facts, key: facts.tie(*key),
    ContactList: Facts.contacts,
    Thread: Facts.find_thread,
    Member: lambda facts, key: facts.find_member(*key),
    Message: lambda facts, key: facts.message(*key),
    Verdict: lambda facts, key: facts.verdict(*key),
    LinkAsk: lambda facts, key: facts.link_ask(*key),
    Unlinking: Facts.unlinking,
    Credential: Facts.has_credential,
}

each_engine = pytest.mark.parametrize("name", sorted(ENGINES))
cuts = st.lists(st.integers(0, 99), max_size=6)


async def open_one(name: str, folders: pytest.TempPathFactory) -> Store:
    return await ENGINES[name].open(folders.mktemp(name), Clockwork())


@each_engine
@settings(max_examples=EXAMPLES)
@given(steps=moves(), at=cuts)
async def test_loading_after_a_commit_equals_applying(
    name: str, tmp_path_factory: pytest.TempPathFactory, steps: list[Move], at: list[int]
) -> None:
    store, world, facts = await open_one(name, tmp_path_factory), World(), Facts()
    changes = [world.begin(), *(world.move(step) for step in steps)]

    for batch in split(changes, at):
        await store.commit(batch)
        facts.apply((*batch.records.values(), *batch.messages))

    keys: list[Key] = [key for key in world.keys if key[0] in READ]
    handles: list[Key] = []
    for account in PEOPLE:
        found = facts.account(account)
        handles.append((HandleOwner, HandleOwner(found.network, handle_key(found.handle))))
    loaded = Facts()
    for key, value in (await store.load([*keys, *handles])).items():
        loaded.learn(key, value)
    assert [READ[kind](loaded, key) for kind, key in keys] == [READ[kind](facts, key) for kind, key in keys]
    for account in PEOPLE:
        kept = facts.account(account)
        assert loaded.handle_owner(kept.network, kept.handle) == account
    await store.close()


@each_engine
@settings(max_examples=EXAMPLES)
@given(steps=moves(), one=cuts, other=cuts)
async def test_any_split_into_batches_gives_the_same_answers(
    name: str, tmp_path_factory: pytest.TempPathFactory, steps: list[Move], one: list[int], other: list[int]
) -> None:
    world = World()
    changes = [world.begin(), *(world.move(step) for step in steps)]
    pictures = []

    for at in (one, other):
        store = await open_one(name, tmp_path_factory)
        for batch in split(changes, at):
            await store.commit(batch)
        pictures.append(await picture_of(store, world))
        await store.close()

    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("name", sorted(set(ENGINES) - {"memory"}) or ["memory"])
@settings(max_examples=EXAMPLES)
@given(
    rounds=st.lists(
        st.tuples(moves(8), st.sampled_from(["", "", "trim", "erase", "import"])), min_size=1, max_size=5
    )
)
async def test_engines_side_by_side_give_the_same_answers(
    name: str, tmp_path_factory: pytest.TempPathFactory, rounds: list[tuple[list[Move], str]]
) -> None:
    stores = await open_one("memory", tmp_path_factory), await open_one(name, tmp_path_factory)
    world = World()
    started = make_batch(world.begin().things)
    heads = [[await store.commit(started) for store in stores]]

    for steps, upkeep in rounds:
        batch = batch_of([world.move(step) for step in steps])
        heads.append([await store.commit(batch) for store in stores])
        counts = [await care_for(store, world, upkeep) for store in stores]
        assert counts[0] == counts[1]

    assert [answer for answer, _ in heads] == [answer for _, answer in heads]
    one, other = [await picture_of(store, world) for store in stores]
    assert one == other
    for store in stores:
        await store.close()


@pytest.mark.parametrize("name", sorted(set(ENGINES) - {"memory"}) or ["memory"])
@pytest.mark.parametrize("seed", range(3))
async def test_engines_agree_at_every_step_of_a_long_life(
    name: str, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = Random(seed)
    stores = await open_one("memory", tmp_path_factory), await open_one(name, tmp_path_factory)
    world = World()
    pending = [world.begin()]

    for _ in range(40):
        for _ in range(chance.randrange(9)):
            kind = chance.choice([*MOVES, "say", "say", "say"])
            pending.append(world.move(Move(kind, *(chance.randrange(256) for _ in range(3)))))
        batch, pending = batch_of(pending), []
        heads = [await store.commit(batch) for store in stores]
        assert heads[0] == heads[1]
        one, other = [await picture_of(store, world) for store in stores]
        assert one == other

    assert (await stores[1].audit()).problems == ()
    for store in stores:
        await store.close()


async def care_for(store: Store, world: World, upkeep: str) -> int | None:
    match upkeep:
        case "trim":
            return await store.trim(FAR, 9_999)
        case "erase":
            return await store.erase(ANA, 9_999)
        case "import":
            await store.put_history([talk.piece() for talk in world.talks], make_people(ANA))
    return None


@each_engine
@settings(max_examples=EXAMPLES)
@given(steps=moves(), trims=st.booleans())
async def test_a_restored_backup_gives_the_same_answers(
    name: str, tmp_path_factory: pytest.TempPathFactory, steps: list[Move], trims: bool
) -> None:
    store, world = await open_one(name, tmp_path_factory), World()
    await store.commit(batch_of([world.begin(), *(world.move(step) for step in steps)]))
    await care_for(store, world, "trim" if trims else "erase")
    path: Path = tmp_path_factory.mktemp("backup") / "copy"
    await store.backup(str(path))

    copy = await ENGINES[name].restored(path, tmp_path_factory.mktemp("restored"))

    assert await picture_of(copy, world) == await picture_of(store, world)
    await copy.close()
    await store.close()
