"""Who hears what comes over a socket."""

from typing import Final, Protocol

from bridge.wire.codec import Codec


class Listener(Protocol):
    """What a socket reports to."""

    def on_connected(self) -> None:
        """There is a connection; its handshake is to come."""

    def on_open(self, codec: Codec, bearer: str | None) -> None:
        """The handshake is done."""

    def on_frame(self, data: bytes | str) -> None:
        """A whole message came."""

    def on_piece(self) -> None:
        """Something came that is no whole message: a ping, a pong, or a part of one."""

    def on_closed(self) -> None:
        """The socket is gone."""


class Nobody:
    """Whom a socket that is gone reports to."""

    def on_connected(self) -> None:
        """Let it be."""

    def on_open(self, codec: Codec, bearer: str | None) -> None:
        """Let it be."""

    def on_frame(self, data: bytes | str) -> None:
        """Let it be."""

    def on_piece(self) -> None:
        """Let it be."""

    def on_closed(self) -> None:
        """Let it be."""


NOBODY: Final = Nobody()
