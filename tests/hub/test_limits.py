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


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("local", "local"),
        ("", ""),
        ("no: address", "no: address"),
        ("[]:1", "[]:1"),
        ("[:1", "[:1"),
        ("1.2.3:4", "1.2.3:4"),
    ],
)
def test_whoever_has_a_network_counts_as_one(address: str, counted: str) -> None:
    assert limits.subscriber(address) == counted


# --- over several hubs


def several(hubs: int, clock: Clock, *, per_second: float = 0.5, burst: float = 30.0) -> list[Rate]:
    """Make the same rate at several hubs."""
    return [Rate(per_second, burst, clock, hubs=lambda: hubs) for _ in range(hubs)]


def exchange(rates: list[Rate]) -> None:
    """Let each tell all others."""
    for told, teller in [(rate.told(), rate) for rate in rates]:
        for rate in rates:
            if rate is not teller:
                rate.heard(told)


def passes(rate: Rate, key: str = "ana") -> bool:
    """Try once."""
    try:
        rate.take(key)
    except RateLimited:
        return False
    return True


@pytest.mark.parametrize("hubs", [1, 2, 3, 10])
def test_a_guesser_at_all_hubs_has_the_tries_of_one(hubs: int) -> None:
    clock = Clock()
    rates = several(hubs, clock)
    passed = []
    for half_second in range(2 * 120):
        clock.now = half_second / 2
        passed.append(sum(passes(rate) for rate in rates for _ in range(40)))
        exchange(rates)

    assert passed[0] <= hubs * 30  # before anybody was told
    assert sum(passed[1:]) <= 0.5 * 120


def test_what_one_hub_let_through_another_does_not_half_a_second_later() -> None:
    clock = Clock()
    here, there = several(2, clock)
    for _ in range(30):
        here.take("ana")
    exchange([here, there])
    clock.now = 0.5

    assert not passes(there)
    assert passes(there, "ben")


def test_who_uses_little_is_not_told_about() -> None:
    clock = Clock()
    here, there = several(2, clock, per_second=100.0, burst=1_000.0)
    for second in range(1, 1_000):
        clock.now = float(second)
        assert passes(here)
        assert here.told() == []

    assert not here._used
    assert there.told() == []


@pytest.mark.parametrize("hubs", [1, 3])
def test_hubs_that_cannot_tell_let_their_share_through(hubs: int) -> None:
    rate = Rate(1.0, 30.0, Clock(), hubs=lambda: hubs, deaf=lambda: True)

    assert sum(passes(rate) for _ in range(100)) == 30 // hubs


def test_a_share_is_never_nothing() -> None:
    clock = Clock()
    rate = Rate(1.0, 2.0, clock, hubs=lambda: 5, deaf=lambda: True)
    assert passes(rate)
    assert not passes(rate)
    clock.now = 2.0

    assert passes(rate)
