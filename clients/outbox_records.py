"""What stands in an outbox file: records one after the other, found again behind a damaged one. Pure.

A record is its length, its CRC-32 and MessagePack: ``["add", token, thread, text, reply_to]`` or
``["done", token]``, or ``["for", account]``: who says all of it. Behind a damaged one the reading goes
on where the next whole one begins.
"""

import re
import struct
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

import msgpack  # type: ignore[import-untyped]  # the library ships no types

from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.commands import Send
from clients.errors import OutboxBroken

HEADER: Final = b"isthmus outbox 1\n"
FRAME: Final = struct.Struct(">II")
_BEGINNINGS: Final = re.compile(rb"\x95\xa3add|\x92\xa4done|\x92\xa3for")


@dataclass(slots=True)
class Records:
    """What was read.

    Attributes:
        unsent: The messages that were never answered for, by token, in the order in which they were said.
        owner: As which account they were said; ``None`` if that was not known yet.
        damaged: What could not be read: flipped bits, a record that a crash tore, or the zeros it left.
    """

    unsent: dict[str, Send] = field(default_factory=dict)
    owner: AccountId | None = None
    damaged: bytearray = field(default_factory=bytearray)


def added(send: Send) -> bytes:
    """Write the record of a message."""
    return _framed(["add", send.token, send.thread, send.text, send.reply_to])


def done(token: str) -> bytes:
    """Write the record that a message was answered for."""
    return _framed(["done", token])


def owned(owner: AccountId) -> bytes:
    """Write the record of the account that says all of this."""
    return _framed(["for", owner])


def read(data: bytes) -> Records:
    """Read all records that can be read.

    Raises:
        OutboxBroken: If a whole record is of no kind known here.
    """
    found, at = Records(), len(HEADER)
    while at < len(data):
        packed = _record_at(data, at)
        if packed is not None:
            _apply(msgpack.unpackb(packed), found)
            at += FRAME.size + len(packed)
        else:
            behind = _next(data, at)
            found.damaged += data[at:behind]
            at = behind
    return found


def _framed(record: list[object]) -> bytes:
    packed: bytes = msgpack.packb(record)
    return FRAME.pack(len(packed), crc32(packed)) + packed


def _record_at(data: bytes, at: int) -> bytes | None:
    """Give what a whole, undamaged record holds that begins here."""
    if at + FRAME.size > len(data):
        return None
    length, check = FRAME.unpack_from(data, at)
    packed = data[at + FRAME.size : at + FRAME.size + length]
    return packed if packed and len(packed) == length and crc32(packed) == check else None


def _next(data: bytes, at: int) -> int:
    """Find the next whole record behind a damaged one, or the end."""
    starts = (match.start() - FRAME.size for match in _BEGINNINGS.finditer(data, at + FRAME.size + 1))
    return next((start for start in starts if _record_at(data, start) is not None), len(data))


def _apply(record: Any, found: Records) -> None:
    match record:
        case ["add", str(token), str(thread), str(text), reply_to]:
            seq = None if reply_to is None else Seq(reply_to)
            found.unsent[token] = Send(thread=ThreadId(thread), text=text, reply_to=seq, token=token)
        case ["done", str(token)]:
            found.unsent.pop(token, None)
        case ["for", str(owner)]:
            found.owner = AccountId(owner)
        case _:
            raise OutboxBroken
