"""What a hub stands on in a test: memory, a file, or three hubs that share a real PostgreSQL and a real NATS.

Whatever clients can tell apart only if a promise is broken is tested on all of them, through ``hub`` or
``ground``. Where there are three hubs, people, their connections and what they do without one go to them in
turn, so a test spreads over all three by itself.

Some tests stand on ``one_hub`` in memory, or on a house that they build themselves, since what they show is
about one process by nature:

- they look into it, or put something into it: its counters, its sockets, its memory, what it asks of its
  store, a store that fails. ``tests/cluster`` has a cluster's own faults, with real servers that are killed;
- they count what each hub counts by itself (rates, connections, what waits: see docs/cluster.md);
- they are about bytes and handshakes before anybody has signed in, which no other hub can know of;
- they compare what two hubs say byte for byte, news in passing and their order among answers included;
- they restart, migrate, lock or kill what only one process may hold (SQLite's file: ``tests/faults``).
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from bridge.app import running_hub
from bridge.store.memory import MemoryStore
from bridge.store.postgres import PostgresStore
from tests.cluster.town import up
from tests.engines_nats import the_nats
from tests.engines_postgres import the_server
from tests.hub.house import House, config, house, housed

HUBS: Final = 3


class Ground:
    """One ground, with a folder of its own: a house that is opened on it again finds what was kept.

    Attributes:
        name: Its name, one of ``GROUNDS``.
    """

    def __init__(self, name: str, password_hash: str, folder: Path) -> None:
        self.name = name
        self._hash, self._folder = password_hash, folder
        self._memory: MemoryStore | None = None

    @asynccontextmanager
    async def house(self, **sections: Any) -> AsyncIterator[House]:
        """Run a hub, or three."""
        if self.name == "three-hubs":
            async with self._three(**sections) as made:
                yield made
        elif self.name == "sqlite":
            path = str(self._folder / "isthmus.db")
            async with house(self._hash, config(**sections, store={"path": path})) as made:
                yield made
        else:
            self._memory = self._memory or await MemoryStore.open()
            async with house(self._hash, config(**sections, store=self._keys), self._memory) as made:
                yield made

    @asynccontextmanager
    async def _three(self, **sections: Any) -> AsyncIterator[House]:
        name = "g" + blake2b(str(self._folder).encode(), digest_size=10).hexdigest()
        bus = {"url": the_nats(), "prefix": name}
        settings = config(**sections, store=self._keys, bus=bus)
        async with AsyncExitStack() as stack:
            hubs = []
            for _ in range(HUBS):
                store = await PostgresStore.open(the_server().dsn(name), pool=2)
                stack.push_async_callback(store.close)
                hubs.append(await stack.enter_async_context(running_hub(settings, store)))
            for hub in hubs:
                await up(hub)
            yield await stack.enter_async_context(housed(hubs, self._hash))

    @property
    def _keys(self) -> dict[str, Any]:
        return {"keys": self._folder / "keys"}


GROUNDS: Final = ("memory", "sqlite", "three-hubs")
