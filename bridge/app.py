"""Puts the parts together: the only place that names real engines."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.bus.base import Bus
from bridge.bus.local import LocalBus
from bridge.bus.reach import reached
from bridge.config import Config, PolicySettings
from bridge.domain.policy import Policy
from bridge.errors import ConfigInvalid, SetupError
from bridge.hub.admin import admin_socket
from bridge.hub.auth import Passwords
from bridge.hub.cluster import Cluster
from bridge.hub.counters import Counters
from bridge.hub.desk import Desk
from bridge.hub.journal import Cursors
from bridge.hub.keys import NO_KEYS, Keys, settle_keys
from bridge.hub.maintenance import Maintenance
from bridge.hub.operator import Importer, Operator, Report
from bridge.hub.orders import Import
from bridge.hub.pipeline import Pipeline
from bridge.hub.server import Server
from bridge.hub.services import now_ms, services_of
from bridge.hub.sessions import Sessions
from bridge.standing import standing
from bridge.store.base import Progress, Store
from bridge.store.memory import MemoryStore
from bridge.wire.values import Network

if TYPE_CHECKING:
    from bridge.transfer import ImportReport

log = logging.getLogger("bridge.hub")


class Hub(Struct):
    """A hub that runs.

    Attributes:
        port: Where it listens.
        pipeline: Takes commands.
        store: Where things are kept.
        sessions: Who is here.
        counters: What has happened.
        passwords: Hashes passwords.
        server: The sockets.
        bus: The way to other hubs.
        config: What it was started with.
        stopped: Done when the hub can go on no longer; holds the reason.
    """

    port: int
    pipeline: Pipeline
    store: Store
    sessions: Sessions
    counters: Counters
    passwords: Passwords
    server: Server
    bus: Bus
    config: Config
    stopped: asyncio.Future[None]

    @property
    def url(self) -> str:
        """Where clients connect."""
        scheme = "wss" if self.config.listen.tls_cert else "ws"
        return f"{scheme}://{self.config.listen.host}:{self.port}"


@asynccontextmanager
async def running_hub(config: Config, store: Store | None = None) -> AsyncIterator[Hub]:
    """Run a hub: from here on it takes connections; at the end it drains, finishes what waits, and lets go.

    Args:
        config: All settings.
        store: An open store to use; else the one that the settings name is opened, and closed at the end.

    Raises:
        SetupError: If it cannot start like this; nothing was changed.
    """
    opened = store or await open_store(config)
    try:
        async with _assembled(config, opened) as hub, AsyncExitStack() as beside:
            if store is None and config.store.path and not is_shared(config):  # only an owner may listen
                await beside.enter_async_context(admin_socket(config.store.path, operator_of(hub)))
            yield hub
    finally:
        if store is None:
            await opened.close()


@asynccontextmanager
async def offline(config: Config, *, read_only: bool = False) -> AsyncIterator[tuple[Pipeline, Store]]:
    """Run the pipeline on the store without a hub around it: for command lines while no hub runs.

    Args:
        config: All settings.
        read_only: Whether it is only asked: nothing is made or upgraded, and a hub may run beside it.

    Raises:
        StoreLocked: If a hub runs; ask it instead.
        SetupError: If a database to be read is empty, or an older version wrote it.
    """
    async with AsyncExitStack() as beside:
        store = await open_store(config, read_only=read_only)
        beside.push_async_callback(store.close)
        keys = NO_KEYS if read_only else await settle_keys(config, store)
        bus = LocalBus() if read_only else await open_bus(config)
        beside.push_async_callback(bus.close)
        await reached(bus)  # hubs on the same store hear at once what is done here
        pipeline = new_pipeline(config, store, bus, Counters(), keys)
        work = asyncio.get_running_loop().create_task(pipeline.run())
        try:
            yield pipeline, store
        finally:
            pipeline.stop()
            await work


@asynccontextmanager
async def offline_operator(config: Config, *, read_only: bool = False) -> AsyncIterator[Operator]:
    """Do an operator's orders on the database itself, while no hub runs on it; see ``offline``."""
    async with offline(config, read_only=read_only) as (pipeline, store):
        passwords = Passwords(config.limits.passwords_waiting)
        try:
            yield Operator(
                pipeline=pipeline,
                store=store,
                passwords=passwords,
                clock=now_ms,
                importer=_importer(store, pipeline),
            )
        finally:
            passwords.close()


