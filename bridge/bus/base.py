"""The port of all buses: tell other nodes what was committed here, and pass what is never stored."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from msgspec import Struct

from bridge.bus.roster import Roster
from bridge.domain.model import StoredRecord
from bridge.domain.outcome import Told
from bridge.ids import AccountId, Position
from bridge.wire.events import Typed


class Count(Struct, array_like=True, frozen=True):
    """How many sessions of devices of an account are at a node.

    Attributes:
        via: The account whose nodes hear it: this one, or one of the same person.
        account: The account.
        sessions: How many.
        asks: Whether other nodes should tell theirs.
        number: Rises with all that the node tells of sessions: what it told by way of two accounts may come
            in any order.
    """

    via: AccountId
    account: AccountId
    sessions: int
    asks: bool = False
    number: int = 0


class News(Struct):
    """What one commit brought, in order.

    Attributes:
        told: Each event with the accounts that hear it and their journal positions.
        passing: What is told once and never stored.
        moved: Accounts whose person, hybrid state or devices changed: sessions must look again at what they
            may use.
        presence: Accounts that came online or went.
        records: What was committed with it, where a node shares its store: other nodes may take it over in
            their memories. It may come late or not at all; the commit checks what was read anyway.
        node: Which other node tells it; empty: this one.
        counts: Sessions of the node that tells it.
    """

    told: Sequence[tuple[Told, Sequence[tuple[AccountId, Position]]]] = ()
    passing: Sequence[tuple[Typed, tuple[AccountId, ...]]] = ()
    moved: frozenset[AccountId] = frozenset()
    presence: Sequence[tuple[AccountId, bool]] = ()
    records: Sequence[StoredRecord] = ()
    node: str = ""
    counts: Sequence[Count] = ()


class Elsewhere(Protocol):
    """Who hears what other nodes did."""

    def heard(self, news: News) -> None:
        """Take in the news of another node."""

    def woken(self, account: AccountId, head: Position) -> None:
        """Hear that a journal stands at least here; the entries themselves were too large to bring."""

    def wrote(self, node: str, letter: bytes) -> None:
        """Take in what another node wrote to this one alone."""

    def announced(self, data: bytes) -> None:
        """Take in what another node announced to all."""

    def gone(self, node: str) -> None:
        """Hear that a node said goodbye, or was silent for too long."""

    def doubted(self) -> None:
        """Hear that news may have been lost: everything must be looked at again."""


class Bus(Protocol):
    """Carries news between nodes. What is lost on the way costs delay, never a message.

    Attributes:
        connects: Whether there are other nodes at all.
        is_up: Whether they can be reached now; always true of a bus that connects nothing.
        name: What the others call this node.
        nodes: The other nodes that are there.
    """

    connects: bool
    is_up: bool
    name: str
    nodes: Roster

    def publish(self, news: News) -> None:
        """Hand news on, to this node at once; called right after the commit, never blocks."""

    def write(self, node: str, letter: bytes) -> None:
        """Write to one other node; it may be lost on the way, and several may come in another order."""

    def announce(self, data: bytes) -> None:
        """Tell all other nodes something; while they cannot be reached, nobody."""

    def subscribe(self, hear: Callable[[News], None]) -> None:
        """Name who hears the news of this node."""

    def join(self, elsewhere: Elsewhere) -> None:
        """Name who hears the news of other nodes."""

    def serve(self, account: AccountId) -> None:
        """Begin to hear what other nodes tell this account."""

    def leave(self, account: AccountId) -> None:
        """Hear no more of it."""

    def watch(self, account: AccountId) -> None:
        """Begin to hear when this account comes and goes on other nodes."""

    def unwatch(self, account: AccountId) -> None:
        """Hear no more of that."""

    async def settled(self) -> None:
        """Wait until what was begun to be heard is heard: what other nodes commit from here on will come."""

    async def served_elsewhere(self, accounts: Collection[AccountId]) -> frozenset[AccountId]:
        """Name those of these accounts that are online on other nodes, as far as these can be asked."""

    async def close(self) -> None:
        """Let go of everything."""
