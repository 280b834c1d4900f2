"""A small model of the product as people meet it: who writes, what he is told, and where it is found.

It imports nothing of the bridge and is written another way than the rules: as plain questions about a
little world, so that agreement between the two means something. One principle decides most doubts:
what *tightens* (a block, a restriction, a decline) looks at every account of both persons; what *loosens*
(a follow, a friendship, a contact) looks only at the account that speaks, and at the receiver's own accounts.
"""

from dataclasses import dataclass, field
from itertools import permutations

from tests.domain.reference.categories import DEFAULTS, MAY_BE_INBOX, NEEDS_LINK


class Refused(Exception):
    """The product would refuse this command; ``code`` says how, and nothing has changed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Account:
    network: str
    hybrid: str
    controls: dict[str, str]
    keep_connected: bool = False
    state: str = "active"
    private: bool = False


@dataclass(slots=True)
class Seat:
    """How one member has a thread; ``covered`` by a restriction of his own, it is out of his chats."""

    folder: str = "inbox"
    consent: str = "none"
    said: int = 0
    acceptance_seen: bool = False
    covered: bool = False


class Marks(set[tuple[str, str]]):
    """Who shuts out whom. Of what is ``unseen`` nobody was told, nor who did it: an unlink spread it."""

    def __init__(self) -> None:
        super().__init__()
        self.unseen: set[tuple[str, str]] = set()

    @property
    def seen(self) -> set[tuple[str, str]]:
        return self - self.unseen

    def add(self, mark: tuple[str, str]) -> None:
        super().add(mark)
        self.unseen.discard(mark)


@dataclass(frozen=True, slots=True)
class Sent:
    """What the sender is told, and where the receiver finds the message (``nowhere`` if refused)."""

    sender_class: str
    found: str


@dataclass(slots=True)
class Model:
    """The little world. Accounts are named by whoever builds it; ``s`` speaks and ``r`` receives."""

    accounts: dict[str, Account] = field(default_factory=dict)
    persons: dict[str, frozenset[str]] = field(default_factory=dict)
    follows: set[tuple[str, str]] = field(default_factory=set)
    friends: set[frozenset[str]] = field(default_factory=set)
    contacts: set[tuple[str, str]] = field(default_factory=set)
    late: set[tuple[str, str]] = field(default_factory=set)
    blocks: Marks = field(default_factory=Marks)
    restrictions: Marks = field(default_factory=Marks)
    hiding: Marks = field(default_factory=Marks)
    floors: set[tuple[str, str]] = field(default_factory=set)
    threads: dict[frozenset[str], dict[str, Seat]] = field(default_factory=dict)
    opened: set[tuple[str, str]] = field(default_factory=set)
    partings: dict[str, dict[str, str]] = field(default_factory=dict)
    parted: set[frozenset[str]] = field(default_factory=set)

    # --- accounts, persons, links ---

    def add_account(self, name: str, network: str, *, private: bool = False) -> None:
        hybrid = "never" if network == "direct" else "on"
        self.accounts[name] = Account(network, hybrid, dict(DEFAULTS[network]), private=private)
        self.persons[name] = frozenset({name})

    def set_state(self, name: str, state: str) -> None:
        self.accounts[name].state = state

    def is_linked(self, name: str) -> bool:
        """Say whether this account's person also has an account on another network."""
        return any(self.accounts[own].network != self.accounts[name].network for own in self.persons[name])

    def link(self, a: str, b: str) -> None:
        if len(self.persons[a]) > 1 or len(self.persons[b]) > 1:
            raise Refused("already_linked")
        if self.accounts[a].network == self.accounts[b].network:
            raise Refused("same_network")
        for name in (a, b):
            self.persons[name] = frozenset({a, b})
        for own, other, seat in self._seats():
            if own in (a, b) and other not in (a, b) and self._marked(self.restrictions, own, other):
                seat.covered = True

    def unlink(self, leaving: str) -> None:
        """Take an account out of its person; each keeps the blocks, restrictions and declines over it."""
        person = self.persons[leaving]
        if len(person) == 1:
            return
        for marks in (self.blocks, self.restrictions, self.hiding):
            seen = marks.seen
            for by, of in list(marks):
                if (by in person) != (of in person):
                    owners, others = (person, {of}) if by in person else ({by}, person)
                    marks.update((x, y) for x in owners for y in others)
                    if (by, of) in seen:  # he knows of this one account, and of none that it was linked to
                        seen.update((x, of) for x in owners)
            marks.unseen = marks - seen
        before = {own: self.accounts[own].hybrid for own in person}
        self.partings.update(dict.fromkeys(person, before))
        for own in person:
            if self.accounts[own].network == "direct" and self.accounts[own].hybrid == "on":
                self.accounts[own].hybrid = "off"
                self._lapse(own)
        rest = person - {leaving}
        self.parted.update(frozenset({leaving, own}) for own in rest)
        self.persons[leaving] = frozenset({leaving})
        for own in rest:
            self.persons[own] = rest

    def undo_unlink(self, a: str, b: str) -> None:
        """Join again what was parted last; who lived with another since stays as that left him."""
        before = next(
            (had for name in (a, b) if b in (had := self.partings.get(name, {})) and a in had), None
        )
        if before is None:
            raise Refused("expired")
        self.link(a, b)
        for name in (a, b):
            if self.partings.get(name) is before:
                del self.partings[name]
                account = self.accounts[name]
                refuses = account.network == "direct" and account.controls["others_on_messenger"] == "none"
                if before[name] == "on" and (account.keep_connected or not refuses):
                    account.hybrid = "on"

    def _lapse(self, own: str) -> None:
        """End the requests from the other network that wait at an account which crosses no more."""
        for owner, other, seat in self._seats():
            crosses = self.accounts[owner].network != self.accounts[other].network
            if owner == own and crosses and seat.consent == "pending":
                seat.consent = "lapsed"

    def upgrade(self, name: str) -> None:
        account = self.accounts[name]
        if account.network != "direct":
            raise Refused("not_available")
        if not self.is_linked(name):
            raise Refused("needs_link")
        if account.hybrid == "on":
            return
        for own in self.persons[name]:
            self.accounts[own].hybrid = "on"
        if account.controls["others_on_messenger"] == "none":
            account.controls["others_on_messenger"] = "requests"

    def leave_hybrid(self, name: str) -> None:
        """Disconnect the person: none of his accounts crosses until he upgrades again."""
        if not any(self.accounts[own].network == "direct" for own in self.persons[name]):
            raise Refused("needs_link")
        if "never" in {self.accounts[own].hybrid for own in self.persons[name]}:
            raise Refused("not_upgraded")
        for own in self.persons[name]:
            self.accounts[own].hybrid = "off"

    # --- settings and ties ---

    def set_control(self, name: str, category: str, outcome: str) -> None:
        account = self.accounts[name]
        known = category in account.controls and outcome in ("inbox", "requests", "none")
        if not known or (outcome == "inbox" and (account.network, category) not in MAY_BE_INBOX):
            raise Refused("invalid_control")
        if (account.network, category) in NEEDS_LINK and not self.is_linked(name):
            raise Refused("needs_link")
        account.controls[category] = outcome
        self._leave_if_so_set(name)

    def set_keep_connected(self, name: str, keep: bool) -> None:
        self.accounts[name].keep_connected = keep
        self._leave_if_so_set(name)

    def _leave_if_so_set(self, name: str) -> None:
        account = self.accounts[name]
        refuses = account.network == "direct" and account.controls["others_on_messenger"] == "none"
        if refuses and account.hybrid == "on" and not account.keep_connected:
            self.leave_hybrid(name)

    def follow(self, a: str, b: str) -> None:
        if not self.accounts[a].network == self.accounts[b].network == "direct" or a == b:
            raise Refused("not_on_this_network")
        self.follows.add((a, b))

    def unfollow(self, a: str, b: str) -> None:
        self.follows.discard((a, b))

    def befriend(self, a: str, b: str) -> None:
        if not self.accounts[a].network == self.accounts[b].network == "messenger" or a == b:
            raise Refused("not_on_this_network")
        self.friends.add(frozenset({a, b}))

    def unfriend(self, a: str, b: str) -> None:
        self.friends.discard(frozenset({a, b}))

    def add_contact(self, owner: str, other: str) -> None:
        """Put the verified number of ``other`` into the contacts of ``owner``, too late for what was said."""
        if (owner, other) not in self.contacts:
            self.contacts.add((owner, other))
            if any(seat.said for seat in self.threads.get(frozenset({owner, other}), {}).values()):
                self.late.add((owner, other))

    def block(self, by: str, of: str) -> None:
        if of in self.persons[by]:
            raise Refused("cannot_block_self")
        self.blocks.add((by, of))

    def unblock(self, by: str, of: str) -> None:
        self._lift(self.blocks, by, of)

    def restrict(self, by: str, of: str) -> None:
        if of in self.persons[by]:
            raise Refused("cannot_restrict_self")
        self.restrictions.add((by, of))
        for own, other, seat in self._seats():
            if own in self.persons[by] and other in self.persons[of]:
                seat.covered = True

    def unrestrict(self, by: str, of: str) -> None:
        lifted = self._lift(self.restrictions, by, of)
        for own, other, seat in self._seats():
            if (own, other) in lifted:
                seat.covered = False
                if seat.consent == "accepted" and (own, other) not in self.opened:
                    seat.acceptance_seen = True

    def _lift(self, marks: Marks, by: str, of: str) -> set[tuple[str, str]]:
        """Lift it between the two persons, and with it what unlinks spread of it."""
        between = {(x, y) for x in self.persons[by] for y in self.persons[of]}
        return between | self._drop(marks, between & marks)

    def _drop(self, marks: Marks, lifted: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Take marks away, and what was spread from them and from no mark that their makers still have."""
        marks -= lifted
        makers = {x for x, _ in lifted}
        made = {y for x, y in marks.seen if x in makers}
        spread = {y for x, y in marks if x in makers} - made
        lone = self._spread_to({y for _, y in lifted}, spread) - self._spread_to(made, spread)
        fallen = {(x, y) for x, y in marks if x in makers and y in lone}
        marks -= fallen
        return fallen

    def _spread_to(self, start: set[str], others: set[str]) -> set[str]:
        """Name those of the others that partings tie to the start, over however many of them."""
        met: set[str] = set()
        while more := {y for y in others - met if any(frozenset({x, y}) in self.parted for x in start | met)}:
            met |= more
        return met

    # --- writing and answering ---

    def open(self, s: str, r: str) -> None:
        """Begin a conversation, before anything is said: whoever does so wants the other's messages."""
        if frozenset({s, r}) not in self.threads:
            self.opened.add((s, r))

    def send(self, s: str, r: str, *, text: bool = True, spam: bool = False) -> Sent:
        """Let ``s`` write to ``r`` once; a reply is a send by the other side."""
        if r in self.persons[s]:
            return Sent("cannot_message_self", "nowhere")
        away = self.accounts[s].state != "active"
        if away or self.must_wait(s, r, text=text):
            return Sent("not_allowed" if away else "request_pending", "nowhere")
        outcome, _ = self.judge(s, r, spam=spam)
        if outcome == "none":
            return Sent("not_accepting", "nowhere")
        began = "accepted" if (r, s) in self.opened else "none"
        seats = self.threads.setdefault(frozenset({s, r}), {s: Seat(), r: Seat(consent=began)})
        mine, theirs = seats[s], seats[r]
        if mine.said == 0 or self.folder(s, r) != "inbox":
            mine.covered = self._marked(self.restrictions, s, r)
        mine.said += 1
        mine.folder, mine.consent = "inbox", "accepted"
        self._drop(self.hiding, self.hiding & {(s, r)})
        theirs.folder, theirs.consent = placed(theirs.folder, theirs.consent, outcome)
        theirs.covered = theirs.covered or self._marked(self.restrictions, r, s)
        return Sent("ok", self.folder(r, s))

    def accept(self, r: str, s: str) -> None:
        """Take the waiting request of ``s``; he sees it only if he is not restricted."""
        seat = self._waiting(r, s)
        seat.folder, seat.consent = "inbox", "accepted"
        seat.covered = self._marked(self.restrictions, r, s)
        seat.acceptance_seen = not seat.covered
        self._drop(self.hiding, self.hiding & {(r, s)})

    def decline(self, r: str, s: str, *, hide: bool = False) -> None:
        """Turn the waiting request of ``s`` away, and with ``hide`` what follows into hidden."""
        self._waiting(r, s).consent = "declined"
        if hide:
            self.hiding.add((r, s))

    def archive(self, owner: str, other: str) -> None:
        if self.folder(owner, other) not in ("inbox", "requests"):
            raise Refused("not_found")
        self.threads[frozenset({owner, other})][owner].folder = "archived"

    def _waiting(self, r: str, s: str) -> Seat:
        seat = self._seat(r, s)
        if seat is None or seat.consent != "pending":
            raise Refused("not_found")
        return seat

    # --- what can be seen ---

    def folder(self, owner: str, other: str) -> str:
        """Say where ``owner`` finds this thread; a restriction covers the inbox while it lasts."""
        seat = self._seat(owner, other)
        if seat is None or seat.consent in ("declined", "lapsed"):
            return "nowhere"
        if seat.covered:
            return "requests" if seat.folder == "inbox" else seat.folder
        if seat.folder == "requests" and seat.consent == "accepted":
            return "inbox"
        return seat.folder

    def folders(self, owner: str) -> dict[str, str]:
        """Name the folder of every thread that ``owner`` can find, by the other member."""
        found = {}
        for pair in self.threads:
            if owner in pair:
                (other,) = pair - {owner}
                found[other] = self.folder(owner, other)
        return {other: folder for other, folder in found.items() if folder != "nowhere"}

    # --- who may reach whom ---

    def judge(self, s: str, r: str, *, spam: bool = False) -> tuple[str, str]:
        """Decide the next message of ``s`` to ``r`` and name the rule, whatever the stranger limit says."""
        sender, receiver = self.accounts[s], self.accounts[r]
        if r in self.persons[s]:
            return "none", "self"
        if receiver.state != "active":
            return "none", "not_active"
        if self._marked(self.blocks, s, r) or self._marked(self.blocks, r, s):
            return "none", "blocked"
        if (s, r) in self.floors:
            return "none", "floor"
        category = self.category(s, r)
        setting = receiver.controls[category]
        seat = self._seat(r, s)
        if sender.network != receiver.network:
            if not self.may_cross(s, r):
                return "none", "left_hybrid"
            if setting == "none" and not receiver.keep_connected:
                return "none", f"closed:{category}"
        if self._marked(self.restrictions, r, s):
            return self._sifted("requests", s, r, spam), "restricted"
        if (seat is not None and (seat.consent == "accepted" or seat.said)) or (r, s) in self.opened:
            return "inbox", "accepted"
        if self._marked(self.hiding, r, s):
            return "hidden", "hidden_after_decline"
        if (r, s) in self.follows:
            return "inbox", "follows"
        if frozenset({r, s}) in self.friends:
            return "inbox", "friends"
        if (
            category == "phone_contacts"
            and setting == "inbox"
            and seat is not None
            and seat.consent != "none"
        ):
            setting = "requests"  # what S knows of R never raises a thread that waits or was turned away
        return self._sifted(setting, s, r, spam), f"control:{category}"

    def may_cross(self, s: str, r: str) -> bool:
        """Say whether both hybrid states let ``s`` start, or at least answer, across the networks."""
        states = self.accounts[s].hybrid, self.accounts[r].hybrid
        if "off" in states:
            return False
        seat = self._seat(r, s)
        return states[0] == "on" or (seat is not None and seat.said > 0)

    def category(self, s: str, r: str) -> str:
        """Name the most specific category of ``r`` that the account ``s`` is in."""
        here, there = self.accounts[r].network, self.accounts[s].network
        if here != there and self.accounts[r].hybrid == "never":
            return f"others_on_{there}"
        linked = self.is_linked(r)
        own = self.persons[r]
        twins = {name for name in own if self.accounts[name].network != here}
        friend_of_twin = any(frozenset({twin, s}) in self.friends for twin in twins)
        talked = any((seat := self._seat(twin, s)) is not None and seat.said for twin in twins)
        has_number = (s, r) in self.contacts - self.late
        if here == "direct":
            if linked and (friend_of_twin or talked):
                return "messenger_friends"
            if (s, r) in self.follows:
                return "followers"
            if linked and has_number:
                return "phone_contacts"
            if linked and any(self._share_a_friend(s, twin) for twin in twins):
                return "messenger_friends_of_friends"
        else:
            if linked and (talked or any((twin, s) in self.follows for twin in twins)):
                return "direct_following"
            if has_number:
                return "phone_contacts"
            if self._share_a_friend(s, r):
                return "friends_of_friends"
            if linked and any((s, twin) in self.follows for twin in twins):
                return "direct_followers"
        return f"others_on_{there}"

    def must_wait(self, s: str, r: str, *, text: bool = True) -> bool:
        """Say whether the stranger limit stands: only what ``s`` himself can see counts."""
        seat = self._seat(r, s)
        if seat is not None and (seat.said or seat.acceptance_seen):
            return False
        if (r, s) in self.follows or frozenset({r, s}) in self.friends:
            return False
        mine = self._seat(s, r)
        return not text or (mine is not None and mine.said > 0)

    def knows_better(self, s: str, r: str) -> bool:
        """Say whether more than ``r`` knows decides over ``s``: it left, blocks, has a number, was linked."""
        pairs = [(one, two) for one in self.persons[s] for two in self.persons[r]]
        return (
            self.accounts[s].hybrid != "on"
            or (s, r) in self.contacts
            or any(pair in self.blocks for pair in pairs)
            or any(
                (two, one) in (marks.unseen & marks if one == s else marks)
                for marks in (self.blocks, self.restrictions, self.hiding)
                for one, two in pairs
            )
        )

    def _seats(self) -> list[tuple[str, str, Seat]]:
        pairs = [(own, other) for pair in self.threads for own, other in permutations(sorted(pair))]
        return [(own, other, self.threads[frozenset({own, other})][own]) for own, other in pairs]

    def _seat(self, owner: str, other: str) -> Seat | None:
        seats = self.threads.get(frozenset({owner, other}))
        return seats[owner] if seats else None

    def _marked(self, marks: set[tuple[str, str]], by: str, of: str) -> bool:
        return any((x, y) in marks for x in self.persons[by] for y in self.persons[of])

    def _share_a_friend(self, a: str, b: str) -> bool:
        of_a = {name for pair in self.friends if a in pair for name in pair - {a}}
        of_b = {name for pair in self.friends if b in pair for name in pair - {b}}
        return bool(of_a & of_b - {a, b})

    def _sifted(self, outcome: str, s: str, r: str, spam: bool) -> str:
        is_friend = any(frozenset({own, s}) in self.friends for own in self.persons[r])
        return "hidden" if outcome == "requests" and spam and not is_friend else outcome


def placed(folder: str, consent: str, outcome: str) -> tuple[str, str]:
    """Say where a thread lies for a member after one more message that was taken with this outcome."""
    folder = "hidden" if folder == "hidden" else outcome  # only its owner brings it up again
    if consent == "accepted":
        return folder, consent
    return folder, "none" if folder == "inbox" else "pending"
