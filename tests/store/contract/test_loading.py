"""Loading: every key is answered, with a record, with None, or with the answer to a question."""

import pytest

from bridge.domain.hold import Hold
from bridge.domain.keys import Key, key_of
from bridge.domain.model import (
    Account,
    ContactList,
    Controls,
    Credential,
    Decision,
    LinkAsk,
    Message,
    StoredRecord,
    Unlinking,
    WaitingLinks,
)
from bridge.domain.questions import (
    Arrived,
    HandleOwner,
    Mutual,
    OwnThreads,
    OwnUpto,
    Question,
    SignedIn,
    ThreadCounts,
    Tightened,
)
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Store
from bridge.wire.values import AccountState, Consent, Folder, Hybrid, Network, OutcomeOf
from tests.builders import (
    ANA,
    BEN,
    CYD,
    DAN,
    keep,
    make_account,
    make_device,
    make_group,
    make_pair_thread,
    make_people,
    make_person,
    make_segment,
    make_tie,
    make_verdict,
)


async def ask(store: Store, question: Question) -> object:
    return (await store.load([(type(question), question)]))[type(question), question]


def one_of_each_kind() -> list[StoredRecord | Message]:
    """Give a record of every kind with every field other than its default."""
    talk = make_pair_thread()
    talk.say(BEN, "hi ✨")
    talk.read(ANA, 1)
    talk.set(BEN, consent=Consent.ACCEPTED, started=True, delivered=1, displaced=Folder.HIDDEN)
    segment = make_segment(talk)
    refusal = Decision(
        outcome=OutcomeOf.NONE,
        rule="control",
        category="followers",
        facts=("linked", "sender:blocked"),
        version=4,
    )
    return [
        make_account(
            picture="https://example.org/a.png",
            private=True,
            region="eu",
            professional=True,
            minor=True,
            suspected=True,
            phone=b"\x00\xff",
            shows_typing=False,
            shows_presence=False,
            shows_receipts=False,
            state=AccountState.DEACTIVATED,
            hybrid=Hybrid.OFF,
            epoch=3,
            erase_at=2**52,
            placeholder=True,
        ),
        make_person(ANA, BEN, single_sign_on=True, sync_name=True, sync_picture=True, generation=7),
        Controls(account=ANA, version=2, outcomes={"followers": "inbox"}, keep_connected=True),
        make_tie(
            ANA,
            BEN,
            follows=True,
            follow_asked=True,
            friend=True,
            friend_asked=True,
            blocks=True,
            restricts=True,
            hides=True,
            confirmed=True,
            claimed="follows",
        ),
        ContactList(account=ANA, phones={"00": 7, "74776f": 0}, uploads=3, day=20_000),
        ContactList(account=BEN, phones=frozenset({b"\x00", b"two"})),
        *talk.kept,
        *segment.records,
        make_verdict(ANA, "k1", seq=1, thread=talk.id, at=5),
        make_verdict(ANA, "k2", code="not_accepting", thread=talk.id, at=6, decision=refusal, receiver=BEN),
        LinkAsk(asker=ANA, other=BEN, until=99),
        WaitingLinks(account=BEN, askers={ANA: 99, CYD: 2**52}),
        Unlinking(account=ANA, others=(BEN, DAN), until=9, hybrids={ANA: Hybrid.ON}, single_sign_on=True),
        Credential(account=ANA, password="$argon2id$…"),
        make_device("Ana's phone", seen_at=2**50, revoked=True),
    ]


async def test_every_kind_of_record_comes_back_as_it_was_kept(store: Store) -> None:
    things = one_of_each_kind()

    await keep(store, *make_people(BEN), *things)

    assert await store.load([key_of(one) for one in things]) == {key_of(one): one for one in things}


async def test_a_message_comes_back_by_its_thread_and_seq(store: Store) -> None:
    talk = make_pair_thread()
    message = talk.say(ANA, None, decision=None, kind="photo", extras={"uri": "a.jpg", "n": [1, 2.5, None]})

    await keep(store, *make_people(ANA, BEN), *talk.kept)

    assert await store.load([(Message, (talk.id, 1)), (Message, (talk.id, 2))]) == {
        (Message, (talk.id, 1)): message,
        (Message, (talk.id, 2)): None,
    }


