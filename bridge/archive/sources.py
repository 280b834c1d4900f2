"""The files of an archive, from ZIPs and folders, with everything hostile refused.

Several parts are one tree: a file is looked for in every part. Names are
checked before a byte is unpacked, and sizes are those that were checked.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from bridge.archive.errors import (
    ArchiveNotFound,
    ArchiveTooLarge,
    ArchiveUnreadable,
    HostileArchive,
    MemberUnreadable,
)
from bridge.archive.limits import Limits
from bridge.archive.report import Findings
from bridge.archive.text import is_sound

ENCRYPTED = 0x1
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what the networks use
_BEFORE_VALUES = (b",", b"{", b"[")
UNFINISHED = ".unfinished"
"""An empty file in a folder to which an export is being written, or was until it was killed."""

LOCAL_HEADER = 30  # bytes before a member's name, at least


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive.

    Attributes:
        name: Its path from the archive's top, with ``/``.
        size: Unpacked, in bytes.
        crc: The ZIP's checksum; ``None`` in a folder.
    """

    name: str
    size: int
    crc: int | None = None

    def differs(self, other: "Member") -> bool:
        """Say whether another part's file of this name is known to be another one."""
        return self.size != other.size or (None not in (self.crc, other.crc) and self.crc != other.crc)


class Source(Protocol):
    """One part of an archive."""

    members: Sequence[Member]

    def open(self, name: str) -> IO[bytes]:
        """Open a member for reading."""

    def close(self) -> None:
        """Let go of the part."""


class ZipSource:
    """A part that is a ZIP file."""

    def __init__(self, path: Path, limits: Limits) -> None:
        """Check every member's entry.

        Raises:
            ArchiveUnreadable: If it is no ZIP.
            HostileArchive: If an entry is none that an official archive has.
        """
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except PermissionError as error:
            raise ArchiveUnreadable(
                "You may not read this file; check its permissions.", path=str(path)
            ) from error
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeDecodeError) as error:
            raise ArchiveUnreadable(path=str(path)) from error
        try:
            self.members = self._checked(limits)
        except HostileArchive:
            self._zip.close()
            raise

    def _checked(self, limits: Limits) -> Sequence[Member]:
        entries = self._zip.infolist()
        if len(entries) > limits.members:
            raise ArchiveTooLarge(
                f"It holds {len(entries)} files; raise the limit if you trust it.", path=str(self._path)
            )
        seen: set[str] = set()
        for entry in entries:
            fault = name_fault(entry.orig_filename, limits) or entry_fault(entry, limits)
            if fault is None and entry.filename in seen:
                fault = "two files of one name"
            if fault is not None:
                raise HostileArchive(
                    f"{fault}; download the archive again.", path=str(self._path), member=entry.filename
                )
            seen.add(entry.filename)
        self._refuse_overlaps(entries)
        return [Member(entry.filename, entry.file_size, entry.CRC) for entry in entries if not entry.is_dir()]

    def _refuse_overlaps(self, entries: list[zipfile.ZipInfo]) -> None:
        # Members that share bytes are how a small file unpacks to petabytes without a suspicious ratio.
        end = 0
        for entry in sorted(entries, key=lambda entry: entry.header_offset):
            if entry.header_offset < end:
                raise HostileArchive("two files share bytes.", path=str(self._path), member=entry.filename)
            end = entry.header_offset + LOCAL_HEADER + len(entry.orig_filename) + entry.compress_size

    def open(self, name: str) -> IO[bytes]:
        """Open a member for reading."""
        if self._zip.getinfo(name).compress_type not in METHODS:
            raise MemberUnreadable("It is packed by a method that no official archive uses.", member=name)
        return self._zip.open(name)

    def close(self) -> None:
        """Close the ZIP."""
        self._zip.close()


class FolderSource:
    """A part that was unpacked."""

    def __init__(self, path: Path, limits: Limits) -> None:
        """List the files below the folder.

        Raises:
            ArchiveUnreadable: If an export is being written there, or was until it was killed.
            HostileArchive: If a link leads outside or something is no regular file.
            ArchiveTooLarge: If there are too many files.
        """
        self._root = path.resolve()
        if os.path.lexists(self._root / UNFINISHED):
            raise ArchiveUnreadable("This export was never finished; export again.", path=str(path))
        self._limits = limits
        self._odd: dict[str, str] = {}
        members: list[Member] = []
        for member in self._walk(self._root, ""):
            members.append(member)
            if len(members) > limits.members:
                raise ArchiveTooLarge(
                    f"It holds over {limits.members} files; raise the limit if you trust it.", path=str(path)
                )
        self.members: Sequence[Member] = members

    def _walk(self, folder: Path, prefix: str) -> Iterator[Member]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise ArchiveUnreadable(
                "This folder cannot be listed; check its permissions.", path=str(folder)
            ) from error
        for entry in entries:
            name = prefix + self._shown(entry.name)
            fault = name_fault(name, self._limits)
            if (
                fault is None
                and entry.is_symlink()
                and not Path(os.path.realpath(entry.path)).is_relative_to(self._root)
            ):
                fault = "a link that leads out of the archive"
            if fault is not None:
                raise HostileArchive(f"{fault}; unpack the archive again.", path=str(self._root), member=name)
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(Path(entry.path), name + "/")
            elif not entry.is_symlink():  # a link inside shows what is listed anyway
                yield self._member(entry, name)

    @staticmethod
    def _shown(name: str) -> str:
        """Give the name of a file; one that is not UTF-8 is read as in a ZIP."""
        return name if is_sound(name) else os.fsencode(name).decode("cp437")

    def _member(self, entry: os.DirEntry[str], name: str) -> Member:
        if not entry.path.endswith(f"/{name}"):
            self._odd[name] = entry.path
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise HostileArchive(
                "not a regular file; unpack the archive again.", path=str(self._root), member=name
            )
        return Member(name, status.st_size)

    def open(self, name: str) -> IO[bytes]:
        """Open a member for reading."""
        descriptor = os.open(
            self._odd.get(name, self._root / name), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)
        )
        return os.fdopen(descriptor, "rb")

    def close(self) -> None:
        """Nothing is held."""


