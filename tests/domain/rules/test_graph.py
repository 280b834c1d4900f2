"""Follows, friends, blocks and contacts: what each side hears of them."""

import pytest

from bridge.domain.deeds import EraseAccount
from bridge.domain.hold import Hold
from bridge.domain.model import ContactList, Tie
from bridge.ids import AccountId
from bridge.wire.commands import AnswerTie, SetTie, UploadContacts
from bridge.wire.events import TieChanged
from bridge.wire.replies import Tied
from bridge.wire.values import AccountState, TieKind
from tests.domain.world import World, phone_of

ANN, ANNM, BOB, BOBM = (AccountId(f"a{name}") for name in ("ann", "annm", "bob", "bobm"))


def _state(world: World, kind: str, own: str, other: str, on: bool = True) -> str:
    reply = world.set_tie(kind, own, other, on).reply
    assert isinstance(reply, Tied)
    return reply.state


def _answer(kind: TieKind, own: AccountId, other: AccountId, accept: bool) -> AnswerTie:
    return AnswerTie(as_=own, account=other, tie=kind, accept=accept)


def test_following_is_told_to_both_sides_once(world: World) -> None:
    assert _state(world, "follow", "ann", "bob") == "on"
    assert [event.incoming for event in world.heard("bob", TieChanged)] == [True]
    assert [event.incoming for event in world.heard("ann", TieChanged)] == [False]

    assert _state(world, "follow", "ann", "bob") == "on"

    assert world.told == {}
    assert _state(world, "follow", "ann", "bob", False) == "absent"
    assert _state(world, "follow", "ann", "bob", False) == "absent"
    assert len(world.heard("bob", TieChanged)) == 1


@pytest.mark.parametrize(("accept", "follows"), [(True, True), (False, False)])
def test_a_private_account_approves_its_followers(world: World, accept: bool, follows: bool) -> None:
    world.join("eve", "direct", private=True)
    assert _state(world, "follow", "ann", "eve") == "asked"
    assert _state(world, "follow", "ann", "eve") == "asked"
    assert not world.tie("ann", "eve").follows

    world.say("eve", _answer(TieKind.FOLLOW, AccountId("aeve"), ANN, accept))

    assert world.tie("ann", "eve").follows is follows
    assert world.heard("ann", TieChanged)[-1].state == ("on" if accept else "absent")
    again = _answer(TieKind.FOLLOW, AccountId("aeve"), ANN, accept)
    assert world.refusal("eve", again) == "not_found"


def test_friends_agree(world: World) -> None:
    assert _state(world, "friend", "annm", "bobm") == "asked"
    assert _state(world, "friend", "annm", "bobm") == "asked"
    assert len(world.heard("bobm", TieChanged)) == 1

    world.say("bobm", _answer(TieKind.FRIEND, BOBM, ANNM, True))

    assert world.tie("annm", "bobm").friend
    assert world.tie("bobm", "annm").friend
    assert _state(world, "friend", "annm", "bobm") == "on"


def test_a_friend_request_can_be_turned_down_without_telling(world: World) -> None:
    world.set_tie("friend", "annm", "bobm")
    world.told.clear()

    world.say("bobm", _answer(TieKind.FRIEND, BOBM, ANNM, False))

    assert world.heard("annm") == []
    assert not world.tie("annm", "bobm").friend_asked


def test_a_friendship_ends_for_both_and_a_request_is_taken_back(world: World) -> None:
    world.befriend("annm", "bobm")
    world.set_tie("friend", "bobm", "annm", False)
    assert not world.tie("annm", "bobm").friend

    world.set_tie("friend", "annm", "bobm")
    world.set_tie("friend", "annm", "bobm", False)
    assert not world.tie("annm", "bobm").friend_asked
    world.set_tie("friend", "annm", "bobm")
    world.told.clear()

    assert (
        _state(world, "friend", "bobm", "annm", False) == "absent"
    )  # another's request is answered, not ended
    assert world.tie("annm", "bobm").friend_asked