async def test_a_key_without_a_record_is_answered_with_none(store: Store) -> None:
    keys: list[Key] = [key_of(one) for one in one_of_each_kind()]

    assert await store.load(keys) == dict.fromkeys(keys)


async def test_loading_no_key_answers_nothing(store: Store) -> None:
    assert await store.load([]) == {}


async def test_a_thousand_keys_are_answered_at_once(store: Store) -> None:
    accounts = [make_account(AccountId(f"a-{number}"), Network.DIRECT) for number in range(1_000)]
    await keep(store, *accounts)
    keys: list[Key] = [(Account, AccountId(f"a-{number}")) for number in range(1_500)]

    found = await store.load(keys)

    assert [found[key] for key in keys] == [*accounts, *[None] * 500]


async def test_a_record_replaces_the_one_with_its_key(store: Store) -> None:
    await keep(store, make_tie(ANA, BEN, follows=True), make_tie(BEN, ANA, blocks=True))

    await keep(store, make_tie(ANA, BEN, restricts=True))

    assert await store.load([key_of(make_tie(ANA, BEN)), key_of(make_tie(BEN, ANA))]) == {
        key_of(make_tie(ANA, BEN)): make_tie(ANA, BEN, restricts=True),
        key_of(make_tie(BEN, ANA)): make_tie(BEN, ANA, blocks=True),
    }


@pytest.mark.parametrize("hostile", ["'; drop table account; --", "a/b", "%", "名前", "🧑‍🚀", "x" * 64])
async def test_ids_are_opaque(store: Store, hostile: str) -> None:
    account = make_account(AccountId(hostile), Network.DIRECT, handle=hostile)

    await keep(store, account)

    assert (await store.load([key_of(account)]))[key_of(account)] == account


# --- questions


async def test_a_handle_is_found_however_it_is_written(store: Store) -> None:
    await keep(store, make_account(ANA, handle="Straße"))

    assert await ask(store, HandleOwner(Network.DIRECT, "strasse")) == ANA
    assert await ask(store, HandleOwner(Network.MESSENGER, "strasse")) is None
    assert await ask(store, HandleOwner(Network.DIRECT, "other")) is None


async def test_a_handle_given_up_belongs_to_nobody(store: Store) -> None:
    await keep(store, make_account(ANA, handle="one"))

    await keep(store, make_account(ANA, handle="two"))

    assert await ask(store, HandleOwner(Network.DIRECT, "one")) is None
    assert await ask(store, HandleOwner(Network.DIRECT, "two")) == ANA


@pytest.mark.parametrize("taker_first", [True, False])
async def test_a_handle_can_change_hands_within_a_batch(store: Store, taker_first: bool) -> None:
    await keep(store, make_account(ANA, handle="one"), make_account(CYD, handle="two"))
    giver, taker = make_account(ANA, handle="new"), make_account(CYD, handle="one")

    await keep(store, *((taker, giver) if taker_first else (giver, taker)))

    assert await ask(store, HandleOwner(Network.DIRECT, "one")) == CYD
    assert await ask(store, HandleOwner(Network.DIRECT, "new")) == ANA
    assert await ask(store, HandleOwner(Network.DIRECT, "two")) is None


async def test_two_accounts_have_a_friend_in_common_only_if_both_have_it(store: Store) -> None:
    await keep(store, make_tie(ANA, DAN, friend=True), make_tie(BEN, DAN, friend=True))
    await keep(store, make_tie(CYD, DAN, follows=True, friend_asked=True))

    assert await ask(store, Mutual(ANA, BEN)) is True
    assert await ask(store, Mutual(BEN, ANA)) is True
    assert await ask(store, Mutual(ANA, CYD)) is False
    assert await ask(store, Mutual(ANA, DAN)) is False


async def test_own_messages_are_counted_up_to_a_seq(store: Store) -> None:
    talk = make_pair_thread()
    for sender in (ANA, BEN, ANA, ANA):
        talk.say(sender, "x")
    await keep(store, *make_people(ANA, BEN), *talk.kept)

    counts = [await ask(store, OwnUpto(talk.id, ANA, upto)) for upto in (0, 1, 2, 3, 4, 9)]

    assert counts == [0, 1, 1, 2, 3, 3]
    assert await ask(store, OwnUpto(ThreadId("t-none"), ANA, 9)) == 0


