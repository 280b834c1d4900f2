"""How many connections people have at other hubs.

A hub tells those that serve the same account how many sessions are there, whenever that
changes, and asks them when one comes. They answer a moment after the sign-in.
"""

from collections.abc import Callable, Iterable
from typing import Final

from bridge.bus.base import Bus, Count, News
from bridge.ids import AccountId

_ANSWER_S: Final = 1.0  # how long a hub may take to say again how many it has, once that is in doubt


class Crowd:
    """The sessions of other hubs, by the account of their device."""

    def __init__(self, bus: Bus, here: Callable[[AccountId], int], clock: Callable[[], float]) -> None:
        """Know of none; ``here`` counts those of this hub, the clock gives monotonic seconds."""
        self._bus = bus
        self._here = here
        self._clock = clock
        self._elsewhere: dict[
            AccountId, dict[str, tuple[Count, float]]
        ] = {}  # with the time when it was heard
        self._number = 0
        self._doubted: dict[AccountId, float] = {}

    @property
    def hubs(self) -> int:
        """Among how many hubs a limit is to be parted: all of them while they can't hear each other."""
        return 1 if self._bus.is_up else 1 + len(self._bus.nodes)

    def elsewhere(self, account: AccountId) -> int:
        """Count the sessions at the hubs that are there and can be heard."""
        if not self._bus.is_up:
            return 0
        since = self._doubted.get(account)
        if since is not None and self._clock() - since > _ANSWER_S:  # whoever has none does not answer
            self._elsewhere[account] = {
                node: heard for node, heard in self._elsewhere.get(account, {}).items() if heard[1] >= since
            }
            del self._doubted[account]
        counts = self._elsewhere.get(account, {})
        return sum(count.sessions for node, (count, _) in counts.items() if node in self._bus.nodes)

    def doubt(self, account: AccountId) -> None:
        """Have the others say again how many they have: that some ended may have been lost on the way."""
        if account not in self._doubted:
            self._doubted[account] = self._clock()
            self.tell(account, (account,), asks=True)

    def tell(self, via: AccountId, accounts: Iterable[AccountId], *, asks: bool = False) -> None:
        """Tell the hubs that serve an account how many sessions of these are here; perhaps ask for theirs."""
        if self._bus.connects:
            self._number += 1
            counts = tuple(Count(via, one, self._here(one), asks, self._number) for one in accounts)
            self._bus.publish(News(counts=counts))

    def heard(self, node: str, count: Count) -> None:
        """Take in how many there are at another hub, unless it told so before what is known."""
        counts = self._elsewhere.setdefault(count.account, {})
        if node not in counts or count.number >= counts[node][0].number:
            counts[node] = count, self._clock()

    def forget(self, account: AccountId) -> None:
        """Remember nothing of an account that is no longer served here."""
        self._elsewhere.pop(account, None)
        self._doubted.pop(account, None)
