"""Backup and restore: whole copies, on disk before they bear their name."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bridge.errors import CorruptStore, SetupError, StorageFull, StoreNotEmpty
from bridge.store.base import next_epoch
from bridge.store.sqlite import schema
from bridge.store.sqlite.connection import Connection, primary
from bridge.store.sqlite.ownership import Ownership
from bridge.store.unfinished import unfinished

_PAGES: Final = 1_000  # copied between two looks at the progress

Progress = Callable[[int, int], None]


def copy_to(
    raw: sqlite3.Connection,
    path: Path,
    progress: Progress | None,
    change: Callable[[sqlite3.Connection], object] = lambda copy: None,
) -> None:
    """Write a copy of one snapshot; it gets its name when all of it is on disk, changed as it shall be.

    Within a transaction this is the snapshot of its first look; else each commit of another connection
    would have the copying begin anew.

    Raises:
        StoreNotEmpty: If there is a file of this name.
        StorageFull: If there is no room for it.
        SetupError: If it cannot be written.
    """
    try:
        with unfinished(path) as part:
            _write(raw, part, progress, change)
    except sqlite3.Error as error:
        if primary(error) == sqlite3.SQLITE_FULL:
            raise StorageFull(f"There is no room for {path}.") from error
        raise SetupError(f"{path} cannot be written: {error}.") from error


def _write(
    raw: sqlite3.Connection,
    part: Path,
    progress: Progress | None,
    change: Callable[[sqlite3.Connection], object],
) -> None:
    journal = part.with_name(part.name + "-journal")
    journal.unlink(missing_ok=True)  # of a copy that was killed
    target = sqlite3.connect(part, isolation_level=None)
    try:
        raw.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        raw.backup(target, pages=_PAGES, progress=_heard(progress))
        # One file, readable where nothing can be written.
        target.execute("PRAGMA journal_mode = DELETE")
        change(target)
    finally:
        target.close()
        journal.unlink(missing_ok=True)


def _heard(progress: Progress | None) -> Callable[[int, int, int], None] | None:
    if progress is None:
        return None
    return lambda _, remaining, total: progress(total - remaining, total)


async def backup(source: Path, to: Path, progress: Progress | None = None) -> None:
    """Copy a database beside its owner, in whatever version of the schema this code can use.

    Raises:
        StoreNotEmpty: If there is a file of the copy's name.
        StorageFull: If there is no room for it.
        StoreTooNew: If a newer version wrote the database.
        SetupError: If there is none, it is not ours, or the copy cannot be written.
    """
    connection = await Connection.open(source, write=False)
    try:
        await connection.run(lambda raw: _copy_snapshot(raw, to, progress))
    finally:
        await connection.close()


def _copy_snapshot(raw: sqlite3.Connection, to: Path, progress: Progress | None) -> None:
    raw.execute("BEGIN")
    try:
        schema.version_of(raw)
        copy_to(raw, to, progress)
    finally:
        raw.execute("COMMIT")


async def restore(backup: Path, to: Path, progress: Progress | None = None) -> None:
    """Make a database of a backup, in a new epoch: no cursor given out before means anything in it.

    Raises:
        StoreNotEmpty: If there is a database, or what is left of one.
        StoreLocked: If a hub uses the place.
        CorruptStore: If the backup is damaged.
        SetupError: If there is no backup, or it is not ours.
    """
    _look(backup, to)
    ownership = Ownership(to)
    try:
        _look(backup, to)  # whoever held it may have filled it
        source = await Connection.open(backup, write=False)
        try:
            await source.run(_prove)
            to.unlink(missing_ok=True)  # noqa: ASYNC240 -- one call, as short as the looks before it
            await source.run(lambda raw: copy_to(raw, to, progress, _raise_epoch))
        finally:
            await source.close()
    finally:
        ownership.release()


def _look(backup: Path, to: Path) -> None:
    """Make sure that there is a backup, and nothing at the place to restore it to but an empty file."""
    if not backup.is_file():
        raise SetupError(f"There is no backup {backup}.")
    for place in (to, to.with_name(to.name + "-wal")):
        if place.exists() and place.stat().st_size:
            raise StoreNotEmpty


def _prove(raw: sqlite3.Connection) -> None:
    schema.version_of(raw)
    (found,) = raw.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise CorruptStore(f"The backup is damaged: {found}.")


def _raise_epoch(raw: sqlite3.Connection) -> None:
    raw.execute("UPDATE marks SET value = ? WHERE name = 'epoch'", (next_epoch(schema.epoch(raw)),))
