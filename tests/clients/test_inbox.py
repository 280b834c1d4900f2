"""The inbox: live, replayed, doubled and loaded, it shows the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bridge.errors import NotAccepting
from bridge.ids import AccountId, Position, Seq
from bridge.wire import commands as c
from bridge.wire.events import (
    Delivered,
    HybridChanged,
    LegAdded,
    LegRemoved,
    LinkChanged,
    MessageSent,
    Read,
    ThreadChanged,
    Typed,
)
from bridge.wire.values import Consent, Folder, Hybrid, LegHead, LegState
from clients.inbox import Inbox, Row, SendState
from clients.notices import Connected, Push, SendSettled
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_state import AB, ANA, BEN, CYD
from tests.clients.folding import folded, opened, pushes, snapshot

FOLDERS = (Folder.INBOX, Folder.REQUESTS, Folder.HIDDEN, Folder.ARCHIVED)


def shown(inbox: Inbox, hub: FakeHub) -> list[tuple[Row, list[SendState]]]:
    """Say what a person sees: of the others' receipts only what they mean for own messages."""
    return [
        (
            replace(row, others_read=0, others_delivered=0),
            [inbox.state_of(said) for said in hub.threads[row.id].messages if said.sender == ANA],
        )
        for folder in FOLDERS
        for row in inbox.threads(folder)
    ]


Step = Callable[[FakeHub], Any]
ACTIONS: dict[str, Step] = {
    "ben writes": lambda hub: hub.say(BEN, ANA, "hello"),
    "cyd writes": lambda hub: hub.say(CYD, ANA, "hi"),
    "ana writes": lambda hub: hub.say(ANA, BEN, "yes"),
    "ana accepts": lambda hub: done(hub, ANA, c.Accept(threads=(AB,))),
    "ana declines": lambda hub: done(hub, ANA, c.Decline(threads=(AB,))),
    "ana archives": lambda hub: done(hub, ANA, c.Archive(threads=(AB,))),
    "ana reads all": lambda hub: read(hub, ANA, 0),
    "ana reads some": lambda hub: read(hub, ANA, 2),
    "ben reads": lambda hub: read(hub, BEN, 0),
    "ben gets": lambda hub: done(hub, BEN, c.MarkDelivered(thread=AB, upto=Seq(99))),
}


def done(hub: FakeHub, account: AccountId, operation: Any) -> None:
    if AB in hub.threads and hub.threads[AB].messages:
        if isinstance(operation, c.MarkDelivered):
            operation = c.MarkDelivered(thread=AB, upto=Seq(len(hub.threads[AB].messages)))
        hub.answers((account,), operation)


def read(hub: FakeHub, account: AccountId, short_of: int) -> None:
    if AB in hub.threads and (upto := len(hub.threads[AB].messages) - short_of) > 0:
        hub.answers((account,), c.MarkRead(thread=AB, upto=Seq(upto)))


@given(
    steps=st.lists(st.sampled_from(sorted(ACTIONS)), max_size=25),
    stranger=st.booleans(),
    data=st.data(),
)
def test_an_inbox_heard_live_equals_one_replayed_doubled_or_loaded(
    steps: list[str], stranger: bool, data: st.DataObject
) -> None:
    hub, live = FakeHub(), Inbox()
    if stranger:
        hub.strangers.add((ANA, BEN))
    late, read_at = Inbox(), data.draw(st.integers(0, len(steps)), label="snapshot after")
    live.hear(opened(hub, ANA))
    live.load(ANA, ())
    late.hear(opened(hub, ANA))
    for number, step in enumerate(steps):
        if number == read_at:
            snapshot(hub, late)
        heard = len(hub.journals[ANA].events)
        ACTIONS[step](hub)
        for push in pushes(hub)[heard:]:
            live.hear(push)
    if read_at >= len(steps):
        snapshot(hub, late)

    said = pushes(hub)
    twice = Inbox()
    twice.hear(opened(hub, ANA))
    for push in said:
        twice.hear(push)
        again = data.draw(st.integers(0, 3))
        for old in said[max(0, (push.at or 0) - again) : push.at]:
            twice.hear(old)
    covered = data.draw(st.integers(0, len(said)), label="events before the snapshot that come after it")
    for push in said[covered if covered <= heard_by(steps, read_at, stranger) else 0 :]:
        late.hear(push)
    loaded = Inbox()
    loaded.hear(opened(hub, ANA))
    snapshot(hub, loaded)

    truth = shown(loaded, hub)
    assert shown(live, hub) == truth
    assert shown(twice, hub) == truth
    for name in late.unsure:
        late.load_thread(hub.view(hub.threads[name], ANA))
    assert shown(late, hub) == truth
    assert (live.unread, live.requests) == (loaded.unread, loaded.requests)