@pytest.mark.parametrize(
    ("kind", "own", "other"),
    [
        ("follow", "annm", "bobm"),
        ("follow", "ann", "bobm"),
        ("friend", "ann", "bob"),
        ("friend", "annm", "bob"),
    ],
)
def test_a_network_knows_its_own_graph_only(world: World, kind: str, own: str, other: str) -> None:
    command = SetTie(as_=AccountId(f"a{own}"), account=AccountId(f"a{other}"), tie=TieKind(kind))

    assert world.refusal(own, command) == "not_supported"


def test_a_block_is_told_to_nobody_but_its_owner_and_silences_ties(world: World) -> None:
    world.set_tie("block", "bob", "ann")
    assert [event.tie for event in world.heard("bob", TieChanged)] == ["block"]

    assert _state(world, "follow", "ann", "bob") == "on"  # the same answer as ever

    assert world.heard("bob") == []
    assert [event.tie for event in world.heard("ann")] == ["follow"]
    assert world.audit[-1].deed == "set_block"


def test_setting_what_is_set_changes_nothing(world: World) -> None:
    world.set_tie("block", "bob", "ann")

    assert not world.set_tie("block", "bob", "ann").changes
    world.set_tie("block", "bob", "ann", False)
    assert not world.set_tie("block", "bob", "ann", False).changes


def test_strangers_are_restricted_and_released_before_any_thread_stands(world: World) -> None:
    assert _state(world, "restrict", "ann", "bob") == "on"
    assert _state(world, "restrict", "ann", "bob", False) == "absent"

    assert world.heard("bob") == []


def test_who_blocks_somebody_is_told_what_becomes_of_the_own_ties_to_him(world: World) -> None:
    world.join("eve", "direct", private=True)
    world.set_tie("follow", "ann", "eve")
    world.befriend("annm", "bobm")
    world.set_tie("block", "ann", "eve")
    world.set_tie("block", "annm", "bobm")
    world.told.clear()

    world.say("eve", _answer(TieKind.FOLLOW, AccountId("aeve"), ANN, True))
    world.set_tie("friend", "bobm", "annm", False)
    world.set_tie("friend", "bobm", "annm")

    assert [(event.tie, event.state) for event in world.heard("ann")] == [("follow", "on")]
    assert [(event.tie, event.state) for event in world.heard("annm")] == [("friend", "absent")]


def test_whoever_lifts_a_block_is_told_of_each_that_falls_with_it(merged: World) -> None:
    merged.set_tie("block", "bob", "ann")
    merged.set_tie("block", "bob", "annm")
    merged.told.clear()

    merged.set_tie("block", "bob", "ann", False)

    told = [(event.account.id, event.state) for event in merged.heard("bob")]
    assert told == [("aann", "absent"), ("aannm", "absent")]
    assert [line.detail for line in merged.audit if line.deed == "lift_block"] == ["aann", "aannm"]


def test_lifting_a_block_lifts_it_between_all_accounts_of_the_two_persons(merged: World) -> None:
    merged.set_tie("block", "bob", "ann")
    merged.set_tie("block", "bob", "annm")

    merged.set_tie("block", "bob", "annm", False)

    assert merged.sent("ann", "bob") == "ok"


@pytest.mark.parametrize("kind", ["block", "restrict", "friend"])
def test_a_person_has_no_ties_to_itself(merged: World, kind: str) -> None:
    command = SetTie(as_=ANN, account=ANNM, tie=TieKind(kind))

    assert merged.refusal("ann", command) == "cannot_message_self"


def test_nobody_is_tied_to_a_deleted_or_unknown_account(world: World) -> None:
    world.change("bob", state=AccountState.DELETED)

    for name in ("abob", "anobody"):
        command = SetTie(as_=ANN, account=AccountId(name), tie=TieKind.FOLLOW)
        assert world.refusal("ann", command) == "not_found"
    unknown = _answer(TieKind.FOLLOW, ANN, AccountId("anobody"), True)
    assert world.refusal("ann", unknown) == "not_found"


