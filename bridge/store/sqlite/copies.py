"""Backup and restore: whole copies, on disk before they bear their name."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bridge.errors import CorruptStore, SetupError, StorageFull, StoreNotEmpty
from bridge.store.base import next_epoch
from bridge.store.sqlite import schema
from bridge.store.sqlite.connection import Connection, primary
from bridge.store.sqlite.ownership import Ownership

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
    if os.path.lexists(path):
        raise StoreNotEmpty(f"{path} exists already; name another file.")
    part = path.with_name(path.name + ".part")
    try:
        with _claimed(part):
            target = sqlite3.connect(part, isolation_level=None)
            try:
                raw.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                raw.backup(target, pages=_PAGES, progress=_heard(progress))
                # One file, readable where nothing can be written.
                target.execute("PRAGMA journal_mode = DELETE")
                change(target)
            finally:
                target.close()
            _to_disk(part)
            part.rename(path)
        _to_disk(path.parent)
    except sqlite3.Error as error:
        _drop(part)
        if primary(error) == sqlite3.SQLITE_FULL:
            raise StorageFull(f"There is no room for {path}.") from error
        raise SetupError(f"{path} cannot be written: {error}.") from error
    except OSError as error:
        _drop(part)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"There is no room for {path}.") from error
        raise SetupError(f"{path} cannot be written: {error.strerror}.") from error


@contextmanager
def _claimed(part: Path) -> Iterator[None]:
    """Hold an empty file of our own, in place of what a killed copy left, until it has its name or failed.

    Raises:
        SetupError: If another copy is being written there.
    """
    held = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if not _is_ours(held, part):
            raise SetupError(f"Another copy is being written to {part}; wait for it.")
        _drop(part.with_name(part.name + "-journal"))
        os.fchmod(held, 0o600)
        os.ftruncate(held, 0)
        yield
    finally:
        os.close(held)


def _is_ours(held: int, part: Path) -> bool:
    """Lock a file, and say whether it is ours and still bears its name, which its holder may have changed."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return part.exists() and os.path.samestat(os.fstat(held), part.stat())


def _drop(part: Path) -> None:
    """Remove half a copy, and what SQLite keeps beside it while it writes one."""
    with suppress(OSError):  # where nothing can be removed, the copying says why
        part.unlink(missing_ok=True)
        part.with_name(part.name + "-journal").unlink(missing_ok=True)


def _heard(progress: Progress | None) -> Callable[[int, int, int], None] | None:
    if progress is None:
        return None
    return lambda _, remaining, total: progress(total - remaining, total)


def _to_disk(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


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
