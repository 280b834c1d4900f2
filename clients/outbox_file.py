"""An outbox on disk: an append-only file that survives a crash of the client.

A record (``clients.outbox_records``) is written and synced before its message goes out the first
time, so after a crash the same message goes out under the same token, and the hub takes it once.
What cannot be read is set aside in a file beside it; all else is kept. What is settled is swept out
by writing the rest anew beside it and putting that in its place. The calls block; the client makes
them in a worker thread.
"""

import fcntl
import os
from pathlib import Path
from typing import Self

from bridge.ids import AccountId
from bridge.wire.commands import Send
from clients.errors import OutboxBroken, OutboxInUse
from clients.outbox_records import HEADER, added, done, owned, read

COMPACT_AT = 1 << 20
"""Size in bytes, beside thrice what is unsent, from which what is settled is swept out."""


class OutboxFile:
    """The file, open and locked; one process at a time.

    Attributes:
        owner: As which account its messages were said, if that is known.
        set_aside: Where a part that could not be read was put when the file was opened, if there was one.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open or make the file; only its owner can read it.

        Raises:
            OutboxInUse: If another process has it open.
            OutboxBroken: If it is no outbox.
            OSError: If it cannot be opened.
        """
        self._path = Path(path).resolve()
        self.owner: AccountId | None = None
        self.set_aside: Path | None = None
        self._unsent: dict[str, Send] = {}
        self._sweep_at = COMPACT_AT
        self._fd = _open_locked(self._path)
        try:
            self._load()
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def unsent(self) -> list[Send]:
        """Name the messages that were never answered for, in the order in which they were said."""
        return list(self._unsent.values())

    def add(self, send: Send) -> None:
        """Keep a message; it is on disk when this returns.

        Raises:
            OSError: If the disk does not take it; nothing of it is left then.
        """
        self._append(added(send), sync=True)
        self._unsent[send.token] = send

    def belong_to(self, owner: AccountId) -> None:
        """Keep as which account all of it is said; it is on disk when this returns.

        Raises:
            OSError: If the disk does not take it; nothing of it is left then.
        """
        self._append(owned(owner), sync=True)
        self.owner = owner

    def done(self, token: str) -> None:
        """Drop a message; not synced, for sending it once more would do no harm."""
        if self._unsent.pop(token, None) is None:
            return
        self._append(done(token))
        if os.lseek(self._fd, 0, os.SEEK_CUR) > self._sweep_at:
            self._sweep()

    def close(self) -> None:
        """Let go of the file; more often than once does no harm."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _append(self, record: bytes, *, sync: bool = False) -> None:
        """Write a record whole, or not at all: a torn one is damage to those who read what follows it."""
        start = os.lseek(self._fd, 0, os.SEEK_CUR)
        try:
            self._write(record)
            if sync:
                os.fdatasync(self._fd)
        except BaseException:
            os.ftruncate(self._fd, start)
            os.lseek(self._fd, start, os.SEEK_SET)
            raise

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def _sweep(self) -> None:
        """Put a file of the unsent messages in this one's place; a crash leaves the one or the other."""
        new, old = self._path.with_name(f"{self._path.name}.new"), self._fd
        self._fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._begin()
            if self.owner is not None:
                self._append(owned(self.owner))
            for send in self._unsent.values():
                self._append(added(send))
            os.fsync(self._fd)
            new.replace(self._path)
            _sync_folder(self._path.parent)
        except BaseException:
            os.close(self._fd)
            self._fd = old
            raise
        os.close(old)
        self._sweep_at = COMPACT_AT + 2 * os.lseek(self._fd, 0, os.SEEK_CUR)

    def _begin(self) -> None:
        """Empty the file and write its header."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._write(HEADER)
        os.fsync(self._fd)

    def _load(self) -> None:
        """Read what can be read, and keep the rest aside."""
        with os.fdopen(os.dup(self._fd), "rb") as file:
            data = file.read()
        if not data.startswith(HEADER):
            if not HEADER.startswith(data.rstrip(b"\0")):
                raise OutboxBroken
            self._begin()
            return
        found = read(data)
        self._unsent, self.owner = found.unsent, found.owner
        os.lseek(self._fd, 0, os.SEEK_END)
        if any(found.damaged):  # not the zeros alone that a crash may leave at the end
            self.set_aside = self._path.with_name(f"{self._path.name}.damaged")
            _append_to(self.set_aside, bytes(found.damaged))
        if found.damaged:
            self._sweep()


def _open_locked(path: Path) -> int:
    """Open or make the file and lock it.

    Raises:
        OutboxInUse: If another process has it open.
    """
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), path.stat()):
                return fd
        except BlockingIOError:
            os.close(fd)
            raise OutboxInUse from None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # its owner put another in its place between the two calls


def _append_to(path: Path, data: bytes) -> None:
    """Add to a file that only its owner can read; it is on disk when this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