def _importer(store: Store, pipeline: Pipeline) -> Importer:
    """Import archives beside everything else that is decided, one after the other."""
    turn = asyncio.Lock()

    async def bring_in(order: Import, report: Report) -> "ImportReport":
        from bridge.transfer import ImportOptions, import_archives  # reading archives takes much code

        options = ImportOptions(
            owner=order.owner,
            owner_name=order.owner_name,
            region=order.region,
            maps=order.maps,
            trust_links=order.trust_links,
            dry_run=order.dry_run,
        )
        paths = [Path(path) for path in order.paths]
        async with turn:
            return await import_archives(store, paths, options=options, progress=report, desk=Desk(pipeline))

    return bring_in


def operator_of(hub: Hub) -> Operator:
    """Do an operator's orders inside a running hub."""
    return Operator(
        importer=_importer(hub.store, hub.pipeline),
        pipeline=hub.pipeline,
        store=hub.store,
        passwords=hub.passwords,
        clock=now_ms,
        counters=hub.counters,
        sessions=hub.sessions,
        url=hub.url,
    )


def is_shared(config: Config) -> bool:
    """Say whether the settings name a database that other nodes may use too."""
    return config.store.path.startswith(("postgresql://", "postgres://"))


async def open_store(config: Config, *, read_only: bool = False) -> Store:
    """Open the store that the settings name, to be its owner or only to read it."""
    if not config.store.path:
        return await MemoryStore.open()
    if is_shared(config):
        from bridge.store.postgres import PostgresStore  # engines are loaded when they are used

        return await PostgresStore.open(
            config.store.path, answer_s=config.store.answer_s, read_only=read_only
        )
    from bridge.store.sqlite import SqliteStore

    return await SqliteStore.open(Path(config.store.path), read_only=read_only)


def must_be_there(config: Config) -> None:
    """See that a file's name is no mistake, before a new one is made.

    Raises:
        SetupError: If there is no database.
    """
    if not is_shared(config) and not os.path.isfile(config.store.path):
        raise SetupError(f"There is no database at {config.store.path or '(in memory)'}. Name it with --db.")


@asynccontextmanager
async def reading(config: Config) -> AsyncIterator[Store]:
    """Open the store for reading only, whether or not a hub runs on it.

    Raises:
        SetupError: If there is no database.
    """
    must_be_there(config)
    store = await open_store(config, read_only=True)
    try:
        yield store
    finally:
        await store.close()


async def open_bus(config: Config) -> Bus:
    """Open the bus that the settings name.

    Raises:
        ConfigInvalid: If a certificate or seed cannot be read.
    """
    if not config.bus.url:
        return LocalBus()
    from bridge.bus.nats import NatsBus
    from bridge.bus.options import options_of

    bus = NatsBus(options_of(config.bus))
    bus.begin()
    return bus


def new_pipeline(config: Config, store: Store, bus: Bus, counters: Counters, keys: Keys) -> Pipeline:
    """Put a pipeline together."""
    return Pipeline(
        store,
        bus,
        policy_of(config.policy),
        counters,
        clock=now_ms,
        chance=os.urandom,
        phone_key=keys.phones,
        batch=config.hub.batch,
        most_waiting=config.limits.waiting_commands,
        most_records=config.store.cache_records,
        most_bytes=config.store.cache_bytes,
        gather_s=config.hub.gather_ms / 1000,
    )


