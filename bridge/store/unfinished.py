"""Copies that are not whole yet: each stands beside its place, as ``….part``, held until it gets its name.

What a killed copy left there is in nobody's way; what another one still writes is left alone.
Archives are held by the same rule: see ``bridge.archive.targets``.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bridge.errors import SetupError, StorageFull, StoreNotEmpty


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Hold an empty file for the block to write; it gets its name when all of it is on disk.

    If the block fails, nothing is left of it.

    Raises:
        StoreNotEmpty: If there is something at ``path``.
        StorageFull: If there is no room for it.
        SetupError: If another copy is being written there, or it cannot be written.
    """
    _must_be_free(path)
    part = path.with_name(path.name + ".part")
    try:
        held = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if not _is_ours(held, part):
                raise SetupError(f"Another copy is being written to {part}; wait for it.")
            with _or_nothing(held, part):
                _must_be_free(path)  # another copy may have finished meanwhile
                os.fchmod(held, 0o600)
                os.ftruncate(held, 0)
                yield part
                os.fsync(held)
                part.rename(path)
        finally:
            os.close(held)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"There is no room for {path}.") from error
        raise SetupError(f"{path} cannot be written: {error.strerror}.") from error


def _must_be_free(path: Path) -> None:
    if os.path.lexists(path):
        raise StoreNotEmpty(f"{path} exists already; name another file.")


def _is_ours(held: int, part: Path) -> bool:
    """Lock a file, and say whether it is ours and still bears its name, which its holder may have changed."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return _bears_its_name(held, part)


def _bears_its_name(held: int, part: Path) -> bool:
    return part.exists() and os.path.samestat(os.fstat(held), part.stat())


@contextmanager
def _or_nothing(held: int, part: Path) -> Iterator[None]:
    """Remove a file that is held if the block fails, while it is: afterwards it may be another's."""
    try:
        yield
    except BaseException:
        with suppress(OSError):  # where nothing can be removed, the writing has said why
            if _bears_its_name(held, part):
                part.unlink()
        raise


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
