"""Clients of the bridge: they speak its wire and see nothing else of it."""

from clients.client import Client
from clients.errors import (
    CallTimeout,
    CannotConnect,
    ChainBroken,
    ClientError,
    ConnectionClosed,
    ConnectionLost,
    EventsMissed,
    OutboxBroken,
    OutboxFull,
    OutboxInUse,
    OutboxOfAnother,
)
from clients.listeners import EventStream
from clients.notices import (
    Closed,
    Connected,
    Disconnected,
    Failed,
    Notice,
    Push,
    Reconnected,
    SendDelayed,
    SendSettled,
    SessionOpened,
)
from clients.options import Options, State
from clients.places import Place
from clients.reconnect import Backoff
from clients.sender import SendOptions
from clients.sync import SyncClient
from clients.transport import SocketOptions, Transport

__all__ = [
    "Backoff",
    "CallTimeout",
    "CannotConnect",
    "ChainBroken",
    "Client",
    "ClientError",
    "Closed",
    "Connected",
    "ConnectionClosed",
    "ConnectionLost",
    "Disconnected",
    "EventStream",
    "EventsMissed",
    "Failed",
    "Notice",
    "Options",
    "OutboxBroken",
    "OutboxFull",
    "OutboxInUse",
    "OutboxOfAnother",
    "Place",
    "Push",
    "Reconnected",
    "SendDelayed",
    "SendOptions",
    "SendSettled",
    "SessionOpened",
    "SocketOptions",
    "State",
    "SyncClient",
    "Transport",
]
