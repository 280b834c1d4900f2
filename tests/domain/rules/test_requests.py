"""Requests: accepting shows itself to the sender, declining never does; a restriction stays unnoticed."""

from bridge.domain.model import Member, Thread, ThreadKind
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.commands import Accept, Archive, Decline, MarkRead
from bridge.wire.events import MessageSent, Read, ThreadChanged
from bridge.wire.values import Consent, Folder
from tests.domain.world import World

ANN, BOB = AccountId("aann"), AccountId("abob")


def test_accepting_moves_the_thread_and_shows_itself_to_the_sender(world: World) -> None:
    world.send("bob", "ann")
    world.told.clear()

    world.accept("ann", "bob")

    assert world.side("ann", "bob").folder == "inbox"
    assert [event.answered for event in world.heard("bob", ThreadChanged)] == [True]
    assert [event.folder for event in world.heard("ann", ThreadChanged)] == ["inbox"]


def test_accepting_twice_changes_nothing_more(world: World) -> None:
    world.send("bob", "ann")
    world.accept("ann", "bob")

    assert not world.accept("ann", "bob").changes


def test_many_requests_are_accepted_and_declined_at_once(world: World) -> None:
    world.join("eve", "direct")
    for sender in ("bob", "eve"):
        world.send(sender, "ann")
    threads = (world.thread("ann", "bob"), world.thread("ann", "eve"), world.thread("ann", "bob"))

    declined = world.run("ann", Decline(threads=threads))
    again = world.run("ann", Decline(threads=threads))

    assert len(declined.records) == 2
    assert not again.changes


def test_a_reply_accepts_in_the_same_outcome(world: World) -> None:
    world.send("bob", "ann")

    outcome = world.send("ann", "bob")

    assert world.side("ann", "bob").consent == "accepted"
    assert len(outcome.messages) == 1
    assert world.sent("bob", "ann") == "ok"


def test_a_refused_reply_accepts_nothing(world: World) -> None:
    world.send("bob", "ann")
    world.change("bob", state="deactivated")

    assert world.sent("ann", "bob") == "not_accepting"
    assert world.side("ann", "bob").folder == "requests"


def test_a_decline_is_not_told_to_the_sender(world: World) -> None:
    world.send("bob", "ann")
    world.told.clear()

    world.decline("ann", "bob")

    assert world.heard("bob") == []
    assert world.side("ann", "bob").folder == "none"
    assert world.sent("bob", "ann") == "request_pending"


def test_a_decline_may_hide_what_this_sender_asks_in_future(world: World) -> None:
    world.send("bob", "ann")
    world.decline("ann", "bob", hide=True)
    world.set_tie("follow", "ann", "bob")

    assert world.sent("bob", "ann") == "ok"
    assert world.side("ann", "bob").folder == "hidden"
    world.accept("ann", "bob")
    assert world.side("ann", "bob").folder == "inbox"
    assert not world.tie("ann", "bob").hides


def test_a_reply_hides_its_receiver_no_more(world: World) -> None:
    world.send("bob", "ann")
    world.decline("ann", "bob", hide=True)

    world.send("ann", "bob")

    assert not world.tie("ann", "bob").hides
    assert world.side("ann", "bob").folder == "inbox"


def test_accepting_one_account_leaves_another_of_the_person_hidden(merged: World) -> None:
    for sender in ("ann", "annm"):
        merged.set_tie("block", "bob", sender, False)
        merged.send(sender, "bob")
        merged.decline("bob", sender, hide=True)
    merged.set_tie("follow", "bob", "ann")
    merged.send("ann", "bob")

    merged.accept("bob", "ann")

    assert not merged.tie("bob", "ann").hides
    assert merged.tie("bob", "annm").hides


def test_an_acceptance_while_restricting_shows_when_the_restriction_is_lifted(world: World) -> None:
    world.set_tie("restrict", "ann", "bob")
    world.send("bob", "ann")
    world.told.clear()

    world.accept("ann", "bob")
    assert world.side("ann", "bob").folder == "requests"
    assert world.heard("bob") == []
    assert world.sent("bob", "ann") == "request_pending"
    world.set_tie("restrict", "ann", "bob", False)

    assert world.side("ann", "bob").folder == "inbox"
    assert [event.answered for event in world.heard("bob", ThreadChanged)] == [True]
    assert world.sent("bob", "ann") == "ok"