def heard_by(steps: list[str], count: int, stranger: bool) -> int:
    """Count the events of the first steps."""
    hub = FakeHub()
    if stranger:
        hub.strangers.add((ANA, BEN))
    for step in steps[:count]:
        ACTIONS[step](hub)
    return len(hub.journals[ANA].events)


def test_threads_stand_newest_first_with_their_unread_count() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "one")
    hub.say(BEN, ANA, "two")
    hub.say(CYD, ANA, "first")

    first, second = folded(hub).threads()

    assert [(row.others[0].id, row.unread) for row in (first, second)] == [(BEN, 2), (CYD, 1)]
    assert first.last is not None
    assert first.last.text == "two"


def test_requests_are_counted_apart_from_the_unread() -> None:
    hub = FakeHub()
    hub.strangers.add((ANA, BEN))
    hub.say(BEN, ANA, "may I?")

    inbox = folded(hub)

    assert (inbox.unread, inbox.requests) == (0, 1)
    assert inbox.threads(Folder.REQUESTS)[0].is_request


def test_an_own_message_is_sent_then_delivered_then_read() -> None:
    hub = FakeHub()
    hub.say(ANA, BEN, "hello")
    inbox = folded(hub)
    row = inbox.thread(AB)
    assert row is not None
    assert row.last is not None

    states = [inbox.state_of(row.last)]
    inbox.hear(Push(Delivered(thread=AB, account=BEN, upto=Seq(1)), ANA, 9))
    states.append(inbox.state_of(row.last))
    inbox.hear(Push(Read(thread=AB, account=BEN, upto=Seq(1)), ANA, 10))
    states.append(inbox.state_of(row.last))

    assert states == [SendState.SENT, SendState.DELIVERED, SendState.READ]


def test_an_unsent_message_is_shown_until_it_is_taken_or_refused() -> None:
    inbox = Inbox()
    inbox.sending("k1", AB, "one")
    inbox.sending("k2", AB, "two")

    inbox.hear(Push(SendSettled(token="k1", thread=AB, seq=Seq(1), at=1)))
    inbox.hear(Push(SendSettled(token="k2", thread=AB, error=NotAccepting())))
    inbox.hear(Push(SendSettled(token="of another client", thread=AB, seq=Seq(2), at=1)))

    (failed,) = inbox.outgoing(AB)
    assert (failed.text, failed.state) == ("two", SendState.FAILED)
    inbox.dismiss("k2")
    assert inbox.outgoing(AB) == []


def test_typing_ends_by_itself_or_with_a_message() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "one")
    inbox = folded(hub)

    inbox.hear(Push(Typed(thread=AB, account=BEN)), now=10.0)
    assert inbox.typing(AB, now=12.0) == [BEN]
    assert inbox.typing(AB, now=17.0) == []
    inbox.hear(Push(Typed(thread=AB, account=BEN)), now=20.0)
    hub.say(BEN, ANA, "two")
    inbox.hear(pushes(hub)[-1], now=21.0)

    assert inbox.typing(AB, now=21.0) == []


def test_an_account_that_goes_takes_its_threads_along_and_one_that_comes_is_stale() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "one")
    inbox = folded(hub)

    inbox.hear(Push(LegRemoved(account=ANA)))
    leg = LegHead(account=CYD, state=LegState.SNAPSHOT, head=Position(0), cursor="c")
    inbox.hear(Push(LegAdded(account=hub.accounts[CYD], leg=leg)))

    assert (inbox.threads(), inbox.stale) == ([], {CYD})


