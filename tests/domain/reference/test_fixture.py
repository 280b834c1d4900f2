"""The reference table is whole and consistent, and the small model agrees with every row of it."""

from itertools import combinations

import pytest

from tests.domain.reference.categories import DEFAULTS, MAY_BE_INBOX
from tests.domain.reference.fixture import Placing, Row, load_hybrid_pairs, load_placings, load_rows
from tests.domain.reference.model import Model, Seat, placed
from tests.domain.reference.situation import world_of

ORDER = (
    "self",
    "not_active",
    "blocked",
    "floor",
    "left_hybrid",
    "closed",
    "restricted",
    "accepted",
    "hidden_after_decline",
    "graph",
)
GRAPH = {"follows", "friends"}
SECTIONS = {*ORDER, "control", "stranger_limit", "spam", "hybrid_pairs"}
# A crossing joins two networks, and follows and friendships stand within one.
CANNOT_MEET = {("left_hybrid", "graph"), ("closed", "graph")}
ROWS = load_rows()
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


def kind_of(rule: str) -> str:
    kind = rule.partition(":")[0]
    return "graph" if kind in GRAPH else kind


def applying(model: Model) -> set[str]:
    """Ask of each rule by itself whether it would apply to S writing to R."""
    alone = {
        "self": "R" in model.persons["S"],
        "not_active": model.accounts["R"].state != "active",
        "blocked": any((x, y) in model.blocks for x, y in across(model) | {(y, x) for x, y in across(model)}),
        "floor": ("S", "R") in model.floors,
        "restricted": any((y, x) in model.restrictions for x, y in across(model)),
        "hidden_after_decline": any((y, x) in model.hiding for x, y in across(model)),
        "follows": ("R", "S") in model.follows,
        "friends": frozenset({"S", "R"}) in model.friends,
    }
    seats = model.threads.get(frozenset({"S", "R"}))
    alone["accepted"] = seats is not None and (seats["R"].consent == "accepted" or seats["R"].said > 0)
    crosses = model.accounts["S"].network != model.accounts["R"].network
    alone["left_hybrid"] = crosses and not model.may_cross("S", "R")
    setting = model.accounts["R"].controls[model.category("S", "R")]
    alone["closed"] = crosses and setting == "none" and not model.accounts["R"].keep_connected
    return {rule for rule, applies in alone.items() if applies}


def across(model: Model) -> set[tuple[str, str]]:
    return {(x, y) for x in model.persons["S"] for y in model.persons["R"]}


def test_ids_are_unique_and_kebab_case() -> None:
    ids = [row.id for row in ROWS]
    assert len(ids) == len(set(ids))
    assert all(part.isalnum() and part.islower() for one in ids for part in one.split("-"))


def test_every_situation_stands_once() -> None:
    seen: dict[str, str] = {}
    for row in ROWS:
        situation = repr((row.sender, row.receiver, row.same_person, sorted(map(repr, row.ties)), row.thread))
        situation += repr((row.message, row.floor, row.spam))
        # A pair of hybrid states is shown again where it is the subject.
        if row.section not in ("hybrid_pairs", "control"):
            assert situation not in seen, f"{row.id} repeats {seen[situation]}"
            seen[situation] = row.id


@each_row
def test_row_speaks_only_in_known_words(row: Row) -> None:
    rule, _, category = row.expect.rule.partition(":")
    assert row.section in SECTIONS
    assert kind_of(row.expect.rule) in {*ORDER, "control"}
    assert (rule in ("closed", "control")) == (category in DEFAULTS[row.receiver.network])
    assert row.expect.outcome in ("inbox", "requests", "hidden", "none")
    assert row.expect.sender_class in ("ok", "not_accepting", "request_pending", "cannot_message_self")
    assert set(row.also) <= {*ORDER, *GRAPH} - {"graph"}
    assert row.message in ("text", "media")
    assert row.rests_on in (None, "sender_link")
    assert row.reason.endswith(".")
    assert row.thread.state in ("none", "new") or row.thread.started_by in row.thread.wrote


@each_row
def test_row_is_a_situation_that_settings_allow(row: Row) -> None:
    for party in (row.sender, row.receiver):
        assert party.hybrid in (("never", "on", "off") if party.network == "direct" else ("on", "off"))
        assert party.linked or party.network == "messenger" or party.hybrid != "on"
        for category, outcome in party.controls.items():
            assert category in DEFAULTS[party.network]
            assert outcome in ("requests", "none") or (party.network, category) in MAY_BE_INBOX
        if party.network == "direct" and party.controls.get("others_on_messenger") == "none":
            assert party.hybrid != "on" or party.keep_connected, "this control would have left the hybrid"
    linked = {"S2": row.sender.linked, "R2": row.receiver.linked}
    assert all(linked.get(name, True) for tie in row.ties for name in (tie.a, tie.b))


