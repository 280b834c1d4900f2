"""What every connection needs of the hub, put together once."""

from time import time

from bridge.bus.base import Bus
from bridge.config import Limits
from bridge.hub.asking import Places
from bridge.hub.authority import Authority
from bridge.hub.counters import Counters
from bridge.hub.entrance import Entrance
from bridge.hub.journal import Cursors
from bridge.hub.pipeline import Pipeline
from bridge.hub.queries import Queries
from bridge.hub.sessions import Sessions
from bridge.hub.usage import Usage
from bridge.store.base import Store


class Services:
    """The hub's parts, as its connections see them."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        store: Store,
        bus: Bus,
        sessions: Sessions,
        cursors: Cursors,
        counters: Counters,
        limits: Limits,
        auth: Authority,
        entrance: Entrance,
        usage: Usage,
    ) -> None:
        """Take the parts."""
        self.pipeline = pipeline
        self.store = store
        self.bus = bus
        self.sessions = sessions
        self.cursors = cursors
        self.counters = counters
        self.limits = limits
        self.auth = auth
        self.entrance = entrance
        self.places = Places(limits.queries_at_once)
        self.queries = Queries(pipeline, store, sessions)
        self.usage = usage
        self.calls = usage.calls
        self.look_ups = usage.look_ups


def now_ms() -> int:
    """Give the time in milliseconds since 1970."""
    return int(time() * 1000)
