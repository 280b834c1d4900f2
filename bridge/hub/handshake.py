"""What a handshake says of a client: how it speaks, its token, and where it comes from behind a proxy."""

from collections.abc import Sequence
from typing import Final

from websockets.exceptions import NegotiationError
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from bridge.wire.codec import CODECS

_LONGEST_TOKEN: Final = 200
_END: Final = b"\r\n\r\n"


class Handshaking(ServerProtocol):
    """The library's protocol with our choice of a codec."""

    _asked = b""  # the last bytes of a request that goes on

    def of_request(self, data: bytes) -> int:
        """Say how much of what came is the request; what stands behind it is frames, read like any others."""
        seen = self._asked + data
        end = seen.find(_END)
        self._asked = seen[1 - len(_END) :]
        return len(data) if end < 0 else len(data) - len(seen) + end + len(_END)

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Take the first offered subprotocol that we speak; none offered: JSON; none known: refused."""
        if not subprotocols:
            return None
        for name in subprotocols:
            if name in CODECS:
                return name
        raise NegotiationError(f"this hub speaks {', '.join(CODECS)}")


def bearer(request: Request) -> str | None:
    """Give the token that a request carries, if it carries one."""
    header = request.headers.get("Authorization", "")
    kind, _, token = header.partition(" ")
    return token.strip() if kind.lower() == "bearer" and 0 < len(token.strip()) <= _LONGEST_TOKEN else None


def forwarded_for(request: Request) -> str:
    """Give the address that the nearest proxy saw; empty if it says none."""
    headers = request.headers.get_all("X-Forwarded-For")
    return headers[-1].rpartition(",")[2].strip()[:64] if headers else ""
