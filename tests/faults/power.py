"""A power cut: of what was written, all that was synced stands, of the rest what the disk got round to.

``kill -9`` proves nothing about fsync: what a dead process wrote, the kernel still
has. Here a hub's writes are recorded, and after its death its files are made
anew: as they were, with every synced write, and with a random part of the
sectors that were written after the last sync of their file.
"""

import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.faults.tracing import wal_of

_SECTOR: Final = 512
_KEPT: Final = 0.5

_START = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)")
_WRITE = re.compile(r'pwrite64\(\d+<([^>]*)>, "((?:\\x[0-9a-f]{2})*)"(?:\.\.\.)?, \d+, (\d+)')
_OTHER = re.compile(r"(ftruncate|fdatasync|fsync)\(\d+<([^>]*)>(?:, (\d+))?")


class Write(Struct):
    """Bytes at a place in a file; or, without bytes, its new length."""

    at: int
    data: bytes | None


class Disk:
    """A file as the disk has it, and what is on its way there."""

    def __init__(self, content: bytes) -> None:
        """Take the content as safe."""
        self._safe = bytearray(content)
        self._waiting: list[Write] = []

    def write(self, write: Write) -> None:
        """Take in a write: it is not safe yet."""
        self._waiting.append(write)

    def sync(self) -> None:
        """Make safe all that waits."""
        for write in self._waiting:
            _apply(self._safe, write.at, write.data)
        self._waiting.clear()

    def cut(self, chance: random.Random) -> bytes:
        """Give what is there after a power cut: unsafe sectors are there or not, each by chance."""
        left = bytearray(self._safe)
        for write in self._waiting:
            if write.data is None:
                if chance.random() < _KEPT:
                    _apply(left, write.at, None)
                continue
            for start in range(0, len(write.data), _SECTOR):
                if chance.random() < _KEPT:
                    _apply(left, write.at + start, write.data[start : start + _SECTOR])
        return bytes(left)


def _apply(content: bytearray, at: int, data: bytes | None) -> None:
    if data is None:
        del content[at:]
        content.extend(bytes(at - len(content)))
        return
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


class PowerCut:
    """Records one life of a database, from now on, and takes from it what a power cut would take."""

    def __init__(self, database: Path) -> None:
        """Take the files as they are now as safe; nobody may have them open."""
        self._paths = (database, wal_of(database))
        self._disks = {str(path): Disk(path.read_bytes() if path.exists() else b"") for path in self._paths}
        self._shared = database.with_name(database.name + "-shm")

    def happen(self, log: Iterable[str], chance: random.Random) -> None:
        """Bring the files to what they would be, had the power failed at the end of strace's log."""
        self._replay(log)
        for path in self._paths:
            path.write_bytes(self._disks[str(path)].cut(chance))
        self._shared.unlink(missing_ok=True)

    def _replay(self, log: Iterable[str]) -> None:
        """A write counts when it began, a sync only once it came back, and well."""
        begun: dict[str, str] = {}
        for line in log:
            head = _START.match(line)
            if head is None:
                continue
            thread, call = head.groups()
            if "resumed>" in line:
                before = begun.pop(thread, "")
                if call in ("fdatasync", "fsync") and line.rstrip().endswith("= 0"):
                    self._sync(before)
            elif call == "pwrite64":
                self._write(line)
            elif call == "ftruncate":
                self._truncate(line)
            elif "<unfinished" in line:
                begun[thread] = line
            elif line.rstrip().endswith("= 0"):
                self._sync(line)

    def _write(self, line: str) -> None:
        found = _WRITE.search(line)
        if found is not None and (disk := self._disks.get(_plain(found[1]))) is not None:
            disk.write(Write(int(found[3]), bytes.fromhex(found[2].replace("\\x", ""))))

    def _truncate(self, line: str) -> None:
        found = _OTHER.search(line)
        if found is not None and (disk := self._disks.get(_plain(found[2]))) is not None:
            disk.write(Write(int(found[3]), None))

    def _sync(self, line: str) -> None:
        found = _OTHER.search(line)
        if found is not None and (disk := self._disks.get(_plain(found[2]))) is not None:
            disk.sync()


def _plain(path: str) -> str:
    """Read a path as strace writes it with ``-xx``."""
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path
