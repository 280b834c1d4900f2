"""Committing: all of a batch or nothing; what exists already is named."""

import pytest
from msgspec.structs import replace

from bridge.domain.keys import Key, key_of
from bridge.domain.model import Account, Message, Verdict
from bridge.errors import Stale
from bridge.ids import Position
from bridge.store.base import Head, Store
from bridge.wire.events import LinkAttempted
from tests.builders import (
    ANA,
    BEN,
    CYD,
    keep,
    keep_told,
    make_account,
    make_batch,
    make_line,
    make_pair_thread,
    make_people,
    make_taken,
    make_tie,
    make_verdict,
)


async def test_an_empty_batch_changes_nothing(store: Store) -> None:
    assert await store.commit(make_batch()) == []


async def test_a_commit_answers_with_the_new_head_of_each_journal_told(store: Store) -> None:
    one, two = LinkAttempted(leg=ANA), LinkAttempted(leg=BEN)

    first = await keep(store, told=[(one, (ANA,)), (two, (ANA, BEN))])
    second = await keep(store, told=[(two, (BEN, CYD))])

    assert first == {ANA: 2, BEN: 1}
    assert second == {BEN: 2, CYD: 1}


async def test_a_token_kept_before_keeps_the_whole_batch_out(store: Store) -> None:
    await keep(store, make_verdict(ANA, "k1"))
    talk = make_pair_thread()
    message = talk.say(ANA, "hello")

    with pytest.raises(Stale) as stale:
        await keep(
            store,
            make_tie(ANA, BEN, follows=True),
            *talk.kept,
            make_verdict(ANA, "k0"),
            make_verdict(ANA, "k1", seq=1),
            make_verdict(BEN, "k1"),
            make_line("follow"),
            told=[(message, (ANA, BEN))],
        )

    assert set(stale.value.keys) == {(Verdict, (ANA, "k1"))}
    keys = [
        key_of(make_tie(ANA, BEN)),
        *map(key_of, talk.kept),
        (Verdict, (ANA, "k0")),
        (Verdict, (BEN, "k1")),
    ]
    assert await store.load(keys) == dict.fromkeys(keys)
    assert (await store.load([(Verdict, (ANA, "k1"))]))[Verdict, (ANA, "k1")] == make_verdict(ANA, "k1")
    assert await store.heads([ANA, BEN]) == {
        account: Head(Position(0), Position(0)) for account in (ANA, BEN)
    }
    assert await store.replay(ANA, Position(0), 9) == []
    assert await store.audit_log(limit=9) == []
    assert await store.history(talk.id, limit=9) == []


async def test_what_was_taken_is_what_its_token_stands_for_ever_after(store: Store) -> None:
    talk = make_pair_thread()
    taken = [make_taken(talk.say(account, "hello"), "k1") for account in (ANA, BEN)]
    await keep(store, *make_people(ANA, BEN), *talk.kept, *taken)

    assert await store.load([key_of(one) for one in taken]) == {key_of(one): one for one in taken}
    refused = make_verdict(ANA, "k1", code="not_accepting", receiver=BEN, at=9)
    again = make_taken(talk.say(BEN, "hello again"), "k1")
    for late in (refused, again):
        with pytest.raises(Stale) as stale:
            await keep(store, late, *talk.said[2:])
        assert stale.value.keys == (key_of(late),)
    assert await store.load([key_of(one) for one in taken]) == {key_of(one): one for one in taken}
    assert await store.history(talk.id, after=0, limit=9) == talk.said[:2]


async def test_a_token_that_was_refused_is_never_taken(store: Store) -> None:
    refused = make_verdict(ANA, "k1", code="not_accepting", receiver=BEN, at=9)
    talk = make_pair_thread()
    await keep(store, *make_people(ANA, BEN), *talk.records, refused)

    with pytest.raises(Stale) as stale:
        await keep(store, make_taken(message := talk.say(ANA, "hello"), "k1"), message)

    assert stale.value.keys == (key_of(refused),)
    assert await store.load([key_of(refused)]) == {key_of(refused): refused}
    assert await store.history(talk.id, limit=9) == []


