"""Facts: what rules ask for, what is missing, and how facts move."""

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.domain.facts import UNKNOWN, Facts, Missing
from bridge.domain.keys import key_of
from bridge.domain.model import (
    Account,
    ContactList,
    Controls,
    Credential,
    Device,
    LinkAsk,
    Message,
    Person,
    Thread,
    Tie,
    Unlinking,
    Verdict,
    WaitingLinks,
)
from bridge.domain.questions import HandleOwner, Mutual, OwnThreads, SignedIn, Tightened
from bridge.ids import AccountId, DeviceId, PersonId, Seq, ThreadId
from bridge.wire.values import Hybrid, Network
from tests.builders import ANA, make_pair_thread

ANN, BOB, TALK, PERSON = AccountId("aann"), AccountId("abob"), ThreadId("t1"), PersonId("pann")
ACCOUNT = Account(
    id=ANN, network=Network.DIRECT, handle="Ann", name="Ann", person=PERSON, hybrid=Hybrid.NEVER
)
DEVICE = Device(id=DeviceId("d1"), account=ANN, name="", token=b"", created_at=0, seen_at=0)
QUESTIONS = {
    "handle": (HandleOwner, lambda facts: facts.handle_owner(Network.DIRECT, "ANN")),
    "mutual": (Mutual, lambda facts: facts.have_mutual_friend(ANN, BOB)),
    "tightened": (Tightened, lambda facts: facts.tightened((ANN,))),
    "threads": (OwnThreads, lambda facts: facts.own_threads(ANN)),
    "devices": (SignedIn, lambda facts: facts.signed_in(ANN)),
}


@pytest.mark.parametrize(
    ("ask", "key"),
    [
        (lambda facts: facts.find_account(ANN), (Account, ANN)),
        (lambda facts: facts.find_person(PERSON), (Person, PERSON)),
        (lambda facts: facts.controls(ANN), (Controls, ANN)),
        (lambda facts: facts.tie(ANN, BOB), (Tie, (ANN, BOB))),
        (lambda facts: facts.ties_between((ANN,), (BOB,)), (Tie, (ANN, BOB))),
        (lambda facts: facts.contacts(ANN), (ContactList, ANN)),
        (lambda facts: facts.message(TALK, Seq(1)), (Thread, TALK)),
        (lambda facts: facts.link_ask(ANN, BOB), (LinkAsk, (ANN, BOB))),
        (lambda facts: facts.waiting_links(ANN), (WaitingLinks, ANN)),
        (lambda facts: facts.unlinking(ANN), (Unlinking, ANN)),
        (lambda facts: facts.password(ANN), (Credential, ANN)),
        (lambda facts: facts.is_revoked(DEVICE.id), (Device, DEVICE.id)),
        (lambda facts: facts.find_device(DEVICE.id), (Device, DEVICE.id)),
    ],
)
def test_what_is_not_in_memory_is_named_by_its_key(ask: Any, key: Any) -> None:
    with pytest.raises(Missing) as missing:
        ask(Facts())

    assert missing.value.keys[0] == key


