"""Bytes to frames and back: JSON by orjson, MessagePack by msgpack, one schema for both.

A frame's outer part is written by hand around a body that is encoded once, so
that a push to many recipients costs one encoding per codec.
"""

from typing import Final, get_args

import msgpack  # type: ignore[import-untyped]  # the library ships no types
import msgspec
import orjson

from bridge.errors import BridgeError, Invalid, ProtocolError, UnknownOperation, WrongFrameType
from bridge.wire.commands import AnyCall, Operation
from bridge.wire.events import AnyEvent
from bridge.wire.frames import JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL, ErrorBody, PushFrame, ReplyFrame
from bridge.wire.replies import Reply
from bridge.wire.values import MAX_INT

OPERATIONS: Final[dict[str, type[Operation]]] = {call.op: call for call in get_args(AnyCall)}
EVENTS: Final[dict[str, type[AnyEvent]]] = {event.__struct_config__.tag: event for event in get_args(AnyEvent)}


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


class Codec:
    """One way to write frames; stateless, shared by all sockets.

    Attributes:
        subprotocol: Its name in the WebSocket handshake.
        binary: Whether its frames are binary.
    """

    subprotocol: str
    binary: bool

    def pack(self, value: object) -> bytes:
        """Write plain values."""
        raise AssertionError  # each codec says how

    def unpack(self, data: bytes | str) -> object:
        """Read plain values.

        Raises:
            ProtocolError: If the bytes are not of this codec.
        """
        raise AssertionError  # each codec says how

    def reply(self, call: int, body: bytes) -> bytes:
        """Write the answer to a call around its encoded body."""
        raise AssertionError  # each codec says how

    def push(self, body: bytes, account: str, at: int, cursor: str) -> bytes:
        """Write a push with a place in a journal around its encoded event."""
        raise AssertionError  # each codec says how

    def passing(self, body: bytes) -> bytes:
        """Write a push without a place in a journal around its encoded event."""
        raise AssertionError  # each codec says how

    # --- the hub's side

    def body(self, value: Reply | AnyEvent) -> bytes:
        """Encode a reply or an event once, for any number of frames."""
        return self.pack(msgspec.to_builtins(value))

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
        frame = self.unpack(data)
        if type(frame) is not dict:
            raise ProtocolError("A frame is an object with an id and an op.", path="$")
        call = frame.pop("id", None)
        if type(call) is not int or not 0 < call <= MAX_INT:
            raise ProtocolError("Each call has an id: a whole number from 1 to 2^53 - 1.", path="$.id")
        kind = OPERATIONS.get(op) if type(op := frame.pop("op", None)) is str else None
        if kind is None:
            raise Malformed(call, UnknownOperation(path="$.op"))
        try:
            return call, msgspec.convert(frame, kind)  # type: ignore[return-value]  # a member of the union
        except msgspec.ValidationError as wrong:
            raise Malformed(call, invalid(wrong)) from None

    # --- the client's side

    def call(self, call: int, operation: AnyCall) -> bytes:
        """Write a call."""
        return self.pack({"id": call, "op": operation.op, **msgspec.to_builtins(operation)})

    def read_frame(self, data: bytes | str) -> ReplyFrame | PushFrame:
        """Read a frame of the hub.

        Raises:
            ProtocolError: If it is neither a reply nor a push.
        """
        frame = self.unpack(data)
        if type(frame) is not dict:
            raise ProtocolError("A frame is an object.", path="$")
        try:
            if "re" in frame:
                return msgspec.convert(frame, ReplyFrame)
            return msgspec.convert(frame, PushFrame)
        except msgspec.ValidationError as wrong:
            raise ProtocolError(str(wrong)) from None


class Json(Codec):
    """JSON in text frames, by orjson: the default where no subprotocol is offered."""

    subprotocol = JSON_SUBPROTOCOL
    binary = False

    def pack(self, value: object) -> bytes:
        """Write plain values."""
        return orjson.dumps(value)

    def unpack(self, data: bytes | str) -> object:
        """Read plain values; NaN, infinities and lone surrogates are refused by the format."""
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as wrong:
            raise ProtocolError(f"This is not JSON: {wrong.msg}", path="$") from None

    def reply(self, call: int, body: bytes) -> bytes:
        """Write the answer to a call around its encoded body."""
        return b'{"re":%d,"ok":%b}' % (call, body)

    def push(self, body: bytes, account: str, at: int, cursor: str) -> bytes:
        """Write a push with a place in a journal around its encoded event."""
        return b'{"account":"%b","at":%d,"cursor":"%b","event":%b}' % (account.encode(), at, cursor.encode(), body)

    def passing(self, body: bytes) -> bytes:
        """Write a push without a place in a journal around its encoded event."""
        return b'{"event":%b}' % body


class MessagePack(Codec):
    """MessagePack in binary frames, by msgpack."""

    subprotocol = MSGPACK_SUBPROTOCOL
    binary = True

    def pack(self, value: object) -> bytes:
        """Write plain values."""
        return bytes(msgpack.packb(value))

    def unpack(self, data: bytes | str) -> object:
        """Read plain values; extension types and keys that are not text are refused."""
        try:
            return msgpack.unpackb(data, strict_map_key=True, ext_hook=_no_extension)
        except (ValueError, RecursionError, msgpack.UnpackException) as wrong:
            raise ProtocolError(f"This is not MessagePack: {type(wrong).__name__}", path="$") from None

    def reply(self, call: int, body: bytes) -> bytes:
        """Write the answer to a call around its encoded body."""
        return b"\x82\xa2re%b\xa2ok%b" % (msgpack.packb(call), body)

    def push(self, body: bytes, account: str, at: int, cursor: str) -> bytes:
        """Write a push with a place in a journal around its encoded event."""
        pack = msgpack.packb
        return b"\x84\xa7account%b\xa2at%b\xa6cursor%b\xa5event%b" % (pack(account), pack(at), pack(cursor), body)

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


def invalid(wrong: msgspec.ValidationError) -> Invalid:
    """Turn the validator's finding into an error with the path of the fault; values are never repeated."""
    text, _, path = str(wrong).partition(" - at `")
    return Invalid(text, path=path.rstrip("`") or "$")


def _no_extension(code: int, data: bytes) -> object:
    raise ValueError("extension types are not part of the protocol")
