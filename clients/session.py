"""One connection's talk, seen from the client: bytes in, answers and events out.

No sockets, no clock, no loop. It numbers calls, reads the replies into the types that the calls asked for,
and lets each journal's events through exactly once and in order.
"""

from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import msgspec

from bridge.errors import BridgeError, ProtocolError, TooLong
from bridge.ids import AccountId
from bridge.wire.calls import AnyCall
from bridge.wire.codec import EVENTS, Codec
from bridge.wire.events import AnyEvent, Heartbeat, LegAdded, LegRemoved
from bridge.wire.frames import PushFrame, ReplyFrame
from bridge.wire.replies import Reply, SignedIn
from bridge.wire.sign_in import Register, SignIn
from clients.errors import EventsMissed, error_from
from clients.places import Places

R_co = TypeVar("R_co", bound=Reply, covariant=True)


class Asks(Protocol[R_co]):
    """An operation whose answer is an ``R``: what ``call`` is typed by."""

    @property
    def reply(self) -> type[R_co]:
        """The type of the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A call was answered: with its reply, or with the error that refused it."""

    call: int
    reply: Reply | None = None
    error: BridgeError | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """The sign-in was answered; ``reload`` names the accounts whose threads must be read again."""

    call: int
    signed: SignedIn
    reload: tuple[AccountId, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """An event that is news; ``account``, ``at`` and ``cursor`` are its place in a journal, if it has one."""

    event: AnyEvent
    account: AccountId | None = None
    at: int | None = None
    cursor: str | None = None


class Session:
    """The client's side of one connection.

    Attributes:
        codec: How frames are written.
        holding: While true, events with a place are left at the hub: they are not counted as heard, and
            the next connection brings them again. So a client that is behind needs no memory for them.
    """

    def __init__(self, codec: Codec, places: Places) -> None:
        """Talk in ``codec``; ``places`` outlives this connection."""
        self.codec = codec
        self.holding = False
        self._places = places
        self._asked: dict[int, type[Reply]] = {}
        self._opening: int | None = None
        self._last = 0
        self._max_frame: int | None = None  # known once signed in
        self._late: dict[AccountId, int] = {}

    def call(self, operation: Asks[Reply]) -> tuple[int, bytes]:
        """Number a call and write its frame.

        Raises:
            Invalid: If a field holds what no frame can say.
            TooLong: If the hub would close the connection over a frame as large as this.
        """
        frame = self.codec.call(self._last + 1, cast(AnyCall, operation))
        if self._max_frame is not None and len(frame) > self._max_frame:
            raise TooLong(f"This takes {len(frame):,} bytes on the wire; the hub takes {self._max_frame:,}.")
        self._last += 1
        self._asked[self._last] = operation.reply
        if isinstance(operation, SignIn | Register):
            self._opening = self._last
        return self._last, frame

    def receive(self, data: bytes | str) -> Answer | Welcome | Told | None:
        """Read one frame; ``None`` if it holds nothing new.

        Raises:
            ProtocolError: If the hub broke the wire.
            EventsMissed: If events are missing; come back with the cursors.
        """
        frame = self.codec.read_frame(data)
        if isinstance(frame, ReplyFrame):
            return self._answer(frame)
        return self._push(frame)

    def _answer(self, frame: ReplyFrame) -> Answer | Welcome | None:
        if not 0 < frame.re <= self._last:
            raise ProtocolError(f"A reply to call {frame.re} that is none.", path="$.re")
        kind = self._asked.pop(frame.re, None)
        if kind is None:
            return None  # answered before
        if frame.error is not None:
            return Answer(frame.re, error=error_from(frame.error))
        reply = _convert(frame.ok, kind)
        if frame.re == self._opening and isinstance(reply, SignedIn):
            self._max_frame = reply.max_frame
            return Welcome(frame.re, reply, self._places.begin(reply))
        return Answer(frame.re, reply=reply)

    def _push(self, frame: PushFrame) -> Told | None:
        kind = EVENTS.get(str(frame.event.get("type")))
        placed = frame.at is not None or frame.cursor is not None
        if placed and (self.holding or not self._places.is_next(frame)):
            return None
        event = _convert(frame.event, kind) if kind is not None else None
        if placed:
            self._places.advance(frame)
        if event is None:
            return None  # of a newer hub: counted as heard, else all that follows would look like a hole
        self._note(event)
        return Told(event, frame.account, frame.at, frame.cursor)

    def _note(self, event: AnyEvent) -> None:
        """Follow what the hub says about the journals themselves."""
        match event:
            case LegAdded():
                self._places.add(event.leg)
            case LegRemoved():
                self._places.remove(event.account)
            case Heartbeat() if not self.holding:
                late = self._places.behind(event.legs)
                # One heartbeat may overtake events on their way; a second without any progress may not.
                if any(self._late.get(account) == at for account, at in late.items()):
                    raise EventsMissed("The journals moved on without this client.")
                self._late = late
            case _:
                pass


T = TypeVar("T")


def _convert(value: object, kind: type[T]) -> T:
    """Read a body as a type.

    Raises:
        ProtocolError: If it is none.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as wrong:
        raise ProtocolError(f"The hub sent what this client cannot read: {wrong}") from None
