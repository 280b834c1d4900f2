"""The small model does what people would expect of the product, step by step."""

import pytest

from tests.domain.reference.model import Model, Refused, Sent

REQUEST = Sent("ok", "requests")
CHAT = Sent("ok", "inbox")
REFUSED = Sent("not_accepting", "nowhere")
WAIT = Sent("request_pending", "nowhere")


@pytest.fixture
def world() -> Model:
    """Ann and Bob, each with a Direct and a Messenger account (ann, ann.m), nobody linked as yet."""
    model = Model()
    for name in ("ann", "bob"):
        model.add_account(name, "direct")
        model.add_account(f"{name}.m", "messenger")
    return model


def test_a_request_is_accepted_by_answering(world: Model) -> None:
    assert world.send("ann", "bob") == REQUEST
    assert world.send("ann", "bob") == WAIT
    assert world.send("bob", "ann") == CHAT
    assert world.send("ann", "bob", text=False) == CHAT
    assert world.folders("bob") == {"ann": "inbox"}


def test_a_refused_answer_accepts_nothing(world: Model) -> None:
    world.send("ann", "bob")
    world.set_state("ann", "deactivated")
    assert world.send("bob", "ann") == REFUSED
    assert world.folders("bob") == {"ann": "requests"}


def test_a_declined_thread_is_gone_and_the_sender_is_not_told(world: Model) -> None:
    world.send("ann", "bob")
    world.decline("bob", "ann", hide=True)
    assert world.folders("bob") == {}
    assert world.send("ann", "bob") == WAIT
    world.follow("bob", "ann")
    assert world.send("ann", "bob") == Sent("ok", "hidden")
    world.accept("bob", "ann")
    assert world.send("ann", "bob") == CHAT


def test_a_restriction_covers_the_chat_and_lifting_it_restores(world: Model) -> None:
    world.send("ann", "bob")
    world.accept("bob", "ann")
    world.restrict("bob", "ann")
    assert world.folders("bob") == {"ann": "requests"}
    assert world.send("ann", "bob") == REQUEST
    world.unrestrict("bob", "ann")
    assert world.folders("bob") == {"ann": "inbox"}


def test_accepting_while_restricting_shows_only_when_the_restriction_ends(world: Model) -> None:
    world.restrict("bob", "ann")
    world.send("ann", "bob")
    world.accept("bob", "ann")
    assert world.folders("bob") == {"ann": "requests"}
    assert world.send("ann", "bob") == WAIT
    world.unrestrict("bob", "ann")
    assert world.send("ann", "bob") == CHAT


def test_only_an_upgraded_account_starts_a_crossing_and_leaving_closes_it(world: Model) -> None:
    assert world.send("ann", "bob.m") == REFUSED
    with pytest.raises(Refused, match="needs_link"):
        world.upgrade("ann")
    world.link("ann", "ann.m")
    assert world.send("ann", "bob.m") == REFUSED
    world.upgrade("ann")
    assert world.send("ann", "bob.m") == REQUEST
    assert world.send("bob.m", "ann") == CHAT
    world.leave_hybrid("ann")
    assert world.send("bob.m", "ann") == REFUSED
    assert world.send("ann.m", "bob") == REFUSED
    world.upgrade("ann")
    assert world.send("bob.m", "ann") == CHAT


def test_refusing_messenger_leaves_the_hybrid_unless_connections_are_kept(world: Model) -> None:
    world.link("ann", "ann.m")
    world.upgrade("ann")
    world.set_keep_connected("ann", True)
    world.set_control("ann", "others_on_messenger", "none")
    assert world.accounts["ann"].hybrid == "on"
    assert world.send("bob.m", "ann") == REFUSED
    world.set_keep_connected("ann", False)
    assert world.accounts["ann"].hybrid == "off"
    world.upgrade("ann")
    assert world.accounts["ann"].controls["others_on_messenger"] == "requests"
    assert world.send("bob.m", "ann") == REQUEST


def test_unlinking_makes_crossings_read_only_and_copies_blocks(world: Model) -> None:
    world.link("ann", "ann.m")
    world.upgrade("ann")
    world.send("bob.m", "ann")
    world.accept("ann", "bob.m")
    world.block("ann.m", "bob")
    assert world.send("bob", "ann") == REFUSED
    world.unlink("ann")
    assert world.send("bob.m", "ann") == REFUSED
    assert world.send("bob", "ann") == REFUSED
    assert world.send("bob", "ann.m") == REFUSED
    assert world.folders("ann") == {"bob.m": "inbox"}
    world.unblock("ann", "bob")
    assert world.send("bob", "ann") == REQUEST


def test_unlinking_copies_declines_and_restrictions(world: Model) -> None:
    world.link("ann", "ann.m")
    world.send("bob", "ann")
    world.decline("ann", "bob", hide=True)
    world.restrict("ann", "bob.m")
    world.unlink("ann.m")
    assert world.send("bob.m", "ann.m") == REQUEST
    assert world.judge("bob.m", "ann.m") == ("requests", "restricted")
    assert ("ann.m", "bob") in world.hiding
    assert ("ann.m", "bob") not in world.restrictions


def test_an_archived_chat_returns_and_an_archived_request_stays_put_behind_the_limit(world: Model) -> None:
    world.send("ann", "bob")
    world.archive("bob", "ann")
    assert world.send("ann", "bob") == WAIT
    assert world.folders("bob") == {"ann": "archived"}
    world.accept("bob", "ann")
    world.archive("bob", "ann")
    assert world.send("ann", "bob") == CHAT


@pytest.mark.parametrize(
    ("name", "category", "outcome", "code"),
    [
        ("ann", "others_on_direct", "inbox", "invalid_control"),
        ("ann", "friends_of_friends", "none", "invalid_control"),
        ("ann", "phone_contacts", "none", "needs_link"),
        ("ann.m", "direct_following", "none", "needs_link"),
    ],
)
def test_a_control_that_cannot_be_is_refused(
    world: Model, name: str, category: str, outcome: str, code: str
) -> None:
    before = dict(world.accounts[name].controls)
    with pytest.raises(Refused, match=code):
        world.set_control(name, category, outcome)
    assert world.accounts[name].controls == before


def test_one_cannot_block_or_write_to_oneself(world: Model) -> None:
    world.link("ann", "ann.m")
    with pytest.raises(Refused, match="cannot_block_self"):
        world.block("ann", "ann.m")
    assert world.send("ann", "ann.m").sender_class == "cannot_message_self"
