"""How fast and how much: token buckets by account, address and deed, which outlive connections."""

from collections.abc import Callable

from bridge.errors import RateLimited

_MOST_BUCKETS = 100_000


class Rate:
    """Lets so many through a second, and so many at once, for each key.

    A key that was quiet long enough to be full again is forgotten; so memory is
    bounded by the keys that were busy lately.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float]) -> None:
        """Fill every bucket.

        Args:
            per_second: How many pass, sustained.
            burst: How many pass at once.
            clock: Monotonic seconds.
        """
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str, amount: float = 1.0) -> None:
        """Let one pass.

        Raises:
            RateLimited: If the bucket is empty; ``retry_after_s`` says when to come again.
        """
        now = self._clock()
        level, at = self._buckets.get(key, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._per_second)
        if level < amount:
            self._buckets[key] = (level, now)
            raise RateLimited(retry_after_s=round((amount - level) / self._per_second, 3))
        if len(self._buckets) >= _MOST_BUCKETS and key not in self._buckets:
            self._sweep(now)
        self._buckets[key] = (level - amount, now)

    def _sweep(self, now: float) -> None:
        full = [
            key
            for key, (level, at) in self._buckets.items()
            if level + (now - at) * self._per_second >= self._burst
        ]
        for key in full or list(self._buckets)[: _MOST_BUCKETS // 10]:
            del self._buckets[key]
