"""What people say under load: known by number, as long as it claims, and as mixed."""

import pytest

from benchmarks.load.habits import habits_of


@pytest.mark.parametrize("size", [1_024, 16_384, 65_536])
def test_a_text_is_as_long_as_it_claims_and_no_network_refuses_it(size: int) -> None:
    text = habits_of(str(size)).text(7)

    assert len(text.encode()) == size
    assert len(text) <= 20_000
    assert text.startswith("00000007")


def test_two_processes_agree_on_what_is_said_in_the_real_mix() -> None:
    one, other = habits_of("mixed"), habits_of("mixed")

    assert [one.text(number) for number in range(3_000)] == [other.text(number) for number in range(3_000)]


def test_the_real_mix_has_eight_reactions_in_a_hundred_and_mostly_short_texts() -> None:
    mixed = habits_of("mixed")
    lengths = sorted(len(mixed.text(number)) for number in range(1_000))

    assert 50 <= sum(map(mixed.is_answer, range(1_000))) <= 110
    assert lengths[500] < 60
    assert lengths[-1] > 200


def test_readers_do_more_than_send_in_the_real_mix_only() -> None:
    mixed = habits_of("mixed")
    done = [aside["op"] for number in range(1_000) for aside in mixed.asides(number, "t", 1)]

    assert set(done) == {"typing", "mark_read", "history", "list_threads", "search"}
    assert list(habits_of("plain").asides(4, "t", 1)) == []
