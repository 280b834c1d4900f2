"""An outbox on disk: an append-only file that survives a crash of the client.

A record is written and synced before its message goes out the first time, so
after a crash the same message goes out under the same token, and the hub takes it
once. A record is its length, its CRC-32 and MessagePack: ``["add", token, thread,
text, reply_to]`` or ``["done", token]``. A torn record at the end (a crash while
writing) was never sent and is cut off. The calls block; the client makes them in a
worker thread.
"""

import fcntl
import os
import struct
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import msgpack  # type: ignore[import-untyped]  # the library ships no types

from bridge.ids import Seq, ThreadId
from bridge.wire.commands import Send
from clients.errors import OutboxBroken, OutboxInUse

HEADER = b"isthmus outbox 1\n"
FRAME = struct.Struct(">II")
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
        packed = msgpack.packb(record)
        self._write(FRAME.pack(len(packed), crc32(packed)) + packed)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def _begin(self) -> None:
        """Empty the file and write its header."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._write(HEADER)
        os.fsync(self._fd)

    def _load(self) -> dict[str, Send]:
        """Read all records and cut off a torn one."""
        with os.fdopen(os.dup(self._fd), "rb") as file:
            data = file.read()
        unsent: dict[str, Send] = {}
        if not data.startswith(HEADER):
            if not HEADER.startswith(data.rstrip(b"\0")):
                raise OutboxBroken
            self._begin()
            return unsent
        good = len(HEADER)
        while good + FRAME.size <= len(data):
            length, check = FRAME.unpack_from(data, good)
            packed = data[good + FRAME.size : good + FRAME.size + length]
            if len(packed) != length or crc32(packed) != check or not length:
                break
            self._apply(msgpack.unpackb(packed), unsent)
            good += FRAME.size + length
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
            case _:
                raise OutboxBroken
