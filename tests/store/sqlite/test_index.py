"""The index of words: it lags, it is caught up, it is never asked in its own language."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.model import Member
from bridge.store.sqlite import SqliteStore, upkeep
from bridge.store.sqlite.search import _MOST_WORDS, _phrase
from bridge.store.words import sought
from bridge.wire.values import Folder
from tests.builders import ANA, BEN, CYD, Talk, keep, keep_told, make_group, make_pair_thread, make_people
from tests.store.sqlite.places import keep_some

T = TypeVar("T")
R = TypeVar("R")


async def test_a_commit_leaves_the_index_to_be_caught_up_in_pieces(store: SqliteStore) -> None:
    await keep_some(store, 5)

    taken = [await store.catch_up(2) for _ in range(4)]

    assert taken == [2, 2, 1, 0]


async def test_a_search_catches_up_by_itself(store: SqliteStore) -> None:
    talk = await keep_some(store, 5)
    await store.catch_up(2)

    found = [message for _, message in await store.search([ANA], "number", limit=9)]

    assert found == talk.said[::-1]
    assert await store.catch_up(9) == 0


async def test_a_piece_ends_with_the_first_long_text_or_with_many_short_ones(store: SqliteStore) -> None:
    talk = make_pair_thread(ANA, BEN)
    for length in (20_000, 20_000, 9_000, 9_000, 1, 1):
        talk.say(BEN, "x" * length)
    await keep(store, *make_people(), *talk.kept)

    assert [await store.catch_up() for _ in range(5)] == [1, 1, 2, 2, 0]


def noting(order: list[str], name: str, act: Callable[[T], R]) -> Callable[[T], R]:
    """Note each time that something is done."""

    def noted(argument: T) -> R:
        order.append(name)
        return act(argument)

    return noted


async def test_a_commit_waits_for_one_piece_however_many_search(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_pair_thread(ANA, BEN)
    await keep(store, *make_people(), *talk.kept)
    for _ in range(5):
        await keep_told(store, talk, talk.say(BEN, "x" * 20_000))
    order: list[str] = []
    writer = store._writer
    assert writer is not None
    monkeypatch.setattr(writer, "catch_up", noting(order, "piece", writer.catch_up))
    monkeypatch.setattr(writer, "commit", noting(order, "commit", writer.commit))
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(store.search([ANA], "x", limit=9))
        await asyncio.sleep(0)
        group.create_task(keep_told(store, talk, talk.say(BEN, "meanwhile")))

    assert order.index("commit") <= 1
    assert order.count("piece") >= 5


async def test_segments_of_the_index_never_pile_up_until_all_must_be_merged_at_once(
    store: SqliteStore,
) -> None:
    talk = make_pair_thread(ANA, BEN)
    await keep(store, *make_people(), *talk.kept)
    for number in range(63):
        await keep_told(
            store, talk, talk.say(BEN, " ".join(f"word{n:04}" for n in range(number, number + 90)))
        )
        await store.catch_up()

    async with store._own_reader() as reader:
        structure = await reader._connection.run(
            lambda raw: raw.execute("SELECT block FROM words_data WHERE id = 10").fetchone()[0]
        )
        automatic = await reader._connection.run(
            lambda raw: raw.execute("SELECT v FROM words_config WHERE k = 'automerge'").fetchone()[0]
        )

    assert automatic == 0
    assert (
        structure[5] < 16
    )  # segments in all (SQLite, fts5_index.c: "Structure records"); 16 of a level is a crisis


async def test_a_group_is_searched_by_its_members_whoever_they_are_by_then(store: SqliteStore) -> None:
    group = make_group(ANA, BEN)
    group.say(ANA, "for later readers")
    await keep(store, *make_people(), *group.kept)
    await store.catch_up()
    assert list(await store.search([CYD], "later", limit=9)) == []

    await keep(store, Member(thread=group.id, account=CYD, folder=Folder.INBOX))

    assert [message for _, message in await store.search([CYD], "later", limit=9)] == group.said


async def test_others_hits_are_not_looked_at(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, foreign = make_pair_thread(ANA, BEN), make_pair_thread(BEN, CYD)
    mine.say(BEN, "needle")
    for _ in range(50):
        foreign.say(CYD, "needle")
    await keep(store, *make_people(), *mine.kept, *foreign.kept)
    await store.catch_up()
    looked_at: list[str] = []

    async with store._own_reader() as reader:
        await reader._connection.run(lambda raw: raw.set_trace_callback(looked_at.append))
        with monkeypatch.context() as patch:
            patch.setattr(store, "_walks", reader)
            found = await store.search([ANA], "needle", limit=99)

    assert [message.thread for _, message in found] == [mine.id]
    assert sum("FROM messages WHERE id =" in statement for statement in looked_at) == 1


@settings(max_examples=60)
@given(text=st.text(max_size=60))
def test_no_text_leaves_its_quotation_marks(text: str) -> None:
    for phrase in map(_phrase, sought(text)):
        assert phrase.strip("*").count('"') == 2
        assert phrase.startswith('"')


async def test_whatever_was_said_can_be_sought(store: SqliteStore) -> None:
    talk = make_pair_thread()
    await keep(store, *make_people(), *talk.records)
    for text in ('say "AND" (NOT) *', "{col}: ^x + y", "a\x00b", "tab\tnew\nline", "中文 and ascii-words"):
        await keep_told(store, talk, talk.say(ANA, text))

        found = await store.search([ANA], text, limit=9)

        assert [message for _, message in found][:1] == talk.said[-1:]


async def test_a_beginning_finds_the_words_of_it_be_they_few_or_many(store: SqliteStore) -> None:
    talk = make_pair_thread(ANA, BEN)
    for number in range(_MOST_WORDS):
        talk.say(BEN, f"word{number:02}")
    talk.say(ANA, "other worlds")
    await keep(store, *make_people(), *talk.kept)
    few = [message for _, message in await store.search([ANA], "word", limit=99)]
    more = make_pair_thread(ANA, CYD)
    more.say(CYD, "wordless")
    await keep(store, *more.kept)

    many = [message for _, message in await store.search([ANA], "word", limit=99)]

    assert few == [*reversed(talk.said[:_MOST_WORDS])]
    assert many == [*more.said, *few]


async def test_an_imports_words_are_found_at_once_where_the_index_is_not_far_behind(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep_some(store, 3)
    talk = make_group(ANA, BEN)
    for number in range(7):
        talk.say(ANA, f"imported {number}", decision=None)

    await store.put_history([talk.piece()], ())

    assert await store.catch_up() == 0
    assert [message for _, message in await store.search([ANA], "imported", limit=9)] == talk.said[::-1]
    assert len(await store.search([ANA], "number", limit=9)) == 3

    monkeypatch.setattr(upkeep, "_FEW", 1)
    await keep_some_more(store, talk, 5)
    talk.say(ANA, "imported late", decision=None)
    piece = talk.piece(talk.said[-1:])
    await store._write(
        lambda writer: upkeep.put_history(writer, [piece], ())
    )  # as if those were said just now

    assert await store.catch_up() == 5
    assert len(await store.search([ANA], "imported", limit=9)) == 8
    assert (await store.audit()).problems == ()


async def test_an_import_catches_up_before_it_begins_however_much_was_said(store: SqliteStore) -> None:
    talk = await keep_some(store, 3)
    await keep_told(store, talk, *(talk.say(ANA, "long " * 1_000) for _ in range(12)))
    talk.say(ANA, "imported", decision=None)

    await store.put_history([talk.piece(talk.said[-1:])], ())

    assert await store.catch_up() == 0


async def test_what_is_put_again_and_something_new_are_in_the_index_once(store: SqliteStore) -> None:
    talk = make_pair_thread()
    talk.say(ANA, "twice", decision=None)
    await store.put_history([talk.piece()], make_people())
    talk.say(ANA, "twice", decision=None)

    await store.put_history([talk.piece()], ())

    assert [message for _, message in await store.search([ANA], "twice", limit=9)] == talk.said[::-1]
    assert await store.erase(ANA, 9) == 2
    assert list(await store.search([ANA], "twice", limit=9)) == []
    assert (await store.audit()).problems == ()


async def keep_some_more(store: SqliteStore, talk: Talk, messages: int) -> None:
    for number in range(messages):
        await keep_told(store, talk, talk.say(ANA, f"more {number}"))
