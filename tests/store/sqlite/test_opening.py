"""Opening: one owner at a time, nobody else's file, no newer schema, no loss over an upgrade."""

import asyncio
import os
import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.model import Thread
from bridge.errors import BridgeError, CorruptStore, Fault, SetupError, StorageFull, StoreLocked, StoreTooNew
from bridge.store.migrate import Step, steps
from bridge.store.sqlite import SqliteStore, connection, copies, schema
from bridge.store.sqlite.connection import Connection
from tests.builders import ANA, keep, keep_told, make_account
from tests.store.sqlite.places import behind, keep_some, names, place, read, write


async def test_a_second_owner_is_refused_at_once_and_told_who_the_first_is(
    store: SqliteStore, tmp_path: Path
) -> None:
    with pytest.raises(StoreLocked, match=str(os.getpid())):
        await SqliteStore.open(place(tmp_path))


async def test_a_second_owner_by_another_name_is_refused_too(store: SqliteStore, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "other.sqlite3"
    other.parent.mkdir()
    other.symlink_to(place(tmp_path))

    with pytest.raises(StoreLocked):
        await SqliteStore.open(other)


async def test_the_lock_goes_with_its_owner(tmp_path: Path) -> None:
    await (await SqliteStore.open(place(tmp_path))).close()

    again = await SqliteStore.open(place(tmp_path))

    await again.close()
    assert read(place(tmp_path))


async def test_a_reader_opens_beside_the_owner_and_sees_its_commits(
    store: SqliteStore, tmp_path: Path
) -> None:
    reader = await SqliteStore.open(place(tmp_path), read_only=True)
    try:
        talk = await keep_some(store)
        loaded = await reader.load([(Thread, talk.id)])
        audited = await reader.audit()
    finally:
        await reader.close()

    assert loaded == {(Thread, talk.id): talk.thread}
    assert (audited.messages, audited.problems) == (5, ())


async def test_a_reader_finds_what_was_in_the_index_when_it_came(store: SqliteStore, tmp_path: Path) -> None:
    await keep_some(store)
    await store.catch_up()
    reader = await SqliteStore.open(place(tmp_path), read_only=True)
    try:
        found = await reader.search([ANA], "number 3", limit=9)
    finally:
        await reader.close()

    assert [message.seq for _, message in found] == [4]


async def test_a_missing_database_is_not_made_unless_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be opened"):
        await SqliteStore.open(place(tmp_path), create=False)
    with pytest.raises(SetupError, match="cannot be opened"):
        await SqliteStore.open(place(tmp_path), read_only=True)

    assert names(tmp_path) == []


async def test_a_database_is_for_its_owners_eyes_only(store: SqliteStore, tmp_path: Path) -> None:
    await keep_some(store)

    assert modes(tmp_path) == {0o600}


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_a_text_file_is_left_alone(tmp_path: Path) -> None:
    notes = b"These are my notes, keep them.\n" * 99
    write(place(tmp_path), notes)

    with pytest.raises(SetupError, match="not an isthmus database"):
        await SqliteStore.open(place(tmp_path))

    assert read(place(tmp_path)) == notes


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    with behind(tmp_path) as raw:
        raw.execute("CREATE TABLE recipes (name TEXT)")
    before = read(place(tmp_path))

    with pytest.raises(SetupError, match="another program's"):
        await SqliteStore.open(place(tmp_path))

    assert read(place(tmp_path)) == before


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    await (await SqliteStore.open(place(tmp_path))).close()
    newest = len(steps())
    with behind(tmp_path) as raw:
        raw.execute("INSERT INTO steps VALUES (?, 'x', ?)", (newest + 1, newest + 1))
        raw.execute(f"PRAGMA user_version = {newest + 1}")

    for read_only in (False, True):
        with pytest.raises(StoreTooNew):
            await SqliteStore.open(place(tmp_path), read_only=read_only)


async def test_a_database_that_only_claims_to_be_newer_is_refused_as_newer(tmp_path: Path) -> None:
    await (await SqliteStore.open(place(tmp_path))).close()
    with behind(tmp_path) as raw:
        raw.execute("PRAGMA user_version = 9999")

    with pytest.raises(StoreTooNew):
        await SqliteStore.open(place(tmp_path))


async def test_a_newer_database_that_older_code_can_read_is_opened(tmp_path: Path) -> None:
    await (await SqliteStore.open(place(tmp_path))).close()
    newest = len(steps())
    with behind(tmp_path) as raw:
        raw.execute("INSERT INTO steps VALUES (?, 'x', ?)", (newest + 1, newest))
        raw.execute(f"PRAGMA user_version = {newest + 1}")

    again = await SqliteStore.open(place(tmp_path))

    assert again.epoch == 1
    await again.close()


async def test_a_step_that_was_changed_after_it_was_taken_is_noticed(tmp_path: Path) -> None:
    await (await SqliteStore.open(place(tmp_path))).close()
    with behind(tmp_path) as raw:
        raw.execute("UPDATE steps SET checksum = 'other' WHERE number = 1")

    with pytest.raises(CorruptStore, match="Step 1"):
        await SqliteStore.open(place(tmp_path))


async def test_a_database_that_forgot_its_steps_is_noticed(tmp_path: Path) -> None:
    await (await SqliteStore.open(place(tmp_path))).close()
    with behind(tmp_path) as raw:
        raw.execute("DROP TABLE steps")

    with pytest.raises(CorruptStore, match="which steps"):
        await SqliteStore.open(place(tmp_path))


async def test_an_older_database_is_upgraded_by_its_owner_and_not_by_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqliteStore.open(place(tmp_path))
    talk = await keep_some(store)
    await store.close()
    newest = len(steps())
    added = Step(newest + 1, 1, "ALTER TABLE devices ADD COLUMN colour TEXT")
    monkeypatch.setattr(schema, "steps", lambda: (*steps(), added))

    with pytest.raises(SetupError, match="older version"):
        await SqliteStore.open(place(tmp_path), read_only=True)
    again = await SqliteStore.open(place(tmp_path))

    assert list(await again.history(talk.id, after=0, limit=9)) == talk.said
    assert await keep_told(again, talk, talk.say(ANA, "on")) == {account: 6 for account in talk.members}
    await again.close()
    with behind(tmp_path) as raw:
        assert raw.execute("SELECT count(colour) FROM devices").fetchone() == (0,)
        assert raw.execute("PRAGMA user_version").fetchone() == (newest + 1,)


async def test_a_file_with_nothing_in_it_is_not_read_as_an_older_database(tmp_path: Path) -> None:
    place(tmp_path).touch()

    with pytest.raises(SetupError, match="empty"):
        await SqliteStore.open(place(tmp_path), read_only=True)

    assert place(tmp_path).stat().st_size == 0


async def test_a_database_that_no_room_is_left_for_is_refused_as_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_WRITING", (*connection._WRITING, "PRAGMA max_page_count = 5"))

    with pytest.raises(StorageFull):
        await SqliteStore.open(place(tmp_path))

    monkeypatch.undo()
    await (await SqliteStore.open(place(tmp_path))).close()


async def test_an_older_database_can_be_copied_before_it_is_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqliteStore.open(place(tmp_path))
    talk = await keep_some(store)
    await store.close()
    added = Step(len(steps()) + 1, 1, "ALTER TABLE devices ADD COLUMN colour TEXT")
    monkeypatch.setattr(schema, "steps", lambda: (*steps(), added))

    await copies.backup(place(tmp_path), tmp_path / "copy.db")

    monkeypatch.undo()  # back to the version that wrote it
    old = await SqliteStore.open(tmp_path / "copy.db")
    assert list(await old.history(talk.id, after=0, limit=9)) == talk.said
    await old.close()


async def test_what_is_no_database_of_ours_or_of_a_newer_version_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await SqliteStore.open(place(tmp_path))).close()
    (tmp_path / "other").write_bytes(b"precious notes" * 90)
    monkeypatch.setattr(schema, "steps", lambda: ())

    with pytest.raises(StoreTooNew):
        await copies.backup(place(tmp_path), tmp_path / "copy.db")
    with pytest.raises(SetupError, match="not an isthmus database"):
        await copies.backup(tmp_path / "other", tmp_path / "copy.db")

    assert not (tmp_path / "copy.db").exists()


