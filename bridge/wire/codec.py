"""Bytes to frames and back: JSON by orjson, MessagePack by msgpack, one schema for both.

A frame's outer part is written by hand around a body that is encoded once, so
that a push to many recipients costs one encoding per codec. What one codec takes
the other can say: text that is not Unicode, numbers that JSON readers lose, keys
that are no text and keys that stand twice are refused by both.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, get_args

import msgpack  # type: ignore[import-untyped]  # the library ships no types
import msgspec
import orjson

from bridge.errors import BridgeError, Invalid, ProtocolError, UnknownOperation, WrongFrameType
from bridge.wire.calls import AnyCall
from bridge.wire.events import AnyEvent
from bridge.wire.faults import invalid
from bridge.wire.frames import JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL, ErrorBody, PushFrame, ReplyFrame
from bridge.wire.long_calls import LongCalls
from bridge.wire.operation import Operation
from bridge.wire.replies import Reply
from bridge.wire.values import MAX_INT

OPERATIONS: Final[dict[str, type[Operation]]] = {call.op: call for call in get_args(AnyCall)}
EVENTS: Final[dict[str, type[AnyEvent]]] = {
    event.__struct_config__.tag: event for event in get_args(AnyEvent)
}

LONG: Final = 4_096
"""Bytes from which on a frame is first read as the call that it should be, which bounds what it holds."""

SHORT: Final = 100  # longer MessagePack arrays and maps are looked through before room is made for them


Envelope = Callable[[bytes, int], bytes]
"""Writes a push around its encoded event, with its position in the journal and the cursor of it."""


class Malformed(Exception):
    """A call whose id could be read but whose rest could not: answered, not closed.

    Attributes:
        call: The call's id.
        error: What the caller should be told.
    """

    def __init__(self, call: int, error: Invalid | UnknownOperation) -> None:
        """Keep both."""
        super().__init__(error.code)
        self.call = call
        self.error = error


class KeyTwice(ValueError):
    """An object has a key twice; readers differ in which one they take, so neither is taken."""


class Codec(ABC):
    """One way to write frames; stateless, shared by all sockets.

    Attributes:
        subprotocol: Its name in the WebSocket handshake.
        binary: Whether its frames are binary.
    """

    subprotocol: str
    binary: bool
    _encode: Callable[[object], bytes]
    _long: LongCalls

    @abstractmethod
    def pack(self, value: object) -> bytes:
        """Write plain values."""

    @abstractmethod
    def unpack(self, data: bytes | str) -> object:
        """Read plain values of a peer that is trusted to write each key once.

        Raises:
            ProtocolError: If the bytes are not of this codec.
        """

    @abstractmethod
    def unpack_strictly(self, data: bytes | str) -> object:
        """Read plain values, and refuse objects in which a key stands twice.

        Raises:
            ProtocolError: If the bytes are not of this codec.
        """

    @abstractmethod
    def reply(self, call: int, body: bytes) -> bytes:
        """Write the answer to a call around its encoded body."""

    @abstractmethod
    def envelope(self, account: str, cursor: str) -> "Envelope":
        """Prepare to write pushes of one account's journal; ``cursor`` is what theirs begin with."""

    @abstractmethod
    def passing(self, body: bytes) -> bytes:
        """Write a push without a place in a journal around its encoded event."""

    # --- the hub's side

    def body(self, value: Reply | AnyEvent) -> bytes:
        """Encode a reply or an event once, for any number of frames.

        By the schema library's own encoder: the same bytes as ``pack`` gives, for a third of the time.
        """
        return self._encode(value)

    def refusal(self, call: int, error: BridgeError) -> bytes:
        """Write the refusal of a call."""
        return self.pack({"re": call, "error": msgspec.to_builtins(error_body(error))})

    def read_call(self, data: bytes | str) -> tuple[int, AnyCall]:
        """Read a client's frame.

        Raises:
            ProtocolError: If it is no call at all; the socket should be closed.
            Malformed: If it is a call that cannot be understood; the session lives on.
        """
        if isinstance(data, str) is self.binary:
            raise WrongFrameType
        if len(data) > LONG:
            return self._read_long(data)
        frame = self.unpack_strictly(data)
        if type(frame) is not dict:
            raise ProtocolError("A frame is an object with an id and an op.", path="$")
        call = frame.pop("id", None)
        if type(call) is not int or not 0 < call <= MAX_INT:
            raise ProtocolError("Each call has an id: a whole number from 1 to 2^53 - 1.", path="$.id")
        kind = OPERATIONS.get(op) if type(op := frame.pop("op", None)) is str else None
        if kind is None:
            raise Malformed(call, UnknownOperation(path="$.op"))
        try:
            operation: AnyCall = msgspec.convert(frame, kind)  # type: ignore[assignment]  # of the union
        except msgspec.ValidationError as wrong:
            raise Malformed(call, invalid(wrong, kind)) from None
        return call, operation

    def _read_long(self, data: bytes | str) -> tuple[int, AnyCall]:
        call, op = self._long.head(data)
        kind = OPERATIONS.get(op)
        if kind is None:
            raise Malformed(call, UnknownOperation(path="$.op"))
        try:
            operation: AnyCall = self._long.read(data, kind)  # type: ignore[assignment]  # of the union
        except msgspec.ValidationError as wrong:
            raise Malformed(call, invalid(wrong, kind)) from None
        except Invalid as wrong:
            raise Malformed(call, wrong) from None
        self.unpack_strictly(data)
        return call, operation

    # --- the client's side

    def call(self, call: int, operation: AnyCall) -> bytes:
        """Write a call.

        Raises:
            Invalid: If a field holds what no frame can say, such as half of a surrogate pair.
        """
        try:
            return self.pack({"id": call, "op": operation.op, **msgspec.to_builtins(operation)})
        except (TypeError, ValueError, OverflowError):
            raise Invalid("A field holds a value that the wire cannot carry.") from None

    def read_frame(self, data: bytes | str) -> ReplyFrame | PushFrame:
        """Read a frame of the hub.

        Raises:
            ProtocolError: If it is neither a reply nor a push.
        """
        if isinstance(data, str) is self.binary:
            raise WrongFrameType
        frame = self.unpack(data)
        if type(frame) is not dict:
            raise ProtocolError("A frame is an object.", path="$")
        try:
            if "re" not in frame:
                return msgspec.convert(frame, PushFrame)
            reply = msgspec.convert(frame, ReplyFrame)
        except msgspec.ValidationError as wrong:
            raise ProtocolError(str(wrong)) from None
        if (reply.ok is None) is (reply.error is None):
            raise ProtocolError("A reply is either ok or an error.", path="$")
        return reply


