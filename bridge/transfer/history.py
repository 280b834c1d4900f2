"""An archive's threads as pieces of history: who speaks, in which order, chained.

Runs in a worker thread, ahead of the store: while one piece is kept, the next
is read. At most two pieces of ``PIECE`` messages are in memory, however long
the archive. What the archive tells of a thread stays what it is: a testimony,
in a thread of its own, with placeholders for everybody but the owner.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from bridge.archive.model import ArchiveOwner, MessageKind, MessageRecord, Section, ThreadRecord
from bridge.archive.reader import Archive
from bridge.domain.content import SALT, digest_of, first_link, links_of
from bridge.domain.model import Account, Member, Message, Person, StoredRecord, Thread, ThreadKind
from bridge.domain.outcome import Outcome, Scene
from bridge.errors import Busy
from bridge.ids import AccountId, Seq, ThreadId, thread_of_pair
from bridge.store.base import Imported
from bridge.transfer.desk import gathered
from bridge.transfer.forms import encode, is_shown_whole, packed_row
from bridge.transfer.landing import all_seen, landed, moved
from bridge.transfer.ledger import Ledger, ThreadEntry, entry_of, number_of
from bridge.transfer.names import group_of, one_of_group, other_of_thread, placeholder, shown_name
from bridge.wire.values import Network

PIECE: Final = 1_000
"""Messages that are kept in one transaction, for which everybody's commits wait: 5,000 held them up for four
times as long and were no faster."""

Standing = Mapping[ThreadId, tuple[Thread, tuple[Member, ...]]]
"""The owner's threads as they are in the store."""