@asynccontextmanager
async def _assembled(config: Config, store: Store) -> AsyncIterator[Hub]:
    keys = await settle_keys(config, store)
    bus = await open_bus(config)
    hub, cluster = _put_together(config, store, bus, keys)
    stopped, loop = hub.stopped, asyncio.get_running_loop()
    work = loop.create_task(hub.pipeline.run(), name="pipeline")
    work.add_done_callback(lambda done: _stop(stopped, done))
    works: dict[str, Callable[[], Awaitable[None]]] = {
        "heartbeats": hub.server.keep_time,
        "maintenance": Maintenance(hub.pipeline, store, now_ms, config.store.journal_days).run,
        "cluster": partial(cluster.run, looks=bus.connects or store.shared),
        "usage": cluster.usage.run,
    }
    beside: list[asyncio.Task[None]] = []
    try:
        hub.port = await hub.server.start()
        beside += [loop.create_task(standing(name, act), name=name) for name, act in works.items()]
        yield hub
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        hub.pipeline.stop()
        with suppress(Exception):  # a failed commit was reported through ``stopped``
            await work
        await hub.server.drain()
        hub.passwords.close()
        await bus.close()
        if stopped.done() and not stopped.cancelled():
            stopped.exception()  # whoever watches has read it


def _put_together(config: Config, store: Store, bus: Bus, keys: Keys) -> tuple[Hub, Cluster]:
    """Make all parts; nothing runs and nobody listens yet."""
    counters = Counters()
    pipeline = new_pipeline(config, store, bus, counters, keys)
    cursors = Cursors(keys.cursors, store.epoch)
    most, clock = config.limits.connections_per_person, asyncio.get_running_loop().time
    sessions = Sessions(pipeline.facts, counters, bus, most=most, clock=clock)
    bus.subscribe(sessions.hear)
    passwords = Passwords(config.limits.passwords_waiting)
    services = services_of(config, store, pipeline, bus, sessions, cursors, counters, passwords)
    cluster = Cluster(
        bus=bus,
        pipeline=pipeline,
        sessions=sessions,
        store=store,
        usage=services.usage,
        poll_s=config.bus.poll_s,
        look_again_s=config.hub.heartbeat_s,
    )
    bus.join(cluster)
    hub = Hub(
        port=0,
        pipeline=pipeline,
        store=store,
        sessions=sessions,
        counters=counters,
        passwords=passwords,
        server=Server(config, services, cluster),
        bus=bus,
        config=config,
        stopped=asyncio.get_running_loop().create_future(),
    )
    return hub, cluster


def _stop(stopped: "asyncio.Future[None]", work: "asyncio.Task[None]") -> None:
    if stopped.done() or work.cancelled():
        return
    if (cause := work.exception()) is not None:
        log.critical("the hub stops: %s", cause)
        stopped.set_exception(cause)
    else:
        stopped.set_result(None)


def policy_of(settings: PolicySettings) -> Policy:
    """Read the operator's settings as the rules see them.

    Raises:
        ConfigInvalid: If a network is unknown.
    """
    try:
        link_from = None if settings.link_from == "either" else Network(settings.link_from)
        shut = frozenset(Network(name) for name in settings.shut_networks)
    except ValueError as wrong:
        raise ConfigInvalid(f"{wrong}: the networks are direct and messenger.", path="$.policy") from wrong
    regions = None if "*" in settings.upgrade_regions else frozenset(settings.upgrade_regions)
    return Policy(
        link_from=link_from,
        upgrade_regions=regions,
        shut_networks=shut,
        crossing_shut=settings.crossing_shut,
        protect_minors=settings.protect_minors,
    )


async def back_up(config: Config, to: Path, progress: Progress | None = None) -> None:
    """Copy the database that the settings name, be a hub running on it or an older version's work.

    Raises:
        SetupError: If there is no database, or the copy cannot be written.
    """
    if is_shared(config) or not os.path.isfile(config.store.path):  # noqa: ASYNC240 -- one look at first
        async with reading(config) as store:
            return await store.backup(str(to), progress)
    from bridge.store.sqlite.copies import backup

    await backup(Path(config.store.path), to, progress)


async def restore_backup(config: Config, backup: Path, progress: Progress | None = None) -> None:
    """Make the database that the settings name of a backup; there must be none yet.

    Raises:
        SetupError: If there is a database, or the backup cannot be used.
    """
    if is_shared(config):
        from bridge.store.postgres.restore import restored

        return await (await restored(config.store.path, backup, progress)).close()
    from bridge.store.sqlite.copies import restore

    await restore(backup, Path(config.store.path), progress)
