"""What is to be sent: so much of it, and the newest."""

from collections import deque


class Outbox:
    """Packets in their order; if there is no room, the oldest are given up: journals stand.

    Attributes:
        lost_total: Packets that were given up.
    """

    def __init__(self, most: int) -> None:
        """Hold at most so many bytes."""
        self.lost_total = 0
        self._most = most
        self._size = 0
        self._packets: deque[tuple[str, bytes]] = deque()

    def __bool__(self) -> bool:
        return bool(self._packets)

    def put(self, subject: str, packet: bytes) -> None:
        """Put one behind the others."""
        self._packets.append((subject, packet))
        self._size += len(packet)
        while self._size > self._most:
            self.take()
            self.lost_total += 1

    def take(self) -> tuple[str, bytes]:
        """Take the oldest."""
        subject, packet = self._packets.popleft()
        self._size -= len(packet)
        return subject, packet
