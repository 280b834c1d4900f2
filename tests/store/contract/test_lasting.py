"""Lasting: walks through everything, backups, closing and opening again."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from time import time

import pytest

from bridge.domain.keys import key_of
from bridge.domain.model import Thread
from bridge.errors import Unavailable
from bridge.ids import AccountId, Position, ThreadId
from bridge.store.base import Store
from bridge.wire.values import Folder, TieKind
from tests.builders import (
    ANA,
    BEN,
    CYD,
    DAN,
    keep,
    keep_told,
    make_account,
    make_batch,
    make_group,
    make_pair_thread,
    make_people,
)
from tests.store.engines import ENGINES, Clockwork, Engine, closing
from tests.store.world import keep_talks

FAR = 2**53 - 1


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
        assert copy.epoch > store.epoch
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


async def test_no_two_restores_of_one_backup_share_an_epoch_be_they_in_one_second(
    store: Store, engine: Engine, tmp_path: Path
) -> None:
    path, epochs, begun = tmp_path / "copy", [store.epoch], time()
    await store.backup(str(path))

    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with closing(engine.restored(path, folder)) as copy:
            epochs.append(copy.epoch)

    assert epochs == sorted(set(epochs))
    assert begun <= epochs[1] / 1e6 <= epochs[3] / 1e6 <= time()
    assert epochs[3] < 2**53, "cursors hold it"


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
    "segments": lambda store, path: store.segments([ThreadId("t")]),
    "tally": lambda store, path: store.tally([ANA]),
    "ties": lambda store, path: store.ties(ANA, TieKind.BLOCK, limit=1),
    "devices": lambda store, path: store.devices([ANA]),
    "device_by_token": lambda store, path: store.device_by_token(b""),
    "accounts": lambda store, path: store.accounts(limit=1),
    "refused": lambda store, path: store.refused(ANA, since=0, limit=1),
    "arrivals": lambda store, path: store.arrivals(ANA, since=0),
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
