"""Linking: proven on both sides, told to both sides."""

import pytest

from bridge.domain.model import LinkAsk, WaitingLinks
from bridge.domain.outcome import legs_of
from bridge.domain.policy import Policy
from bridge.errors import NotFound
from bridge.ids import AccountId
from bridge.wire.commands import AnswerLink, AskLink, Link, SetLinkOptions, SetProfile
from bridge.wire.events import LinkAnswered, LinkAsked, LinkAttempted, LinkChanged, ThreadChanged
from bridge.wire.queries import ListLinkAsks
from bridge.wire.replies import Done, LinkAsks
from bridge.wire.values import AccountState, Network
from tests.domain.world import World

ANN, ANNM, BOB, BOBM = (AccountId(f"a{name}") for name in ("ann", "annm", "bob", "bobm"))
TO_ANNM = Link(as_=ANN, network=Network.MESSENGER, handle="annm", password="right")


def test_a_proven_link_makes_one_person_of_two_accounts_and_tells_both(world: World) -> None:
    world.say("ann", TO_ANNM, proven=["annm"])

    assert world.person("ann").accounts == (ANN, ANNM)
    assert world.person("annm") == world.person("ann")
    assert [event.linked_to[0].id for event in world.heard("ann", LinkChanged)] == [ANNM]
    assert [event.linked_to[0].id for event in world.heard("annm", LinkChanged)] == [ANN]
    assert world.audit[-1].deed == "link"


def test_a_failed_proof_changes_nothing_and_is_told_to_the_other_side(world: World) -> None:
    assert world.refusal("ann", TO_ANNM) == "proof_failed"

    assert world.person("ann").accounts == (ANN,)
    assert [type(event) for event in world.heard("annm")] == [LinkAttempted]
    assert world.audit[-1].deed == "link_failed"


def test_linking_an_unknown_account_fails_like_a_wrong_password(world: World) -> None:
    nobody = Link(as_=ANN, network=Network.MESSENGER, handle="nobody", password="right")

    assert world.refusal("ann", nobody) == "proof_failed"
    assert world.told == {}


def test_a_link_starts_where_the_operator_lets_it_start(world: World) -> None:
    world.policy = Policy()
    from_messenger = Link(as_=ANNM, network=Network.DIRECT, handle="ann", password="right")

    assert world.refusal("annm", from_messenger, proven=["ann"]) == "wrong_start"
    assert world.refusal("annm", AskLink(as_=ANNM, network=Network.DIRECT, handle="ann")) == "wrong_start"


def test_a_person_has_at_most_one_account_per_network(world: World) -> None:
    to_bob = Link(as_=ANN, network=Network.DIRECT, handle="bob", password="right")

    assert world.refusal("ann", to_bob, proven=["bob"]) == "not_allowed"


@pytest.mark.parametrize(("own", "other"), [("ann", "bobm"), ("bob", "annm")])
def test_a_linked_account_cannot_be_linked_again(world: World, own: str, other: str) -> None:
    world.link("ann", "annm")
    again = Link(as_=AccountId(f"a{own}"), network=Network.MESSENGER, handle=other, password="right")

    assert world.refusal(own, again, proven=[other]) == "already_linked"


def test_a_session_cannot_act_as_an_account_that_is_not_its_own(world: World) -> None:
    assert world.refusal("bob", TO_ANNM, proven=["annm"]) == "not_found"


def test_an_asked_link_is_approved_from_the_other_side_in_time(world: World) -> None:
    world.say("ann", AskLink(as_=ANN, network=Network.MESSENGER, handle="annm"))
    (asked,) = world.heard("annm", LinkAsked)
    world.now = asked.until

    world.say("annm", AnswerLink(as_=ANNM, account=ANN, accept=True))

    assert world.person("annm").accounts == (ANN, ANNM)
    assert [event.accepted for event in world.heard("ann", LinkAnswered)] == [True]


