"""What the client itself has to tell, beside the hub's events: what became of connections and sends."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from bridge.errors import BridgeError
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.codec import EVENTS
from bridge.wire.events import AnyEvent, LegAdded
from bridge.wire.replies import SignedIn
from clients.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The base of what the client itself tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(Notice):
    """The client is signed in; the hub's events follow.

    Attributes:
        signed: The hub's answer to the sign-in.
        reload: Accounts whose threads must be read again: what was missed cannot be told as events.
        resumed: Whether nothing must be read again.
    """

    signed: SignedIn
    reload: tuple[AccountId, ...]

    @property
    def places(self) -> dict[AccountId, Place]:
        """Say where the journals of these accounts stood: what is read from now on is not older."""
        legs = (leg for leg in self.signed.legs if leg.account in self.reload)
        return {leg.account: Place(leg.head, leg.cursor) for leg in legs}

    @property
    def resumed(self) -> bool:
        """Say whether all that was missed follows as events."""
        return not self.reload


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(SessionOpened):
    """Signed in for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnected(SessionOpened):
    """Signed in again after a lost connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected(Notice):
    """The connection is gone; the client comes back in ``retry_in_s`` seconds."""

    error: BridgeError
    retry_in_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Notice):
    """The client is closed for good; ``error`` says why, unless the caller closed it."""

    error: BridgeError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSettled(Notice):
    """A message of the outbox was taken (``seq``) or refused (``error``).

    Attributes:
        token: The send's token.
        thread: Where it was to go.
        text: What it said.
        seq: Its place in the thread, if it was taken.
        at: When it was committed, in milliseconds since 1970, if it was taken.
        error: Why it was refused, if it was.
    """

    token: str
    thread: ThreadId
    text: str = ""
    seq: Seq | None = None
    at: int | None = None
    error: BridgeError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDelayed(Notice):
    """The hub refused a message of the outbox for now; it goes out again, and what follows it waits.

    Attributes:
        token: The send's token.
        thread: Where it is to go.
        error: Why it was not taken.
        retry_in_s: In how many seconds it is tried again.
    """

    token: str
    thread: ThreadId
    error: BridgeError
    retry_in_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Notice):
    """Something failed that no call can report: a handler raised, the hub broke the wire, a chain broke."""

    error: Exception


AnyNotice = Connected | Reconnected | Disconnected | Closed | SendSettled | SendDelayed | Failed

NAMES: dict[str, type[AnyEvent] | type[Notice]] = {
    **EVENTS,
    "connected": Connected,
    "reconnected": Reconnected,
    "disconnected": Disconnected,
    "closed": Closed,
    "send_settled": SendSettled,
    "send_delayed": SendDelayed,
    "error": Failed,
}
"""What ``on`` may be asked for, by name."""


def kind_of(name: type[Any] | str) -> type[Any]:
    """Find what a listener asks for, by its class or its name.

    Raises:
        ValueError: If nothing bears that name.
    """
    if not isinstance(name, str):
        return name
    if name not in NAMES:
        near = get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(NAMES))}."
        raise ValueError(f"There is no event {name!r}; {hint}")
    return NAMES[name]


@dataclass(frozen=True, slots=True)
class Push:
    """Something happened.

    Attributes:
        event: What: an event of the hub, or a notice of the client.
        account: In whose journal it stands, if it has a place in one.
        at: Its position there.
        cursor: What a client comes back with that has heard it.
    """

    event: AnyEvent | AnyNotice
    account: AccountId | None = None
    at: int | None = None
    cursor: str | None = None

    @property
    def places(self) -> dict[AccountId, Place]:
        """Say which places this moved: once it is handled, keep them for the ``places`` of a later client."""
        moved = dict(self.event.places) if isinstance(self.event, SessionOpened) else {}
        if isinstance(self.event, LegAdded):
            moved[self.event.leg.account] = Place(self.event.leg.head, self.event.leg.cursor)
        if self.account is not None and self.at is not None and self.cursor is not None:
            moved[self.account] = Place(self.at, self.cursor)
        return moved
