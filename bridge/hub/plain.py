"""Plain data frames, read and written here; every other frame is the library's.

A frame that is whole, masked, unfragmented and of an ordinary size is nearly every
frame. Read and written in place it costs a third of what the library's parser takes
(docs/decisions/0022); handshake, control frames, fragments, errors and closing stay
with the library, which is handed each such frame whole. Layout: RFC 6455, section 5.2.
"""

from collections.abc import Callable
from typing import Final

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without its compiled part
    from websockets.utils import apply_mask

WEIGHT: Final = 4_096
"""Bytes or letters of a frame that weigh as much as a short one, in turns and against limits."""

_TEXT: Final = 0x81  # FIN and the opcode
_BINARY: Final = 0x82
_MASKED: Final = 0x80


def framing(*, binary: bool) -> Callable[[bytes], bytes]:
    """Give what writes payloads as unmasked data frames, as servers do."""
    first = _BINARY if binary else _TEXT
    heads, longer = [bytes((first, size)) for size in range(126)], bytes((first, 126))

    def framed(payload: bytes) -> bytes:
        size = len(payload)
        if size < 126:
            return heads[size] + payload
        if size < 65536:
            return longer + size.to_bytes(2) + payload  # half as long again by formatting
        return b"%c\x7f%b%b" % (first, size.to_bytes(8), payload)

    return framed


FRAMED: Final = {binary: framing(binary=binary) for binary in (False, True)}
"""How a frame is written, by whether it is binary."""


def read_plain(
    data: bytes, at: int, most: int, frames: int, hear: Callable[[bytes, bool], None]
) -> tuple[int, int, int]:
    """Hand on plain frames from ``at`` on, and stop at anything else.

    Args:
        data: What came; a frame begins at ``at``.
        at: Where to begin.
        most: Bytes of the longest payload that is taken here.
        frames: How many frames to read at most; a long one counts for several.
        hear: Takes a payload, and whether it is text.

    Returns:
        Where it stopped, and where the frame there ends, be it beyond the data; 0: its head is not whole;
        the same place twice: so many were read. Last, how many frames are left: below 0 after a long one.
    """
    size = len(data)
    while size - at >= 2:
        if frames <= 0:
            return at, at, frames
        first, second = data[at], data[at + 1]
        start, length = at + 2, second & 127
        if length > 125:
            start += 2 if length == 126 else 8
            if size < start:
                break
            length = int.from_bytes(data[at + 2 : start])
        payload = start + 4 if second & _MASKED else start
        end = payload + length
        if end > size or length > most or second < _MASKED or (first != _TEXT and first != _BINARY):
            return at, end, frames
        frames -= 1 + length // WEIGHT
        hear(apply_mask(data[payload:end], data[start:payload]), first == _TEXT)
        at = end
    return at, 0, frames
