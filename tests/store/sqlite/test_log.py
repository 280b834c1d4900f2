"""The log: long contents leave it in portions, and short ones when SQLite means it."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bridge.store.sqlite import SqliteStore
from bridge.store.sqlite.commit import A_PORTION, LONG
from tests.builders import ANA, Talk, keep, keep_told, make_pair_thread, make_people
from tests.store.sqlite.places import place


async def say(store: SqliteStore, talk: Talk, size: int, count: int) -> None:
    """Say so many texts of a size, a commit each."""
    for _ in range(count):
        await keep_told(store, talk, talk.say(ANA, "x" * size))


@pytest.fixture
async def talk(store: SqliteStore) -> Talk:
    made = make_pair_thread()
    await keep(store, *make_people(), *made.records)
    return made


async def test_long_contents_leave_the_log_in_portions(
    store: SqliteStore, talk: Talk, tmp_path: Path
) -> None:
    size = 16 * LONG
    before = place(tmp_path).stat().st_size

    await say(store, talk, size, A_PORTION // size - 1)
    early = place(tmp_path).stat().st_size
    await say(store, talk, size, 1)
    late = place(tmp_path).stat().st_size

    assert early == before
    assert late - before > A_PORTION


async def test_short_contents_wait_for_sqlite_s_own_checkpoint(
    store: SqliteStore, talk: Talk, tmp_path: Path
) -> None:
    before = place(tmp_path).stat().st_size

    count = 2 * A_PORTION // LONG
    await keep_told(store, talk, *[talk.say(ANA, "x" * (LONG - 100)) for _ in range(count)])

    assert place(tmp_path).stat().st_size == before


async def test_a_commit_stands_where_the_log_cannot_be_put_into_the_file(
    store: SqliteStore, talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing:
        """A connection whose checkpoints fail."""

        def __init__(self, raw: sqlite3.Connection) -> None:
            self._raw = raw

        def __getattr__(self, name: str) -> Any:
            return getattr(self._raw, name)

        def execute(self, sql: str, *more: Any) -> sqlite3.Cursor:
            if "checkpoint" in sql:
                raise sqlite3.OperationalError("disk I/O error")
            return self._raw.execute(sql, *more)

    assert store._writer is not None
    raw = store._writer.raw
    store._writer.raw = Failing(raw)  # type: ignore[assignment]
    message = talk.say(ANA, "x" * (A_PORTION + 1))
    await keep_told(store, talk, message)
    store._writer.raw = raw

    assert await store.history(talk.id, limit=9) == [message]
    assert "could not be put into the file: disk I/O error" in caplog.text
