"""What every connection needs of the hub, put together once."""

import asyncio
from time import time

from bridge.bus.base import Bus
from bridge.config import Config, Limits
from bridge.hub.asking import Places
from bridge.hub.auth import Passwords
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
        places: Places,
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
        self.places = places
        self.queries = Queries(pipeline, store, sessions)
        self.usage = usage
        self.calls = usage.calls
        self.look_ups = usage.look_ups


def services_of(
    config: Config,
    store: Store,
    pipeline: Pipeline,
    bus: Bus,
    sessions: Sessions,
    cursors: Cursors,
    counters: Counters,
    passwords: Passwords,
) -> Services:
    """Put together what every connection needs."""
    usage = Usage(bus, config.limits, asyncio.get_running_loop().time)
    entrance, places = Entrance(), Places(config.limits.queries_at_once)
    auth = Authority(
        pipeline=pipeline,
        store=store,
        bus=bus,
        sessions=sessions,
        cursors=cursors,
        passwords=passwords,
        config=config,
        tries=usage.tries,
        entrance=entrance,
        places=places,
        clock=now_ms,
    )
    return Services(
        pipeline=pipeline,
        store=store,
        bus=bus,
        sessions=sessions,
        cursors=cursors,
        counters=counters,
        limits=config.limits,
        auth=auth,
        entrance=entrance,
        usage=usage,
        places=places,
    )


def now_ms() -> int:
    """Give the time in milliseconds since 1970."""
    return int(time() * 1000)