async def test_what_cannot_be_opened_is_not_copied_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be opened"):
        await copies.backup(tmp_path, tmp_path / "copy.db")

    assert names(tmp_path, "copy.db*") == []


@pytest.mark.parametrize(
    ("code", "raised", "says"),
    [
        (sqlite3.SQLITE_READONLY_CANTINIT, SetupError, "its folder takes none"),
        (sqlite3.SQLITE_CANTOPEN, SetupError, "its folder takes none"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, StorageFull, "there is no room for them"),
        (sqlite3.SQLITE_IOERR_READ, SetupError, "cannot be read: as SQLite says it"),
        (sqlite3.SQLITE_NOTADB, SetupError, "not an isthmus database"),
    ],
)
def test_a_database_that_cannot_be_looked_at_is_not_called_somebody_elses(
    code: int, raised: type[BridgeError], says: str
) -> None:
    class Raw:
        def execute(self, _: str) -> None:
            error = sqlite3.OperationalError("as SQLite says it")
            error.sqlite_errorcode = code
            raise error

    with pytest.raises(raised, match=says):
        schema.identify(Raw(), Path("hub.db"))  # type: ignore[arg-type]  # as far as it is asked


async def test_a_step_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await SqliteStore.open(place(tmp_path))).close()
    added = Step(len(steps()) + 1, 1, "CREATE TABLE half (one TEXT); INSERT INTO nowhere VALUES (1)")
    monkeypatch.setattr(schema, "steps", lambda: (*steps(), added))

    with pytest.raises(Fault, match="nowhere"):
        await SqliteStore.open(place(tmp_path))
    monkeypatch.undo()
    again = await SqliteStore.open(place(tmp_path))

    await keep(again, make_account())
    await again.close()
    with behind(tmp_path) as raw:
        assert raw.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").fetchone() == (0,)


async def test_an_sqlite_without_strict_tables_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))

    with pytest.raises(SetupError, match="too old"):
        await SqliteStore.open(place(tmp_path))


async def test_an_opening_that_is_given_up_ends_when_its_thread_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await SqliteStore.open(place(tmp_path))).close()
    begun, may_end, connect = threading.Event(), threading.Event(), sqlite3.connect

    def slow(path: Path, **more: Any) -> sqlite3.Connection:
        begun.set()
        may_end.wait()
        raw: sqlite3.Connection = connect(path, **more)
        return raw

    monkeypatch.setattr(sqlite3, "connect", slow)
    opening = asyncio.create_task(Connection.open(place(tmp_path), write=False))
    await asyncio.to_thread(begun.wait)

    opening.cancel()
    for _ in range(50):
        await asyncio.sleep(0)
    waits = not opening.done()  # else the thread would answer to a loop that may be closed
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await opening

    assert waits