def test_an_asked_link_can_be_refused_once(world: World) -> None:
    world.say("ann", AskLink(as_=ANN, network=Network.MESSENGER, handle="annm"))

    world.say("annm", AnswerLink(as_=ANNM, account=ANN, accept=False))

    assert world.person("annm").accounts == (ANNM,)
    assert [event.accepted for event in world.heard("ann", LinkAnswered)] == [False]
    assert world.refusal("annm", AnswerLink(as_=ANNM, account=ANN, accept=True)) == "expired"


def test_an_asked_link_expires(world: World) -> None:
    world.say("ann", AskLink(as_=ANN, network=Network.MESSENGER, handle="annm"))
    world.now += world.policy.link_answer_s * 1000 + 1

    assert world.refusal("annm", AnswerLink(as_=ANNM, account=ANN, accept=True)) == "expired"


def asks(world: World, account: str) -> list[tuple[str, int]]:
    """List whose links wait for an account, and until when."""
    reply = world.ask(account, ListLinkAsks(as_=AccountId(f"a{account}")))
    assert isinstance(reply, LinkAsks)
    return [(ask.account.id, ask.until) for ask in reply.asks]


def test_waiting_links_are_listed_for_devices_that_come_later(world: World) -> None:
    assert asks(world, "annm") == []
    world.say("bob", AskLink(as_=AccountId("abob"), network=Network.MESSENGER, handle="annm"))
    world.now += 1_000
    world.say("ann", AskLink(as_=ANN, network=Network.MESSENGER, handle="annm"))

    ends = [event.until for event in world.heard("annm", LinkAsked)]

    assert asks(world, "annm") == [("abob", ends[0]), ("aann", ends[1])]
    assert asks(world, "ann") == []
    world.now = ends[0] + 1
    assert asks(world, "annm") == [("aann", ends[1])]


@pytest.mark.parametrize("accept", [True, False])
def test_an_answered_link_waits_no_more(world: World, accept: bool) -> None:
    for asker in ("bob", "ann"):
        ask = AskLink(as_=AccountId(f"a{asker}"), network=Network.MESSENGER, handle="annm")
        world.say(asker, ask)

    world.say("annm", AnswerLink(as_=ANNM, account=ANN, accept=accept))

    assert [asker for asker, _ in asks(world, "annm")] == ["abob"]


def test_a_link_whose_asker_is_linked_elsewhere_waits_no_more(world: World) -> None:
    world.say("ann", AskLink(as_=ANN, network=Network.MESSENGER, handle="annm"))

    world.link("ann", "bobm")

    assert asks(world, "annm") == []


def test_of_very_many_who_ask_the_newest_are_listed(world: World) -> None:
    for number in range(25):
        world.join(f"asker{number}", "direct")
        ask = AskLink(as_=AccountId(f"aasker{number}"), network=Network.MESSENGER, handle="annm")
        world.say(f"asker{number}", ask)
    world.say("asker10", AskLink(as_=AccountId("aasker10"), network=Network.MESSENGER, handle="annm"))

    listed = [asker for asker, _ in asks(world, "annm")]

    assert listed == [f"aasker{number}" for number in (*range(5, 10), *range(11, 25), 10)]


def test_only_ones_own_waiting_links_are_listed(world: World) -> None:
    with pytest.raises(NotFound):
        world.ask("bob", ListLinkAsks(as_=ANNM))


@pytest.mark.parametrize("handle", ["nobody", "bobm"])
def test_asking_one_who_cannot_be_linked_answers_the_same_and_asks_nobody(world: World, handle: str) -> None:
    world.link("bob", "bobm")
    world.told.clear()

    world.say("ann", AskLink(as_=ANN, network=Network.MESSENGER, handle=handle))

    assert world.told == {}
    assert world.all(LinkAsk) == []
    assert world.all(WaitingLinks) == []


