"""The port of all buses: tell other nodes what was committed here, and pass what is never stored."""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from bridge.domain.outcome import Told
from bridge.ids import AccountId, Position
from bridge.wire.events import Typed


class News(Struct):
    """What one commit brought, in order.

    Attributes:
        told: Each event with the accounts that hear it and their journal positions.
        passing: What is told once and never stored.
        moved: Accounts whose person, hybrid state or devices changed: sessions must look again at what they may use.
    """

    told: Sequence[tuple[Told, Sequence[tuple[AccountId, Position]]]]
    passing: Sequence[tuple[Typed, tuple[AccountId, ...]]] = ()
    moved: frozenset[AccountId] = frozenset()


class Bus(Protocol):
    """Carries news between nodes. What is lost on the way costs delay, never a message."""

    def publish(self, news: News) -> None:
        """Hand news on; called right after the commit, never blocks."""

    def subscribe(self, hear: Callable[[News], None]) -> None:
        """Name who hears the news of this and all other nodes."""

    async def close(self) -> None:
        """Let go of everything."""
