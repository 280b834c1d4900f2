"""What a message says, as it is kept for ever, and the chain that proves a thread.

    digest n = HMAC-SHA-256(salt n, content n)
    link 0   = SHA-256(thread id)
    link n   = SHA-256(link n-1, seq as 8 bytes big-endian, message id, sender, digest n)

The message id is ``<thread>/<seq>``. Erasing a message deletes content and salt
and keeps the link. SHA-256 because every client has it at hand (WebCrypto too).
"""

from collections.abc import Iterable
from hashlib import sha256
from itertools import count
from typing import Final

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.values import Network


class Content(Struct, frozen=True, gc=False, array_like=True):
    """What was said, whole; kept as its values in this order.

    Attributes:
        text: The text; None where there was none.
        reply_to: The ``seq`` of the message that it answers.
        origin: The network on which it was said.
        kind: ``text``, or what an imported row was.
        extras: What an imported row had besides, as the archive has it.
    """

    text: str | None
    origin: Network
    reply_to: Seq | None = None
    kind: str = "text"
    extras: dict[str, object] | None = None


SALT: Final = 16
"""Bytes of a salt."""

_BLOCK: Final = 64  # bytes of SHA-256's
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))  # HMAC's two pads (RFC 2104)
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))

_encode = Encoder().encode
_decode = Decoder(Content).decode


def pack(content: Content) -> bytes:
    """Write a content: the bytes that are kept, and that the digest is of."""
    return _encode(content)


def unpack(packed: bytes) -> Content:
    """Read what ``pack`` wrote."""
    return _decode(packed)


def digest_of(salt: bytes, packed: bytes) -> bytes:
    """Digest a packed content so that nobody without the salt can guess it.

    It is HMAC for salts of up to a block, written out: for short texts ``hmac.digest`` takes three times as
    long.
    """
    block = salt.ljust(_BLOCK, b"\0")
    return sha256(block.translate(_OUTER) + sha256(block.translate(_INNER) + packed).digest()).digest()


def first_link(thread: ThreadId) -> bytes:
    """Begin a thread's chain."""
    return sha256(thread.encode()).digest()


def next_link(link: bytes, thread: ThreadId, seq: int, sender: AccountId, digest: bytes) -> bytes:
    """Add a message to a thread's chain."""
    return sha256(
        b"%b%b%b/%d%b%b" % (link, seq.to_bytes(8), thread.encode(), seq, sender.encode(), digest)
    ).digest()


def links_of(
    link: bytes, thread: ThreadId, after: int, senders: Iterable[bytes], digests: Iterable[bytes]
) -> list[bytes]:
    """Add many messages to a thread's chain as ``next_link`` does; return all links.

    Args:
        link: Where the chain stands.
        thread: Whose chain.
        after: The seq before the first message's.
        senders: Who said them, each id in UTF-8.
        digests: Of what was said.
    """
    prefix = thread.encode() + b"/"
    links: list[bytes] = []
    for seq, sender, digest in zip(count(after + 1), senders, digests):
        link = sha256(b"%b%b%b%d%b%b" % (link, seq.to_bytes(8), prefix, seq, sender, digest)).digest()
        links.append(link)
    return links
