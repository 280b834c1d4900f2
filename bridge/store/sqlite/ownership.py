"""One owner at a time: a lock file beside the database that dies with its process.

SQLite would let two processes write in turns. A hub's memory then differs from
the disk, and old releases of SQLite can damage a log that two processes reset.
"""

import fcntl
import os
from pathlib import Path

from bridge.errors import StoreLocked


class Ownership:
    """The right to write to a database, until ``release`` or the process's end."""

    def __init__(self, path: Path) -> None:
        """Take the lock beside the database at ``path``, be it a link to it.

        Raises:
            StoreLocked: If another has it.
        """
        real = path.resolve()
        place = real.with_name(real.name + ".lock")
        self._file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise StoreLocked(f"Process {holder or '?'} uses {path}; stop it first.") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let another have it. The file stays: removing it could leave two owners of two files."""
        os.close(self._file)
