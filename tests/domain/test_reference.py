"""The rules decide every row of the hand-written reference table as it says."""

from functools import cache
from itertools import combinations

import pytest
from msgspec.structs import replace

from bridge.domain.model import Member
from bridge.domain.place import place, turn_away
from bridge.domain.routing import ORDER, Rule
from bridge.ids import AccountId, ThreadId
from bridge.wire.values import Consent, Folder, Hybrid, OutcomeOf
from tests.domain.reference.fixture import (
    HybridPair,
    Placing,
    Row,
    load_hybrid_pairs,
    load_placings,
    load_rows,
)
from tests.domain.situation import decision_of, sender_class, world_of
from tests.domain.world import World

ROWS = load_rows()
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


@each_row
def test_rules_decide_the_row_as_it_says(row: Row) -> None:
    world = world_of(row)

    decision = decision_of(world)

    assert (decision.outcome, decision.rule) == (row.expect.outcome, row.expect.rule)
    assert sender_class(world, decision, is_text=row.message == "text") == row.expect.sender_class


@each_row
def test_a_text_of_the_row_ends_in_its_class(row: Row) -> None:
    world = world_of(row)
    if row.message != "text" or row.same_person or row.receiver.state == "deleted":
        assert row.expect.sender_class != "ok" or row.message == "media"  # no thread opens for these
        return

    assert world.sent("S", "R") == row.expect.sender_class


@pytest.mark.parametrize("placing", load_placings(), ids=lambda p: f"{p.before}+{p.outcome}")
def test_a_thread_is_placed_as_the_table_says(placing: Placing) -> None:
    side = _side(*(placing.before or ("none", "none")))

    after = place(side, OutcomeOf(placing.outcome))

    assert (after.folder, after.consent) == placing.after


def _side(folder: str, consent: str) -> Member:
    """Make a side in this state; a declined thread is in no list and only remembers whether it was hidden."""
    side = Member(
        thread=ThreadId("t"), account=AccountId("aR"), folder=Folder(folder), consent=Consent(consent)
    )
    return turn_away(side, Consent.DECLINED) if consent == "declined" else side


@pytest.mark.parametrize("pair", load_hybrid_pairs(), ids=lambda pair: f"{pair.sender}-{pair.receiver}")
def test_nine_hybrid_pairs_start_and_answer_as_the_table_says(pair: HybridPair) -> None:
    starting = decision_of(_crossing(pair, answers=False))
    answering = decision_of(_crossing(pair, answers=True))

    assert (starting.rule != "left_hybrid") == pair.starts
    assert (answering.rule != "left_hybrid") == pair.answers
    judged = {"control:messenger_friends": "category", "control:others_on_messenger": "stranger"}
    assert judged.get(starting.rule, "nothing") == pair.judged_by


ANY_CROSSING = next(row for row in ROWS if row.id == "control-direct-messenger-friend-to-inbox")
ANY_ANSWER = next(row for row in ROWS if row.id == "accepted-answer-across-networks")


def _crossing(pair: HybridPair, *, answers: bool) -> World:
    world = world_of(ANY_ANSWER if answers else ANY_CROSSING)
    world.put(replace(world.account("S"), hybrid=Hybrid(pair.sender)))
    world.put(replace(world.account("R"), hybrid=Hybrid(pair.receiver)))
    return world


CANNOT_MEET = {
    # A crossing joins two networks; follows and friendships stand within one.
    frozenset({"_has_left_hybrid", "_is_in_the_graph"}),
    frozenset({"_is_closed", "_is_in_the_graph"}),
}


@cache
def _situations() -> list[tuple[Row, World]]:
    return [(row, world_of(row)) for row in ROWS]


def _differing(order: tuple[Rule, ...]) -> str | None:
    """Name a row that these rules, in this order, decide otherwise than the table."""
    for row, world in _situations():
        try:
            decision = decision_of(world, order)
        except AssertionError:
            return row.id  # no rule was left to decide
        if (decision.outcome, decision.rule) != (row.expect.outcome, row.expect.rule):
            return row.id
    return None


@pytest.mark.parametrize(
    "swapped", list(combinations(ORDER, 2)), ids=lambda pair: "-".join(r.__name__ for r in pair)
)
def test_swapping_any_two_rules_fails_a_row(swapped: tuple[Rule, Rule]) -> None:
    one, other = swapped
    order = tuple({one: other, other: one}.get(rule, rule) for rule in ORDER)

    differs = _differing(order)

    apart = frozenset(rule.__name__ for rule in swapped) in CANNOT_MEET
    between = ORDER[ORDER.index(one) + 1 : ORDER.index(other)]
    assert (differs is None) == (apart and not between)


@pytest.mark.parametrize("dropped", ORDER, ids=lambda rule: rule.__name__)
def test_dropping_any_rule_fails_a_row(dropped: Rule) -> None:
    order = tuple(rule for rule in ORDER if rule is not dropped)

    assert _differing(order) is not None


def test_the_table_stands_with_the_rules_in_their_order() -> None:
    assert _differing(ORDER) is None
