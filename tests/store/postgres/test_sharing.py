"""Several nodes on one database: what one has committed governs every commit of the others."""

import asyncio
from collections.abc import Callable, Collection
from random import Random

import pytest

from bridge.domain.keys import Key, key_of
from bridge.domain.model import Account, Controls, Member, Person, StoredRecord, Thread, Tie, Verdict
from bridge.domain.questions import HandleOwner, Mutual, OwnThreads, OwnUpto, Question, Tightened
from bridge.errors import Stale
from bridge.ids import AccountId, home_of
from bridge.store.base import Store, Told
from bridge.store.postgres import PostgresStore, facts
from bridge.store.postgres.pool import HELD_S, Connection
from bridge.wire.events import LinkAttempted
from bridge.wire.values import Folder, Network
from tests.builders import (
    ANA,
    BEN,
    CYD,
    DAN,
    PEOPLE,
    Talk,
    keep,
    keep_told,
    make_account,
    make_batch,
    make_device,
    make_pair_thread,
    make_people,
    make_person,
    make_tie,
    make_verdict,
)


def a_send(talk: Talk) -> tuple[Talk, dict[Key, object]]:
    """Give a message of Ana's that is not kept yet, and what its decision would have read."""
    was: dict[Key, object] = {key_of(record): record for record in talk.records}
    was |= {(Tie, (ANA, BEN)): None, (Tie, (BEN, ANA)): None, (Controls, BEN): None}
    was |= {(Account, BEN): make_account(BEN), (Person, home_of(BEN)): make_person(BEN)}
    talk.say(ANA, "hello")
    return talk, was


MOVES: dict[str, tuple[Key, Callable[[Talk], StoredRecord]]] = {
    "a block where there was no tie": ((Tie, (BEN, ANA)), lambda talk: make_tie(BEN, ANA, blocks=True)),
    "first controls": ((Controls, BEN), lambda talk: Controls(account=BEN, version=1)),
    "an account": ((Account, BEN), lambda talk: make_account(BEN, private=True)),
    "a link": ((Person, home_of(BEN)), lambda talk: make_person(BEN, CYD, generation=2)),
    "a side": ((Member, (make_pair_thread().id, BEN)), lambda talk: talk.set(BEN, folder=Folder.HIDDEN)),
}


@pytest.mark.parametrize("what", MOVES)
async def test_what_another_node_moved_makes_a_commit_stale(
    one: PostgresStore, other: PostgresStore, what: str
) -> None:
    key, move = MOVES[what]
    talk = make_pair_thread()
    await keep(one, *make_people(), *talk.records)
    before = make_pair_thread()
    send, was = a_send(talk)
    await keep(other, move(before))

    with pytest.raises(Stale) as stale:
        await one.commit(make_batch(send.kept, [(send.said[0], (ANA, BEN))], was))

    assert stale.value.keys == (key,)
    assert await one.history(talk.id, limit=9) == []
    assert (await one.heads([ANA]))[ANA].newest == 0


async def test_a_send_passes_when_nothing_moved(one: PostgresStore, other: PostgresStore) -> None:
    talk = make_pair_thread()
    await keep(other, *make_people(), *talk.records)
    send, was = a_send(talk)

    made = await one.commit(make_batch(send.kept, [(send.said[0], (ANA, BEN))], was))

    assert made == [[(ANA, 1), (BEN, 1)]]
    assert list(await other.history(talk.id, limit=9)) == talk.said


async def test_a_look_that_changes_nothing_is_checked_too(one: PostgresStore, other: PostgresStore) -> None:
    await keep(one, *make_people())
    await keep(other, make_account(BEN, private=True))

    with pytest.raises(Stale) as stale:
        await one.commit(make_batch(versions={(Account, BEN): make_account(BEN)}))

    assert stale.value.keys == ((Account, BEN),)
    assert await one.commit(make_batch(versions={(Account, BEN): make_account(BEN, private=True)})) == []


