"""Upkeep: audits, trimming, erasing, walks, backups, closing."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bridge.domain.facts import key_of
from bridge.domain.model import Message, Thread
from bridge.errors import Unavailable
from bridge.ids import AccountId, Position, ThreadId
from bridge.store.base import Audited, Entry, Head, Store
from bridge.wire.events import ControlsChanged, Delivered
from bridge.wire.values import Folder, TieKind
from tests.builders import (
    ANA,
    BEN,
    CYD,
    DAN,
    Talk,
    keep,
    keep_told,
    make_account,
    make_batch,
    make_group,
    make_pair_thread,
    make_people,
    make_segment,
    make_verdict,
)
from tests.store.engines import ENGINES, Clockwork, Engine, closing

FAR = 2**53 - 1


async def keep_talks(store: Store) -> list[Talk]:
    """Keep a pair's thread with five messages, a segment with two and an empty group, all told."""
    pair = make_pair_thread()
    segment, group = make_segment(pair), make_group(ANA, BEN, CYD)
    await keep(store, *make_people(), *group.kept)
    for number in range(5):
        await keep_told(store, pair, pair.say((ANA, BEN)[number % 2], f"canary {number}"))
    for text in ("older", "old"):
        segment.say(ANA, text, decision=None)
    await store.put_history([segment.piece()], ())
    return [pair, segment, group]


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


# --- walks


async def walk(
    store: Store, account: AccountId | None = None
) -> list[tuple[ThreadId, dict[AccountId, object]]]:
    return [
        (thread.id, {member.account: member for member in members})
        async for thread, members in store.all_threads(account)
    ]


async def test_a_walk_meets_every_thread_by_id_with_its_members(store: Store) -> None:
    talks = sorted(await keep_talks(store), key=lambda talk: talk.id)

    assert await walk(store) == [(talk.id, talk.sides) for talk in talks]
    assert await walk(store, ANA) == [(talk.id, talk.sides) for talk in talks]
    assert [name for name, _ in await walk(store, CYD)] == ["g-1"]
    assert await walk(store, DAN) == []


async def test_a_walk_meets_threads_that_lie_in_no_folder(store: Store) -> None:
    talk = make_pair_thread(folder=Folder.NONE)
    await keep(store, *make_people(), *talk.kept)

    assert await walk(store, ANA) == [(talk.id, talk.sides)]


async def test_the_store_takes_new_things_during_a_walk(store: Store) -> None:
    groups = [make_group(ANA, BEN, name=f"g-{number:03}") for number in range(250)]
    await keep(store, *make_people(), *(record for group in groups for record in group.kept))
    met: list[ThreadId] = []

    async for thread, _ in store.all_threads():
        if len(met) % 100 == 0:
            talk = groups[len(met)]
            await keep_told(store, talk, talk.say(ANA, "meanwhile"))
        met.append(thread.id)

    assert met == [group.id for group in groups]
    assert (await store.heads([ANA]))[ANA].newest == 3


# --- backup and the end


async def test_a_backup_opens_with_all_that_was_kept_and_a_new_epoch(
    store: Store, engine: Engine, tmp_path: Path
) -> None:
    talks = await keep_talks(store)
    await keep(store, make_account(DAN, handle="dan-2"))
    await store.trim(FAR, 4)
    path, folder = tmp_path / "copy", tmp_path / "elsewhere"
    folder.mkdir()
    heard: list[tuple[int, int]] = []

    await store.backup(str(path), lambda done, total: heard.append((done, total)))

    async with closing(engine.restored(path, folder)) as copy:
        assert copy.epoch == store.epoch + 1
        for talk in talks:
            assert list(await copy.history(talk.id, after=0, limit=9)) == talk.said
            keys = [key_of(one) for one in talk.records]
            assert await copy.load(keys) == dict(zip(keys, talk.records, strict=True))
        assert await copy.heads([ANA, BEN, CYD]) == await store.heads([ANA, BEN, CYD])
        assert await copy.replay(ANA, Position(0), 9) == await store.replay(ANA, Position(0), 9)
        assert await copy.search([ANA], "canary", limit=9) == await store.search([ANA], "canary", limit=9)
        assert await copy.audit() == await store.audit()
    assert heard[-1][0] == heard[-1][1] > 0