@pytest.mark.parametrize(("kind", "ask"), QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_is_named_by_itself_and_its_answer_lasts_until_it_is_forgotten(
    kind: Any, ask: Any
) -> None:
    facts = Facts()
    with pytest.raises(Missing) as missing:
        ask(facts)
    ((asked, question),) = missing.value.keys
    assert asked is kind

    facts.learn((asked, question), ())
    assert not ask(facts)
    facts.forget_answers()

    with pytest.raises(Missing):
        ask(facts)


def test_a_token_that_memory_does_not_know_is_taken_for_a_new_one() -> None:
    assert Facts().verdict(ANN, "token") is None


def test_facts_move_by_what_was_decided_and_doubt_the_answers_that_rest_on_it() -> None:
    facts = Facts()
    facts.learn((Mutual, Mutual(ANN, BOB)), True)

    facts.apply([ACCOUNT, Tie(owner=ANN, other=BOB, friend=True)])

    assert facts.account(ANN) is ACCOUNT
    assert facts.handle_owner(Network.DIRECT, "ann") == ANN
    with pytest.raises(Missing):
        facts.have_mutual_friend(ANN, BOB)


def test_what_may_differ_from_the_disk_is_forgotten() -> None:
    facts = Facts()
    facts.apply([ACCOUNT])

    facts.forget([(Account, ANN), (Account, BOB)])

    with pytest.raises(Missing):
        facts.find_account(ANN)


def test_memory_shrinks_to_the_newest_and_keeps_fewer_of_what_is_heavy() -> None:
    facts, talk = Facts(), make_pair_thread()
    for seq in range(1, 101):
        facts.learn((Message, (talk.id, seq)), talk.say(ANA, f"{seq}"))
        facts.learn((Tie, (ANN, AccountId(f"a{seq}"))), None)

    facts.shrink(100, 10**6)

    facts.apply(talk.records)
    assert facts.message(talk.id, Seq(100)) is not None
    with pytest.raises(Missing) as missing:
        facts.message(talk.id, Seq(91))
    assert missing.value.keys == ((Message, (talk.id, 91)),)
    assert facts.tie(ANN, AccountId("a1")) == Tie(owner=ANN, other=AccountId("a1"))


def test_memory_keeps_the_newest_messages_that_have_room() -> None:
    facts, talk = Facts(), make_pair_thread()
    sizes = (3_000, 100, 5_000, 3_000, 2_000)
    for size in sizes:
        facts.apply([talk.say(ANA, "x" * size)])
    facts.apply(talk.records)

    facts.shrink(10**6, 10**6)
    assert [facts.known((Message, (talk.id, seq))) for seq in range(1, 6)] == talk.said

    facts.shrink(10**6, 6_000)
    assert [facts.known((Message, (talk.id, seq))) is not UNKNOWN for seq in range(1, 6)] == [
        False, True, False, True, True,
    ]  # fmt: skip


def test_what_is_said_while_memory_is_full_takes_the_place_of_what_was() -> None:
    facts, talk = Facts(), make_pair_thread()
    for _ in range(1_000):
        facts.apply([talk.say(ANA, "x" * 1_000)])
        facts.shrink(10**6, 10_000)
    kept = [seq for seq in range(1, 1_001) if facts.known((Message, (talk.id, seq))) is not UNKNOWN]

    assert kept[-1] == 1_000
    assert 5 <= len(kept) <= 10


def test_what_the_tip_says_was_not_said_is_neither_asked_for_nor_learned() -> None:
    facts, talk = Facts(), make_pair_thread()
    facts.apply(talk.records)

    assert facts.message(talk.id, Seq(1)) is None
    message = talk.say(ANA, "now")
    facts.apply([*talk.records])

    assert facts.message(talk.id, Seq(2)) is None
    with pytest.raises(Missing) as missing:
        facts.message(talk.id, message.seq)
    assert missing.value.keys == ((Message, (talk.id, 1)),)


def test_a_device_that_never_was_counts_as_revoked() -> None:
    facts = Facts()
    facts.apply([DEVICE])
    facts.learn((Device, DeviceId("d2")), None)

    assert not facts.is_revoked(DEVICE.id)
    assert facts.is_revoked(DeviceId("d2"))


def test_every_kind_of_record_has_a_key() -> None:
    verdict = Verdict(account=ANN, token="token", body=b"", code="ok", thread=TALK)

    assert key_of(verdict) == (Verdict, (ANN, "token"))
    assert key_of(DEVICE) == (Device, "d1")


def test_what_memory_has_can_be_compared_without_asking_for_it() -> None:
    facts = Facts()
    facts.apply([ACCOUNT])
    facts.learn((Account, BOB), None)

    assert facts.known((Account, ANN)) is ACCOUNT
    assert facts.known((Account, BOB)) is None
    assert facts.known((Person, PERSON)) is UNKNOWN


def test_a_handle_that_is_given_up_is_asked_for_anew() -> None:
    facts = Facts()
    facts.put(ACCOUNT)
    facts.put(replace(ACCOUNT, name="Anna"))
    assert facts.handle_owner(Network.DIRECT, "ann") == ANN

    facts.put(replace(ACCOUNT, handle="another"))

    assert facts.handle_owner(Network.DIRECT, "another") == ANN
    with pytest.raises(Missing) as missing:
        facts.handle_owner(Network.DIRECT, "ann")
    assert missing.value.keys == ((HandleOwner, HandleOwner(Network.DIRECT, "ann")),)
