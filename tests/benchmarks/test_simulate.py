"""The simulation: a small storm passes in one attempt each, a large one wastes work; chance is seeded."""

from benchmarks.simulate import Storm, hottest, weather


def test_a_storm_that_fits_into_the_patience_needs_one_attempt_each() -> None:
    calm = weather(Storm(sessions=2_000))

    assert (calm.attempts, calm.wasted) == (1.0, 0.0)
    assert calm.half_s <= calm.most_s <= calm.all_s < 2.0


def test_a_storm_that_does_not_fit_wastes_work_on_those_who_have_gone() -> None:
    calm = weather(Storm(sessions=2_000, sign_in_us=3_500))

    assert calm.attempts > 1
    assert calm.wasted > 0
    assert calm.all_s > 2_000 * 0.007, "longer than the work alone"


def test_more_hubs_share_a_storm() -> None:
    alone, shared = (weather(Storm(sessions=2_000, hubs=hubs, sign_in_us=2_000)) for hubs in (1, 4))

    assert shared.all_s < alone.all_s / 2


def test_smaller_shards_are_less_alike() -> None:
    assert 1.0 < hottest(4, 20_000) < hottest(256, 20_000)
    assert hottest(4, 20_000) == hottest(4, 20_000)