def name_fault(name: str, limits: Limits) -> str | None:
    """Say what is wrong with a member's name, if anything is."""
    parts = name.rstrip("/").split("/")
    if name.startswith("/") or "\\" in name or "\0" in name or name[1:2] == ":":
        return "a path that is not relative"
    if any(part in ("", ".", "..") for part in parts):
        return "a path that leads elsewhere"
    if len(parts) > limits.depth:
        return f"folders more than {limits.depth} deep"
    if len(name.encode("utf-8", "surrogatepass")) > limits.name_bytes:
        return "a path too long"
    return None


def entry_fault(entry: zipfile.ZipInfo, limits: Limits) -> str | None:
    """Say what is wrong with a ZIP entry, if anything is."""
    if entry.flag_bits & ENCRYPTED:
        return "an encrypted file"
    mode = entry.external_attr >> 16
    kind = stat.S_IFMT(mode) if entry.create_system == 3 else 0  # only Unix writes a mode there
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "not a regular file"
    if (kind == stat.S_IFDIR) != entry.is_dir() and kind:
        return "a folder posing as a file"
    if entry.file_size > limits.ratio_from_bytes and entry.file_size > limits.ratio * max(
        entry.compress_size, 1
    ):
        return "a file that unpacks to far more than its size"
    return None


class Tree:
    """All parts of an archive as one.

    Attributes:
        differing: Files that two parts hold in different versions.
    """

    def __init__(self, paths: Sequence[Path], limits: Limits, repeated: Findings) -> None:
        """Open the parts.

        Raises:
            ArchiveNotFound, ArchiveUnreadable, HostileArchive, ArchiveTooLarge: As the parts demand.
        """
        self._limits = limits
        self._parts: list[Source] = []
        self._found: dict[str, tuple[Source, Member]] = {}
        self.differing: set[str] = set()
        self._label = ", ".join(str(path) for path in paths)
        try:
            for path in paths:
                self._add(open_source(path, limits), repeated)
            self._check_sum()
        except BaseException:
            self.close()
            raise

    def _add(self, part: Source, repeated: Findings) -> None:
        self._parts.append(part)
        for member in part.members:
            earlier = self._found.setdefault(member.name, (part, member))[1]
            if earlier is not member and earlier.differs(member):
                self.differing.add(member.name)
                repeated.add(
                    member.name, "another part holds another version of this file; the first was read"
                )

    def _check_sum(self) -> None:
        if len(self._found) > self._limits.members:
            raise ArchiveTooLarge(
                f"It holds {len(self._found)} files; raise the limit if you trust it.", path=self._label
            )
        total = sum(member.size for part in self._parts for member in part.members)
        if total > self._limits.total_bytes:
            raise ArchiveTooLarge(
                f"It unpacks to {total} bytes; raise the limit if you trust it.", path=self._label
            )

    def names(self) -> list[str]:
        """Give all files' paths, in order."""
        return sorted(self._found)

    def __contains__(self, name: str) -> bool:
        """Say whether some part holds this file."""
        return name in self._found

    def size(self, name: str) -> int:
        """Give a file's unpacked size in bytes."""
        return self._found[name][1].size

    def open(self, name: str) -> IO[bytes]:
        """Open a file.

        Raises:
            MemberUnreadable: If it is missing or its part is damaged.
        """
        if name not in self._found:
            raise MemberUnreadable("No part holds this file.", member=name)
        source, _ = self._found[name]
        try:
            return source.open(name)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise MemberUnreadable(f"It cannot be opened ({error}).", member=name) from error

    def read(self, name: str) -> bytes:
        """Read a JSON file whole.

        Raises:
            MemberUnreadable: If it is missing, damaged or over the limit.
        """
        limit = self._limits.json_bytes
        with self.open(name) as file:
            if self.size(name) > limit:
                raise MemberUnreadable(f"It is over {limit} bytes.", member=name)
            try:
                data = file.read(limit + 1)
            except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                raise MemberUnreadable(f"It is damaged ({error}).", member=name) from error
        if len(data) > limit:
            raise MemberUnreadable(f"It is over {limit} bytes.", member=name)
        if sum(map(data.count, _BEFORE_VALUES)) > self._limits.json_values:
            raise MemberUnreadable(f"It holds over {self._limits.json_values} values.", member=name)
        return data

    def close(self) -> None:
        """Let go of all parts."""
        for part in self._parts:
            part.close()


def open_source(path: Path, limits: Limits) -> Source:
    """Open one part, whatever it is.

    Raises:
        ArchiveNotFound: If there is nothing there.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ArchiveNotFound(path=str(path)) from error
    except OSError as error:
        raise ArchiveUnreadable(
            f"{error.strerror}; check the path and its permissions.", path=str(path)
        ) from error
    if stat.S_ISDIR(mode):
        return FolderSource(path, limits)
    if not stat.S_ISREG(mode):
        raise ArchiveUnreadable("This is neither a file nor a folder.", path=str(path))
    return ZipSource(path, limits)
