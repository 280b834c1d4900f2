"""The collector looks at what is new between two batches, and seldom by itself."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.process import let_the_collector_look


@pytest.fixture
def rounds() -> Iterator[list[int]]:
    """Note the collector's rounds by their generation, with thresholds under which none comes by itself."""
    found: list[int] = []

    def note(phase: str, info: dict[str, Any]) -> None:
        if phase == "stop":
            found.append(info["generation"])

    thresholds = gc.get_threshold()
    gc.set_threshold(10**6, 1, 1)
    gc.collect()
    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)
    gc.set_threshold(*thresholds)


def test_little_that_is_new_is_left_alone(rounds: list[int]) -> None:
    kept: list[list[object]] = [[] for _ in range(1_000)]
    let_the_collector_look()

    assert kept
    assert rounds == []


def test_much_that_is_new_is_looked_at_and_what_is_older_now_and_then(rounds: list[int]) -> None:
    kept: list[list[object]] = []
    for _ in range(7):
        kept += [[] for _ in range(6_000)]
        let_the_collector_look()

    assert rounds == [0, 0, 1, 0, 0, 1, 0]


def test_what_has_stayed_for_long_is_looked_at_in_its_turn(rounds: list[int]) -> None:
    kept: list[list[object]] = []
    for _ in range(9):
        kept += [[] for _ in range(6_000)]
        let_the_collector_look()

    assert rounds[-1] == 2