@pytest.mark.parametrize("kind", ["block", "restrict", "follow"])
def test_what_is_listed_of_an_erased_account_can_be_ended_and_falls_at_its_twin(
    merged: World, kind: str
) -> None:
    merged.join("eve", "direct")
    merged.set_tie(kind, "bob", "ann")
    merged.run("", EraseAccount(account=ANN))
    merged.told.clear()

    assert _state(merged, kind, "bob", "ann", False) == "absent"

    assert [event.state for event in merged.heard("bob")] == ["absent"]
    assert merged.heard("ann") == []
    tie = merged.tie("bob", "annm")
    assert (tie.blocks, tie.restricts) == (Hold.NO, Hold.NO)
    stranger = SetTie(as_=AccountId("aeve"), account=ANN, tie=TieKind(kind), on=False)
    assert merged.refusal("eve", stranger) == "not_found"


def test_contacts_are_kept_as_keyed_hashes_and_replaced(world: World) -> None:
    world.has_number("ann", "bob")
    world.has_number("ann", "annm", "bobm")

    (contacts,) = world.all(ContactList)
    assert len(contacts.phones) == 2
    assert phone_of("bobm") not in repr(contacts)
    assert world.account("bobm").phone.hex() in contacts.phones


def test_a_number_keeps_the_time_at_which_it_came(world: World) -> None:
    first = world.now
    world.put(ContactList(account=BOB, phones=frozenset({world.account("ann").phone})))
    world.has_number("ann", "bob")
    world.now += 1_000

    world.has_number("ann", "bob", "bobm")
    world.has_number("bob", "ann")

    contacts = {record.account: record.phones for record in world.all(ContactList)}
    bob, bobm, ann = (world.account(name).phone.hex() for name in ("bob", "bobm", "ann"))
    assert contacts[ANN] == {bob: first, bobm: first + 1_000}
    assert contacts[BOB] == {ann: 0}, "an older list does not tell"


def test_an_upload_opens_nothing_again_that_a_control_closed(world: World) -> None:
    world.join("eve", "messenger", phone=phone_of("eve"))
    world.link("ann", "annm")
    world.upgrade("ann")
    assert (world.sent("ann", "eve"), world.sent("eve", "ann")) == ("ok", "ok")
    world.set_controls("eve", None, others_on_direct="none")
    assert world.sent("ann", "eve") == "not_accepting"
    world.now += 1_000

    world.has_number("ann", "eve")

    assert world.sent("ann", "eve") == "not_accepting"


def test_contacts_are_uploaded_so_often_a_day(world: World) -> None:
    for _ in range(world.policy.contact_uploads_a_day):
        world.has_number("ann", "bob")
    assert world.refusal("ann", UploadContacts(as_=ANN, phones=())) == "rate_limited"

    world.now += 86_400_000

    world.has_number("ann", "bob")
    assert world.all(ContactList)[0].uploads == 1


def test_uploads_are_counted_over_all_accounts_of_a_person(merged: World) -> None:
    for _ in range(merged.policy.contact_uploads_a_day // 2):
        merged.has_number("ann", "bob")
        merged.has_number("annm", "bob")

    for own in (ANN, ANNM):
        assert merged.refusal("ann", UploadContacts(as_=own, phones=())) == "rate_limited"


def test_a_claim_of_an_archive_gains_nobody_an_inbox_until_it_is_confirmed(world: World) -> None:
    world.put(Tie(owner=ANNM, other=BOBM, claimed="friend"))
    assert world.explain("bobm", "annm")["rule"] == "control:others_on_messenger"

    world.befriend("annm", "bobm")

    assert world.tie("annm", "bobm").claimed == ""
    assert world.explain("bobm", "annm")["rule"] == "friends"