class Talk:
    """One thread of the archive on its way into the store.

    Attributes:
        head: What the archive says of it.
        thread: The thread, as far as it has come.
        made: Accounts and persons that must be kept before anything of it is shown.
        before: What the ledger knows of it; None if it is new here.
        latest: The latest time of what was read and is in the store.
    """

    def __init__(
        self,
        head: ThreadRecord,
        owner: AccountId,
        told: ArchiveOwner,
        entry: ThreadEntry | None = None,
        first: str = "",
    ) -> None:
        """Find out who takes part; what was a 1:1 thread or a group at the first import stays one."""
        self.head, self.before, self.latest = head, entry, 0
        self._first = entry.first_path if entry else first or head.path
        self.made: dict[AccountId, tuple[Account, Person]] = {}
        self._owner, self._owner_name = owner, told.name
        self._network = told.network
        others = list(head.participants)
        if told.name in others:
            others.remove(told.name)
        if not others and head.title and head.title != told.name:
            others = [head.title]
        is_pair = len(others) == 1 and not head.is_group and head.section is not Section.BROADCAST
        if entry is not None:
            is_pair = entry.is_pair
            if is_pair and not others:
                others = [entry.other_name(owner)]
        self._names: dict[AccountId, str] = {owner: told.name}
        self._speakers: dict[str, tuple[AccountId, bytes, bool]] = {}
        self._add_speaker(told.name, owner, True)
        self._sent: dict[AccountId, int] = {owner: 0}
        self._last_at = 0
        self._sides: dict[AccountId, Member] = {}
        if is_pair:
            self._begin_pair(others[0])
        else:
            self._begin_group(others)

    def _begin_pair(self, name: str) -> None:
        other = other_of_thread(self._owner, self._first)
        self._new_member(other, name)
        low, high = sorted((self._owner, other))
        thread = thread_of_pair(self._owner, other)
        self._anyone: AccountId | None = other
        self.thread = Thread(id=thread, members=(low, high), link=first_link(thread), source=self.head.path)

    def _begin_group(self, names: list[str]) -> None:
        self._anyone = None
        for name in dict.fromkeys(names):
            self._new_member(one_of_group(self._owner, self._first, name), name)
        thread = group_of(self._owner, self._first)
        self.thread = Thread(
            id=thread,
            kind=ThreadKind.GROUP,
            members=tuple(self._names),
            link=first_link(thread),
            title=shown_name(self.head.title) if self.head.title else "",
            source=self.head.path,
        )

    def _new_member(self, account: AccountId, name: str) -> None:
        self._names[account] = name
        self._sent.setdefault(account, 0)
        if name not in self._speakers:  # a namesake's words cannot be told from the owner's
            self._add_speaker(name, account, True)
        self.made[account] = placeholder(account, Network(self._network), name)

    def _add_speaker(self, name: str, account: AccountId, is_usual: bool) -> tuple[AccountId, bytes, bool]:
        speaker = self._speakers[name] = (account, account.encode(), is_usual)
        return speaker

    def _speaker(self, name: str) -> tuple[AccountId, bytes, bool]:
        """Tell who speaks under a name that nobody had so far."""
        if self._anyone is not None:
            return self._add_speaker(name, self._anyone, False)
        account = one_of_group(self._owner, self._first, name)
        self._new_member(account, name)
        self.thread = replace(self.thread, members=tuple(self._names))
        return self._speakers[name]

    def go_on(self, standing: tuple[Thread, tuple[Member, ...]] | None, entry: ThreadEntry | None) -> None:
        """Take up a thread of which the store has a part; its members keep their order."""
        if standing is None:
            return
        thread, sides = standing
        known = dict(zip(thread.members, entry.names, strict=False)) if entry is not None else {}
        self._names = {**known, **self._names}
        for account in thread.members:
            self.made.pop(account, None)
            self._names.setdefault(
                account, ""
            )  # of an import that was killed, and is not the one that goes on
        for account, name in known.items():
            if name not in self._speakers:
                self._add_speaker(name, account, True)
        self.thread = replace(thread, members=thread.members if self._anyone else tuple(self._names))
        self._sides = {side.account: side for side in sides}
        self._sent |= {side.account: side.sent for side in sides}
        self._last_at = thread.last_at if entry is None else entry.last_at

    def hear(self, row: MessageRecord) -> None:
        """Learn from a row that the store has already."""
        self._last_at = max(self._last_at, row.at_ms)
        if row.sender_name not in self._speakers:
            self._speaker(row.sender_name)

    @property
    def is_pair(self) -> bool:
        """Say whether it is a 1:1 thread."""
        return self._anyone is not None

    @property
    def names(self) -> tuple[str, ...]:
        """How the archive calls the members, in their order."""
        return tuple(self._names[account] for account in self.thread.members)

    def say(self, rows: list[MessageRecord]) -> list[Message]:
        """Add rows to the thread and its chain. The hot loop of an import."""
        thread, after = self.thread.id, self.thread.tip
        senders, packed_senders, contents = self._packed(rows)
        chance = os.urandom(SALT * len(rows))
        salts = [chance[at : at + SALT] for at in range(0, len(chance), SALT)]
        digests = list(map(digest_of, salts, contents))
        links = links_of(self.thread.link, thread, after, packed_senders, digests)
        for sender, said in Counter(senders).items():
            self._sent[sender] += said
        self._last_at = max(self._last_at, *(row.at_ms for row in rows), 0)
        self.thread = replace(
            self.thread,
            tip=after + len(rows),
            link=links[-1] if links else self.thread.link,
            last_at=self._last_at,
        )
        return [
            Message(
                thread=thread, seq=Seq(seq), sender=sender, at=row.at_ms, content=content,
                salt=salt, digest=digest, link=link,
            )
            for seq, row, sender, content, salt, digest, link in zip(
                range(after + 1, after + 1 + len(rows)), rows, senders, contents, salts, digests, links,
                strict=True,
            )
        ]  # fmt: skip

    def _packed(self, rows: list[MessageRecord]) -> tuple[list[AccountId], list[bytes], list[bytes]]:
        """Say who speaks, in both forms, and pack what is said."""
        speakers, origin, plain = self._speakers, str(self._network), MessageKind.TEXT
        senders: list[AccountId] = []
        packed_senders: list[bytes] = []
        contents: list[bytes] = []
        for row in rows:
            sender, packed_sender, is_usual = speakers.get(row.sender_name) or self._speaker(row.sender_name)
            senders.append(sender)
            packed_senders.append(packed_sender)
            text = row.text
            if (  # nothing but its text: what nearly all are
                text
                and row.kind is plain
                and is_usual
                and not row.reactions
                and not row.extras
                and is_shown_whole(text)
            ):
                contents.append(encode((text, origin, None, "text", None)))
            else:
                contents.append(packed_row(row, origin, is_usual_name=is_usual))
        return senders, packed_senders, contents

    def piece(self, messages: list[Message]) -> Imported:
        """Give the new messages with the thread as it is after them."""
        return Imported(self.thread, tuple(self._side(account) for account in self.thread.members), messages)

    def taken(self) -> list[StoredRecord]:
        """Give the accounts and persons that were made since, for whoever keeps them."""
        made: list[StoredRecord] = [record for pair in self.made.values() for record in pair]
        self.made.clear()
        return made

    def _side(self, account: AccountId) -> Member:
        side = self._sides.get(account) or Member(thread=self.thread.id, account=account)
        return replace(side, sent=self._sent[account])

    def sealed(self) -> tuple[Thread, *tuple[Member, ...]]:
        """Give the whole new thread's records, the owner's side where its section wants it."""
        sides = {account: self._side(account) for account in self.thread.members}
        own = sides[self._owner]
        sides[self._owner] = all_seen(landed(own, self.head.section, wrote=own.sent > 0), self.thread)
        return (self.thread, *sides.values())

    def grown(self, scene: Scene) -> list[StoredRecord]:
        """Give a thread that was shown before as it stands, the owner's side up to its new end."""
        thread = scene.facts.find_thread(self.thread.id)
        own = scene.facts.find_member(self.thread.id, self._owner)
        assert thread is not None, "a testimony stays"
        assert own is not None, "a testimony is a thread of its owner's"
        members = {account: Member(thread=thread.id, account=account) for account in self.thread.members}
        title = thread.title
        if self.before is not None:
            own = moved(own, Section(self.before.section), self.head.section)
            if thread.kind is ThreadKind.GROUP and self.head.title not in ("", self.before.title):
                title = shown_name(self.head.title)
        new: list[StoredRecord] = [members[account] for account in members.keys() - set(thread.members)]
        return [replace(thread, members=self.thread.members, title=title), *new, all_seen(own, thread)]

    def entry(self) -> ThreadEntry:
        """Note it for the ledger."""
        return entry_of(self.head, self.thread, self.names, self._last_at, first=self._first)

    @property
    def tells_more(self) -> bool:
        """Say whether the archive tells more of it than the ledger knows; an older one does not."""
        known = self.before
        if known is None or self.thread.tip > known.count:
            return True
        return self.head != known.head() and self.latest >= known.last_at


