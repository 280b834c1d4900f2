"""Journals: dense positions in the order of telling, read again from any place."""

from msgspec.structs import replace

from bridge.domain.model import Message
from bridge.ids import AccountId, Position
from bridge.store.base import Entry, Head, Store
from bridge.wire.events import (
    ControlsChanged,
    Delivered,
    JournalEvent,
    LinkAttempted,
    MessageSent,
    ThreadChanged,
)
from bridge.wire.values import AccountView, Consent, Folder, Level, MessageView, Network, Translation
from tests.builders import ANA, BEN, CYD, keep, keep_told, make_group, make_pair_thread, make_people


def numbered(number: int) -> ControlsChanged:
    return ControlsChanged(account=ANA, version=number)


async def test_a_journal_never_told_of_anything_stands_at_zero(store: Store) -> None:
    assert await store.heads([ANA, BEN]) == {
        account: Head(Position(0), Position(0)) for account in (ANA, BEN)
    }
    assert await store.heads([]) == {}
    assert await store.replay(ANA, Position(0), 10) == []


async def test_positions_are_dense_over_batches_in_the_order_of_telling(store: Store) -> None:
    await keep(store, told=[(numbered(1), (ANA, BEN)), (numbered(2), (BEN,)), (numbered(3), (BEN, ANA))])
    await keep(store, told=[(numbered(4), (ANA,))])

    ana, ben = await store.replay(ANA, Position(0), 10), await store.replay(BEN, Position(0), 10)

    assert ana == [
        Entry(Position(1), numbered(1)),
        Entry(Position(2), numbered(3)),
        Entry(Position(3), numbered(4)),
    ]
    assert ben == [
        Entry(Position(1), numbered(1)),
        Entry(Position(2), numbered(2)),
        Entry(Position(3), numbered(3)),
    ]
    assert await store.heads([ANA, CYD]) == {
        ANA: Head(Position(3), Position(1)),
        CYD: Head(Position(0), Position(0)),
    }


async def test_a_replay_goes_on_after_a_position_and_stops_at_its_limit(store: Store) -> None:
    await keep(store, told=[(numbered(number), (ANA,)) for number in range(1, 8)])

    pages = [await store.replay(ANA, Position(after), 3) for after in (0, 3, 6, 7, 99)]

    assert [[entry.position for entry in page] for page in pages] == [[1, 2, 3], [4, 5, 6], [7], [], []]


async def test_messages_and_events_stand_in_one_order(store: Store) -> None:
    talk = make_pair_thread()
    one, two = talk.say(ANA, "one"), talk.say(BEN, "two")
    shown = ThreadChanged(thread=talk.id, leg=BEN, folder=Folder.INBOX)
    await keep(store, *make_people(ANA, BEN))

    await keep(store, *talk.kept, told=[(shown, (BEN,)), (one, (ANA, BEN)), (two, (BEN, ANA))])

    assert [entry.told for entry in await store.replay(BEN, Position(0), 9)] == [shown, one, two]
    assert [entry.told for entry in await store.replay(ANA, Position(0), 9)] == [one, two]


async def test_a_message_can_be_told_again_later(store: Store) -> None:
    talk = make_pair_thread()
    await keep(store, *make_people(ANA, BEN))
    await keep_told(store, talk, talk.say(ANA, "hidden at first"))

    await keep(store, told=[(talk.said[0], (BEN,))])

    assert await store.replay(BEN, Position(1), 9) == [Entry(Position(2), talk.said[0])]


async def test_one_thing_told_to_250_accounts_is_the_same_for_all(store: Store) -> None:
    members = tuple(AccountId(f"a-{number}") for number in range(250))
    group = make_group(*members)
    message = group.say(members[0], "to all of you")
    event = Delivered(thread=group.id, account=members[1], upto=message.seq)
    await keep(store, *make_people(*members))

    heads = await keep(store, *group.kept, told=[(message, members), (event, members)])

    assert heads == dict.fromkeys(members, 2)
    for member in members:
        assert [entry.told for entry in await store.replay(member, Position(0), 9)] == [message, event]


async def test_events_come_back_with_all_that_they_say_but_for_names(store: Store) -> None:
    view = AccountView(id=BEN, network=Network.MESSENGER, handle="ben", name="Ben 🧑‍🚀", private=True)
    said = MessageView(
        thread=make_pair_thread().id,
        seq=make_pair_thread().say(ANA, "x").seq,
        sender=ANA,
        at=2**52,
        parts=("a", "b"),
        origin=Network.DIRECT,
        translation=Translation(dropped=("reply",)),
    )
    appeared = ThreadChanged(
        thread=said.thread,
        leg=ANA,
        others=(view,),
        folder=Folder.REQUESTS,
        consent=Consent.PENDING,
        closed="unlinked",
        capabilities={"text": Level.FULL, "reply": Level.FALLBACK},
    )
    others: list[JournalEvent | Message] = [MessageSent(message=said), LinkAttempted(leg=ANA)]

    await keep(store, told=[(event, (ANA,)) for event in (appeared, *others)])

    told = [entry.told for entry in await store.replay(ANA, Position(0), 9)]
    bare = AccountView(id=BEN, network=Network.MESSENGER, handle="", name="", private=True)
    assert told == [replace(appeared, others=(bare,)), *others]