@pytest.mark.parametrize(
    ("question", "was", "record"),
    [
        (Tightened((ANA, CYD)), (), make_tie(BEN, ANA, blocks=True)),
        (Mutual(ANA, CYD), False, make_tie(CYD, DAN, friend=True)),
    ],
)
async def test_an_answer_over_many_records_is_asked_again(
    one: PostgresStore, other: PostgresStore, question: Question, was: object, record: Tie
) -> None:
    await keep(one, *make_people(), make_tie(ANA, DAN, friend=True))
    versions: dict[Key, object] = {(type(question), question): was}
    await one.commit(make_batch([make_person(ANA, sync_name=True)], versions=versions))
    await keep(other, record)

    with pytest.raises(Stale) as stale:
        await one.commit(make_batch([make_person(ANA, sync_picture=True)], versions=versions))

    assert stale.value.keys == ((type(question), question),)


@pytest.mark.slow
async def test_a_node_that_is_held_amid_a_commit_holds_the_others_for_seconds_only(
    one: PostgresStore, other: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(one, *make_people())
    load, held, goes_on = facts.load, asyncio.Event(), asyncio.Event()

    async def hold(connection: Connection, keys: Collection[Key]) -> dict[Key, object]:
        if not held.is_set():  # all its locks are taken
            held.set()
            await goes_on.wait()
        return await load(connection, keys)

    monkeypatch.setattr(facts, "load", hold)
    question = Tightened((ANA, CYD))
    batch = make_batch([make_person(ANA, sync_name=True)], versions={(type(question), question): ()})
    begun = asyncio.ensure_future(other.commit(batch))
    await held.wait()

    async with asyncio.timeout(2 * HELD_S):
        await keep(one, make_person(ANA, sync_picture=True))
    goes_on.set()

    assert await begun == []  # its locks were let go, so it began anew
    key = (Person, home_of(ANA))
    assert (await one.load([key]))[key] == make_person(ANA, sync_name=True)


async def test_a_handle_taken_at_another_node_is_named(one: PostgresStore, other: PostgresStore) -> None:
    await keep(other, make_account(ANA, handle="first"))

    with pytest.raises(Stale) as stale:
        await keep(one, make_account(CYD, handle="First"))

    assert stale.value.keys == ((HandleOwner, HandleOwner(Network.DIRECT, "first")),)


async def test_a_token_used_at_another_node_is_named(one: PostgresStore, other: PostgresStore) -> None:
    await keep(other, make_verdict(ANA, "k1"))

    with pytest.raises(Stale) as stale:
        await keep(one, make_verdict(ANA, "k1", seq=4), told=[(LinkAttempted(leg=ANA), (ANA,))])

    assert stale.value.keys == ((Verdict, (ANA, "k1")),)
    assert (await other.heads([ANA]))[ANA].newest == 0


async def retrying(store: Store, chance: Random, said: list[int]) -> None:
    """Say ten things in threads that others write in too, as a pipeline would: read, decide, commit."""
    for number in range(10):
        someone, someone_else = chance.sample(PEOPLE, 2)
        talk = make_pair_thread(someone, someone_else)
        name = talk.id
        keys: list[Key] = [(Thread, name), *((Member, (name, account)) for account in talk.members)]
        while True:
            was = await store.load(keys)
            thread, *sides = (was[key] for key in keys)
            assert isinstance(thread, Thread)
            talk.thread = thread
            talk.sides = {side.account: side for side in sides if isinstance(side, Member)}
            message = talk.say(talk.members[number % 2], f"number {number}")
            event = LinkAttempted(leg=ANA)
            told: list[tuple[Told, tuple[AccountId, ...]]] = [
                (message, talk.members),
                (event, tuple(chance.sample(PEOPLE, 3))),
            ]
            try:
                await store.commit(make_batch([*talk.records, message], told, was))
            except Stale:
                continue
            said.append(message.seq)
            break


async def test_many_writers_on_two_nodes_never_lock_each_other_out_and_lose_nothing(
    one: PostgresStore, other: PostgresStore
) -> None:
    talks = [make_pair_thread(a, b) for a in PEOPLE for b in PEOPLE if a < b]
    await keep(one, *make_people(), *(record for talk in talks for record in talk.records))
    said: list[int] = []

    await asyncio.gather(
        *(retrying(store, Random(f"{n} {store is one}"), said) for n in range(4) for store in (one, other))
    )

    audited = await one.audit()
    assert audited.problems == ()
    assert (audited.messages, len(said)) == (80, 80)
    assert audited.entries == 80 * 5


async def test_positions_of_one_journal_are_dense_whoever_tells(
    one: PostgresStore, other: PostgresStore
) -> None:
    event = LinkAttempted(leg=ANA)

    heads = await asyncio.gather(
        *(
            keep(store, told=[(event, (BEN, ANA)), (event, (ANA,))])
            for _ in range(10)
            for store in (one, other)
        )
    )

    assert sorted(head[ANA] for head in heads) == list(range(2, 41, 2))
    assert sorted(head[BEN] for head in heads) == list(range(1, 21))


async def test_imported_history_and_live_talk_do_not_meet_halfway(
    one: PostgresStore, other: PostgresStore
) -> None:
    talk = make_pair_thread()
    for number in range(3):
        talk.say(ANA, f"old {number}", decision=None)
    await keep(one, *make_people())

    await asyncio.gather(*(store.put_history([talk.piece()], ()) for store in (one, other)))

    assert list(await one.history(talk.id, after=0, limit=9)) == talk.said
    assert await keep_told(other, talk, talk.say(BEN, "live")) == {ANA: 1, BEN: 1}
    assert (await one.audit()).problems == ()


async def test_imports_and_commits_over_the_same_people_never_lock_each_other_out(
    one: PostgresStore, other: PostgresStore
) -> None:
    talks = [make_pair_thread(ANA, someone) for someone in (BEN, CYD, DAN)]
    for talk in talks:
        talk.say(ANA, "old", decision=None)
    event = LinkAttempted(leg=ANA)

    await asyncio.gather(
        *(one.put_history([talk.piece()], make_people()) for talk in talks for _ in range(4)),
        *(keep(other, *make_people(), told=[(event, PEOPLE)]) for _ in range(12)),
    )

    assert {head.newest for head in (await one.heads(PEOPLE)).values()} == {12}
    assert (await one.audit()).problems == ()


async def test_two_nodes_that_trim_at_once_forget_each_line_once(
    one: PostgresStore, other: PostgresStore
) -> None:
    await keep(one, told=[(LinkAttempted(leg=ANA), (ANA, BEN)) for _ in range(10)])

    trimmed = await asyncio.gather(*(store.trim(2**53 - 1, 99) for store in (one, other)))

    assert sum(trimmed) == 18
    assert (await one.audit()).problems == ()


async def test_a_device_revoked_at_one_node_is_revoked_at_the_other(
    one: PostgresStore, other: PostgresStore
) -> None:
    phone = make_device("phone")
    await keep(one, *make_people(), phone)
    await keep(other, make_device("phone", revoked=True))

    with pytest.raises(Stale) as stale:
        await one.commit(make_batch([make_tie(ANA, BEN, follows=True)], versions={key_of(phone): phone}))

    assert stale.value.keys == (key_of(phone),)


async def test_own_threads_and_counts_are_answered_alike_by_both(
    one: PostgresStore, other: PostgresStore
) -> None:
    talk = make_pair_thread()
    await keep(one, *make_people(), *talk.records)
    await keep_told(one, talk, talk.say(ANA, "one"))
    questions: list[Key] = [
        (OwnThreads, OwnThreads(ANA)),
        (OwnUpto, OwnUpto(talk.id, ANA, 1)),
    ]

    assert await other.load(questions) == await one.load(questions)
    assert (await other.load(questions))[questions[1]] == 1
