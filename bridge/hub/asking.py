"""Who may look something up now: a few at once, and of each person's account fewer; others wait for a place.

Whoever asks for much waits behind himself: accounts that wait take turns. What looks hold in memory, and what
they make the store and a batch do, is bounded by the places, and not by who asks.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bridge.ids import AccountId

AT_ONCE: Final = 8
"""How many looks are under way: the store answers one after the other, and no batch is full of them."""


class Places:
    """Places to look from; each is taken by one query until it is answered."""

    def __init__(self, each: int, at_once: int = AT_ONCE) -> None:
        """Be all free; an account may have ``each`` of them."""
        self._each = each
        self._free = at_once
        self._taken: Counter[AccountId] = Counter()
        self._waiting: OrderedDict[AccountId, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def place(self, account: AccountId) -> AsyncIterator[None]:
        """Hold a place, once it is the account's turn."""
        if self._free and self._taken[account] < self._each:  # then nobody waits who could have it
            self._take(account)
        else:
            await self._wait(account)
        try:
            yield
        finally:
            self._leave(account)

    def _take(self, account: AccountId) -> None:
        self._free -= 1
        self._taken[account] += 1

    async def _wait(self, account: AccountId) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(account, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had its place a moment before it went
                self._leave(account)
            raise

    def _leave(self, account: AccountId) -> None:
        self._free += 1
        self._taken[account] -= 1
        if not self._taken[account]:
            del self._taken[account]
        self._admit()

    def _admit(self) -> None:
        """Give the place that became free to the next account that may have one more."""
        full: list[tuple[AccountId, deque[asyncio.Future[None]]]] = []  # few: they have most places
        while self._waiting and self._free:
            account, turns = self._waiting.popitem(last=False)
            while turns and turns[0].cancelled():
                turns.popleft()
            if not turns:
                continue
            if self._taken[account] >= self._each:
                full.append((account, turns))
                continue
            self._take(account)
            turns.popleft().set_result(None)
            self._waiting[account] = turns
            break
        for account, turns in reversed(full):
            self._waiting[account] = turns
            self._waiting.move_to_end(account, last=False)