def grow(scene: Scene, pieces: Sequence[Imported]) -> Outcome:
    """Add history to threads that are shown, a piece each: all but their messages stays as it is by now.

    Raises:
        Busy: If another import has added to one of them meanwhile.
    """
    facts, outcome = scene.facts, Outcome()
    threads = gathered([partial(facts.find_thread, piece.thread.id) for piece in pieces])
    members = [side for piece in pieces for side in piece.members]
    sides = gathered([partial(facts.find_member, side.thread, side.account) for side in members])
    for piece, thread in zip(pieces, threads, strict=True):
        assert thread is not None, "what is shown is there"
        after = piece.thread
        if thread.tip + len(piece.messages) != after.tip:
            raise Busy("Another import is adding to the same chats; try again once it is done.")
        last_at = max(thread.last_at, after.last_at)
        outcome.messages += piece.messages
        outcome.records.append(
            replace(thread, members=after.members, tip=after.tip, link=after.link, last_at=last_at)
        )
    for then, now in zip(members, sides, strict=True):
        outcome.records.append(then if now is None else replace(now, sent=then.sent))
    return outcome


class Chunk(Struct):
    """What is kept in one go.

    Attributes:
        pieces: Parts of threads that nobody is shown yet.
        grown: Parts of threads that were shown before; with the others at most ``PIECE`` messages.
        records: Accounts and persons that the pieces speak of.
        done: Threads that are whole with this.
        bytes_done: How far the reader has come.
    """

    pieces: list[Imported] = field(default_factory=list)
    grown: list[Imported] = field(default_factory=list)
    records: list[StoredRecord] = field(default_factory=list)
    done: list[Talk] = field(default_factory=list)
    bytes_done: int = 0


class Teller:
    """Reads an archive's threads and tells them in chunks.

    Attributes:
        threads, groups, messages: How many of each were read.
    """

    def __init__(self, archive: Archive, owner: AccountId, standing: Standing, ledger: Ledger) -> None:
        """Tell what the store does not have yet."""
        self._archive, self._owner = archive, owner
        self._standing, self._ledger = standing, ledger
        self.threads = self.groups = self.messages = 0
        self._moved = ledger.without(archive.thread_paths())
        self._firsts = frozenset(entry.first_path for entry in ledger.threads.values())

    def chunks(self) -> Iterator[Chunk]:
        """Read all threads."""
        chunk, room = Chunk(), PIECE
        for head, rows in self._archive.threads():
            entry = self._ledger.threads.get(head.path) or self._moved.pop(number_of(head.path), None)
            talk = Talk(head, self._owner, self._archive.owner, entry, first=self._named(head.path))
            talk.go_on(self._standing.get(talk.thread.id), entry)
            self.groups += not talk.is_pair
            self.threads += talk.is_pair
            new = self._new_rows(rows, talk, entry)
            while True:
                batch = list(islice(new, room))
                self.messages += len(batch)
                if batch or talk.made:
                    messages = talk.say(batch)
                    (chunk.grown if entry else chunk.pieces).append(talk.piece(messages))
                    chunk.records += talk.taken()
                room -= len(batch)
                if room > 0:
                    break
                chunk.bytes_done = self._archive.report.bytes_read
                yield chunk
                chunk, room = Chunk(), PIECE
            if talk.tells_more:
                chunk.done.append(talk)
        chunk.bytes_done = self._archive.report.bytes_read
        yield chunk

    def _named(self, path: str) -> str:
        """Give what a new thread is named by here: its path, unless one that moved since came under it."""
        while path in self._firsts:
            path += "~"
        return path

    def _new_rows(
        self, rows: Iterator[MessageRecord], talk: Talk, entry: ThreadEntry | None
    ) -> Iterator[MessageRecord]:
        """Leave out what the store has: up to a thread's latest time, and as many as a killed import kept."""
        kept = talk.thread.tip
        if entry is not None:
            rows, kept = self._later(rows, talk, entry.last_at), kept - entry.count
        for row in islice(rows, kept):
            self.messages += 1
            talk.hear(row)
        return rows

    def _later(self, rows: Iterator[MessageRecord], talk: Talk, last_at: int) -> Iterator[MessageRecord]:
        for row in rows:
            if row.at_ms > last_at:
                yield row
            else:
                talk.latest = max(talk.latest, row.at_ms)
                self.messages += 1
