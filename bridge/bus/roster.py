"""Which other nodes there are: each says so again and again, and counts as gone once it was silent."""

from typing import Final

BEAT_S: Final = 1.0
"""How often a node says that it is there."""

SILENT_S: Final = 3.0
"""After what silence it counts as gone."""


class Roster:
    """The other nodes, by when they were heard last, in monotonic seconds."""

    def __init__(self) -> None:
        """Know of nobody."""
        self._heard: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._heard)

    def __contains__(self, node: object) -> bool:
        return node in self._heard

    def heard(self, node: str, now: float) -> bool:
        """Note that a node is there; say whether it is a new one."""
        is_new = node not in self._heard
        self._heard[node] = now
        return is_new

    def left(self, node: str) -> bool:
        """Note that a node said goodbye; say whether it was there."""
        return self._heard.pop(node, None) is not None

    def spare(self, now: float) -> None:
        """Begin to wait anew for all: it was this node that could not hear."""
        self._heard = dict.fromkeys(self._heard, now)

    def silent(self, now: float) -> list[str]:
        """Strike off whoever was silent for too long, and name them."""
        gone = [node for node, at in self._heard.items() if now - at > SILENT_S]
        for node in gone:
            del self._heard[node]
        return gone
