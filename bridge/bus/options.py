"""How to reach NATS: read from the settings, with the files that they name."""

import ssl
from typing import Any

from msgspec import Struct

from bridge.config import BusSettings
from bridge.errors import ConfigInvalid


class NatsOptions(Struct, frozen=True, kw_only=True):
    """How to reach NATS.

    Attributes:
        servers: Addresses.
        prefix: What all subjects begin with.
        connect: What nats-py's ``connect`` takes besides: user, password, token, seed, TLS context.
    """

    servers: tuple[str, ...]
    prefix: str = "isthmus"
    connect: dict[str, Any] = {}


def options_of(settings: BusSettings) -> NatsOptions:
    """Read how to reach NATS.

    Raises:
        ConfigInvalid: If a file that is named cannot be used.
    """
    connect: dict[str, Any] = {}
    if settings.user:
        connect |= {"user": settings.user, "password": settings.password}
    if settings.token:
        connect["token"] = settings.token
    try:
        if settings.seed is not None:
            connect["nkeys_seed_str"] = settings.seed.read_text().strip()
        if settings.ca or settings.tls_cert or settings.url.startswith("tls://"):
            context = ssl.create_default_context(cafile=settings.ca)
            if settings.tls_cert is not None:
                context.load_cert_chain(settings.tls_cert, settings.tls_key)
            connect["tls"] = context
    except OSError as wrong:  # ssl.SSLError is one
        raise ConfigInvalid(f"A file for NATS can't be used: {wrong}", path="$.bus") from wrong
    servers = tuple(word.strip() for word in settings.url.split(",") if word.strip())
    return NatsOptions(servers=servers, prefix=settings.prefix, connect=connect)
