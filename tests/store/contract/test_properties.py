"""For any sequence of changes: loading equals applying, batching changes nothing, engines agree."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bridge.domain.facts import Facts
from bridge.domain.keys import Key
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
    WaitingLinks,
)
from bridge.domain.networks import handle_key
from bridge.domain.questions import HandleOwner
from bridge.store.base import Store
from bridge.store.words import sought
from tests.builders import ANA, BEN, PEOPLE, keep, make_pair_thread, make_people
from tests.store.engines import ENGINES, Clockwork, closing
from tests.store.world import FAR, KINDS, Move, World, batch_of, moves, picture_of, split

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
    WaitingLinks: lambda facts, key: facts.waiting_links(key),
    Unlinking: Facts.unlinking,
    Credential: lambda facts, key: facts.known((Credential, key)),
}

Folders = pytest.TempPathFactory

pytestmark = [pytest.mark.slow, pytest.mark.long]
each_engine = pytest.mark.parametrize("name", sorted(ENGINES))
beside_memory = pytest.mark.parametrize("name", sorted(set(ENGINES) - {"memory"}))
cuts = st.lists(st.integers(0, 99), max_size=6)
rounds_of_work = st.lists(
    st.tuples(moves(8), st.sampled_from(["", "", "trim", "erase", "import"])), min_size=1, max_size=5
)


def opened(name: str, folders: Folders) -> AbstractAsyncContextManager[Store]:
    return closing(ENGINES[name].open(folders.mktemp(name), Clockwork()))


def current_handles(facts: Facts) -> list[Key]:
    accounts = [facts.account(account) for account in PEOPLE]
    return [(HandleOwner, HandleOwner(one.network, handle_key(one.handle))) for one in accounts]


@each_engine
@settings(max_examples=EXAMPLES)
@given(steps=moves(), at=cuts)
async def test_loading_after_a_commit_equals_applying(
    name: str, tmp_path_factory: Folders, steps: list[Move], at: list[int]
) -> None:
    world, facts, loaded = World(), Facts(), Facts()
    changes = [world.begin(), *(world.move(step) for step in steps)]

    async with opened(name, tmp_path_factory) as store:
        for batch in split(changes, at):
            await store.commit(batch)
            facts.apply((*batch.records.values(), *batch.messages))
        keys: list[Key] = [key for key in world.keys if key[0] in READ]
        for key, value in (await store.load([*keys, *current_handles(facts)])).items():
            loaded.learn(key, value)

    assert [READ[kind](loaded, key) for kind, key in keys] == [READ[kind](facts, key) for kind, key in keys]
    for account in map(facts.account, PEOPLE):
        assert loaded.handle_owner(account.network, account.handle) == account.id


@each_engine
@settings(max_examples=EXAMPLES)
@given(steps=moves(), one=cuts, other=cuts)
async def test_any_split_into_batches_gives_the_same_answers(
    name: str, tmp_path_factory: Folders, steps: list[Move], one: list[int], other: list[int]
) -> None:
    world = World()
    changes = [world.begin(), *(world.move(step) for step in steps)]
    pictures = []

    for at in (one, other):
        async with opened(name, tmp_path_factory) as store:
            for batch in split(changes, at):
                await store.commit(batch)
            pictures.append(await picture_of(store, world))

    assert pictures[0] == pictures[1]


@beside_memory
@settings(max_examples=EXAMPLES)
@given(rounds=rounds_of_work)
async def test_engines_side_by_side_give_the_same_answers(
    name: str, tmp_path_factory: Folders, rounds: list[tuple[list[Move], str]]
) -> None:
    world = World()
    begun = batch_of([world.begin()])

    async with opened("memory", tmp_path_factory) as one, opened(name, tmp_path_factory) as other:
        assert await one.commit(begun) == await other.commit(begun)
        for steps, upkeep in rounds:
            batch = batch_of([world.move(step) for step in steps])
            assert await one.commit(batch) == await other.commit(batch)
            assert await care_for(one, world, upkeep) == await care_for(other, world, upkeep)
        assert await picture_of(one, world) == await picture_of(other, world)


@beside_memory
@pytest.mark.parametrize("seed", range(3))
async def test_engines_agree_at_every_step_of_a_long_life(
    name: str, tmp_path_factory: Folders, seed: int
) -> None:
    chance, world = Random(seed), World()
    begun = batch_of([world.begin()])

    async with opened("memory", tmp_path_factory) as one, opened(name, tmp_path_factory) as other:
        assert await one.commit(begun) == await other.commit(begun)
        for _ in range(30):
            steps = (Move(chance.choice(KINDS), *(chance.randrange(256) for _ in range(3))) for _ in range(8))
            batch = batch_of([world.move(step) for step in steps])
            assert await one.commit(batch) == await other.commit(batch)
            assert await picture_of(one, world) == await picture_of(other, world)
        assert (await other.audit()).problems == ()


signs = st.sampled_from(
    [*"aAbBzéÉßıİ日本語ｶﾞガー한국ไทยΣσς٣①½ﬁ㍍👍🏽❤🇩🇪", "\ufe0f", "\u200d", "\u0301", *" \n_-'\"*.,:()^@"]
)
texts = st.text(signs, max_size=12) | st.text(max_size=6)


@beside_memory
@settings(max_examples=EXAMPLES * 2)
@given(said=st.lists(texts, min_size=1, max_size=8), data=st.data())
async def test_engines_find_the_same_whatever_is_said_and_sought(
    name: str, tmp_path_factory: Folders, said: list[str], data: st.DataObject
) -> None:
    talk = make_pair_thread()
    for text in said:
        talk.say(ANA, text)

    async with opened("memory", tmp_path_factory) as one, opened(name, tmp_path_factory) as other:
        for store in (one, other):
            await keep(store, *make_people(ANA, BEN), *talk.kept)
        for seq, text in enumerate(said, 1):
            found = await found_in(one, text)
            assert (seq in found) == bool(sought(text))
            assert await found_in(other, text) == found
        for text in data.draw(st.lists(texts | parts_of(said), max_size=12)):
            assert await found_in(one, text) == await found_in(other, text)


def parts_of(said: list[str]) -> SearchStrategy[str]:
    where = st.integers(0, 12)
    return st.builds(lambda text, start, end: text[start:end], st.sampled_from(said), where, where)


async def found_in(store: Store, text: str) -> list[int]:
    return [message.seq for _, message in await store.search([BEN], text, limit=99)]


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
@settings(max_examples=EXAMPLES // 2)
@given(steps=moves(), trims=st.booleans())
async def test_a_restored_backup_gives_the_same_answers(
    name: str, tmp_path_factory: Folders, steps: list[Move], trims: bool
) -> None:
    world, path = World(), tmp_path_factory.mktemp("backup") / "copy"

    async with opened(name, tmp_path_factory) as store:
        await store.commit(batch_of([world.begin(), *(world.move(step) for step in steps)]))
        await care_for(store, world, "trim" if trims else "erase")
        await store.backup(str(path))
        before = await picture_of(store, world)
    async with closing(ENGINES[name].restored(path, tmp_path_factory.mktemp("restored"))) as copy:
        after = await picture_of(copy, world)

    assert after == before
