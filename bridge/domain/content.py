"""What a message says, as it is kept for ever, and the chain that proves a thread.

    digest n = HMAC-SHA-256(salt n, content n)
    link 0   = SHA-256(thread id)
    link n   = SHA-256(link n-1, seq as 8 bytes big-endian, message id, sender, digest n)

The message id is ``<thread>/<seq>``. Erasing a message deletes content and salt
and keeps the link. SHA-256 because every client has it at hand (WebCrypto too).
"""

from hashlib import sha256
from hmac import digest as hmac_digest
from typing import NamedTuple

from msgspec.msgpack import Decoder, Encoder

from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.values import Network


class Content(NamedTuple):
    """What was said, whole.

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


_encode = Encoder().encode
_decode = Decoder(Content).decode


def pack(content: Content) -> bytes:
    """Write a content: the bytes that are kept, and that the digest is of."""
    return _encode(content)


def unpack(packed: bytes) -> Content:
    """Read what ``pack`` wrote."""
    return _decode(packed)


def digest_of(salt: bytes, packed: bytes) -> bytes:
    """Digest a packed content so that nobody without the salt can guess it."""
    return hmac_digest(salt, packed, "sha256")


def first_link(thread: ThreadId) -> bytes:
    """Begin a thread's chain."""
    return sha256(thread.encode()).digest()


def next_link(link: bytes, thread: ThreadId, seq: int, sender: AccountId, digest: bytes) -> bytes:
    """Add a message to a thread's chain."""
    return sha256(
        b"%b%b%b/%d%b%b" % (link, seq.to_bytes(8), thread.encode(), seq, sender.encode(), digest)
    ).digest()
