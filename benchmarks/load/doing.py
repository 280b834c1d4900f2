"""What everything that people do is given: who does it, to whom, by which chance."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from msgspec import Struct

from benchmarks.load.world import Somebody, World
from bridge.ids import AccountId
from bridge.wire.values import OwnAccountView
from clients import Client

Act = Callable[[Client], Awaitable[object]]
"""Something that somebody does with a client."""

Table = dict[str, tuple[int, Act]]
"""Acts by name, with how often each is done."""

KIND: Final = 0.7  # how often somebody says yes
HARSH: Final = 0.3


class Doer(Struct):
    """Who does something on one of his devices.

    Attributes:
        world: What all share.
        me: Who.
        account: His account, as far as this device knows.
        partner: With whom he talks most of all.
        chance: What he decides by.
    """

    world: World
    me: Somebody
    account: AccountId
    partner: Somebody
    chance: Random

    def stranger(self) -> Somebody:
        """Choose anybody."""
        return self.chance.choice(self.chance.choice(self.world.pairs))

    def says_yes(self, how_often: float = KIND) -> bool:
        """Decide."""
        return self.chance.random() < how_often

    def own(self, client: Client) -> OwnAccountView:
        """Choose an own account: the device's, or another one that it may use."""
        others = [one for one in client.accounts.values() if one.id != self.account]
        if others and self.says_yes(HARSH):
            return self.chance.choice(others)
        return client.accounts[self.account]
