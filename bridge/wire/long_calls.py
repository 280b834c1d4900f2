"""Long calls: read against what the call may hold, so that nothing is built of what it may not.

A frame of 87 KB can hold as many lists, whose making holds everybody up for 17 ms. Here the id
and the operation are found by passing over all else, and the fields are read as what they should
be, up to the first that is not: a third of a millisecond.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
from msgspec import Raw, Struct

from bridge.errors import Invalid, ProtocolError
from bridge.wire.operation import Operation
from bridge.wire.values import MAX_INT

_BESIDE: Final = 1_000


class _Head(Struct, gc=False):
    id: int
    op: Raw = Raw()


class Decoder(Protocol):
    """A decoder of the schema library, for one type."""

    def decode(self, data: bytes | str, /) -> Any:
        """Read a value of the type."""


class LongCalls:
    """Reads the long calls of one codec."""

    def __init__(self, name: str, decoder: Callable[[Any], Decoder]) -> None:
        """Take the codec's name, and what makes decoders for it."""
        self._name, self._decoder = name, decoder
        self._heads, self._word = decoder(_Head), decoder(str)
        self._calls: dict[type[Operation], tuple[Decoder, int]] = {}  # made as they are asked for

    def head(self, data: bytes | str) -> tuple[int, str]:
        """Find the id and the operation; the latter empty where there is none.

        Raises:
            ProtocolError: If this is no call at all.
        """
        try:
            head = self._heads.decode(data)
        except msgspec.ValidationError as wrong:
            if str(wrong).startswith("Expected `object`"):
                raise ProtocolError("A frame is an object with an id and an op.", path="$") from None
            head = None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            raise ProtocolError(f"This is not {self._name}: {type(wrong).__name__}", path="$") from None
        if head is None or not 0 < head.id <= MAX_INT:
            raise ProtocolError("Each call has an id: a whole number from 1 to 2^53 - 1.", path="$.id")
        try:
            return head.id, self._word.decode(head.op)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return head.id, ""

    def read(self, data: bytes | str, kind: type[Operation]) -> Operation:
        """Read a call of which the head was read.

        Raises:
            msgspec.ValidationError: If a field is not as it should be.
            Invalid: If it holds more values than such a call may.
        """
        if kind not in self._calls:
            self._calls[kind] = self._decoder(_whole(kind)), _most_values(kind)
        decoder, most = self._calls[kind]
        if (
            most and isinstance(data, str) and data.count(",") > most
        ):  # how long an array is stands in no JSON
            raise Invalid("There are more values than this call takes.", path="$")
        read = decoder.decode(data)
        return kind(**{name: getattr(read, name) for name in kind.__struct_fields__})


def _most_values(kind: type[Operation]) -> int:
    """Give how many values a call may hold, with room for commas in short texts; 0 if it has no lists."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType), "a call has fields"
    lists = [
        most
        for one in info.fields
        if (most := getattr(one.type, "max_length", None)) is not None
        and not isinstance(one.type, msgspec.inspect.StrType)
    ]
    return sum(lists) + _BESIDE if lists else 0


def _whole(kind: type[Operation]) -> type[Operation]:
    """Give a call's type with what stands beside its fields in a frame."""
    return msgspec.defstruct(  # type: ignore[return-value]  # of which it is a subclass
        kind.__name__,
        [("id_", Any, None), ("op_", Any, None)],
        bases=(kind,),
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        rename={"id_": "id", "op_": "op"},
    )