async def test_ties_that_tighten_are_found_from_both_ends(store: Store) -> None:
    blocks, restricts = make_tie(ANA, BEN, blocks=True), make_tie(BEN, CYD, restricts=True)
    hides, follows = make_tie(DAN, ANA, hides=Hold.COPIED), make_tie(ANA, CYD, follows=True)
    await keep(store, blocks, restricts, hides, follows)

    assert await ask(store, Tightened((ANA,))) == (blocks, hides)
    assert await ask(store, Tightened((CYD,))) == (restricts,)
    assert await ask(store, Tightened((ANA, BEN))) == (blocks, restricts, hides)
    assert await ask(store, Tightened((AccountId("a-eve"),))) == ()


async def test_devices_that_are_signed_in_are_named_in_order(store: Store) -> None:
    two, one, gone = make_device("d-2"), make_device("d-1"), make_device("d-0", revoked=True)
    await keep(store, *make_people(), two, one, gone)

    assert await ask(store, SignedIn(ANA)) == (one.id, two.id)
    assert await ask(store, SignedIn(BEN)) == ()


async def test_own_threads_are_counted_by_what_they_cross(store: Store) -> None:
    crossing, waiting, within = (
        make_pair_thread(ANA, BEN),
        make_pair_thread(ANA, DAN),
        make_pair_thread(ANA, CYD),
    )
    crossing.set(ANA, folder=Folder.REQUESTS, consent=Consent.PENDING)
    waiting.set(DAN, folder=Folder.REQUESTS, consent=Consent.PENDING)
    within.set(CYD, folder=Folder.REQUESTS, consent=Consent.PENDING)
    group = make_group(ANA, BEN, CYD)
    await keep(store, *make_people())
    await keep(store, *crossing.kept, *waiting.kept, *within.kept, *group.kept)
    await keep(store, *make_segment(crossing).kept)

    counts = await ask(store, OwnThreads(ANA))

    assert counts == ThreadCounts(2, 1, ((crossing.id, BEN),))
    assert await ask(store, OwnThreads(DAN)) == ThreadCounts(1, 0, ((waiting.id, ANA),))
    assert await ask(store, OwnThreads(AccountId("a-eve"))) == ThreadCounts(0, 0, ())


@pytest.mark.parametrize(
    "change", [{"folder": Folder.NONE}, {"consent": Consent.DECLINED}, {"consent": Consent.LAPSED}]
)
async def test_a_thread_not_shown_or_turned_away_is_not_counted(
    store: Store, change: dict[str, object]
) -> None:
    talk = make_pair_thread()
    talk.set(ANA, **change)

    await keep(store, *make_people(ANA, BEN), *talk.kept)

    assert await ask(store, OwnThreads(ANA)) == ThreadCounts(0, 0, ())
    assert await ask(store, OwnThreads(BEN)) == ThreadCounts(1, 0, ())


async def test_arrivals_count_taken_and_refused_messages_alike(store: Store) -> None:
    requested = Decision(outcome=OutcomeOf.REQUESTS, rule="control", category="followers")
    refused = Decision(outcome=OutcomeOf.NONE, rule="control", category="followers")
    talk = make_pair_thread(ANA, BEN)
    for at in (1, 10, 11):
        talk.say(BEN, "x", at=at, decision=requested)
    talk.say(BEN, "imported", at=12, decision=None)
    talk.say(ANA, "an answer", at=13)
    await keep(store, *make_people(), *talk.kept)
    await keep(
        store,
        make_verdict(BEN, "late", code="not_accepting", receiver=ANA, at=10, decision=refused),
        make_verdict(BEN, "early", code="not_accepting", receiver=ANA, at=9, decision=refused),
        make_verdict(CYD, "other", code="not_accepting", receiver=BEN, at=10, decision=refused),
        make_verdict(CYD, "own", code="rate_limited", at=10),
    )

    assert tuple(await store.arrivals(ANA, since=10)) == (
        Arrived(BEN, OutcomeOf.NONE, "followers", 1),
        Arrived(BEN, OutcomeOf.REQUESTS, "followers", 2),
    )
    assert tuple(await store.arrivals(BEN, since=10)) == (
        Arrived(ANA, OutcomeOf.INBOX, "", 1),
        Arrived(CYD, OutcomeOf.NONE, "followers", 1),
    )
    assert tuple(await store.arrivals(DAN, since=0)) == ()
