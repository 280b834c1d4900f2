"""Imports: history is put beside the rest, can be put again after a crash, and is told to nobody."""

from bridge.domain.keys import key_of
from bridge.ids import Position
from bridge.store.base import Head, Store
from bridge.wire.values import Folder
from tests.builders import (
    ANA,
    BEN,
    CYD,
    Talk,
    keep,
    keep_told,
    make_account,
    make_line,
    make_pair_thread,
    make_people,
    make_segment,
    make_tie,
)


def imported(talk: Talk, messages: int) -> Talk:
    for number in range(messages):
        talk.say(ANA if number % 2 else BEN, f"number {number}", decision=None)
    return talk


async def test_imported_history_is_read_like_any_other(store: Store) -> None:
    talk = imported(make_pair_thread(), 5)
    contact, line = make_account(CYD, placeholder=True), make_line("import")

    await store.put_history(
        [talk.piece()], [*make_people(ANA, BEN), contact, make_tie(ANA, CYD, follows=True), line]
    )

    assert list(await store.history(talk.id, after=0, limit=9)) == talk.said
    keys = [key_of(one) for one in (contact, *talk.records)]
    assert await store.load(keys) == {key_of(one): one for one in (contact, *talk.records)}
    assert list(await store.threads([ANA], Folder.INBOX, limit=9)) == [(talk.thread, talk.sides[ANA])]
    assert list(await store.audit_log(limit=9)) == [line]


async def test_imported_history_is_told_in_no_journal(store: Store) -> None:
    talk = imported(make_pair_thread(), 5)

    await store.put_history([talk.piece()], make_people(ANA, BEN))

    assert await store.heads([ANA, BEN]) == {
        account: Head(Position(0), Position(0)) for account in (ANA, BEN)
    }
    assert list(await store.replay(ANA, Position(0), 9)) == []


async def test_a_piece_can_be_put_again(store: Store) -> None:
    talk = imported(make_pair_thread(), 5)

    for _ in range(3):
        await store.put_history([talk.piece()], make_people(ANA, BEN))

    assert list(await store.history(talk.id, after=0, limit=9)) == talk.said
    assert len(await store.search([ANA], "number", limit=9)) == 5
    assert (await store.audit()).problems == ()


async def test_pieces_can_be_put_from_the_start_again_after_a_crash(store: Store) -> None:
    first = imported(make_pair_thread(), 3)
    piece_one = first.piece(tuple(first.said))
    imported(first, 3)
    piece_two = first.piece(tuple(first.said[3:]))

    audits = []
    for piece in (piece_one, piece_two, piece_one, piece_two):
        await store.put_history([piece], make_people(ANA, BEN))
        audits.append(await store.audit())

    assert [found.problems for found in audits] == [(), (), (), ()]
    assert [found.messages for found in audits] == [3, 6, 6, 6]
    assert (await store.load([key_of(first.thread)]))[key_of(first.thread)] == first.thread
    assert list(await store.history(first.id, after=0, limit=9)) == first.said


async def test_a_message_that_is_there_already_is_left_alone(store: Store) -> None:
    talk = imported(make_pair_thread(), 2)
    other = make_pair_thread()
    other.say(ANA, "another text at the same place", decision=None)
    await store.put_history([talk.piece()], make_people(ANA, BEN))

    await store.put_history([other.piece()], ())

    assert list(await store.history(talk.id, after=0, limit=9)) == talk.said


async def test_history_goes_on_live_where_an_import_ended(store: Store) -> None:
    talk = imported(make_pair_thread(), 2)
    await store.put_history([talk.piece()], make_people(ANA, BEN))

    heads = await keep_told(store, talk, talk.say(ANA, "live"))

    assert heads == {ANA: 1, BEN: 1}
    assert list(await store.history(talk.id, after=0, limit=9)) == talk.said
    assert (await store.audit()).problems == ()


async def test_several_pieces_are_put_at_once(store: Store) -> None:
    live = make_pair_thread()
    talks = [imported(make_segment(live, f"archive {number}"), number) for number in range(4)]
    await keep(store, *make_people(ANA, BEN), *live.kept)

    await store.put_history([talk.piece() for talk in talks], ())

    assert [len(await store.history(talk.id, limit=9)) for talk in talks] == [0, 1, 2, 3]
    assert set((await store.segments([live.id]))[live.id]) == {talk.id for talk in talks}
