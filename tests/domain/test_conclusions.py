"""What was concluded from what stands between accounts holds as long as that stands, and no longer."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.domain.facts import Facts, Missing
from bridge.domain.keys import key_of
from bridge.domain.model import Account, Controls, Decision, Member, Person, StoredRecord, Tie
from bridge.domain.policy import Policy
from bridge.domain.reads import WatchedFacts
from bridge.domain.routing import decide_route, route, settle_route, weigh_all
from bridge.ids import home_of
from bridge.wire.values import AccountState, Consent, Folder, Hybrid
from tests.builders import ANA, BEN, CYD, make_account, make_pair_thread, make_person, make_tie, make_verdict

POLICY = Policy()
WROTE = Member(
    thread=make_pair_thread().id, account=BEN, folder=Folder.INBOX, consent=Consent.ACCEPTED, sent=3
)
"""Ben's side of the thread with Ana, in which he has written."""


def known(facts: Facts) -> Facts:
    """Have Ana, Ben and Cyd in memory, and that nothing stands between them but a block of Cyd by Ben."""
    for account in (ANA, BEN, CYD):
        facts.learn((Account, account), make_account(account))
        facts.learn((Person, home_of(account)), make_person(account))
        facts.learn((Controls, account), None)
        for other in (ANA, BEN, CYD):
            facts.learn((Tie, (account, other)), None)
    facts.learn((Tie, (BEN, CYD)), make_tie(BEN, CYD, blocks=True))
    return facts


def settled(facts: Facts, side: Member = WROTE, policy: Policy = POLICY) -> Decision | None:
    """Decide about a message of Ana's to Ben; None: something is missing."""
    try:
        return settle_route(facts, policy, ANA, side)[1]
    except Missing:
        return None


def decided(facts: Facts, side: Member = WROTE, policy: Policy = POLICY) -> Decision | None:
    """Decide anew."""
    try:
        way = route(facts, policy, ANA, BEN, side)
        if not side.has_accepted:
            weigh_all(way)
        return decide_route(way)
    except Missing:
        return None


def blocks() -> Tie:
    return make_tie(BEN, ANA, blocks=True)


MOVES: dict[str, StoredRecord] = {
    "a tie of the receiver's": blocks(),
    "a tie of the sender's": make_tie(ANA, BEN, blocks=True),
    "the receiver": make_account(BEN, state=AccountState.DEACTIVATED),
    "the sender": make_account(ANA, hybrid=Hybrid.OFF),
    "the receiver's controls": Controls(account=BEN, outcomes={"others_on_direct": "none"}, version=1),
    "the sender's person": replace(make_person(ANA), accounts=(ANA, CYD)),
}


def test_a_conclusion_is_kept_where_both_write() -> None:
    facts = known(Facts())

    first, again = (settle_route(facts, POLICY, ANA, WROTE) for _ in range(2))

    assert again[0] is first[0]
    assert first[1].rule == "accepted"


@pytest.mark.parametrize("suspected", [False, True])
def test_that_of_a_restricted_sender_is_kept_like_any_other(suspected: bool) -> None:
    facts = known(Facts())
    facts.put(make_account(ANA, suspected=suspected))
    facts.put(make_tie(BEN, ANA, restricts=True))

    first, again = (settle_route(facts, POLICY, ANA, WROTE) for _ in range(2))

    assert again[0] is first[0]
    assert first[1].rule == "restricted"


def test_a_refusal_is_decided_anew() -> None:
    facts = known(Facts())
    facts.put(blocks())

    settled(facts)

    assert not facts.conclusions


@pytest.mark.parametrize("record", MOVES.values(), ids=MOVES)
def test_it_is_forgotten_when_this_moves(record: StoredRecord) -> None:
    facts = known(Facts())
    before = settled(facts)

    facts.put(record)

    assert not facts.conclusions
    assert settled(facts) == decided(facts) != before


@pytest.mark.parametrize("record", MOVES.values(), ids=MOVES)
def test_it_is_forgotten_when_this_is_learned_anew(record: StoredRecord) -> None:
    facts = known(Facts())
    before = settled(facts)

    facts.learn(key_of(record), record)

    assert settled(facts) == decided(facts) != before


