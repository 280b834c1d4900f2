"""Explanations tell the receiver what is its own, and nothing of the sender; previews change nothing."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bridge.domain.model import Message, Thread, ThreadKind
from bridge.domain.policy import Policy
from bridge.domain.views import message_view, own_account_view, thread_changed, thread_view
from bridge.ids import AccountId, Seq
from bridge.wire.commands import SetLinkOptions, UploadContacts
from bridge.wire.queries import Explain, PreviewSend
from bridge.wire.replies import Explained, SendPreview
from bridge.wire.values import AccountState, Hybrid, Network
from tests.domain.world import World, phone_of

ANN, BOB, BOBM = AccountId("aann"), AccountId("abob"), AccountId("abobm")
THE_SENDERS: dict[str, Callable[[World], object]] = {
    "S blocks": lambda world: world.set_tie("block", "annm", "bobm"),
    "S blocks by the other account": lambda world: (
        world.link("ann", "annm"),
        world.set_tie("block", "ann", "bobm"),
    ),
    "S is linked to whom R blocks": lambda world: (
        world.set_tie("block", "bobm", "ann"),
        world.link("ann", "annm"),
    ),
    "S is linked to whom R restricts": lambda world: (
        world.set_tie("restrict", "bobm", "ann"),
        world.link("ann", "annm"),
    ),
    "S is linked to whom R hides": lambda world: (
        world.send("ann", "bobm"),
        world.decline("bobm", "ann", hide=True),
        world.link("ann", "annm"),
    ),
    "S has the number": lambda world: world.run(
        "annm", UploadContacts(as_=AccountId("aannm"), phones=(phone_of("bobm"),))
    ),
    "S left": lambda world: (world.link("ann", "annm"), world.upgrade("ann"), world.leave("ann")),
}


@pytest.mark.parametrize("cause", THE_SENDERS)
@pytest.mark.parametrize("known", [False, True], ids=["stranger", "accepted"])
@pytest.mark.parametrize("sender", ["ann", "annm"])
def test_what_only_the_sender_may_know_changes_no_explanation(
    world: World, sender: str, known: bool, cause: str
) -> None:
    """Else whoever is refused would ask, the other way round, whether he is blocked, or who is linked."""
    world.put(replace(world.account("ann"), hybrid=Hybrid.ON))
    if known:
        world.send(sender, "bobm")
        world.send("bobm", sender)
    before = world.explain("bobm", sender)
    tie = world.tie("bobm", sender)

    THE_SENDERS[cause](world)

    if world.tie("bobm", sender) == tie:  # else it is R's own doing
        assert world.explain("bobm", sender) == before
    assert world.explain("bobm", sender)["rule"] != "not_delivered"


def test_a_minor_does_not_learn_by_asking_who_is_an_adult(world: World) -> None:
    world.join("eve", "direct", minor=True)
    world.change("bob", minor=True)
    assert world.sent("ann", "bob") == "not_accepting"

    assert world.explain("bob", "ann") == world.explain("bob", "eve")


def test_nobody_learns_by_asking_whom_the_operator_suspects_of_spam(world: World) -> None:
    before = world.explain("bob", "ann")

    world.change("ann", suspected=True)

    assert world.explain("bob", "ann") == before


def test_whoever_got_a_message_learns_that_it_is_hidden_as_spam(world: World) -> None:
    world.change("ann", suspected=True)
    world.send("ann", "bob")

    told = world.ask("bob", Explain(as_=BOB, thread=world.thread("ann", "bob"), seq=Seq(1)))

    assert isinstance(told, Explained)
    assert (told.decision.outcome, told.decision.facts[-1]) == ("hidden", "spam")


@pytest.mark.parametrize("cause", ["S is linked to whom R restricts", "S is linked to whom R hides"])
def test_a_message_that_lies_where_it_does_by_the_senders_link_does_not_tell_of_it(
    world: World, cause: str
) -> None:
    world.put(replace(world.account("ann"), hybrid=Hybrid.ON))
    THE_SENDERS[cause](world)
    world.send("annm", "bobm")
    thread = world.thread("annm", "bobm")

    told = world.ask("bobm", Explain(as_=BOBM, thread=thread, seq=Seq(1)))

    assert isinstance(told, Explained)
    assert told.decision.outcome != "inbox"
    assert (told.decision.rule, told.decision.facts) == ("not_delivered", ())


def test_a_message_of_one_who_has_the_number_does_not_tell_of_it(world: World) -> None:
    THE_SENDERS["S has the number"](world)
    world.send("annm", "bobm")

    told = world.ask("bobm", Explain(as_=BOBM, thread=world.thread("annm", "bobm"), seq=Seq(1)))

    assert isinstance(told, Explained)
    assert (told.decision.rule, told.decision.category) == ("not_delivered", None)


def test_what_the_receiver_owns_is_told(world: World) -> None:
    assert world.explain("bob", "ann")["rule"] == "control:others_on_direct"
    world.set_tie("follow", "bob", "ann")
    assert world.explain("bob", "ann")["facts"] == ("you_follow",)
    world.set_tie("block", "bob", "ann")
    assert world.explain("bob", "ann") == {
        "outcome": "none",
        "rule": "blocked",
        "category": None,
        "facts": ("you_block",),
    }


def test_why_a_message_lies_where_it_does_is_told_to_its_receiver_only(world: World) -> None:
    world.set_controls("bob", None, followers="none")
    world.send("ann", "bob")
    thread = world.thread("ann", "bob")

    told = world.ask("bob", Explain(as_=BOB, thread=thread, seq=Seq(1)))

    assert isinstance(told, Explained)
    assert (told.decision.rule, told.decision.controls_version) == ("control:others_on_direct", 1)
    assert world.refusal("ann", Explain(as_=ANN, thread=thread, seq=Seq(1))) == "not_found"
    assert world.refusal("bob", Explain(as_=BOB, thread=thread, seq=Seq(2))) == "not_found"
    assert world.refusal("bob", Explain(as_=BOB, thread=thread)) == "invalid"
    assert world.refusal("bob", Explain(as_=BOB)) == "invalid"


def test_a_preview_shows_the_message_as_the_other_side_would_see_it(world: World) -> None:
    world.join("eve", "direct")
    world.link("eve", "annm")
    world.upgrade("eve")
    world.send("eve", "bobm")
    world.send("bobm", "eve")
    thread = world.thread("eve", "bobm")
    before = dict(world.records)

    long = world.ask("bobm", PreviewSend(thread=thread, text="word " * 300))
    reply = world.ask("bobm", PreviewSend(thread=thread, text="yes", reply_to=Seq(1)))

    assert isinstance(long, SendPreview)
    assert isinstance(reply, SendPreview)
    assert len(long.parts) == 2
    assert (reply.text, reply.translation.kept) == ("yes", ("text",))
    assert world.records == before
    for asked, code in (
        (PreviewSend(thread=thread, text="x" * 20_001), "too_long"),
        (PreviewSend(thread=thread, text="x", reply_to=Seq(9)), "invalid"),
    ):  # as of a send
        assert world.refusal("bobm", asked) == code
    world.put(replace(world.records[Thread, thread], kind=ThreadKind.SEGMENT))
    assert world.refusal("bobm", PreviewSend(thread=thread, text="late")) == "not_found"


def _crossing(world: World) -> World:
    """Bob on Messenger and Ann on Direct, who never upgraded, talk."""
    world.send("bobm", "ann", "x" * 1_500)
    world.send("ann", "bobm", "so long?")
    world.send("bobm", "ann", "yes", reply_to=Seq(2))
    return world


def test_a_reader_sees_the_translation_and_the_writer_what_was_said(world: World) -> None:
    thread = _crossing(world).thread("ann", "bobm")

    def seen(who: str, seq: int) -> object:
        message = world.records[Message, (thread, seq)]
        view = world.look(lambda: message_view(world.facts, message, world.account(who)))
        return view.text, len(view.parts), view.reply_to, view.translation is not None

    assert seen("bobm", 1) == ("x" * 1_500, 0, None, False)
    assert seen("ann", 1) == (None, 2, None, True)
    assert seen("ann", 3) == ("> so long?\nyes", 0, None, True)
    assert seen("bobm", 3) == ("yes", 0, 2, False)
    world.link("ann", "annm")
    world.upgrade("ann")
    assert seen("ann", 3) == ("yes", 0, 2, False)  # it comes whole once the reader upgrades


def test_an_erased_message_keeps_its_place_in_the_chain(world: World) -> None:
    thread = _crossing(world).thread("ann", "bobm")
    said = world.records[Message, (thread, 2)]
    world.records[Message, (thread, 2)] = erased = replace(said, content=None, salt=None)
    world.facts.apply([erased])

    view = world.look(lambda: message_view(world.facts, erased, world.account("ann")))
    reply = world.look(
        lambda: message_view(world.facts, world.records[Message, (thread, 3)], world.account("ann"))
    )

    assert (view.kind, view.text, view.link) == ("erased", None, said.link.hex())
    assert reply.text == "> \nyes"


def test_a_deleted_account_shows_nothing_but_its_id(world: World) -> None:
    world.send("bob", "ann")
    world.change("bob", state=AccountState.DELETED)
    thread = world.records[Thread, world.thread("ann", "bob")]
    side, theirs = world.side("ann", "bob"), world.side("bob", "ann")

    view = world.look(lambda: thread_view(world.facts, world.policy, thread, side, theirs, None))

    assert [(other.id, other.name, other.handle) for other in view.others] == [(BOB, "deleted account", "")]
    assert view.unread == 1


def test_imported_history_shows_its_members_and_that_it_is_closed(world: World) -> None:
    world.send("bob", "ann")
    thread = replace(
        world.records[Thread, world.thread("ann", "bob")], kind=ThreadKind.GROUP, title="The choir"
    )
    side = world.side("ann", "bob")

    view = world.look(lambda: thread_view(world.facts, world.policy, thread, side, None, None))
    change = world.look(
        lambda: thread_changed(world.facts, world.policy, thread, side, answered=True, appears=True)
    )

    assert (view.closed, view.title, view.capabilities) == ("history", "The choir", {})
    assert [other.id for other in change.others] == [BOB]


def test_an_owner_sees_more_of_an_account_than_others_do(world: World) -> None:
    world.link("ann", "annm")
    world.say("ann", SetLinkOptions(as_=ANN, sync_name=True, sync_picture=True, single_sign_on=True))

    view = own_account_view(world.account("ann"), world.person("ann"))

    assert (view.linked_to, view.synced, view.single_sign_on) == (
        (AccountId("aannm"),),
        ("name", "picture"),
        True,
    )


def test_a_shut_network_takes_and_gives_nothing(world: World) -> None:
    world.policy = Policy(link_from=None, shut_networks=frozenset({Network.DIRECT}))

    assert world.sent("ann", "bob") == "not_accepting"
    assert world.sent("annm", "bobm") == "ok"
