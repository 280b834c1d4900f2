"""How a client behaves, and where it stands with its hub."""

from dataclasses import dataclass, field
from enum import StrEnum

from clients.reconnect import Backoff
from clients.sender import SendOptions
from clients.transport import SocketOptions


class State(StrEnum):
    """Where a client stands with its hub."""

    DISCONNECTED = "disconnected"  #: not started, or pausing before it comes back
    CONNECTING = "connecting"
    CONNECTED = "connected"  #: signed in
    CLOSED = "closed"  #: for good


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a client behaves.

    Attributes:
        call_timeout_s: How long a call waits for its answer, lost connections included; ``None``: for ever.
        sign_in_timeout_s: How long one sign-in may take.
        event_limit: So many events may wait for a listener; more are left at the hub until it caught up.
        acknowledge: Whether to tell the hub by itself which messages reached this device.
        acknowledge_span_s: How long to gather such receipts.
        verify: Whether to prove the threads' hash chains.
        backoff: The pauses before coming back.
        sending: The outbox.
        socket: The WebSocket: TLS, proxy, headers, the program's name.
    """

    call_timeout_s: float | None = 30.0
    sign_in_timeout_s: float = 10.0
    event_limit: int = 10_000
    acknowledge: bool = True
    acknowledge_span_s: float = 0.25
    verify: bool = False
    backoff: Backoff = field(default_factory=Backoff)
    sending: SendOptions = field(default_factory=SendOptions)
    socket: SocketOptions = field(default_factory=SocketOptions)
