"""Who of those that are watched here is online at other nodes, and when they no longer are.

That a node serves an account is its subscription to the account's subject. So whether
somebody is still there is asked there: when a node says that one left it, and when a
node is gone at which they were seen last.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Final

from bridge.ids import AccountId

_AT_ONCE: Final = 100  # accounts asked about at a time when a node is gone


class Presence:
    """What this node knows of the others' people."""

    def __init__(
        self,
        *,
        ask: Callable[[AccountId], Awaitable[str]],
        is_here: Callable[[AccountId], bool],
        is_watched: Callable[[AccountId], bool],
        left: Callable[[AccountId], None],
        start: Callable[[Coroutine[object, object, None]], None],
    ) -> None:
        """Know of nobody.

        Args:
            ask: Names another node that serves an account; empty: none does.
            is_here: Whether this node serves it.
            is_watched: Whether anybody here watches it.
            left: Hears that a watched account is nowhere any more.
            start: Runs something beside.
        """
        self._ask, self._is_here, self._is_watched = ask, is_here, is_watched
        self._left, self._start = left, start
        self._seen: dict[AccountId, str] = {}

    async def elsewhere(self, accounts: Collection[AccountId]) -> frozenset[AccountId]:
        """Name those that another node serves."""
        nodes = await asyncio.gather(*(self._ask(account) for account in accounts))
        for account, node in zip(accounts, nodes, strict=True):
            self._note(account, node)
        return frozenset(account for account, node in zip(accounts, nodes, strict=True) if node)

    def came(self, account: AccountId, node: str) -> None:
        """Note that an account came online at another node."""
        self._note(account, node)

    def went(self, account: AccountId) -> None:
        """Find out whether an account that left a node, or this one, is still at another."""
        self._start(self._check((account,)))

    def forget(self, account: AccountId) -> None:
        """Know nothing of an account that nobody watches any more."""
        self._seen.pop(account, None)

    def gone(self, node: str) -> None:
        """Find out who is still somewhere, of those who were seen last at a node that is gone."""
        lost = [account for account, seen in self._seen.items() if seen == node]
        if lost:
            self._start(self._check(lost))

    async def _check(self, accounts: Sequence[AccountId]) -> None:
        for start in range(0, len(accounts), _AT_ONCE):
            some = accounts[start : start + _AT_ONCE]
            asked = [account for account in some if not self._is_here(account)]
            found = await self.elsewhere(asked)
            for account in asked:
                if account not in found and not self._is_here(account):
                    self._left(account)

    def _note(self, account: AccountId, node: str) -> None:
        if node and self._is_watched(account):
            self._seen[account] = node
        else:
            self._seen.pop(account, None)