class Json(Codec):
    """JSON in text frames, by orjson: the default where no subprotocol is offered."""

    subprotocol = JSON_SUBPROTOCOL
    binary = False
    _encode = msgspec.json.Encoder().encode
    _long = LongCalls("JSON", msgspec.json.Decoder)

    def pack(self, value: object) -> bytes:
        """Write plain values."""
        return orjson.dumps(value)

    def unpack(self, data: bytes | str) -> object:
        """Read plain values; NaN, infinities and lone surrogates are refused by the format."""
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as wrong:
            raise ProtocolError(f"This is not JSON: {wrong.msg}", path="$") from None

    def unpack_strictly(self, data: bytes | str) -> object:
        """Read plain values, and refuse objects in which a key stands twice.

        Each pair has its colon: if there are as many as keys, no key was lost. Only
        frames with more, which are nested or have colons in their text, are looked through.
        """
        frame = self.unpack(data)
        colons = data.count(":") if isinstance(data, str) else data.count(b":")
        if type(frame) is not dict or colons != len(frame):
            _look_through(data)
        return frame

    def reply(self, call: int, body: bytes) -> bytes:
        """Write the answer to a call around its encoded body."""
        return b'{"re":%d,"ok":%b}' % (call, body)

    def envelope(self, account: str, cursor: str) -> "Envelope":
        """Prepare to write pushes of one account's journal."""
        place = b'"account":"%b","at":\0,"cursor":"%b\0"' % (account.encode(), cursor.encode())
        form = b'{%b,"event":%%b}' % place.replace(b"%", b"%%").replace(b"\0", b"%d")
        return lambda body, at: form % (at, at, body)

    def passing(self, body: bytes) -> bytes:
        """Write a push without a place in a journal around its encoded event."""
        return b'{"event":%b}' % body


