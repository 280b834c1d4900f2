"""Token buckets: what passes, when the next passes, and that busy keys alone cost memory."""

import pytest

from bridge.errors import RateLimited
from bridge.hub import limits
from bridge.hub.limits import Rate


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_its_burst_through_and_then_its_rate() -> None:
    clock = Clock()
    rate = Rate(2.0, 3.0, clock)
    for _ in range(3):
        rate.take("ana")
    with pytest.raises(RateLimited) as refused:
        rate.take("ana")
    assert refused.value.retry_after_s == 0.5

    clock.now = 0.5
    rate.take("ana")
    with pytest.raises(RateLimited):
        rate.take("ana")
    rate.take("ben")


@pytest.mark.parametrize("refilled", [True, False])
def test_memory_is_bounded_by_forgetting_whoever_is_quiet(
    monkeypatch: pytest.MonkeyPatch, refilled: bool
) -> None:
    monkeypatch.setattr(limits, "_MOST_BUCKETS", 100)
    clock = Clock()
    rate = Rate(1.0, 2.0, clock)
    for n in range(100):
        rate.take(f"key {n}")
    clock.now = 10.0 if refilled else 0.0
    for n in range(1_000):
        rate.take(f"other {n}")

    assert len(rate._buckets) <= 100