async def test_a_verdict_that_says_more_than_its_message_comes_back_as_it_was(store: Store) -> None:
    talk = make_pair_thread()
    message = talk.say(ANA, "hello")
    odd = [
        replace(make_taken(message, "k1"), at=1),
        replace(make_taken(message, "k2"), account=BEN),
        replace(make_taken(message, "k3"), body=b"digest"),
        replace(make_taken(message, "k4"), receiver=BEN),
    ]

    await keep(store, *make_people(ANA, BEN), *talk.kept, *odd)

    assert await store.load([key_of(one) for one in odd]) == {key_of(one): one for one in odd}


async def test_a_seq_kept_before_keeps_the_whole_batch_out(store: Store) -> None:
    talk, fork = make_pair_thread(), make_pair_thread()
    await keep(store, *make_people())
    await keep_told(store, talk, talk.say(ANA, "first"))
    fork.say(BEN, "at the same place")
    other = make_pair_thread(ANA, CYD)
    other.say(ANA, "elsewhere")

    with pytest.raises(Stale) as stale:
        await keep(store, *other.kept, *fork.kept, told=[(fork.said[0], (ANA, BEN))])

    assert set(stale.value.keys) == {(Message, (talk.id, 1))}
    assert await store.history(talk.id, limit=9) == talk.said
    assert await store.history(other.id, limit=9) == []
    assert (await store.load([key_of(talk.thread)]))[key_of(talk.thread)] == talk.thread
    assert (await store.heads([ANA]))[ANA].newest == 1


async def test_all_conflicts_of_a_batch_are_named_at_once(store: Store) -> None:
    talk, fork = make_pair_thread(), make_pair_thread()
    await keep(store, *make_people(ANA, BEN))
    await keep_told(store, talk, talk.say(ANA, "one"), talk.say(ANA, "two"))
    await keep(store, make_verdict(ANA, "k1"), make_verdict(BEN, "k2"))
    for text in ("one", "two", "three"):
        fork.say(BEN, text)

    with pytest.raises(Stale) as stale:
        await keep(
            store, *fork.kept, make_verdict(ANA, "k1"), make_verdict(BEN, "k2"), make_verdict(BEN, "k3")
        )

    assert set(stale.value.keys) == {
        (Message, (talk.id, 1)),
        (Message, (talk.id, 2)),
        (Verdict, (ANA, "k1")),
        (Verdict, (BEN, "k2")),
    }


async def test_the_store_goes_on_after_a_stale_batch(store: Store) -> None:
    await keep(store, make_verdict(ANA, "k1"))
    with pytest.raises(Stale):
        await keep(store, make_verdict(ANA, "k1"), told=[(LinkAttempted(leg=ANA), (ANA,))])

    heads = await keep(store, make_verdict(ANA, "k2"), told=[(LinkAttempted(leg=ANA), (ANA,))])

    assert heads == {ANA: 1}


async def test_what_was_read_and_has_not_moved_lets_a_batch_pass(store: Store) -> None:
    await keep(store, make_account(ANA))
    versions: dict[Key, object] = {(Account, ANA): make_account(ANA), (Account, BEN): None}

    made = await store.commit(make_batch([make_account(BEN)], [(LinkAttempted(leg=ANA), (ANA,))], versions))

    assert made == [[(ANA, 1)]]


async def test_a_commit_says_where_all_that_it_told_stands(store: Store) -> None:
    await keep(store, *make_people(), told=[(LinkAttempted(leg=BEN), (BEN,))])
    told = [(LinkAttempted(leg=ANA), (ANA, BEN)), (LinkAttempted(leg=BEN), (BEN,))]

    made = await store.commit(make_batch(told=told))

    assert [list(places) for places in made] == [[(ANA, 1), (BEN, 2)], [(BEN, 3)]]
    entries = await store.replay(BEN, Position(1), limit=9)
    assert [entry.told for entry in entries] == [LinkAttempted(leg=ANA), LinkAttempted(leg=BEN)]


async def test_lines_of_the_audit_log_are_appended_even_if_they_are_equal(store: Store) -> None:
    await keep(store, make_line("follow"), make_line("block", BEN))
    await keep(store, make_line("follow"), make_line("unlink", at=0, actor=BEN, detail="two threads"))

    log = await store.audit_log(limit=9)

    assert log == [
        make_line("unlink", at=0, actor=BEN, detail="two threads"),
        make_line("follow"),
        make_line("block", BEN),
        make_line("follow"),
    ]
    assert await store.audit_log(limit=2) == log[:2]
    assert await store.audit_log(account=BEN, limit=9) == [make_line("block", BEN)]
    assert await store.audit_log(account=CYD, limit=9) == []
