"""An official archive, written from records: today's layout, the encoding bug included.

The same records give the same bytes, so two exports can be compared. Threads
stream: at most 10,000 messages are in memory, longer threads wait in temporary
files until their message_1.json, the newest, is known. While one file is packed
and written, in a thread of its own, the next is put together.
"""

import errno
import tempfile
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from bridge.archive.errors import BadRecord, TargetExists, Unwritable
from bridge.archive.limits import Limits
from bridge.archive.model import (
    FOLDERS,
    ArchiveOwner,
    Edge,
    EdgeKind,
    LinkedAccount,
    MessageRecord,
    Network,
    Section,
    ThreadRecord,
    Upgrade,
)
from bridge.archive.official import edge_file, head_form, link_form, message_form, profile_file, upgrade_file
from bridge.archive.sources import name_fault
from bridge.archive.targets import FolderTarget, Target, ZipTarget
from bridge.archive.text import encode

_ADVICE = {
    errno.ENOSPC: "make room, then try again",
    errno.EDQUOT: "make room, then try again",
    errno.ENAMETOOLONG: "a ZIP takes such names: export to a name that ends in .zip",
}

PER_FILE = 10_000
"""Messages in one file, as the networks have it."""

ROOTS: dict[Network, str] = {"direct": "your_instagram_activity", "messenger": "your_facebook_activity"}
LINKS_FILE = "personal_information/personal_information/linked_meta_accounts.json"


class ArchiveWriter:
    """Writes one person's archive of one network; use it in a ``with`` statement.

    It gets its name once all of it is on disk; if the block fails, what was written of it is removed.
    """

    def __init__(self, path: Path, network: Network) -> None:
        """Begin an archive.

        Args:
            path: A name that ends in ``.zip``, or a folder.
            network: Whose format to write.

        Raises:
            TargetExists: If there is something at ``path`` already.
            Unwritable: If nothing can be written there.
        """
        self.network = network
        self._path = path
        self._root = ROOTS[network]
        self._written: set[str] = set()
        self._ahead: tuple[str, Future[None]] | None = None
        is_zip = path.suffix.lower() == ".zip"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._target: Target = ZipTarget(path) if is_zip else FolderTarget(path)
        except FileExistsError as error:
            raise TargetExists(path=str(path)) from error
        except OSError as error:
            raise self._unwritable(error) from error
        self._packer = ThreadPoolExecutor(1, thread_name_prefix="isthmus-packer")
        try:
            # Its thread starts now: the pool does not wait for one whose start was interrupted amid a file.
            self._packer.submit(int).result()
        except BaseException:
            self._packer.shutdown(wait=False)
            self._target.drop()
            raise

    def owner(self, owner: ArchiveOwner) -> None:
        """Write whose archive it is."""
        self._write(*profile_file(owner))

    def links(self, accounts: Iterable[LinkedAccount]) -> None:
        """Write which accounts are the same person's."""
        self._write(
            LINKS_FILE, encode({"profile_linked_meta_accounts": [link_form(account) for account in accounts]})
        )

    def upgrade(self, upgrade: Upgrade) -> None:
        """Write whether the owner opted in to messaging across the networks."""
        self._write(*upgrade_file(upgrade, self.network))

    def edges(self, edges: Iterable[Edge]) -> None:
        """Write all lists of people; those of one kind keep their order.

        Raises:
            BadRecord: If the network has no such list.
        """
        by_kind: dict[EdgeKind, list[Edge]] = {}
        for edge in edges:
            by_kind.setdefault(edge.kind, []).append(edge)
        for kind in EdgeKind:
            if kind in by_kind:
                self._write(*edge_file(kind, by_kind[kind], self.network))

    def thread(self, thread: ThreadRecord, messages: Iterable[MessageRecord]) -> int:
        """Write a thread with its messages, oldest first; return how many they were.

        Raises:
            BadRecord: If the thread's path is none of the network's, or is taken.
        """
        folder = f"{self._root}/messages/{self._checked(thread)}"
        head = head_form(thread)
        rest = iter(messages)
        chunk = list(islice(rest, PER_FILE))
        if len(chunk) < PER_FILE:
            self._write(f"{folder}/message_1.json", _thread_file(head, chunk, thread.is_group))
            return len(chunk)
        with ExitStack() as stack:
            count = 0
            waiting: list[IO[bytes]] = []
            while chunk:
                waiting.append(
                    stack.enter_context(self._set_aside(_thread_file(head, chunk, thread.is_group)))
                )
                count += len(chunk)
                chunk.clear()  # before the next are read: one file's messages are in memory at a time
                chunk = list(islice(rest, PER_FILE))
            stack.callback(self._settle)  # before the files below it are closed
            for number, ready in enumerate(reversed(waiting), start=1):
                ready.seek(0)
                self._write(f"{folder}/message_{number}.json", ready)
        return count

    def media(self, uri: str, data: IO[bytes] | bytes) -> None:
        """Write the bytes behind a media reference.

        Raises:
            BadRecord: If the reference is no path inside an archive.
        """
        self._write(uri.removeprefix("./"), data)

    def _checked(self, thread: ThreadRecord) -> str:
        folder, slash, rest = thread.path.partition("/")
        meant = FOLDERS.get(folder)
        if meant is None or not slash or "/" in rest or name_fault(rest, Limits()):
            raise BadRecord(
                "A thread's path is an official folder and a name, as inbox/ben_17.", member=thread.path
            )
        if thread.section not in (meant, Section.REQUESTS):
            raise BadRecord(f"The folder does not mean {thread.section.value}.", member=thread.path)
        return thread.path

    def _set_aside(self, data: bytes) -> IO[bytes]:
        file: IO[bytes] | None = None
        try:
            file = tempfile.TemporaryFile()  # noqa: SIM115 -- whoever asked closes it
            file.write(data)
            file.flush()
        except OSError as error:
            if file is not None:
                file.close()
            raise self._unwritable(error, tempfile.gettempdir()) from error
        return file

    def _write(self, name: str, data: IO[bytes] | bytes) -> None:
        fault = name_fault(name, Limits())
        if fault is None and name in self._written:
            fault = "written already"
        if fault is not None:
            raise BadRecord(f"It cannot be written: {fault}.", path=str(self._path), member=name)
        self._written.add(name)
        self._settle()
        self._ahead = name, self._packer.submit(self._target.write, name, data)

    def _settle(self) -> None:
        """Wait until the file that is being packed is written."""
        if self._ahead is None:
            return
        (name, written), self._ahead = self._ahead, None
        try:
            written.result()
        except OSError as error:
            raise self._unwritable(error, name) from error

    def _unwritable(self, error: OSError, member: str | None = None) -> Unwritable:
        reason = error.strerror or str(error)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = _ADVICE.get(error.errno or 0, "check permissions and free space")
        unwritable = Unwritable(f"{reason}; {advice}.", path=str(self._path), member=member)
        unwritable.temporary = full
        return unwritable

    def close(self) -> None:
        """Finish the archive.

        Raises:
            Unwritable: If the last bytes of it could not be written.
        """
        try:
            self._settle()
            self._target.close()
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self._packer.shutdown()

    def __enter__(self) -> Self:
        """Use it in a ``with`` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the archive; half of one is removed."""
        is_whole = False
        try:
            if error is None:
                self.close()
                is_whole = True
        finally:
            self._packer.shutdown()
            if not is_whole:
                self._target.drop()


def _thread_file(head: dict[str, Any], messages: list[MessageRecord], is_group: bool) -> bytes:
    rows = [message_form(message, is_group) for message in reversed(messages)]
    return encode({"participants": head["participants"], "messages": rows, **head})
