"""Backups and what is restored from them."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from bridge.errors import BridgeError, CorruptStore, SetupError, StorageFull, StoreLocked, StoreNotEmpty
from bridge.ids import Position
from bridge.store.sqlite import SqliteStore, copies
from bridge.store.sqlite.copies import restore
from bridge.store.sqlite.ownership import Ownership
from tests.builders import ANA, keep_told
from tests.store.sqlite.places import keep_some, names, place, read, spoil, write


@pytest.fixture
async def backup(store: SqliteStore, tmp_path: Path) -> Path:
    await keep_some(store)
    path = tmp_path / "copy.sqlite3"
    await store.backup(str(path))
    return path


def test_a_backup_is_one_file_that_only_its_owner_reads(backup: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    assert names(backup.parent, "copy*") == [backup.name]


async def test_a_backup_never_takes_the_place_of_a_file(store: SqliteStore, backup: Path) -> None:
    before = read(backup)

    with pytest.raises(StoreNotEmpty):
        await store.backup(str(backup))

    assert read(backup) == before


async def test_a_backup_that_cannot_be_written_leaves_nothing(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        await store.backup(str(tmp_path / "nowhere" / "copy"))

    assert names(tmp_path, "nowhere*") == []


async def test_two_copies_to_one_place_do_not_mix(store: SqliteStore, tmp_path: Path) -> None:
    talk = await keep_some(store)
    refused: list[str] = []

    def second(done: int, total: int) -> None:
        with sqlite3.connect(place(tmp_path)) as raw, pytest.raises(SetupError) as caught:
            copies.copy_to(raw, tmp_path / "copy.db", None)
        refused.append(caught.value.text)
        raw.close()

    await store.backup(str(tmp_path / "copy.db"), second)

    assert refused == [f"Another copy is being written to {tmp_path / 'copy.db.part'}; wait for it."]
    copy = await SqliteStore.open(tmp_path / "copy.db")
    assert list(await copy.history(talk.id, after=0, limit=9)) == talk.said
    await copy.close()


async def test_what_a_killed_copy_left_goes_with_the_next_one(store: SqliteStore, tmp_path: Path) -> None:
    for end in (".part", ".part-journal"):
        (tmp_path / f"copy.db{end}").write_bytes(b"half" * 300)

    await store.backup(str(tmp_path / "copy.db"))

    assert names(tmp_path, "copy.db.*") == []


@pytest.mark.parametrize(
    ("code", "raised"), [(sqlite3.SQLITE_FULL, StorageFull), (sqlite3.SQLITE_IOERR, SetupError)]
)
async def test_a_backup_that_breaks_off_leaves_nothing(
    store: SqliteStore, tmp_path: Path, code: int, raised: type[BridgeError]
) -> None:
    await keep_some(store)

    def break_off(done: int, total: int) -> None:
        error = sqlite3.OperationalError("broken off")
        error.sqlite_errorcode = code
        raise error

    with pytest.raises(raised):
        await store.backup(str(tmp_path / "copy"), break_off)

    assert names(tmp_path, "copy*") == []


async def test_no_position_of_a_restored_store_means_what_it_meant_before(
    store: SqliteStore, backup: Path, tmp_path: Path
) -> None:
    there = tmp_path / "restored.sqlite3"
    await restore(backup, there)

    restored = await SqliteStore.open(there)

    assert restored.epoch > store.epoch
    assert len(await restored.replay(ANA, Position(0), 9)) == 5
    assert (await restored.audit()).problems == ()
    await restored.close()


async def test_a_store_is_never_restored_over_another(
    store: SqliteStore, backup: Path, tmp_path: Path
) -> None:
    with pytest.raises(StoreNotEmpty):
        await restore(backup, place(tmp_path))

    talk_goes_on = await store.history((await anext(store.all_threads()))[0].id, limit=9)
    assert len(talk_goes_on) == 5


async def test_a_place_that_a_hub_holds_is_left_alone(backup: Path, tmp_path: Path) -> None:
    there = tmp_path / "other.sqlite3"
    held = Ownership(there)

    with pytest.raises(StoreLocked):
        await restore(backup, there)

    held.release()
    await restore(backup, there)
    assert read(there)


async def test_a_damaged_backup_is_refused(backup: Path, tmp_path: Path) -> None:
    spoil(backup)

    with pytest.raises(CorruptStore):
        await restore(backup, tmp_path / "restored.sqlite3")

    assert names(tmp_path, "restored.sqlite3") == []


@pytest.mark.parametrize("content", [None, b"", b"no database at all, only words\n" * 200])
async def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes | None) -> None:
    backup = tmp_path / "copy"
    if content is not None:
        write(backup, content)

    with pytest.raises(SetupError):
        await restore(backup, tmp_path / "restored.sqlite3")

    assert names(tmp_path, "restored.sqlite3") == []


async def test_a_backup_does_not_stop_the_store(store: SqliteStore, tmp_path: Path) -> None:
    talk = await keep_some(store)

    await store.backup(str(tmp_path / "copy"), lambda done, total: None)

    assert (await keep_told(store, talk, talk.say(ANA, "on")))[ANA] == 6


async def test_a_backup_beside_a_busy_store_goes_on_from_page_to_page(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit of another connection would have SQLite begin the copy anew, for ever."""
    monkeypatch.setattr(copies, "_PAGES", 5)
    talk = await keep_some(store)
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def commit(done: int, total: int) -> None:
        seen.append(done)
        if len(seen) <= 100:  # without an end the test would find none, either
            asyncio.run_coroutine_threadsafe(keep_told(store, talk, talk.say(ANA, "on")), loop).result(60)

    beside = await SqliteStore.open(place(tmp_path), read_only=True)
    await beside.backup(str(tmp_path / "copy"), commit)
    await beside.close()

    assert len(seen) > 2
    assert seen == sorted(set(seen))
    copy = await SqliteStore.open(tmp_path / "copy", read_only=True)
    assert (await copy.heads([ANA]))[ANA].newest == 5
    assert (await copy.audit()).problems == ()
    await copy.close()


async def test_a_restore_that_breaks_off_leaves_no_store_of_the_old_epoch(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "restored.sqlite3"

    def break_off(raw: sqlite3.Connection) -> None:
        assert not there.exists()
        raise sqlite3.OperationalError("broken off")

    monkeypatch.setattr(copies, "_raise_epoch", break_off)
    with pytest.raises(BridgeError):
        await restore(backup, there)

    assert not there.exists()


async def test_an_empty_file_that_a_hub_is_about_to_fill_is_left_alone(backup: Path, tmp_path: Path) -> None:
    there = tmp_path / "other.sqlite3"
    write(there, b"")
    held = Ownership(there)

    with pytest.raises(StoreLocked):
        await restore(backup, there)

    assert read(there) == b""
    held.release()