async def test_a_backup_does_not_hear_of_what_comes_later(
    store: Store, engine: Engine, tmp_path: Path
) -> None:
    pair = (await keep_talks(store))[0]
    path, folder = tmp_path / "copy", tmp_path / "elsewhere"
    folder.mkdir()
    await store.backup(str(path))
    await keep_told(store, pair, pair.say(ANA, "later"))

    async with closing(engine.restored(path, folder)) as copy:
        assert list(await copy.history(pair.id, after=0, limit=9)) == pair.said[:5]
        assert await keep_told(copy, pair, pair.said[5]) == {ANA: 6, BEN: 6}


async def test_a_new_store_begins_in_the_first_epoch(store: Store) -> None:
    assert store.epoch == 1


@pytest.mark.parametrize("name", [name for name, engine in ENGINES.items() if engine.lasts])
async def test_what_was_committed_is_there_after_closing_and_opening(name: str, tmp_path: Path) -> None:
    engine = ENGINES[name]
    async with closing(engine.open(tmp_path, Clockwork())) as store:
        pair = (await keep_talks(store))[0]
        before = await store.audit()

    async with closing(engine.open(tmp_path, Clockwork())) as again:
        assert again.epoch == 1
        assert await again.audit() == before
        assert list(await again.history(pair.id, after=0, limit=9)) == pair.said
        assert await keep_told(again, pair, pair.say(ANA, "on it goes")) == {ANA: 6, BEN: 6}
        assert [one.seq for _, one in await again.search([ANA], "goes", limit=9)] == [6]


USES: dict[str, Callable[[Store, Path], Awaitable[object]]] = {
    "load": lambda store, path: store.load([(Thread, ThreadId("t"))]),
    "commit": lambda store, path: store.commit(make_batch([make_account()])),
    "heads": lambda store, path: store.heads([ANA]),
    "replay": lambda store, path: store.replay(ANA, Position(0), 1),
    "history": lambda store, path: store.history(ThreadId("t"), limit=1),
    "search": lambda store, path: store.search([ANA], "x", limit=1),
    "threads": lambda store, path: store.threads([ANA], Folder.INBOX, limit=1),
    "segments": lambda store, path: store.segments(ThreadId("t")),
    "tally": lambda store, path: store.tally([ANA]),
    "ties": lambda store, path: store.ties(ANA, TieKind.BLOCK, limit=1),
    "devices": lambda store, path: store.devices([ANA]),
    "device_by_token": lambda store, path: store.device_by_token(b""),
    "accounts": lambda store, path: store.accounts(limit=1),
    "refused": lambda store, path: store.refused(ANA, since=0, limit=1),
    "audit_log": lambda store, path: store.audit_log(limit=1),
    "put_history": lambda store, path: store.put_history([make_pair_thread().piece()], ()),
    "all_threads": lambda store, path: anext(store.all_threads()),
    "audit": lambda store, path: store.audit(),
    "trim": lambda store, path: store.trim(0, 1),
    "erase": lambda store, path: store.erase(ANA, 1),
    "backup": lambda store, path: store.backup(str(path / "copy")),
}


@pytest.mark.parametrize("verb", USES)
async def test_a_closed_store_answers_nothing(store: Store, tmp_path: Path, verb: str) -> None:
    await store.close()

    with pytest.raises(Unavailable):
        await USES[verb](store, tmp_path)


def test_every_verb_of_the_port_is_tried_on_a_closed_store() -> None:
    verbs = {name for name in vars(Store) if not name.startswith("_")} - {"epoch", "close"}

    assert set(USES) == verbs


async def test_closing_twice_is_closing_once(store: Store) -> None:
    await store.close()
    await store.close()

    assert isinstance(store.epoch, int)
