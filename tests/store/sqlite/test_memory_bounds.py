"""What the engine remembers is bounded, and forgetting it changes no answer."""

import pytest

from bridge.domain.model import Member
from bridge.errors import Stale
from bridge.ids import AccountId, Position
from bridge.store.sqlite import SqliteStore, commit, names
from tests.builders import ANA, BEN, keep, keep_told, make_group
from tests.store.sqlite.places import keep_some


async def test_forgotten_names_and_heads_are_read_again(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "MOST", 1)
    monkeypatch.setattr(commit, "MOST_HEADS", 1)
    talk = await keep_some(store)

    heads = await keep_told(store, talk, talk.say(ANA, "and on"))

    assert heads == {ANA: 6, BEN: 6}
    assert [entry.told for entry in await store.replay(BEN, Position(0), 9)] == talk.said


async def test_a_name_of_a_batch_that_was_undone_is_given_again(store: SqliteStore) -> None:
    talk = await keep_some(store)
    stranger = AccountId("a-stranger")
    group = make_group(stranger)

    with pytest.raises(Stale):
        await keep(store, *group.kept, talk.said[0])
    await keep(store, *make_group(AccountId("a-other"), name="g-2").kept)
    await keep(store, *group.kept)

    key = (group.id, stranger)
    assert await store.load([(Member, key)]) == {(Member, key): group.sides[stranger]}
    assert (await store.audit()).problems == ()