class MessagePack(Codec):
    """MessagePack in binary frames, by msgpack."""

    subprotocol = MSGPACK_SUBPROTOCOL
    binary = True
    _encode = msgspec.msgpack.Encoder().encode
    _long = LongCalls("MessagePack", msgspec.msgpack.Decoder)  # type: ignore[arg-type]  # of bytes alone

    def pack(self, value: object) -> bytes:
        """Write plain values."""
        return bytes(msgpack.packb(value))

    def unpack(self, data: bytes | str) -> object:
        """Read plain values; extension types and keys that are not text are refused."""
        return _unpack(data, None)

    def unpack_strictly(self, data: bytes | str) -> object:
        """Read plain values, and refuse objects in which a key stands twice."""
        return _unpack(data, _each_once)

    def reply(self, call: int, body: bytes) -> bytes:
        """Write the answer to a call around its encoded body."""
        return b"\x82\xa2re%b\xa2ok%b" % (msgpack.packb(call), body)

    def envelope(self, account: str, cursor: str) -> "Envelope":
        """Prepare to write pushes of one account's journal."""
        head, pack = b"\x84\xa7account%b\xa2at" % msgpack.packb(account), msgpack.packb

        def write(body: bytes, at: int) -> bytes:
            return b"%b%b\xa6cursor%b\xa5event%b" % (head, pack(at), pack(f"{cursor}{at}"), body)

        return write

    def passing(self, body: bytes) -> bytes:
        """Write a push without a place in a journal around its encoded event."""
        return b"\x81\xa5event%b" % body


JSON: Final = Json()
MSGPACK: Final = MessagePack()
CODECS: Final[dict[str, Codec]] = {codec.subprotocol: codec for codec in (JSON, MSGPACK)}


def error_body(error: BridgeError) -> ErrorBody:
    """Say of an error what the other side may know."""
    return ErrorBody(
        code=error.code,
        text=error.text,
        temporary=error.temporary,
        path=error.path,
        retry_after_s=error.retry_after_s,
    )


def _unpack(data: bytes | str, pairs: Callable[[list[tuple[str, object]]], object] | None) -> object:
    """Read MessagePack; room for long arrays and maps is made only once all of it has come.

    A header says how long an array is, and readers make room for that at once: a thousand
    headers of 3 bytes, each inside the one before, took 25 MB and 13 ms; now 18 µs.
    """
    try:
        try:
            return msgpack.unpackb(
                data,
                ext_hook=_no_extension,
                object_pairs_hook=pairs,
                max_array_len=SHORT,
                max_map_len=SHORT,
            )
        except ValueError:
            unpacker = msgpack.Unpacker(max_buffer_size=len(data))
            unpacker.feed(data)
            unpacker.skip()  # makes room for nothing, and raises if elements are missing
            return msgpack.unpackb(data, ext_hook=_no_extension, object_pairs_hook=pairs)
    except KeyTwice as wrong:
        raise ProtocolError(str(wrong), path="$") from None
    except (ValueError, msgpack.UnpackException) as wrong:
        raise ProtocolError(f"This is not MessagePack: {type(wrong).__name__}", path="$") from None


def _look_through(data: bytes | str) -> None:
    """Refuse JSON in which a key stands twice; slower than reading it, and seldom needed."""
    try:
        json.loads(data, object_pairs_hook=_each_once)
    except KeyTwice as wrong:
        raise ProtocolError(str(wrong), path="$") from None
    except RecursionError:
        raise ProtocolError("The frame is nested too deeply.", path="$") from None


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise KeyTwice("A key stands twice in one object.")
    return members


def _no_extension(code: int, data: bytes) -> object:
    raise ValueError("extension types are not part of the protocol")
