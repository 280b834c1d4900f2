"""How many connections people have at other hubs.

A hub tells those that serve the same account how many sessions are there, whenever that
changes, and asks them when one comes. They answer a moment after the sign-in.
"""

from collections.abc import Callable, Iterable

from bridge.bus.base import Bus, Count, News
from bridge.ids import AccountId


class Crowd:
    """The sessions of other hubs, by the account of their device."""

    def __init__(self, bus: Bus, here: Callable[[AccountId], int]) -> None:
        """Know of none; ``here`` counts those of this hub."""
        self._bus = bus
        self._here = here
        self._elsewhere: dict[AccountId, dict[str, int]] = {}

    @property
    def hubs(self) -> int:
        """Among how many hubs a limit is to be parted: all of them while they can't hear each other."""
        return 1 if self._bus.is_up else 1 + len(self._bus.nodes)

    def elsewhere(self, account: AccountId) -> int:
        """Count the sessions at the hubs that are there and can be heard."""
        if not self._bus.is_up:
            return 0
        counts = self._elsewhere.get(account, {})
        return sum(sessions for node, sessions in counts.items() if node in self._bus.nodes)

    def tell(self, via: AccountId, accounts: Iterable[AccountId], *, asks: bool = False) -> None:
        """Tell the hubs that serve an account how many sessions of these are here; perhaps ask for theirs."""
        if self._bus.connects:
            counts = tuple(Count(via, account, self._here(account), asks) for account in accounts)
            self._bus.publish(News(counts=counts))

    def heard(self, node: str, count: Count) -> None:
        """Take in how many there are at another hub."""
        self._elsewhere.setdefault(count.account, {})[node] = count.sessions

    def forget(self, account: AccountId) -> None:
        """Remember nothing of an account that is no longer served here."""
        self._elsewhere.pop(account, None)
