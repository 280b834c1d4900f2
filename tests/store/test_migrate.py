"""The schema's steps: read in order, never changed once taken, never from the future."""

from hashlib import sha256

import pytest

from bridge.errors import CorruptStore, StoreTooNew
from bridge.store.migrate import Step, missing, steps

KNOWN = (Step(1, 1, "one"), Step(2, 1, "two"), Step(3, 3, "three"))
TAKEN = {step.to: step.checksum for step in KNOWN}


def test_the_steps_of_this_code_lead_on_by_one() -> None:
    known = steps()

    assert [step.to for step in known] == list(range(1, len(known) + 1))
    assert all(step.reader <= step.to for step in known)
    assert all(step.checksum == sha256(step.sql.encode()).hexdigest() for step in known)


@pytest.mark.parametrize(("version", "left"), [(0, (1, 2, 3)), (1, (2, 3)), (2, (3,)), (3, ())])
def test_what_is_missing_comes_in_order(version: int, left: tuple[int, ...]) -> None:
    taken = {to: checksum for to, checksum in TAKEN.items() if to <= version}

    assert tuple(step.to for step in missing(KNOWN, version, version, taken)) == left


def test_a_future_step_that_this_code_can_live_with_is_left_alone() -> None:
    assert missing(KNOWN[:2], 3, 2, TAKEN) == ()


def test_a_future_step_that_needs_newer_code_is_refused() -> None:
    with pytest.raises(StoreTooNew):
        missing(KNOWN[:2], 3, 3, TAKEN)


@pytest.mark.parametrize("taken", [{}, {1: TAKEN[1]}, {1: TAKEN[1], 3: TAKEN[3]}])
def test_steps_that_do_not_add_up_are_damage(taken: dict[int, str]) -> None:
    with pytest.raises(CorruptStore):
        missing(KNOWN, 2, 1, taken)


def test_a_step_changed_later_is_damage() -> None:
    with pytest.raises(CorruptStore, match="Step 2"):
        missing(KNOWN, 2, 1, {1: TAKEN[1], 2: "other"})
