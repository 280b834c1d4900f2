"""A store that fails when it is told to, around one that does not."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.errors import BridgeError, Stale
from bridge.store.base import Batch, Places, Store


class FaultyStore:
    """Passes everything on, but fails commits and loads on demand.

    Attributes:
        fails: Raised by each commit while it is set; nothing of the batch is kept.
        fails_after: Raised by the next commit, although the batch was kept.
        load_fails: Raised by each load while it is set.
        stale: Keys to name in a ``Stale``, one for each commit to come.
        before: Called with each batch before it is committed.
        calls: How often each method was called.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.fails: BridgeError | None = None
        self.fails_after: BridgeError | None = None
        self.load_fails: BridgeError | None = None
        self.stale: list[tuple[object, ...]] = []
        self.before: Callable[[Batch], None] | None = None
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self.store, name)

    async def load(self, keys: Any) -> Mapping[Any, object]:
        self.calls["load"] += 1
        if self.load_fails is not None:
            raise self.load_fails
        return await self.store.load(keys)

    async def commit(self, batch: Batch) -> Sequence[Places]:
        self.calls["commit"] += 1
        if self.before is not None:
            self.before(batch)
        if self.stale:
            raise Stale(self.stale.pop())
        if self.fails is not None:
            raise self.fails
        made = await self.store.commit(batch)
        if self.fails_after is not None:
            raise self.fails_after
        return made
