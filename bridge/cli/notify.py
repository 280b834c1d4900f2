"""Telling the service manager how things are, by systemd's own protocol: one datagram, no library."""

import os
import socket
from contextlib import suppress
from typing import Final

NOTIFY_SOCKET: Final = "NOTIFY_SOCKET"


def notify(*lines: str) -> None:
    """Tell it, if there is one; it not hearing is no reason to stop."""
    address = os.environ.get(NOTIFY_SOCKET)
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto("\n".join(lines).encode(), path)
