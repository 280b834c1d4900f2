"""Watched facts: what a batch read of the disk, and nothing else."""

import pytest

from bridge.domain.facts import Missing
from bridge.domain.model import Account, Controls, Message, Person, Thread, Tie, Verdict
from bridge.domain.questions import HandleOwner, Mutual, OwnUpto, Tightened
from bridge.domain.reads import WatchedFacts
from bridge.ids import AccountId, home_of
from bridge.wire.values import Network
from tests.builders import ANA, BEN, make_account, make_pair_thread, make_person, make_tie, make_verdict


def learned() -> WatchedFacts:
    """Give facts that know two people and nothing between them."""
    facts = WatchedFacts()
    for account in (ANA, BEN):
        facts.learn((Account, account), make_account(account))
        facts.learn((Person, home_of(account)), make_person(account))
        facts.learn((Controls, account), None)
    facts.learn((Tie, (ANA, BEN)), None)
    facts.learn((Tie, (BEN, ANA)), None)
    return facts


def test_what_was_read_is_remembered_as_it_was() -> None:
    facts = learned()
    reads = facts.begin()

    facts.person_of(ANA)
    facts.tie(BEN, ANA)
    facts.controls(BEN)

    assert reads == {
        (Account, ANA): make_account(ANA),
        (Person, home_of(ANA)): make_person(ANA),
        (Tie, (BEN, ANA)): None,
        (Controls, BEN): None,
    }


def test_what_was_only_known_is_not_remembered() -> None:
    facts = learned()
    reads = facts.begin()

    assert facts.known((Account, ANA)) == make_account(ANA)
    assert reads == {}


def test_what_was_missing_is_not_remembered() -> None:
    facts = learned()
    reads = facts.begin()

    with pytest.raises(Missing):
        facts.find_thread(make_pair_thread().id)

    assert reads == {}


def test_what_was_read_before_the_batch_changed_it_is_remembered_as_it_was() -> None:
    facts = learned()
    reads = facts.begin()

    facts.tie(ANA, BEN)
    facts.apply([make_tie(ANA, BEN, follows=True)])
    facts.tie(ANA, BEN)

    assert reads == {(Tie, (ANA, BEN)): None}


def test_what_the_batch_itself_has_put_is_not_remembered() -> None:
    facts = learned()
    reads = facts.begin()

    facts.apply([make_tie(ANA, BEN, follows=True)])

    assert facts.tie(ANA, BEN).follows
    assert reads == {}


def test_each_batch_begins_with_nothing_read() -> None:
    facts = learned()
    first = facts.begin()
    facts.tie(ANA, BEN)
    facts.apply([make_tie(BEN, ANA, follows=True)])

    second = facts.begin()
    facts.tie(BEN, ANA)

    assert first == {(Tie, (ANA, BEN)): None}
    assert second == {(Tie, (BEN, ANA)): make_tie(BEN, ANA, follows=True)}


def test_what_never_changes_is_not_remembered() -> None:
    facts, talk = learned(), make_pair_thread()
    message = talk.say(ANA, "hi")
    facts.learn((Thread, talk.id), talk.thread)
    facts.learn((Message, (talk.id, 1)), message)
    facts.learn((Verdict, (ANA, "k1")), make_verdict(ANA, "k1"))
    facts.learn((OwnUpto, OwnUpto(talk.id, ANA, 1)), 1)
    reads = facts.begin()

    assert facts.message(talk.id, message.seq) == message
    assert facts.verdict(ANA, "k1") == make_verdict(ANA, "k1")
    assert facts.own_upto(talk.id, ANA, 1) == 1
    assert reads == {(Thread, talk.id): talk.thread}  # that a message was said may yet come true


def test_that_there_is_nothing_yet_is_remembered() -> None:
    facts = learned()
    facts.learn((Verdict, (ANA, "k1")), None)
    reads = facts.begin()

    facts.recall(ANA, "k1")
    facts.apply([make_verdict(ANA, "k1")])
    facts.recall(ANA, "k1")

    assert reads == {(Verdict, (ANA, "k1")): None}


@pytest.mark.parametrize("owner", [ANA, None])
def test_whose_a_handle_is_is_remembered_as_handles_pass_from_hand_to_hand(owner: AccountId | None) -> None:
    facts, question = learned(), HandleOwner(Network.DIRECT, "ana")
    facts.learn((HandleOwner, question), owner)
    reads = facts.begin()

    assert facts.handle_owner(Network.DIRECT, "Ana") == owner
    assert reads == {(HandleOwner, question): owner}


def test_answers_over_many_records_are_remembered() -> None:
    facts = learned()
    facts.learn((Mutual, Mutual(ANA, BEN)), False)
    facts.learn((Tightened, Tightened((ANA,))), ())
    reads = facts.begin()

    facts.have_mutual_friend(ANA, BEN)
    facts.tightened((ANA,))

    assert reads == {(Mutual, Mutual(ANA, BEN)): False, (Tightened, Tightened((ANA,))): ()}


def test_watched_facts_answer_like_plain_ones_and_shrink_like_them() -> None:
    facts = learned()
    talk = make_pair_thread()
    facts.learn((Thread, talk.id), talk.thread)
    facts.begin()

    facts.shrink(1)
    facts.forget([(Thread, talk.id)])
    facts.forget_answers()

    with pytest.raises(Missing):
        facts.find_thread(talk.id)
    with pytest.raises(Missing):
        facts.find_account(ANA)