@each_row
def test_model_agrees_with_the_row(row: Row) -> None:
    model = world_of(row)
    assert model.judge("S", "R", spam=row.spam) == (row.expect.outcome, row.expect.rule)
    sent = model.send("S", "R", text=row.message == "text", spam=row.spam)
    assert sent.sender_class == row.expect.sender_class
    assert (sent.found == "nowhere") == (row.expect.sender_class != "ok")


@each_row
def test_row_names_the_later_rules_that_must_not_win(row: Row) -> None:
    rule = row.expect.rule.partition(":")[0]
    assert applying(world_of(row)) - {rule} == set(row.also)


def test_every_rule_decides_at_least_three_rows() -> None:
    decided = [kind_of(row.expect.rule) for row in ROWS]
    assert {kind for kind in (*ORDER, "control") if decided.count(kind) < 3} == set()


def test_every_pair_of_rules_has_a_row_that_the_earlier_decides() -> None:
    shown = {
        (kind_of(row.expect.rule), kind)
        for row in ROWS
        for kind in ({kind_of(rule) for rule in row.also} | {"control"})
    }
    assert {pair for pair in combinations((*ORDER, "control"), 2) if pair not in shown} == CANNOT_MEET


def test_every_category_shows_every_outcome_it_may_have() -> None:
    shown = {
        (row.receiver.network, row.expect.rule.partition(":")[2], row.expect.outcome)
        for row in ROWS
        if row.expect.rule.startswith("control:") and not row.spam
    }
    permitted = {
        (network, category, outcome)
        for network, categories in DEFAULTS.items()
        for category in categories
        for outcome in ("inbox", "requests", "none")
        if outcome != "inbox" or (network, category) in MAY_BE_INBOX
    }
    assert permitted - shown == set()


def test_every_category_that_can_cross_shows_a_closing() -> None:
    rules = {(row.receiver.network, row.expect.rule) for row in ROWS}
    closed = {
        (network, rule.removeprefix("closed:")) for network, rule in rules if rule.startswith("closed:")
    }
    stays_home = {
        ("direct", "followers"),
        ("direct", "others_on_direct"),
        ("messenger", "friends_of_friends"),
        ("messenger", "others_on_messenger"),
    }
    assert {(n, c) for n, categories in DEFAULTS.items() for c in categories} - closed == stays_home


@pytest.mark.parametrize("placing", load_placings(), ids=lambda p: f"{p.before}+{p.outcome}")
def test_model_places_a_thread_as_the_table_says(placing: Placing) -> None:
    folder, consent = placing.before or ("inbox", "none")
    assert placed(folder, consent, placing.outcome) == placing.after


def test_placing_is_told_for_every_state_and_outcome() -> None:
    told = {(placing.before, placing.outcome) for placing in load_placings()}
    states = {
        (folder, consent)
        for folder in ("inbox", "requests", "hidden", "archived")
        for consent in ("none", "pending", "accepted", "declined")
    }
    outcomes = ("inbox", "requests", "hidden")
    assert told == {(state, outcome) for state in {None, *states} for outcome in outcomes}
    assert len(load_placings()) == len(told)


def test_nine_hybrid_pairs_agree_with_the_model() -> None:
    pairs = load_hybrid_pairs()
    assert {(pair.sender, pair.receiver) for pair in pairs} == {
        (s, r) for s in ("never", "on", "off") for r in ("never", "on", "off")
    }
    for pair in pairs:
        model = Model()
        model.add_account("S", "messenger")
        model.add_account("R", "direct")
        model.add_account("R2", "messenger")
        model.link("R", "R2")
        model.befriend("R2", "S")
        model.accounts["S"].hybrid, model.accounts["R"].hybrid = pair.sender, pair.receiver
        judged_by = {"none": "nothing", "inbox": "category", "requests": "stranger"}[model.judge("S", "R")[0]]
        assert (model.may_cross("S", "R"), judged_by) == (pair.starts, pair.judged_by), pair
        model.threads[frozenset({"S", "R"})] = {"S": Seat(), "R": Seat("inbox", "accepted", said=1)}
        assert model.may_cross("S", "R") == pair.answers, pair
