"""What is imported again: newer downloads, killed, changed, or beside what their owner does meanwhile."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridge.archive import open_archive
from bridge.archive.model import ArchiveOwner, MessageRecord, ThreadRecord
from bridge.archive.writer import ArchiveWriter
from bridge.errors import Busy, StorageFull
from bridge.hub.desk import Desk
from bridge.ids import AccountId
from bridge.store.sqlite import SqliteStore
from bridge.transfer import export_person, import_archives
from bridge.wire.commands import Archive
from bridge.wire.values import Folder
from tests.store.engines import closing
from tests.transfer.making import NOON, Chat, House, archive, chat
from tests.transfer.test_importing import Dying, Killed, outline


def pair(count: int) -> Chat:
    return Chat("Ben Okafor", chat("Ana Lima", "Ben Okafor", count))


def party(count: int) -> Chat:
    rows = [MessageRecord(f"Guest {n % (3 if n < 50 else 7)}", NOON + n, f"all {n}") for n in range(count)]
    return Chat("Guest 0", rows, more=("Guest 1",), title="Party")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("told", [pair, party])
async def test_a_newer_download_that_is_killed_goes_on_where_it_was(
    after: bool, told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.transfer.history.PIECE", 40)
    older = archive(tmp_path / "older.zip", "messenger", "Ana Lima", "ana", told(50))
    newer = archive(tmp_path / "newer.zip", "messenger", "Ana Lima", "ana", told(170))

    async def imported(dies_at: int | None) -> tuple[object, ...]:
        store = await SqliteStore.open(tmp_path / f"{dies_at}.db")
        try:
            ana = AccountId((await import_archives(store, [older])).account)
            if dies_at is not None:
                with pytest.raises(Killed):
                    await import_archives(Dying(store, dies_at, after=after), [newer])  # type: ignore[arg-type]  # it is a store to its end
                await export_person(store, ana, tmp_path / f"{dies_at}.zip")
            await import_archives(store, [newer])
            assert not (await store.audit()).problems
            assert (await export_person(store, ana, tmp_path / f"{dies_at}-whole.zip")).messages == 170
            return await outline(store)
        finally:
            await store.close()

    whole = await imported(None)
    for dies_at in range(4):
        assert await imported(dies_at) == whole


async def test_what_its_owner_does_with_a_thread_during_a_newer_import_stands(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.transfer.history.PIECE", 40)
    ana = (await house.take(archive(tmp_path / "a.zip", "messenger", "Ana Lima", "ana", pair(50)))).account
    thread = (await house.folder(ana, Folder.INBOX))["Ben Okafor"]
    put_away: list[asyncio.Task[object]] = []

    def put_it_away(done: int, total: int) -> None:
        if not put_away:
            put_away.append(asyncio.ensure_future(house.do(ana, Archive(threads=(thread.id,)))))

    newer = archive(tmp_path / "b.zip", "messenger", "Ana Lima", "ana", pair(170))
    await import_archives(house.store, [newer], progress=put_it_away, desk=Desk(house.pipeline))
    await asyncio.gather(*put_away)

    assert set(await house.folder(ana, Folder.ARCHIVED)) == {"Ben Okafor"}
    assert not (await house.store.audit()).problems


async def test_two_imports_at_once_never_break_a_chain(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.transfer.history.PIECE", 40)
    await house.take(archive(tmp_path / "a.zip", "messenger", "Ana Lima", "ana", pair(20)))
    newer = archive(tmp_path / "b.zip", "messenger", "Ana Lima", "ana", pair(170))

    ended = await asyncio.gather(house.take(newer), house.take(newer), return_exceptions=True)

    assert all(not isinstance(one, BaseException) or isinstance(one, Busy) for one in ended)
    await house.take(newer)
    assert not (await house.store.audit()).problems


@pytest.mark.parametrize("left", [("Ben Okafor",), ()])
@pytest.mark.parametrize("told", [pair(30), party(30)])
async def test_a_thread_that_people_left_stays_what_it_was(
    told: Chat, left: tuple[str, ...], house: House, tmp_path: Path
) -> None:
    ana = (await house.take(archive(tmp_path / "a.zip", "messenger", "Ana Lima", "ana", told))).account
    path = told.head("Ana Lima").path
    with ArchiveWriter(tmp_path / "b.zip", "messenger") as newer:
        newer.owner(ArchiveOwner("messenger", "Ana Lima", "ana"))
        newer.thread(
            ThreadRecord(path, told.section, "", (*left, "Ana Lima")),
            [*told.rows, MessageRecord("Ana Lima", NOON + 10**9, "anybody here?")],
        )

    report = await house.take(tmp_path / "b.zip")
    await house.take(tmp_path / "b.zip")
    exported = await export_person(house.store, AccountId(ana), tmp_path / "out.zip")

    assert report.added == 1
    assert (exported.threads, exported.messages) == (1, 31)
    with open_archive([tmp_path / "out.zip"]) as out:
        assert [[row.text for row in rows] for _, rows in out.threads()] == [
            [*(row.text for row in told.rows), "anybody here?"]
        ]


async def test_who_joins_a_group_without_a_word_has_an_account_to_show(house: House, tmp_path: Path) -> None:
    told = party(30)
    ana = (await house.take(archive(tmp_path / "a.zip", "messenger", "Ana Lima", "ana", told))).account
    joined = Chat("Guest 0", told.rows, more=("Guest 1", "Silent"), title="Party")

    await house.take(archive(tmp_path / "b.zip", "messenger", "Ana Lima", "ana", joined))

    group = (await house.folder(ana, Folder.INBOX))["Party"]
    assert "Silent" in {(await house.account(one)).name for one in group.members}


async def test_a_chat_from_before_its_owner_took_another_name_is_still_the_others(
    house: House, tmp_path: Path
) -> None:
    cleo = Chat("Cleo", chat("Ana Costa", "Cleo", 5))
    await house.take(archive(tmp_path / "a.zip", "messenger", "Ana Lima", "ana", pair(40)))
    await house.take(
        archive(tmp_path / "b.zip", "messenger", "Ana Costa", "ana", cleo), owner="messenger/ana"
    )

    theirs = Chat("Ana Costa", chat("Ana Costa", "Ben Okafor", 40))
    united = await house.take(archive(tmp_path / "c.zip", "messenger", "Ben Okafor", "ben", theirs))

    assert [one.handle for one in united.resolved] == ["ana"]


async def test_an_import_for_which_there_is_no_room_says_that_it_goes_on(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", "messenger", "Ana Lima", "ana", pair(50))

    class Full(SqliteStore):
        async def put_history(self, *given: Any) -> None:
            raise StorageFull

    async with closing(Full.open(tmp_path / "full.db")) as store:
        with pytest.raises(StorageFull, match="What is in stays; make room, then run the same command again"):
            await import_archives(store, [path])
