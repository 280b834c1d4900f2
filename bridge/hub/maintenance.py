"""What a hub does by itself, a little at a time: forgets old journal entries, erases deleted accounts.

Each step is short, so that people's messages go between; what a stop interrupts
is found again at the next start.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

from bridge.domain.deeds import EraseAccount
from bridge.domain.rules.accounts import is_due
from bridge.errors import BridgeError, Expired
from bridge.hub.operator import erase_content
from bridge.hub.pipeline import Pipeline
from bridge.ids import AccountId
from bridge.store.base import Store
from bridge.wire.values import AccountState

log = logging.getLogger("bridge.hub")

_EVERY_S: Final = 60.0
_TRIMMED_AT_ONCE: Final = 2_000
_SWEEPS_EVERY: Final = 60  # rounds: going through all accounts is no work for every minute
_ACCOUNTS_AT_ONCE: Final = 500
_DAY_MS: Final = 86_400_000


@runtime_checkable
class CatchesUp(Protocol):
    """An engine whose search index may lag behind what was imported."""

    async def catch_up(self) -> int:
        """Bring the index a step nearer; return how many messages were left before it."""


class Maintenance:
    """Keeps a store in order while its hub runs."""

    def __init__(self, pipeline: Pipeline, store: Store, clock: Callable[[], int], journal_days: int) -> None:
        """Take the parts; ``run`` works until it is cancelled."""
        self._pipeline = pipeline
        self._store = store
        self._clock = clock
        self._journal_ms = journal_days * _DAY_MS
        self._rounds = 0
        self._unfinished = True  # an erasure may have been interrupted, by the last stop or by a failure

    async def run(self) -> None:
        """Work for ever, in rounds; a round that fails is tried again at its next time."""
        while True:
            try:
                await self.round()
            except BridgeError as wrong:
                log.warning("maintenance waits for its next round: %s", wrong)
            await asyncio.sleep(_EVERY_S)

    async def round(self) -> None:
        """Do what is due now."""
        if isinstance(self._store, CatchesUp):
            while await self._store.catch_up():
                log.debug("the search index catches up")
        await self._trim()
        if self._rounds % _SWEEPS_EVERY == 0:
            await self._sweep()
        self._rounds += 1

    async def _trim(self) -> None:
        before = self._clock() - self._journal_ms
        forgotten = _TRIMMED_AT_ONCE
        while forgotten == _TRIMMED_AT_ONCE:
            forgotten = await self._store.trim(before, _TRIMMED_AT_ONCE)

    async def _sweep(self) -> None:
        """Erase the accounts whose grace time is over, and finish what a stop interrupted."""
        after: AccountId | None = None
        while page := await self._store.accounts(after=after, limit=_ACCOUNTS_AT_ONCE):
            after = page[-1].id
            for account in page:
                begun = self._unfinished and account.state is AccountState.DELETED
                if begun or (is_due(account, self._clock()) and await self._mark(account.id)):
                    await self._erase(account.id)
        self._unfinished = self._store.shared  # another hub's erasure may be interrupted at any time

    async def _mark(self, account: AccountId) -> bool:
        """Erase an account itself, unless it was taken back, or erased elsewhere, since it was listed."""
        try:
            await self._pipeline.do(AccountId(""), EraseAccount(account=account, due=True))
        except Expired:
            return False
        return True

    async def _erase(self, account: AccountId) -> None:
        try:
            erased = await erase_content(self._store, account)
        except BridgeError:
            self._unfinished = True
            raise
        log.info("erased %d messages of %s", erased, account)
