"""How fast and how much: token buckets by account, address and deed, which outlive connections.

Hubs of one store tell each other what busy keys have used, so that a limit holds
over all of them; while they cannot, each lets through its share.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from bridge.errors import RateLimited

_MOST_BUCKETS = 100_000
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([\d.]+):\d+")
_WORTH = 0.1  # of what may pass over all hubs: less is not worth telling


def subscriber(address: str) -> str:
    """Give what limits count as one address: who has an IPv6 address has all 2^64 of its network (RFC 6177).

    Some proxies write the port too; what is no address stays as it is.
    """
    if ":" not in address:
        return address
    written = _WITH_PORT.fullmatch(address)
    try:
        ip = ip_address(written[1] or written[2] if written else address)
    except ValueError:
        return address
    if isinstance(ip, IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return f"{IPv6Address(int(ip) >> 64 << 64)}/64"


class Rate:
    """Lets so many through a second, and so many at once, for each key.

    A key that was quiet long enough to be full again is forgotten; so memory is
    bounded by the keys that were busy lately.
    """

    def __init__(
        self,
        per_second: float,
        burst: float,
        clock: Callable[[], float],
        *,
        hubs: Callable[[], int] = lambda: 1,
        deaf: Callable[[], bool] = lambda: False,
    ) -> None:
        """Fill every bucket.

        Args:
            per_second: How many pass, sustained.
            burst: How many pass at once.
            clock: Monotonic seconds.
            hubs: How many hubs the limit is for.
            deaf: Whether they cannot tell each other what was used.
        """
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._hubs = hubs
        self._deaf = deaf
        self._buckets: dict[str, tuple[float, float]] = {}
        self._used: dict[str, float] = {}  # since it was told last
        self._told_at = clock()

    def take(self, key: str, amount: float = 1.0) -> None:
        """Let one pass.

        Raises:
            RateLimited: If the bucket is empty; ``retry_after_s`` says when to come again.
        """
        now = self._clock()
        level = self._level(key, now)
        hubs = self._hubs()
        cost = min(amount * hubs, self._burst) if hubs > 1 and self._deaf() else amount
        if level < cost:
            self._buckets[key] = (level, now)
            raise RateLimited(retry_after_s=round((cost - level) / self._per_second, 3))
        if len(self._buckets) >= _MOST_BUCKETS and key not in self._buckets:
            self._sweep(now)
        self._buckets[key] = (level - cost, now)
        if hubs > 1:
            self._used[key] = self._used.get(key, 0.0) + amount

    def told(self) -> list[tuple[str, float]]:
        """Give what others should know: who used more than little since this was asked, and how much."""
        before, self._told_at = self._told_at, self._clock()
        used, self._used = self._used, {}
        least = self._per_second * (self._told_at - before) * _WORTH / self._hubs()
        return [(key, amount) for key, amount in used.items() if amount > least]

    def heard(self, used: Iterable[tuple[str, float]]) -> None:
        """Take in what was used at another hub; a bucket may come to owe as much as it holds."""
        now = self._clock()
        for key, amount in used:
            if len(self._buckets) >= _MOST_BUCKETS and key not in self._buckets:
                self._sweep(now)
            self._buckets[key] = (max(-self._burst, self._level(key, now) - amount), now)

    def _level(self, key: str, now: float) -> float:
        level, at = self._buckets.get(key, (self._burst, now))
        return min(self._burst, level + (now - at) * self._per_second)

    def _sweep(self, now: float) -> None:
        full = [
            key
            for key, (level, at) in self._buckets.items()
            if level + (now - at) * self._per_second >= self._burst
        ]
        for key in full or list(self._buckets)[: _MOST_BUCKETS // 10]:
            del self._buckets[key]