def test_single_sign_on_opens_the_other_account(world: World) -> None:
    world.link("ann", "annm")
    assert world.look(lambda: legs_of(world.facts, ANN)) == (ANN,)

    world.say("ann", SetLinkOptions(as_=ANN, single_sign_on=True))

    assert world.look(lambda: legs_of(world.facts, ANN)) == (ANN, ANNM)


def test_a_merged_inbox_opens_the_other_account_too(merged: World) -> None:
    assert merged.look(lambda: legs_of(merged.facts, ANNM)) == (ANNM, ANN)


def test_link_options_need_a_link(world: World) -> None:
    assert world.refusal("ann", SetLinkOptions(as_=ANN, single_sign_on=True)) == "needs_link"


def test_syncing_gives_both_accounts_the_name_and_picture_until_it_stops(world: World) -> None:
    world.link("ann", "annm")
    world.say("ann", SetProfile(as_=ANN, name="Ann of Direct", picture="https://pictures.example/ann"))

    world.say("ann", SetLinkOptions(as_=ANN, sync_name=True))
    assert (world.account("annm").name, world.account("annm").picture) == ("Ann of Direct", "")
    world.say("ann", SetLinkOptions(as_=ANN, sync_picture=True))
    world.say("ann", SetProfile(as_=ANN, name="Anna"))
    assert world.account("annm").name == "Anna"
    assert world.account("annm").picture == "https://pictures.example/ann"
    world.say("ann", SetProfile(as_=ANN, handle="annie"))
    assert world.account("annm").handle == "annm"
    world.say("ann", SetLinkOptions(as_=ANN, sync_name=False, sync_picture=False))
    world.say("ann", SetProfile(as_=ANN, name="Annie"))

    assert world.account("annm").name == "Anna"


def test_linking_lets_a_restriction_cover_the_other_accounts_thread(world: World) -> None:
    world.befriend("annm", "bobm")
    world.send("bobm", "annm")
    world.set_tie("restrict", "ann", "bob")
    world.link("bob", "bobm")
    assert world.side("annm", "bobm").folder == "inbox"  # nobody's link is announced
    world.told.clear()

    world.link("ann", "annm")

    assert world.side("annm", "bobm").folder == "requests"
    assert world.heard("annm", ThreadChanged) != []
    assert world.heard("bobm") == []


def test_threads_that_a_link_moves_are_told_before_it_and_so_read_again_as_they_are_then(
    merged: World,
) -> None:
    merged.send("ann", "bobm")
    merged.unlink("annm")  # which closes the thread for Ann; a link leaves it closed, for another reason
    merged.set_tie("restrict", "annm", "bobm")
    merged.told.clear()

    merged.link("ann", "annm")

    assert [type(event) for event in merged.heard("ann")] == [ThreadChanged, LinkChanged]


def test_a_block_between_accounts_that_were_linked_later_covers_nothing(world: World) -> None:
    world.set_tie("restrict", "ann", "annm")
    world.set_tie("block", "ann", "bob")

    world.link("ann", "annm")

    assert world.tie("ann", "annm").restricts
    assert world.sent("bob", "annm") == "not_accepting"


@pytest.mark.parametrize(("by", "of"), [("ann", "bobm"), ("bobm", "ann")])
def test_nobody_shows_himself_by_asking_across_a_block(world: World, by: str, of: str) -> None:
    world.set_tie("block", by, of)

    reply = world.say("ann", AskLink(as_=ANN, network=Network.MESSENGER, handle="bobm"))

    assert isinstance(reply, Done)
    assert world.heard("bobm", LinkAsked) == []


@pytest.mark.parametrize("became", ["linked", "closed"])
def test_what_became_of_who_asked_is_not_told_to_who_answers(world: World, became: str) -> None:
    world.say("ann", AskLink(as_=ANN, network=Network.MESSENGER, handle="bobm"))
    if became == "linked":
        world.link("ann", "annm")
    else:
        world.change("ann", state=AccountState.DEACTIVATED)

    answer = AnswerLink(as_=AccountId("abobm"), account=ANN, accept=True)

    assert world.refusal("bobm", answer) == "expired"
