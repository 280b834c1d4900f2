"""An official archive, opened: its owner, threads, lists and links, as records.

Threads stream: at most one message file (10,000 messages in an official
archive) is decoded at a time. What cannot be read is counted in ``report`` and
never stops the rest; only an archive that is hostile or none at all is refused.
"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from bridge.archive.errors import (
    ArchiveNotFound,
    HtmlArchive,
    MemberUnreadable,
    MixedArchives,
    NotAnArchive,
    OwnerUnknown,
)
from bridge.archive.layout import Layout, lay_out, networks_of
from bridge.archive.limits import Limits
from bridge.archive.lists import entries_of, read_edges, read_links, read_profile, read_upgrade
from bridge.archive.messages import Malformed, RowReader, has_name, list_in, name_of, read_head
from bridge.archive.model import (
    DELETED_NAMES,
    ArchiveOwner,
    Edge,
    LinkedAccount,
    MessageRecord,
    Network,
    Section,
    ThreadRecord,
    Upgrade,
    thread_path,
)
from bridge.archive.report import ArchiveReport
from bridge.archive.sources import Tree
from bridge.archive.text import decode, scrub
from bridge.archive.variants import from_secure_storage, from_single_file

SAMPLED = 32
"""How many of the smallest thread files are looked at to tell the owner by."""


def open_archive(
    paths: Sequence[Path],
    *,
    network: Network | None = None,
    owner_name: str | None = None,
    limits: Limits | None = None,
) -> "Archive":
    """Open an archive of one person on one network.

    Args:
        paths: Its ZIP files or unpacked folders, all parts of it.
        network: Where it is from, for an old one that does not tell.
        owner_name: The owner's name in the threads, for one that does not tell.
        limits: What to refuse as too large.

    Raises:
        ArchiveError: See ``bridge.archive.errors``; nothing stays open.
    """
    if not paths:
        raise ArchiveNotFound("Give at least one ZIP file or folder.")
    report = ArchiveReport()
    tree = Tree(paths, limits or Limits(), report.repeated)
    try:
        return Archive(tree, report, network, owner_name, label=", ".join(str(path) for path in paths))
    except BaseException:
        tree.close()
        raise


class Archive:
    """An open archive; use it in a ``with`` statement.

    Attributes:
        network: Where it is from.
        owner: Whose it is.
        report: What was found and skipped so far.
        message_bytes: Unpacked size of all message files, to measure progress by.
    """

    network: Network
    owner: ArchiveOwner
    report: ArchiveReport
    message_bytes: int

    def __init__(
        self,
        tree: Tree,
        report: ArchiveReport,
        network: Network | None,
        owner_name: str | None,
        *,
        label: str,
    ) -> None:
        """Find out what the files are; callers use ``open_archive``."""
        self._tree = tree
        self._label = label
        self.report = report
        self._layout = self._laid_out()
        self.network = network or self._network()
        self.owner = self._owner(owner_name)
        messages = self._layout.message_files()
        self.message_bytes = sum(tree.size(name) for name in messages)
        self._top = messages[0].partition("/")[0] + "/" if messages else ""
        for name in self._layout.siblings:
            report.siblings.add(name, "not a numbered message file")
        for name in self._layout.copies:
            report.repeated.add(name, "this part of the chat lies in two places; the first was read")

    def _laid_out(self) -> Layout:
        layout = lay_out(self._tree.names())
        if not layout.message_files() and layout.html:
            raise HtmlArchive(path=self._label, member=layout.html)
        if layout.is_empty():
            raise NotAnArchive(path=self._label)
        return layout

    def _network(self) -> Network:
        found = networks_of(self._tree.names())
        if len(found) > 1:
            raise MixedArchives(path=self._label)
        if found:
            return found.pop()
        if self._layout.secure:
            return "messenger"
        if self._layout.single:
            return "direct"
        # Both networks once used ``messages/inbox``; Facebook alone wrote this flag or the type of a thread.
        for raw in self._sample():
            rows = [row for row in list_in(raw, "messages") if isinstance(row, dict)]
            if "thread_type" in raw or any("is_unsent_image_by_messenger_kid_parent" in row for row in rows):
                return "messenger"
            if any("is_geoblocked_for_viewer" in row for row in rows):
                return "direct"
        raise NotAnArchive("It does not tell its network; name it.", path=self._label)

    def _sample(self) -> Iterator[dict[str, Any]]:
        names = sorted(self._layout.message_files(), key=lambda name: (self._tree.size(name), name))
        for name in names[:SAMPLED]:
            try:
                value, sound = decode(self._tree.read(name))
            except (MemberUnreadable, ValueError):
                continue  # counted when its thread is read
            for raw in value if isinstance(value, list) else [value]:
                if isinstance(raw, dict) and sound:
                    yield raw

    def _owner(self, owner_name: str | None) -> ArchiveOwner:
        name, handle = self._profile()
        told = (
            owner_name or self._name_in_threads([part for part in (name, handle) if part]) or name or handle
        )
        if told is None:
            raise OwnerUnknown(path=self._label)
        return ArchiveOwner(self.network, told, handle)

    def _profile(self) -> tuple[str | None, str | None]:
        """Read the owner's name and user name.

        Raises:
            MixedArchives: If the parts tell of several owners.
        """
        name, handle = None, None
        by_file: dict[str, tuple[str | None, str | None]] = {}
        for path in self._layout.profiles:
            value, sound = self._value(path)
            found = read_profile(value if sound else scrub(value))
            known = by_file.setdefault(path.rpartition("/")[2], found) if any(found) else found
            if path in self._tree.differing or known != found:
                raise MixedArchives(
                    "These parts are of two people or two downloads; import each by itself, the older first.",
                    path=self._label,
                    member=path,
                )
            name, handle = name or found[0], handle or found[1]
        return name, handle

    def _name_in_threads(self, candidates: list[str]) -> str | None:
        common: set[str] | None = None
        for raw in self._sample():
            named = {name_of(item) for item in list_in(raw, "participants") if has_name(item)}
            for candidate in candidates:
                if candidate in named:
                    return candidate
            common = named if common is None else common & named or common
        left = (common or set()) - DELETED_NAMES
        return left.pop() if len(left) == 1 else None

    def _value(self, name: str) -> tuple[Any, bool]:
        """Decode a file; a broken one is counted and reads as nothing."""
        try:
            return decode(self._tree.read(name))
        except MemberUnreadable as error:
            self.report.broken_files.add(name, error.text)
        except ValueError as error:
            self.report.broken_files.add(name, f"not JSON ({error})")
        return None, True

    def thread_paths(self) -> list[str]:
        """Give the keys of all threads but the old single file's, in reading order, without reading them."""
        return [path for path, _, _ in self._jobs()]

    def _jobs(self) -> list[tuple[str, Section, list[str]]]:
        jobs = [(path, files.section, files.oldest_first()) for path, files in self._layout.threads.items()]
        for path, name in self._layout.secure.items():
            # A thread that lies in both places is two threads: nothing says that they are one.
            key = f"{path}~secure" if path in self._layout.threads else path
            jobs.append((key, Section.E2EE, [name]))
        return sorted(jobs)

    def threads(
        self, skip: Container[str] = frozenset()
    ) -> Iterator[tuple[ThreadRecord, Iterator[MessageRecord]]]:
        """Read the threads, in the order of their keys; each with its messages, oldest first.

        Take a thread's messages before asking for the next thread; what is left of them is not read.

        Args:
            skip: Keys (``ThreadRecord.path``) that an interrupted import has done already.
        """
        for path, section, names in self._jobs():
            if path not in skip:
                yield from self._thread(path, section, names)
        for name in self._layout.single:
            yield from self._single(name, skip)

    def _thread(
        self, path: str, section: Section, names: list[str]
    ) -> Iterator[tuple[ThreadRecord, Iterator[MessageRecord]]]:
        for number, name in enumerate(names):
            raw, sound = self._thread_file(name)
            head = self._head(raw, path, section, name, sound) if raw is not None else None
            if raw is not None and head is not None:
                messages = self._messages(raw, sound, names[number:], head)
                del raw  # or a long thread's first file would stay in memory to its end
                yield head, messages
                return

    def _thread_file(self, name: str) -> tuple[dict[str, Any] | None, bool]:
        value, sound = self._value(name)
        self.report.files += 1
        self.report.bytes_read += self._tree.size(name)
        if isinstance(value, dict) and isinstance(value.get("messages"), list):
            return from_secure_storage(value) if "threadName" in value else value, sound
        if value is not None:
            self.report.broken_files.add(name, "no list of messages")
        return None, sound

    def _head(
        self, raw: dict[str, Any], path: str, section: Section, name: str, sound: bool
    ) -> ThreadRecord | None:
        if not sound:
            raw = {key: value if key == "messages" else scrub(value) for key, value in raw.items()}
        try:
            head = read_head(raw, path, section, self.report)
        except Malformed as error:
            self.report.broken_files.add(name, error.reason)
            return None
        self.report.threads[head.section.value] += 1
        return head

    def _messages(
        self, first: dict[str, Any], sound: bool, names: list[str], head: ThreadRecord
    ) -> Iterator[MessageRecord]:
        raw: dict[str, Any] | None = first
        del first
        for number, name in enumerate(names):
            if number:
                raw, sound = self._thread_file(name)
            if raw is None:
                continue
            rows = raw["messages"]
            raw = None
            records = RowReader(self.report, name, is_group=head.is_group, sound=sound).read(rows)
            del rows
            records.reverse()  # files are newest first
            yield from records

    def _single(
        self, name: str, skip: Container[str]
    ) -> Iterator[tuple[ThreadRecord, Iterator[MessageRecord]]]:
        value, sound = self._value(name)
        self.report.files += 1
        self.report.bytes_read += self._tree.size(name)
        seen: Counter[str] = Counter()
        for number, conversation in enumerate(entries_of(value)):
            if not isinstance(conversation, dict) or not isinstance(conversation.get("conversation"), list):
                self.report.skipped_rows.add(f"{name} [{number}]", "no conversation")
                continue
            raw = from_single_file(conversation)
            # The old format has no key for a thread: who takes part is the steadiest thing it tells.
            path = thread_path(Section.INBOX, "_".join(sorted(raw["participants"])))
            seen[path] += 1
            path = path if seen[path] == 1 else f"{path}_{seen[path]}"
            head = None if path in skip else self._head(raw, path, Section.INBOX, name, sound)
            if head is not None:
                yield head, self._messages(raw, sound, [name], head)

    def edges(self) -> Iterator[Edge]:
        """Read the lists of people, list by list."""
        for kind, name in self._layout.edges:
            value, sound = self._value(name)
            yield from read_edges(value, kind, name, self.report, sound=sound)

    def links(self) -> list[LinkedAccount]:
        """Read which accounts the archive says are the same person's."""
        found: list[LinkedAccount] = []
        for name in self._layout.links:
            found.extend(read_links(self._value(name)[0], name, self.report))
        return found

    def upgrade(self) -> Upgrade | None:
        """Read the opt-in to messaging across the networks; ``None`` if the archive does not tell."""
        for name in self._layout.upgrades:
            value, _ = self._value(name)
            if value is not None and (told := read_upgrade(value, name, self.report)) is not None:
                return told
        return None

    def has_media(self, uri: str) -> bool:
        """Say whether the archive holds the bytes behind a media reference."""
        return self._media_name(uri) is not None

    def open_media(self, uri: str) -> IO[bytes]:
        """Open the bytes behind a media reference.

        Raises:
            MemberUnreadable: If the archive does not hold them.
        """
        return self._tree.open(self._media_name(uri) or uri)

    def _media_name(self, uri: str) -> str | None:
        plain = uri.removeprefix("./")
        # Before it may stand the folder that wraps the archive; secure storage counts from its messages.
        top = self._top
        for prefix in ("", top, "messages/", f"{top}messages/"):
            if prefix + plain in self._tree:
                return prefix + plain
        return None

    def close(self) -> None:
        """Let go of the files."""
        self._tree.close()

    def __enter__(self) -> Self:
        """Use it in a ``with`` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the files."""
        self.close()