def test_an_inbox_that_begins_in_the_middle_reads_all_threads() -> None:
    hub, inbox = FakeHub(), Inbox()
    signed = opened(hub, ANA).event.signed  # type: ignore[union-attr]

    inbox.hear(Push(Connected(signed=signed, reload=())))  # a client that goes on where an earlier one stood

    assert inbox.stale == {ANA}


def test_a_session_without_an_account_forgets_its_threads() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "one")
    inbox = folded(hub)

    inbox.hear(opened(hub, CYD, again=True))

    assert (inbox.threads(), inbox.stale) == ([], {CYD})


def test_a_reload_drops_threads_that_are_gone_but_not_those_heard_of_meanwhile() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "old")
    inbox = folded(hub)
    inbox.load(ANA, [hub.view(hub.threads[AB], ANA)])
    inbox.hear(opened(hub, ANA, again=True))
    inbox.hear(Push(Read(thread=AB, account=ANA, upto=Seq(1)), ANA, 8))
    hub.say(CYD, ANA, "new")
    for push in pushes(hub)[-2:]:
        inbox.hear(push)

    inbox.load(ANA, ())

    assert [row.others[0].id for row in inbox.threads()] == [CYD]


def test_an_unread_thread_that_went_while_the_device_was_away_too_long_is_gone() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "unread")
    inbox = folded(hub)

    inbox.hear(opened(hub, ANA, again=True))
    inbox.load(ANA, ())

    assert (inbox.threads(), inbox.unread) == ([], 0)


def test_a_partial_read_over_unknown_messages_is_unsure_until_read_again() -> None:
    hub = FakeHub()
    for speaker, other in ((BEN, ANA), (ANA, BEN), (BEN, ANA), (ANA, BEN), (BEN, ANA)):
        hub.say(speaker, other, "x")
    inbox = Inbox()
    inbox.hear(opened(hub, ANA))
    snapshot(hub, inbox)

    hub.answers((ANA,), c.MarkRead(thread=AB, upto=Seq(3)))
    inbox.hear(pushes(hub)[-1])
    assert inbox.unsure == [AB]
    inbox.load_thread(hub.view(hub.threads[AB], ANA))

    row = inbox.thread(AB)
    assert row is not None
    assert (inbox.unsure, row.unread) == ([], 1)


def test_a_thread_that_changed_folders_while_they_were_read_is_unsure() -> None:
    inbox = folded(FakeHub())  # it was in none of the lists, as each was read too early or too late

    inbox.hear(Push(ThreadChanged(thread=AB, leg=ANA, folder=Folder.INBOX), ANA, 5))

    assert inbox.unsure == [AB]


def test_a_message_of_an_unknown_thread_is_unsure() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "one")
    hub.say(BEN, ANA, "two")
    inbox = Inbox()
    inbox.hear(opened(hub, ANA))

    inbox.hear(pushes(hub)[-1])

    assert inbox.unsure == [AB]
    assert inbox.thread(CYD) is None  # type: ignore[arg-type]  # no such thread


def test_a_closed_thread_says_why_and_an_event_of_nobody_is_ignored() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "one")
    inbox = folded(hub)

    inbox.hear(Push(ThreadChanged(thread=AB, leg=ANA, folder=Folder.INBOX, closed="left_hybrid"), ANA, 5))
    inbox.hear(Push(MessageSent(message=hub.threads[AB].messages[0])))

    row = inbox.thread(AB)
    assert row == replace(folded(hub).threads()[0], closed="left_hybrid")
    assert row.consent is Consent.NONE


@pytest.mark.parametrize("event", [HybridChanged(account=ANA, hybrid=Hybrid.OFF), LinkChanged(leg=ANA)])
def test_what_a_link_closes_or_opens_is_read_again(event: HybridChanged | LinkChanged) -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "one")
    inbox = folded(hub)
    inbox.hear(Push(ThreadChanged(thread=AB, leg=ANA, folder=Folder.INBOX), ANA, 5))
    inbox.hear(Push(event, ANA, 6))
    stale = set(inbox.stale)
    view = hub.view(hub.threads[AB], ANA)
    inbox.load(ANA, [structs.replace(view, closed="left_hybrid")])

    (row,) = inbox.threads(view.folder)
    assert (stale, row.closed) == ({ANA}, "left_hybrid")
