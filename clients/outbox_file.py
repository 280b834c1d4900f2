"""An outbox on disk: an append-only file that survives a crash of the client.

A record is written and synced before its message goes out the first time, so
after a crash the same message goes out under the same token, and the hub takes it
once. Records are MessagePack: ``["add", token, thread, text, reply_to]`` and
``["done", token]``. A torn record at the end (a crash while writing) was never sent
and is cut off. The calls block; the client makes them in a worker thread.
"""

import fcntl
import os
from pathlib import Path
from typing import Any, Self

import msgpack  # type: ignore[import-untyped]  # the library ships no types

from bridge.ids import Seq, ThreadId
from bridge.wire.commands import Send
from clients.errors import OutboxBroken, OutboxInUse

HEADER = ["isthmus-outbox", 1]
COMPACT_AT = 1 << 20
"""Size in bytes from which a file without unsent messages is emptied."""


class OutboxFile:
    """The file, open and locked; one process at a time."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open or make the file; only its owner can read it.

        Raises:
            OutboxInUse: If another process has it open.
            OutboxBroken: If it is no outbox.
            OSError: If it cannot be opened.
        """
        self._fd = os.open(Path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutboxInUse from None
            self._unsent = self._load()
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
        """Keep a message; it is on disk when this returns."""
        self._append(["add", send.token, send.thread, send.text, send.reply_to])
        os.fdatasync(self._fd)
        self._unsent[send.token] = send

    def done(self, token: str) -> None:
        """Drop a message; not synced, for sending it once more would do no harm."""
        if self._unsent.pop(token, None) is None:
            return
        self._append(["done", token])
        if not self._unsent and os.lseek(self._fd, 0, os.SEEK_CUR) > COMPACT_AT:
            self._begin()

    def close(self) -> None:
        """Let go of the file; more often than once does no harm."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _append(self, record: list[object]) -> None:
        data = memoryview(msgpack.packb(record))
        while data:
            data = data[os.write(self._fd, data) :]

    def _begin(self) -> None:
        """Empty the file and write its header."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._append(list(HEADER))
        os.fsync(self._fd)

    def _load(self) -> dict[str, Send]:
        """Read all records and cut off a torn one."""
        unsent: dict[str, Send] = {}
        good = 0
        with os.fdopen(os.dup(self._fd), "rb") as file:
            unpacker = msgpack.Unpacker(file)
            try:
                for record in unpacker:
                    if record == 0:
                        break  # a power cut can leave zeros where the last record should have been
                    if good == 0 and record != HEADER:
                        raise OutboxBroken
                    self._apply(record, unsent)
                    good = unpacker.tell()
            except (ValueError, msgpack.UnpackException) as wrong:
                raise OutboxBroken from wrong
        if good == 0:
            self._begin()
        else:
            os.ftruncate(self._fd, good)
            os.lseek(self._fd, 0, os.SEEK_END)
        return unsent

    def _apply(self, record: Any, unsent: dict[str, Send]) -> None:
        match record:
            case ["add", str(token), str(thread), str(text), reply_to]:
                seq = None if reply_to is None else Seq(reply_to)
                unsent[token] = Send(thread=ThreadId(thread), text=text, reply_to=seq, token=token)
            case ["done", str(token)]:
                unsent.pop(token, None)
            case _ if record == HEADER:
                pass
            case _:
                raise OutboxBroken
