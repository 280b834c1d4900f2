"""What archives may change in the small model: their owner's own history and edges, and no more.

A chat stands with a placeholder until it is proven who that is: by the operator's word, which speaks for
the owner alone, or by both sides' archives. Lists of handles name an account; lists of display names
wait for such a proof. What a list says of others' edges (followers, friends) is a claim; a friendship
counts once both sides' archives tell it.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from tests.domain.reference.model import Model, Seat

SECTIONS = {"inbox": "inbox", "archived": "archived", "requests": "requests", "filtered": "hidden"}
TIGHTENING = ("blocked", "restricted")


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat as its owner's archive has it: ``long`` is told the same by both sides."""

    section: str
    form: str
    stand_in: str
    lines: int

    @property
    def own_lines(self) -> int:
        return {"long": self.lines // 2, "own": self.lines, "other": 0}[self.form]


@dataclass(slots=True)
class ModelWithArchives(Model):
    """The little world, with archives that come in the middle of it."""

    chats: dict[tuple[str, str], Chat] = field(default_factory=dict)
    listed: dict[tuple[str, str], str] = field(default_factory=dict)
    unproven: set[tuple[str, str, str]] = field(default_factory=set)
    known: set[tuple[str, str]] = field(default_factory=set)
    told_by_both: set[frozenset[str]] = field(default_factory=set)

    def bring_in(self, own: str, other: str, chat: Chat, lists: Collection[str], *, is_known: bool) -> None:
        """Take the archive of ``own``: a chat with ``other`` (told before: nothing new) and lists of him."""
        for kind in sorted(lists):
            if self.listed.get((own, kind)) != other:
                self.listed[own, kind] = other
                self._list(own, other, kind)
        if (own, other) not in self.chats:
            self._testify(own, other, chat)
        if self._agree(own, other):
            self._unite(own, other)
        elif is_known and (own, other) not in self.known:
            self._prove(own, other)

    def _list(self, own: str, other: str, kind: str) -> None:
        names_an_account = self.accounts[own].network == "direct" or (own, other) in self.known
        if kind == "following" and self.accounts[own].network == "direct":
            self.follows.add((own, other))
        elif kind in TIGHTENING and names_an_account:
            self._tighten(own, other, kind)
        elif kind in TIGHTENING:
            self.unproven.add((kind, own, other))

    def _tighten(self, own: str, other: str, kind: str) -> None:
        (self.block if kind == "blocked" else self.restrict)(own, other)

    def _testify(self, own: str, other: str, chat: Chat) -> None:
        """Lay the chat into the folder of its section, with somebody whom nobody can reach."""
        self.chats[own, other] = chat
        self.add_account(chat.stand_in, self.accounts[own].network)
        self.set_state(chat.stand_in, "deactivated")
        absent = Seat("nowhere", said=chat.lines - chat.own_lines)
        self.threads[frozenset({own, chat.stand_in})] = {
            own: self._landed(chat, said=chat.own_lines),
            chat.stand_in: absent,
        }

    def _landed(self, chat: Chat, *, said: int) -> Seat:
        folder = SECTIONS[chat.section]
        if folder in ("requests", "hidden"):
            return Seat(folder, "pending", said)
        wrote = chat.own_lines > 0
        return Seat(folder, "accepted" if wrote else "none", said, acceptance_seen=wrote)

    def _agree(self, own: str, other: str) -> bool:
        told = [self.chats.get(way) for way in ((own, other), (other, own))]
        is_new = frozenset({own, other}) not in self.told_by_both
        return is_new and all(chat is not None and chat.form == "long" for chat in told)

    def _prove(self, own: str, other: str) -> None:
        """Show the history of ``own`` beside the live thread; for ``other`` nothing is said or moved."""
        seats = self._seated(own, other)
        self._settle(own, other, seats)

    def _unite(self, own: str, other: str) -> None:
        """Make both testimonies the thread's beginning, or a closed segment beside what was said live."""
        self.told_by_both.add(frozenset({own, other}))
        seats = self._seated(own, other)
        is_live = any(seat.said for seat in seats.values())
        claims = [self.listed.get((one, "friend")) for one in (other, own)]
        if self.accounts[own].network == "messenger" and claims == [own, other]:
            self.friends.add(frozenset({own, other}))
        for one, two in ((own, other), (other, own)):
            self._settle(one, two, seats)
        for one, two in () if is_live else ((own, other), (other, own)):
            seats[one].said += self.chats[own, other].lines // 2
            self.late |= {(one, two)} & self.contacts  # what they said is from long before

    def _seated(self, own: str, other: str) -> dict[str, Seat]:
        fresh = {one: Seat("nowhere") for one in (own, other)}
        for one, two in ((own, other), (other, own)):
            if (one, two) in self.opened:
                fresh[one] = Seat("inbox", "accepted", covered=self._marked(self.restrictions, one, two))
        return self.threads.setdefault(frozenset({own, other}), fresh)

    def _settle(self, own: str, other: str, seats: dict[str, Seat]) -> None:
        chat = self.chats[own, other]
        self.known.add((own, other))
        self.threads.pop(frozenset({own, chat.stand_in}), None)
        if _is_untouched(seats[own]):
            seats[own] = self._landed(chat, said=0)
        for kind in TIGHTENING:
            if (kind, own, other) in self.unproven:
                self.unproven.remove((kind, own, other))
                self._tighten(own, other, kind)
        seats[own].covered = seats[own].covered or self._marked(self.restrictions, own, other)

    def open(self, s: str, r: str) -> None:
        """Begin a conversation; a chat of which only the other's archive told has not begun for ``s``."""
        seats = self.threads.get(frozenset({s, r}))
        if seats is None:
            self.opened.add((s, r))
        elif _is_untouched(seats[s]):
            self.opened.add((s, r))
            seats[s] = Seat("inbox", "accepted", covered=self._marked(self.restrictions, s, r))


def _is_untouched(seat: Seat) -> bool:
    return (seat.folder, seat.consent, seat.said) == ("nowhere", "none", 0)