def test_it_is_kept_when_somebody_comes_to_be_known() -> None:
    facts = known(Facts())
    facts.forget([(Account, CYD)])
    settled(facts)

    facts.learn((Account, CYD), make_account(CYD))

    assert facts.conclusions


@pytest.mark.parametrize(
    "forget",
    [lambda facts: facts.forget([(Tie, (BEN, ANA))]), lambda facts: facts.shrink(0)],
    ids=["taken back", "dropped"],
)
def test_it_goes_with_what_it_rests_on(forget: Callable[[Facts], None]) -> None:
    facts = known(Facts())
    settled(facts)

    forget(facts)

    assert settled(facts) is None


def test_it_stays_when_other_things_are_dropped() -> None:
    facts = known(Facts())
    settled(facts)
    facts.apply(make_verdict(ANA, f"token {number}") for number in range(40))

    facts.shrink(100)

    assert facts.verdict(ANA, "token 0") is None
    assert facts.conclusions


def test_no_more_are_kept_than_there_is_room_for() -> None:
    facts = known(Facts())
    facts.shrink(10_000)
    facts.conclusions.update({number: number for number in range(1_001)})

    facts.shrink(10_000)

    assert not facts.conclusions


def test_it_is_another_policys_business() -> None:
    facts = known(Facts())
    settled(facts)

    shut = Policy(crossing_shut=True)

    assert settled(facts, policy=shut) == decided(facts, policy=shut) != settled(facts)


@pytest.mark.parametrize(
    "side",
    [
        replace(WROTE, sent=0),
        replace(WROTE, sent=0, consent=Consent.PENDING, folder=Folder.REQUESTS),
        replace(WROTE, sent=0, consent=Consent.NONE),
    ],
    ids=["accepted without writing", "a request", "unasked"],
)
def test_nothing_is_kept_where_the_receiver_did_not_write(side: Member) -> None:
    facts = known(Facts())

    settled(facts, side)

    assert not facts.conclusions


def test_nothing_is_kept_where_controls_may_close() -> None:
    facts = known(Facts())
    facts.put(make_tie(BEN, ANA, friend=True))
    facts.put(Controls(account=BEN, outcomes={"others_on_direct": "none"}, version=1))

    settled(facts)

    assert not facts.conclusions


def test_what_other_nodes_may_move_is_read_in_each_batch() -> None:
    facts = WatchedFacts()
    known(facts)
    first = facts.begin()
    settled(facts)

    second = facts.begin()
    settled(facts)

    assert second == first
    assert (Tie, (BEN, ANA)) in second


ACCOUNTS = st.sampled_from((ANA, BEN))
FLAGS = st.fixed_dictionaries(
    {}, optional={flag: st.booleans() for flag in ("blocks", "restricts", "hides", "follows", "friend")}
)
RECORDS: st.SearchStrategy[StoredRecord] = st.one_of(
    st.builds(lambda owner, flags: make_tie(owner, ANA if owner == BEN else BEN, **flags), ACCOUNTS, FLAGS),
    st.builds(
        lambda account, state, hybrid, minor, suspected: make_account(
            account, state=state, hybrid=hybrid, minor=minor, suspected=suspected
        ),
        ACCOUNTS,
        st.sampled_from(AccountState),
        st.sampled_from(Hybrid),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        lambda account, outcome, keep: Controls(
            account=account, outcomes={"others_on_direct": outcome}, keep_connected=keep, version=1
        ),
        ACCOUNTS,
        st.sampled_from(("inbox", "requests", "none")),
        st.booleans(),
    ),
    st.sampled_from((make_person(ANA), replace(make_person(ANA), accounts=(ANA, CYD)))),
)
SIDES = st.builds(
    lambda sent, consent: replace(WROTE, sent=sent, consent=consent),
    st.integers(0, 1),
    st.sampled_from(Consent),
)


@given(st.lists(st.tuples(RECORDS, st.booleans(), SIDES), max_size=12))
def test_whatever_moves_a_decision_is_the_one_that_is_made_anew(
    moves: list[tuple[StoredRecord, bool, Member]],
) -> None:
    facts = known(Facts())
    for record, learns, side in moves:
        settled(facts, side)
        if learns:
            facts.learn(key_of(record), record)
        else:
            facts.put(record)
        assert settled(facts, side) == decided(facts, side)
        assert settled(facts, WROTE) == decided(facts, WROTE)
