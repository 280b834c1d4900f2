"""Upkeep: audits, trimming, erasing, walks, backups, closing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bridge.domain.keys import key_of
from bridge.domain.model import Message
from bridge.ids import Position
from bridge.store.base import Audited, Entry, Head, Store
from bridge.wire.events import ControlsChanged, Delivered
from tests.builders import (
    ANA,
    BEN,
    CYD,
    DAN,
    keep,
    keep_told,
    make_account,
    make_pair_thread,
    make_people,
    make_verdict,
)
from tests.store.engines import Clockwork
from tests.store.world import keep_talks

FAR = 2**53 - 1


# --- audit


async def test_an_audit_of_an_empty_store_finds_nothing(store: Store) -> None:
    assert await store.audit() == Audited(0, 0, 0, 0, ())


async def test_an_audit_of_a_healthy_store_counts_all_and_finds_nothing(store: Store) -> None:
    talks = await keep_talks(store)
    await keep(
        store,
        talks[0].read(BEN, 3),
        told=[(Delivered(thread=talks[0].id, account=BEN, upto=talks[0].said[2].seq), (ANA,))],
    )

    assert await store.audit() == Audited(threads=3, messages=7, journals=2, entries=11, problems=())


async def test_an_audit_tells_how_far_it_has_come(store: Store) -> None:
    await keep_talks(store)
    heard: list[tuple[int, int]] = []

    await store.audit(lambda done, total: heard.append((done, total)))

    assert heard == sorted(heard)
    assert heard[-1][0] == heard[-1][1] > 0


def other_content(message: Message) -> Message:
    return replace(message, content=(message.content or b"") + b"!")


def other_link(message: Message) -> Message:
    return replace(message, link=bytes(32))


def other_sender(message: Message) -> Message:
    return replace(message, sender=BEN)


def other_digest(message: Message) -> Message:
    return replace(message, digest=bytes(32))


def other_seq(message: Message) -> Message:
    return replace(message, seq=message.seq + 1)


@pytest.mark.parametrize("forge", [other_content, other_link, other_sender, other_digest, other_seq])
async def test_an_audit_names_the_thread_of_a_forged_message(
    store: Store, forge: Callable[[Message], Message]
) -> None:
    talk = make_pair_thread()
    for number in range(3):
        talk.say(ANA, f"number {number}")
    await keep(store, *make_people(), *talk.records, *talk.said[:2], forge(talk.said[2]))

    problems = (await store.audit()).problems

    assert problems
    assert all(talk.id in problem.where for problem in problems)


@pytest.mark.parametrize("change", [{"tip": 2}, {"tip": 4}, {"link": bytes(32)}])
async def test_an_audit_finds_a_thread_that_stands_elsewhere(store: Store, change: dict[str, object]) -> None:
    talk = make_pair_thread()
    for number in range(3):
        talk.say(ANA, f"number {number}")
    await keep(store, *make_people(), *talk.kept, replace(talk.thread, **change))

    assert [problem.where for problem in (await store.audit()).problems if talk.id in problem.where]


@pytest.mark.parametrize(
    "change", [{"sent": 1}, {"read_sent": 2}, {"read": 4, "read_sent": 3}, {"delivered": 4}]
)
async def test_an_audit_finds_counts_that_are_wrong(store: Store, change: dict[str, object]) -> None:
    talk = make_pair_thread()
    for number in range(3):
        talk.say(ANA, f"number {number}")
    await keep(store, *make_people(), *talk.kept, replace(talk.sides[ANA], **change))

    assert [problem.where for problem in (await store.audit()).problems if talk.id in problem.where]


async def test_an_audit_finds_what_refers_to_nothing(store: Store) -> None:
    talk = make_pair_thread()
    talk.say(ANA, "kept")
    await keep(store, *make_people(ANA, BEN), *talk.kept, make_account(CYD))
    await keep(store, make_verdict(ANA, "k1", thread=talk.id, seq=1))
    await keep(
        store, make_verdict(ANA, "k2", thread=talk.id, seq=2), make_verdict(BEN, "k3", thread=talk.id, seq=1)
    )

    problems = (await store.audit()).problems

    assert sorted(problem.kind for problem in problems) == ["person", "verdict", "verdict"]


# --- trim


def event(number: int) -> ControlsChanged:
    return ControlsChanged(account=ANA, version=number)


async def test_trimming_keeps_the_newest_of_each_journal_and_all_positions(store: Store) -> None:
    await keep(store, told=[(event(number), (ANA, BEN)) for number in range(1, 5)])
    await keep(store, told=[(event(5), (BEN,))])

    trimmed = await store.trim(FAR, 99)

    assert trimmed == 7
    assert await store.heads([ANA, BEN, CYD]) == {
        ANA: Head(Position(4), Position(4)),
        BEN: Head(Position(5), Position(5)),
        CYD: Head(Position(0), Position(0)),
    }
    assert list(await store.replay(ANA, Position(0), 9)) == [Entry(Position(4), event(4))]
    assert list(await store.replay(BEN, Position(2), 9)) == [Entry(Position(5), event(5))]
    assert await keep(store, told=[(event(6), (ANA, BEN))]) == {ANA: 5, BEN: 6}
    assert (await store.audit()).problems == ()


async def test_trimming_takes_nothing_that_is_younger(store: Store, clock: Clockwork) -> None:
    for clock.now in (10, 20, 30, 40):
        await keep(store, told=[(event(clock.now), (ANA,)), (event(clock.now), (BEN,))])

    assert [await store.trim(before, 99) for before in (0, 10, 11, 30)] == [0, 0, 2, 2]
    assert await store.heads([ANA, BEN]) == dict.fromkeys((ANA, BEN), Head(Position(4), Position(3)))


async def test_trimming_goes_on_in_pieces_until_nothing_is_left(store: Store) -> None:
    await keep(store, told=[(event(number), (ANA, BEN)) for number in range(1, 6)])

    pieces = [await store.trim(FAR, 3) for _ in range(4)]

    assert pieces == [3, 3, 2, 0]
    assert {head.oldest for head in (await store.heads([ANA, BEN])).values()} == {5}


async def test_trimming_leaves_the_messages(store: Store) -> None:
    pair = (await keep_talks(store))[0]

    await store.trim(FAR, 99)

    assert list(await store.history(pair.id, after=0, limit=9)) == pair.said
    assert len(await store.search([ANA], "canary", limit=9)) == 5
    assert [entry.told for entry in await store.replay(ANA, Position(0), 9)] == [pair.said[-1]]


# --- erase


async def test_erasing_takes_content_and_salt_and_leaves_the_links(store: Store) -> None:
    pair, segment, _ = await keep_talks(store)
    bare = [replace(one, content=None, salt=None) if one.sender == ANA else one for one in pair.said]

    erased = await store.erase(ANA, 99)

    assert erased == 5
    assert list(await store.history(pair.id, after=0, limit=9)) == bare
    assert [one.content for one in await store.history(segment.id, limit=9)] == [None, None]
    assert [entry.told for entry in await store.replay(BEN, Position(0), 9)] == bare
    assert (await store.load([key_of(pair.said[0])]))[key_of(pair.said[0])] == bare[0]
    assert [one.seq for _, one in await store.search([ANA], "canary", limit=9)] == [4, 2]
    assert list(await store.search([ANA], "old", limit=9)) == []
    assert await store.audit() == Audited(3, 7, 2, 10, ())


async def test_erasing_goes_on_in_pieces_until_nothing_is_left(store: Store) -> None:
    await keep_talks(store)

    assert [await store.erase(ANA, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert await store.erase(DAN, 2) == 0


async def test_an_erased_talk_goes_on(store: Store) -> None:
    pair = (await keep_talks(store))[0]
    await store.erase(ANA, 99)

    await keep_told(store, pair, pair.say(ANA, "canary again"))

    assert [one.seq for _, one in await store.search([BEN], "again", limit=9)] == [6]
    assert (await store.audit()).problems == ()


async def test_what_was_erased_is_in_no_file_any_more(store: Store, tmp_path: Path) -> None:
    talk = make_pair_thread()
    talk.say(ANA, "a quuxophone solo", extras={"note": "quuxophone"})
    talk.say(BEN, "what a sound")
    await keep(store, *make_people(), *talk.kept, told=[(one, (ANA, BEN)) for one in talk.said])
    assert len(await store.search([BEN], "quuxo", limit=9)) == 1

    while await store.erase(ANA, 1):
        pass

    await store.backup(str(tmp_path / "copy"))
    assert files_with(tmp_path, b"ana")
    assert files_with(tmp_path, b"uuxophon") == []


def files_with(folder: Path, part: bytes) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and part in path.read_bytes()]
