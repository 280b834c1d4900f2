"""Every setting of the hub, as one typed record with its defaults.

How the record is filled (command line over environment over file over defaults)
stands in ``bridge.settings``; what the settings mean stands here, and in
``docs/operating.md``, which a test compares with this record.
"""

from pathlib import Path

from msgspec import Struct, field


class Listen(Struct, frozen=True, kw_only=True):
    """Where the hub listens.

    Attributes:
        host: Address to bind; beyond loopback only with ``tls_cert`` or ``behind_proxy``.
        port: TCP port; 0 takes a free one.
        tls_cert: PEM file with the certificate chain.
        tls_key: PEM file with its key.
        share_port: Whether other hubs of this machine may listen on the same port.
        behind_proxy: Whether a proxy that ends TLS stands in front.
        origins: Browser origins that may connect; programs without an ``Origin`` header always may.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    tls_cert: Path | None = None
    tls_key: Path | None = None
    share_port: bool = False
    behind_proxy: bool = False
    origins: tuple[str, ...] = ()


class StoreSettings(Struct, frozen=True, kw_only=True):
    """Where things are kept.

    Attributes:
        path: The database file; its keys and lock lie beside it. Empty: in memory, for trying things out.
        keys: File with the hub's secrets; hubs of one store share it. Empty: beside the database file.
        journal_days: For how many days journals are kept for clients that come back; messages stay.
        cache_records: How many records of each kind stay in memory.
        cache_bytes: How much of what messages say stays in memory, in bytes.
        answer_s: Seconds after which a PostgreSQL that does not answer counts as away.
    """

    path: str = "isthmus.db"
    keys: Path | None = None
    journal_days: int = 30
    cache_records: int = 200_000
    cache_bytes: int = 16 * 1024 * 1024
    answer_s: float = 10.0


class Limits(Struct, frozen=True, kw_only=True):
    """What one client, person or address may use.

    Attributes:
        frame_bytes: The largest frame taken, in bytes.
        send_queue_bytes: How much may wait for a slow reader before it is told to come back, in bytes.
        calls_in_flight: Calls of one connection that may wait for their answers; reading pauses at more.
            One of more than 4 KiB counts for several.
        queries_at_once: Queries of one account that are looked up at once; others of it wait, and accounts
            take turns.
        waiting_commands: Commands that may wait for a commit before calls are answered ``busy``; long ones
            count for several too.
        connections: Connections of the whole hub.
        connections_per_person: Connections of one person.
        connections_per_address: Connections of one address.
        connects_per_second: New connections of one address, sustained; who comes faster is told when
            to come again.
        connects_burst: New connections of one address at once.
        sign_in_s: Seconds within which a connection must sign in, and before that shake hands by TLS.
        sign_ins_per_minute: Tries to prove a password, per account and per address.
        calls_per_second: Calls of one person, over all connections, sustained; a ping or a part of a frame
            counts as one.
        calls_burst: Calls of one person at once.
        look_ups_per_minute: Look-ups of accounts by handle and links asked for, per person.
        passwords_waiting: Passwords that may wait to be checked before sign-ins are answered ``busy``.
    """

    frame_bytes: int = 256 * 1024
    send_queue_bytes: int = 4 * 1024 * 1024
    calls_in_flight: int = 256
    queries_at_once: int = 4
    waiting_commands: int = 50_000
    connections: int = 20_000
    connections_per_person: int = 50
    connections_per_address: int = 10_000
    connects_per_second: float = 100.0
    connects_burst: int = 20_000
    sign_in_s: float = 10.0
    sign_ins_per_minute: int = 30
    calls_per_second: float = 2_000.0
    calls_burst: int = 10_000
    look_ups_per_minute: int = 600
    passwords_waiting: int = 200


class PolicySettings(Struct, frozen=True, kw_only=True):
    """What the operator decides for everybody; see ``bridge.domain.policy``.

    Attributes:
        link_from: The network on which a link must start: ``direct``, ``messenger`` or ``either``.
        upgrade_regions: Regions in which the upgrade is rolled out; ``*`` for everywhere.
        shut_networks: Networks that take no messages any more.
        crossing_shut: Whether messages between networks are shut down.
        protect_minors: Whether adults may write to minors only where the minor follows or befriended them.
        register: Whether people may make accounts themselves.
        region: The region of accounts made without one.
    """

    link_from: str = "direct"
    upgrade_regions: tuple[str, ...] = ("*",)
    shut_networks: tuple[str, ...] = ()
    crossing_shut: bool = False
    protect_minors: bool = True
    register: bool = False
    region: str = ""


class HubSettings(Struct, frozen=True, kw_only=True):
    """How the hub works.

    Attributes:
        heartbeat_s: How often clients are told where their journals stand, in seconds.
        gather_ms: How long a batch waits for company, in milliseconds; 0: not at all.
        batch: The most commands of one commit.
        drain_s: How long a stopping hub waits for its clients to go, in seconds.
    """

    heartbeat_s: float = 20.0
    gather_ms: float = 0.0
    batch: int = 512
    drain_s: float = 5.0


class BusSettings(Struct, frozen=True, kw_only=True):
    """How this hub reaches other hubs on the same store.

    Attributes:
        url: NATS servers, as ``nats://host:4222`` or ``tls://host:4222``, with commas between; empty: none.
        prefix: What all subjects begin with; hubs of one store use the same.
        user: User name, if NATS asks for one.
        password: Its password.
        token: Token, if NATS asks for one.
        seed: File with an nkey seed, if NATS asks for a signature.
        ca: PEM file with the authority that signed NATS's certificate, if it is not a public one.
        tls_cert: PEM file with this hub's own certificate, if NATS asks for one.
        tls_key: PEM file with its key.
        poll_s: How often journals are looked at although nothing hints at a loss, in seconds.
    """

    url: str = ""
    prefix: str = "isthmus"
    user: str = ""
    password: str = ""
    token: str = ""
    seed: Path | None = None
    ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    poll_s: float = 2.0


class Config(Struct, frozen=True, kw_only=True):
    """All settings.

    Attributes:
        listen: Where the hub listens.
        store: Where things are kept.
        limits: What one client, person or address may use.
        policy: What the operator decides for everybody.
        hub: How the hub works.
        bus: How it reaches other hubs.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        log_format: ``text`` or ``json``.
    """

    listen: Listen = field(default_factory=Listen)
    store: StoreSettings = field(default_factory=StoreSettings)
    limits: Limits = field(default_factory=Limits)
    policy: PolicySettings = field(default_factory=PolicySettings)
    hub: HubSettings = field(default_factory=HubSettings)
    bus: BusSettings = field(default_factory=BusSettings)
    log_level: str = "info"
    log_format: str = "text"
