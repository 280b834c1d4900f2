"""Who of those that are watched here is online at other nodes, and when they no longer are.

That a node serves an account is its subscription to the account's subject. So whether
somebody is still there is asked there: when a node says that one left it, when a node
is gone at which they were seen last, and about everybody when news may have been lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from bridge.bus.roster import SILENT_S
from bridge.ids import AccountId

_AT_ONCE: Final = 100  # accounts asked about at a time


class Presence:
    """What this node knows of the others' people."""

    def __init__(
        self,
        *,
        ask: Callable[[AccountId], Awaitable[str]],
        is_here: Callable[[AccountId], bool],
        is_up: Callable[[], bool],
        tell: Callable[[AccountId, bool], None],
        start: Callable[[Coroutine[object, object, None]], None],
        pause_s: float = SILENT_S,
    ) -> None:
        """Know of nobody.

        Args:
            ask: Names another node that serves an account; empty: none does.
            is_here: Whether this node serves it.
            is_up: Whether others can be asked.
            tell: Hears that a watched account is at another node after all, or nowhere any more.
            start: Runs something beside.
            pause_s: How long other nodes may need to be back before their people count as gone.
        """
        self._ask, self._is_here, self._is_up = ask, is_here, is_up
        self._tell, self._start = tell, start
        self._pause_s = pause_s
        self._seen: dict[AccountId, str] = {}  # who is watched, and at which node they were seen last
        self._doubts = self._looks = False

    def watch(self, account: AccountId) -> None:
        """Keep in mind where this account is seen."""
        self._seen.setdefault(account, "")

    def forget(self, account: AccountId) -> None:
        """Know nothing of an account that nobody watches any more."""
        self._seen.pop(account, None)

    async def elsewhere(self, accounts: Collection[AccountId]) -> frozenset[AccountId]:
        """Name those that another node serves."""
        nodes = await asyncio.gather(*(self._ask(account) for account in accounts))
        for account, node in zip(accounts, nodes, strict=True):
            self.came(account, node)
        return frozenset(account for account, node in zip(accounts, nodes, strict=True) if node)

    def came(self, account: AccountId, node: str) -> None:
        """Note that an account is at another node."""
        if account in self._seen:
            self._seen[account] = node

    def went(self, account: AccountId) -> None:
        """Find out whether an account that left a node, or this one, is still at another."""
        self._start(self._check((account,)))

    def gone(self, node: str) -> None:
        """Find out who is still somewhere, of those who were seen last at a node that is gone."""
        lost = [account for account, seen in self._seen.items() if seen == node]
        if lost:
            self._start(self._check(lost))

    def doubted(self) -> None:
        """Find out where everybody is: some may have come or gone unheard."""
        self._doubts = True
        if self._seen and not self._looks:
            self._looks = True
            self._start(self._look())

    async def _look(self) -> None:
        try:
            while self._doubts and self._is_up():
                self._doubts = False
                lost: list[AccountId] = []
                for some in _pieces(self._seen):
                    lost += await self._compare([one for one in some if not self._is_here(one)])
                if lost:
                    await asyncio.sleep(self._pause_s)  # whoever was cut off with us comes back with us
                    if self._is_up():
                        await self._check(lost)
        finally:
            self._looks = False

    async def _compare(self, accounts: Sequence[AccountId]) -> list[AccountId]:
        """Tell who of these is at another node unknown till now; give those who are at none any more."""
        before = {account: self._seen.get(account) for account in accounts}
        found = await self.elsewhere(accounts)
        for account in found:
            if before[account] == "":
                self._tell(account, True)
        return [account for account in accounts if before[account] and account not in found]

    async def _check(self, accounts: Sequence[AccountId]) -> None:
        for some in _pieces(accounts):
            asked = [account for account in some if not self._is_here(account)]
            found = await self.elsewhere(asked)
            for account in asked:
                if account not in found and not self._is_here(account):
                    self._tell(account, False)


def _pieces(accounts: Iterable[AccountId]) -> Iterator[Sequence[AccountId]]:
    rest = iter(tuple(accounts))
    while some := tuple(islice(rest, _AT_ONCE)):
        yield some
