"""The bus of a single node: whoever subscribed hears the news at once."""

from collections.abc import Callable, Collection

from bridge.bus.base import Elsewhere, News
from bridge.bus.roster import Roster
from bridge.ids import AccountId


class LocalBus:
    """Hands news to the subscribers within the same turn of the loop; there is no other node.

    Attributes:
        connects: False.
        is_up: True.
        name: Empty.
        nodes: Nobody.
    """

    def __init__(self) -> None:
        """Begin without subscribers."""
        self.connects = False
        self.is_up = True
        self.name = ""
        self.nodes = Roster()
        self._hear: list[Callable[[News], None]] = []

    def publish(self, news: News) -> None:
        """Hand news on at once."""
        for hear in self._hear:
            hear(news)

    def write(self, node: str, letter: bytes) -> None:
        """Do nothing: there is nobody to write to."""

    def announce(self, data: bytes) -> None:
        """Do nothing."""

    def subscribe(self, hear: Callable[[News], None]) -> None:
        """Name who hears."""
        self._hear.append(hear)

    def join(self, elsewhere: Elsewhere) -> None:
        """Promise nothing: there is nobody elsewhere."""

    def serve(self, account: AccountId) -> None:
        """Do nothing: this node hears everything that there is."""

    def leave(self, account: AccountId) -> None:
        """Do nothing."""

    def watch(self, account: AccountId) -> None:
        """Do nothing: who comes and goes is known here."""

    def unwatch(self, account: AccountId) -> None:
        """Do nothing."""

    async def settled(self) -> None:
        """Return at once."""

    async def served_elsewhere(self, accounts: Collection[AccountId]) -> frozenset[AccountId]:
        """Name nobody."""
        return frozenset()

    async def close(self) -> None:
        """Forget the subscribers."""
        self._hear.clear()
