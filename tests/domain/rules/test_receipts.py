"""Receipts and typing flow only where the reader has accepted, and never show a restriction."""

import pytest

from bridge.domain.answers import is_present_for
from bridge.domain.model import Member, Thread, ThreadKind
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.commands import MarkDelivered, MarkRead, OpenThread, SetProfile, Typing
from bridge.wire.events import Delivered, Read
from bridge.wire.replies import Opened
from bridge.wire.values import Folder
from tests.domain.world import World

ANN, BOB = AccountId("aann"), AccountId("abob")


@pytest.fixture
def talking(world: World) -> World:
    """Bob wrote to Ann, who accepted; he writes once more."""
    world.send("bob", "ann")
    world.accept("ann", "bob")
    world.send("bob", "ann")
    world.told.clear()
    return world


def _read(world: World, upto: int, reader: str = "ann", other: str = "bob") -> None:
    world.say(reader, MarkRead(thread=world.thread(reader, other), upto=Seq(upto)))


def _deliver(world: World, upto: int) -> None:
    world.say("ann", MarkDelivered(thread=world.thread("ann", "bob"), upto=Seq(upto)))


def _typing(world: World, who: str, other: str) -> list[object]:
    world.passing.clear()
    world.say(who, Typing(thread=world.thread(who, other)))
    return world.passing.get(AccountId(f"a{other}"), [])


def _shown(world: World) -> tuple[int, int]:
    """What Bob sees of Ann's progress when he reads the thread anew."""
    opened = world.say("bob", OpenThread(as_=BOB, account=ANN, confirm=True))
    assert isinstance(opened, Opened)
    assert opened.thread is not None
    return opened.thread.others_read, opened.thread.others_delivered


def test_reading_is_told_to_the_sender_and_to_ones_own_devices(talking: World) -> None:
    _read(talking, 2)

    assert [event.upto for event in talking.heard("bob")] == [2]
    assert [event.upto for event in talking.heard("ann", Read)] == [2]
    assert talking.side("ann", "bob").unread(2) == 0
    assert _shown(talking) == (2, 2)


def test_a_receipt_never_goes_back_nor_past_what_was_said(talking: World) -> None:
    _read(talking, 99)
    _read(talking, 1)
    _deliver(talking, 1)

    assert talking.side("ann", "bob").read == 2
    assert [event.upto for event in talking.heard("bob", Read)] == [2]


def test_reading_part_of_a_thread_counts_the_own_messages_below(talking: World) -> None:
    talking.send("ann", "bob")
    talking.send("bob", "ann")

    _read(talking, 3)

    assert talking.side("ann", "bob").unread(4) == 1


def test_delivery_is_told_before_reading(talking: World) -> None:
    _deliver(talking, 2)

    assert [type(event) for event in talking.heard("bob")] == [Delivered]
    assert _shown(talking) == (0, 2)


def test_reading_a_request_is_told_to_nobody_else(world: World) -> None:
    world.send("bob", "ann")
    world.told.clear()

    _read(world, 1)
    _deliver(world, 1)

    assert world.heard("bob") == []
    assert _shown(world) == (0, 0)


def test_an_answer_shows_how_far_its_writer_had_read(world: World) -> None:
    world.send("bob", "ann")
    _read(world, 1)
    world.told.clear()

    world.send("ann", "bob")

    assert [event.upto for event in world.heard("bob", Read)] == [2]


def test_who_hides_receipts_shows_delivery_only(talking: World) -> None:
    talking.say("ann", SetProfile(as_=ANN, shows_receipts=False))

    _read(talking, 2)

    assert [type(event) for event in talking.heard("bob")] == [Delivered]
    assert _shown(talking) == (0, 2)


def test_a_restriction_stops_receipts_without_taking_back_what_was_shown(talking: World) -> None:
    _read(talking, 1)
    talking.set_tie("restrict", "ann", "bob")
    talking.told.clear()

    _read(talking, 2)
    assert talking.heard("bob") == []
    assert _shown(talking) == (1, 1)
    assert _typing(talking, "ann", "bob") == []
    talking.set_tie("restrict", "ann", "bob", False)

    assert [event.upto for event in talking.heard("bob", Read)] == [2]
    assert _shown(talking) == (2, 2)


def test_lifting_a_restriction_shows_progress_in_a_thread_that_was_put_away(talking: World) -> None:
    talking.archive("ann", "bob")
    talking.set_tie("restrict", "ann", "bob")
    _read(talking, 2)
    talking.told.clear()

    talking.set_tie("restrict", "ann", "bob", False)

    assert [event.upto for event in talking.heard("bob", Read)] == [2]
    assert talking.side("ann", "bob").folder == "archived"


def test_typing_shows_where_both_sides_have_agreed(talking: World) -> None:
    assert _typing(talking, "ann", "bob") != []
    assert _typing(talking, "bob", "ann") != []


def test_typing_never_crosses_a_request(world: World) -> None:
    world.send("bob", "ann")

    assert _typing(world, "bob", "ann") == []
    assert _typing(world, "ann", "bob") == []


def test_typing_can_be_switched_off(talking: World) -> None:
    talking.say("ann", SetProfile(as_=ANN, shows_typing=False))

    assert _typing(talking, "ann", "bob") == []


def test_opening_a_thread_shows_nothing_of_who_opened_it(world: World) -> None:
    world.open("ann", "bob")
    world.send("bob", "ann")
    world.told.clear()

    _read(world, 1)

    assert world.heard("bob") == []
    assert _typing(world, "ann", "bob") == []


def test_imported_history_tells_nobody_of_its_reading(world: World) -> None:
    group = ThreadId("g1")
    world.put(
        Thread(id=group, kind=ThreadKind.GROUP, members=(ANN, BOB), tip=5, link=b""),
        Member(thread=group, account=ANN, folder=Folder.INBOX),
    )

    world.say("ann", MarkRead(thread=group, upto=Seq(5)))
    world.say("ann", Typing(thread=group))

    assert world.heard("bob") == []
    assert world.passing == {}


def _sees(world: World, who: str, other: str) -> bool:
    seen: bool = world.look(lambda: is_present_for(world.scene(who), AccountId(f"a{other}")))
    return seen


def test_presence_shows_where_both_sides_have_agreed(talking: World) -> None:
    assert _sees(talking, "bob", "ann")
    assert _sees(talking, "ann", "bob")

    talking.set_tie("restrict", "ann", "bob")
    assert not _sees(talking, "bob", "ann")
    talking.say("bob", SetProfile(as_=BOB, shows_presence=False))
    assert not _sees(talking, "ann", "bob")


def test_presence_of_strangers_and_of_nobody_does_not_show(world: World) -> None:
    assert not _sees(world, "ann", "bob")
    world.send("bob", "ann")

    assert not _sees(world, "ann", "bob")
    assert not _sees(world, "bob", "ann")
    assert not _sees(world, "ann", "nobody")
