"""Where an archive is written to: a ZIP or a folder, which gets its name once all of it is on disk.

Until then it stands beside its place, as ``….part``. What a killed export left there is in
nobody's way; what another export still writes, or what is no export's, is left alone.
"""

import fcntl
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, Protocol

from bridge.archive.errors import TargetExists
from bridge.archive.limits import MIB
from bridge.archive.sources import UNFINISHED

COMPRESSION = 3  # measured: level 6 takes 2.6 times as long for files a sixth smaller
FIXED: Final = (
    "An export gets its name once it is whole, and this folder cannot be replaced; name a new one in it."
)
BUSY: Final = "Another export is being written here; wait for it, or choose another place."


class Target(Protocol):
    """Where an archive's files go."""

    def write(self, name: str, data: IO[bytes] | bytes) -> None:
        """Write one file."""

    def close(self) -> None:
        """Finish."""

    def drop(self) -> None:
        """Take back what was written of an archive that is not whole."""


class ZipTarget:
    """A ZIP file, of the same bytes for the same files."""

    def __init__(self, path: Path) -> None:
        """Begin the file, readable by its owner only.

        Raises:
            TargetExists: If there is something at ``path``, or another export writes there.
        """
        if path.exists():
            raise TargetExists(path=str(path))
        self._path, self._part = path, path.with_name(path.name + ".part")
        self._file = os.fdopen(_claim_file(self._part), "wb")
        if path.exists():  # another export has finished meanwhile
            self._part.unlink(missing_ok=True)
            self._file.close()
            raise TargetExists(path=str(path))
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION)

    def write(self, name: str, data: IO[bytes] | bytes) -> None:
        """Write one file."""
        # Opened by name, an entry is dated 1980: an export knows no time, and equal records give equal bytes.
        with self._zip.open(name, "w", force_zip64=True) as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                shutil.copyfileobj(data, file, MIB)

    def close(self) -> None:
        """Write the directory, and give the file its name."""
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._part.rename(self._path)  # while it is held: nobody else may begin in it
        _sync_folder(self._path.parent)
        self._file.close()

    def drop(self) -> None:
        """Remove the file."""
        self._part.unlink(missing_ok=True)
        for part in (self._zip, self._file):
            with suppress(OSError):  # a full disk does not take the directory either
                part.close()


class FolderTarget:
    """A folder, for its owner only; an empty one of its name is replaced."""

    def __init__(self, path: Path) -> None:
        """Begin the folder.

        Raises:
            TargetExists: If there is something at ``path``, or another export writes there.
        """
        self._path = Path(os.path.realpath(path))
        if os.path.lexists(self._path):
            if not self._path.is_dir() or any(self._path.iterdir()):
                raise TargetExists(path=str(path))
            if self._path.is_mount() or self._path.samefile("."):
                raise TargetExists(FIXED, path=str(path))
        self._part = self._path.with_name(self._path.name + ".part")
        self._held = _claim(self._part)

    def write(self, name: str, data: IO[bytes] | bytes) -> None:
        """Write one file."""
        path = self._part / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                shutil.copyfileobj(data, file, MIB)
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Give the folder its name."""
        for folder, _, _ in os.walk(self._part):
            _sync_folder(Path(folder))
        (self._part / UNFINISHED).unlink()
        self._part.rename(self._path)
        _sync_folder(self._path.parent)
        os.close(self._held)

    def drop(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._part, ignore_errors=True)
        os.close(self._held)


@contextmanager
def _alone(held: int, part: Path) -> Iterator[None]:
    """Lock what is held open, and close it again if the block fails.

    Raises:
        TargetExists: If another export holds it.
    """
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        os.close(held)
        raise TargetExists(BUSY, path=str(part)) from None
    except BaseException:
        os.close(held)
        raise


def _claim_file(part: Path) -> int:
    """Make a file of our own, or empty the one that a killed export left; hold it, locked.

    Raises:
        TargetExists: If another export writes there.
    """
    while True:
        held = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with _alone(held, part):
            if part.exists() and os.path.samestat(os.fstat(held), part.stat()):
                os.fchmod(held, 0o600)
                os.ftruncate(held, 0)
                return held
        os.close(held)  # its writer gave it its name between the two calls


def _claim(part: Path) -> int:
    """Make a marked folder of our own, or empty the one that a killed export left; hold it, locked.

    Raises:
        TargetExists: If another export writes there, or the folder is no export's.
    """
    with suppress(FileExistsError):
        part.mkdir(mode=0o700)
    held = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with _alone(held, part):
        found = sorted(part.iterdir(), key=lambda one: one.name == UNFINISHED)  # the mark goes last
        if found and found[-1].name != UNFINISHED:
            raise TargetExists(path=str(part))
        for one in found:
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            else:
                one.unlink()
        (part / UNFINISHED).touch(mode=0o600)
    return held


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