def test_a_restriction_covers_the_chat_unnoticed_and_lifting_it_restores(world: World) -> None:
    world.send("bob", "ann")
    world.accept("ann", "bob")
    world.told.clear()

    world.set_tie("restrict", "ann", "bob")
    assert world.side("ann", "bob").folder == "requests"
    assert world.sent("bob", "ann") == "ok"
    assert [type(event).__name__ for event in world.heard("bob")] == ["Message"]
    world.set_tie("restrict", "ann", "bob", False)

    assert world.side("ann", "bob").folder == "inbox"


def test_a_thread_opened_with_one_whom_i_restrict_lies_in_my_requests(world: World) -> None:
    world.set_tie("restrict", "ann", "bob")

    world.open("ann", "bob")

    assert world.side("ann", "bob").folder == "requests"


def test_an_unasked_thread_that_got_a_message_while_restricted_stays_a_request(world: World) -> None:
    world.set_tie("follow", "ann", "bob")
    world.send("bob", "ann")
    world.set_tie("restrict", "ann", "bob")

    world.send("bob", "ann")
    world.set_tie("restrict", "ann", "bob", False)

    side = world.side("ann", "bob")
    assert (side.folder, side.consent) == ("requests", "pending")


def test_what_was_put_away_stays_there_until_a_message_comes(world: World) -> None:
    world.send("bob", "ann")
    world.accept("ann", "bob")

    world.archive("ann", "bob")
    assert not world.archive("ann", "bob").changes
    world.set_tie("restrict", "ann", "bob")
    assert world.side("ann", "bob").folder == "archived"
    world.archive("ann", "bob", on=False)
    assert world.side("ann", "bob").folder == "requests"  # covered while the restriction lasts
    world.set_tie("restrict", "ann", "bob", False)
    world.archive("ann", "bob")
    world.send("bob", "ann")

    assert world.side("ann", "bob").folder == "inbox"
    assert not world.archive("ann", "bob", on=False).changes


def test_a_request_can_be_put_away_and_comes_back_as_a_request(world: World) -> None:
    world.send("bob", "ann")

    world.archive("ann", "bob")
    assert world.side("ann", "bob").folder == "archived"
    world.archive("ann", "bob", on=False)

    assert world.side("ann", "bob").folder == "requests"
    assert world.side("ann", "bob").consent == "pending"


def test_what_is_in_no_list_cannot_be_put_away(world: World) -> None:
    world.send("bob", "ann")
    world.decline("ann", "bob")

    assert world.refusal("ann", Archive(threads=(world.thread("ann", "bob"),))) == "not_allowed"


def test_an_imported_group_is_accepted_declined_and_put_away_without_telling_anyone_else(
    world: World,
) -> None:
    groups = [ThreadId("g1"), ThreadId("g2")]
    for group in groups:
        world.put(
            Thread(id=group, kind=ThreadKind.GROUP, members=(ANN, BOB), link=b""),
            Member(thread=group, account=ANN, folder=Folder.REQUESTS, consent=Consent.PENDING),
        )

    world.run("ann", Accept(threads=(groups[0],)))
    world.run("ann", Decline(threads=(groups[1],), hide=True))
    world.run("ann", Archive(threads=(groups[0],)))
    world.run("ann", Archive(threads=(groups[0],), on=False))

    sides = {side.thread: side for side in world.all(Member)}
    assert (sides[groups[0]].folder, sides[groups[1]].folder) == ("inbox", "none")
    assert world.heard("bob") == []
    assert not world.tie("ann", "bob").hides


def test_a_request_reads_without_a_trace_and_shows_when_it_is_accepted(world: World) -> None:
    world.send("bob", "ann")
    world.told.clear()
    world.run("ann", MarkRead(thread=world.thread("ann", "bob"), upto=Seq(1)))
    assert world.heard("bob") == []

    world.accept("ann", "bob")

    assert [event.upto for event in world.heard("bob", Read)] == [1]
    assert world.heard("bob", MessageSent) == []
