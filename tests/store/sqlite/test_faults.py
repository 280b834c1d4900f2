"""Faults of the disk and of the process: nothing half kept, nothing acknowledged that is not there."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.model import Thread, Verdict
from bridge.domain.questions import HandleOwner
from bridge.errors import CommitFailed, Stale, StorageFull
from bridge.ids import Position
from bridge.store.sqlite import SqliteStore
from bridge.wire.values import Network
from tests.builders import ANA, BEN, CYD, keep, keep_told, make_account, make_batch, make_verdict
from tests.store.sqlite.places import behind, keep_some, place


class FailingConnection(sqlite3.Connection):
    """A connection whose statements fail on demand."""

    fails: dict[str, int] = {}  # noqa: RUF012  # one for all: the store opens the connection, not the test

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if sql in self.fails:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.fails[sql]
            raise error
        return super().execute(sql, *rest)


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **more: connect(*args, factory=FailingConnection, **more)
    )
    yield FailingConnection.fails
    FailingConnection.fails.clear()


async def test_a_full_disk_refuses_commits_and_recovers_by_itself(store: SqliteStore) -> None:
    talk = await keep_some(store)
    before = dict(await store.heads([ANA, BEN]))
    await set_limit(store, 1)
    message = talk.say(ANA, "much " * 10_000)

    for _ in range(2):
        with pytest.raises(StorageFull):
            await keep_told(store, talk, message)
    assert await store.heads([ANA, BEN]) == before
    assert list(await store.history(talk.id, after=0, limit=9)) == talk.said[:-1]

    await set_limit(store, 1_000_000)
    assert await keep_told(store, talk, message) == {ANA: 6, BEN: 6}
    assert (await store.audit()).problems == ()


async def test_a_search_on_a_full_disk_finds_what_was_indexed_before(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    talk = await keep_some(store)
    await keep_told(store, talk, talk.say(ANA, "needle"))
    assert len(await store.search([ANA], "needle", limit=9)) == 1
    for number in range(50):
        words = " ".join(f"w{number}x{word}" for word in range(400))
        await keep_told(store, talk, talk.say(ANA, f"needle {words}"))
    await set_limit(store, 1)

    found = await store.search([ANA], "needle", limit=99)
    await set_limit(store, 1_000_000)
    later = await store.search([ANA], "needle", limit=99)

    assert 1 <= len(found) < len(later) == 51
    assert "the disk is full" in caplog.text


async def set_limit(store: SqliteStore, pages: int) -> None:
    """Let the database grow no further than it is, or than so many pages."""
    assert store._writing is not None
    await store._writing.run(lambda raw: raw.execute(f"PRAGMA max_page_count = {pages}").fetchone())


async def test_an_error_of_the_disk_at_commit_stops_the_store(fails: dict[str, int], tmp_path: Path) -> None:
    store = await SqliteStore.open(place(tmp_path))
    talk = await keep_some(store)
    message = talk.say(ANA, "lost?")

    fails["COMMIT"] = sqlite3.SQLITE_IOERR
    with pytest.raises(CommitFailed):
        await keep_told(store, talk, message)
    fails.clear()
    with pytest.raises(CommitFailed, match="start anew"):
        await keep_told(store, talk, message)
    assert len(await store.history(talk.id, limit=9)) == 5
    await store.close()

    again = await SqliteStore.open(place(tmp_path))
    assert await keep_told(again, talk, message) == {ANA: 6, BEN: 6}
    await again.close()


async def test_a_disk_that_fails_at_stepping_back_too_stops_the_store(
    fails: dict[str, int], tmp_path: Path
) -> None:
    store = await SqliteStore.open(place(tmp_path))

    fails |= {"COMMIT": sqlite3.SQLITE_FULL, "ROLLBACK": sqlite3.SQLITE_IOERR}
    with pytest.raises(StorageFull):
        await keep(store, make_account())
    fails.clear()

    with pytest.raises(CommitFailed):
        await keep(store, make_account())
    await store.close()


async def test_a_stale_batch_moves_no_head(store: SqliteStore) -> None:
    talk = await keep_some(store)
    await keep(store, make_verdict(ANA, "once"))

    with pytest.raises(Stale) as stale:
        await keep(
            store, make_verdict(ANA, "once"), make_verdict(ANA, "new"), told=[(talk.said[0], (ANA, CYD))]
        )

    assert stale.value.keys == ((Verdict, (ANA, "once")),)
    assert await keep(store, told=[(talk.said[0], (ANA, CYD))]) == {ANA: 6, CYD: 1}


async def test_a_handle_that_another_account_has_is_named(store: SqliteStore) -> None:
    await keep(store, make_account(ANA))

    with pytest.raises(Stale) as stale:
        await keep(store, make_account(CYD, handle="ANA"))

    question = HandleOwner(Network.DIRECT, "ana")
    assert stale.value.keys == ((HandleOwner, question),)
    assert await store.load([(HandleOwner, question)]) == {(HandleOwner, question): ANA}


async def test_two_handles_of_one_batch_that_are_one_are_a_mistake_of_ours(store: SqliteStore) -> None:
    with pytest.raises(CommitFailed):
        await keep(store, make_account(ANA), make_account(CYD, handle="ANA"))

    assert await keep(store, make_account(ANA)) == {}


async def test_whoever_writes_behind_the_stores_back_makes_it_look_again(
    store: SqliteStore, tmp_path: Path
) -> None:
    talk = await keep_some(store)
    with behind(tmp_path) as raw:
        raw.execute("DELETE FROM told WHERE no = (SELECT max(no) FROM told)")
    key = (Thread, talk.id)
    batch = make_batch((), [(talk.said[4], talk.members)], {key: talk.thread})

    with pytest.raises(Stale) as stale:
        await store.commit(batch)

    assert stale.value.keys == (key,)
    assert await store.commit(batch) == [[(ANA, 5), (BEN, 5)]]


COMMITTING = """
import asyncio, sys
from pathlib import Path
from bridge.store.sqlite import SqliteStore, tails
from tests.builders import ANA, BEN, keep, keep_told, make_pair_thread, make_people

async def main():
    tails.MOST = 20
    store = await SqliteStore.open(Path(sys.argv[1]))
    talk = make_pair_thread()
    await keep(store, *make_people(), *talk.records)
    while True:
        said = [talk.say((ANA, BEN)[number % 2], "words " * 40) for number in range(7)]
        await keep_told(store, talk, *said)
        print(talk.thread.tip, flush=True)

asyncio.run(main())
"""


async def test_a_process_killed_while_it_commits_leaves_all_that_it_acknowledged(tmp_path: Path) -> None:
    acknowledged = kill_at(70, place(tmp_path))

    store = await SqliteStore.open(place(tmp_path))
    audited = await store.audit()
    newest = (await store.heads([ANA]))[ANA].newest
    entries = await store.replay(ANA, Position(0), 99_999)
    await store.close()

    assert audited.problems == ()
    assert audited.messages >= acknowledged >= 70
    assert audited.messages % 7 == 0
    assert newest == len(entries) == audited.messages


def kill_at(messages: int, path: Path) -> int:
    """Let a process commit until it acknowledged so many, then kill it; return how many it acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-c", COMMITTING, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        assert process.stdout is not None
        acknowledged = 0
        for line in process.stdout:
            acknowledged = int(line)
            if acknowledged == messages:
                process.send_signal(signal.SIGKILL)
    return acknowledged
