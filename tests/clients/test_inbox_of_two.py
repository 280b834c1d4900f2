"""The inbox of a person both of whose accounts are in one thread: it is there twice, each as one sees it."""

from bridge.wire.events import LegRemoved
from clients.inbox import Inbox
from clients.notices import Push
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_state import ANA, BEN
from tests.clients.folding import opened, pushes, snapshot


def both_own() -> tuple[FakeHub, Inbox]:
    """Fold a thread whose two accounts became one person's, as its own journals tell it: Ben wrote twice."""
    hub, inbox = FakeHub(), Inbox()
    hub.say(BEN, ANA, "one")
    inbox.hear(opened(hub, ANA, BEN))
    for leg in (ANA, BEN):
        snapshot(hub, inbox, leg)
    heard = {leg: len(hub.journals[leg].events) for leg in (ANA, BEN)}
    hub.say(BEN, ANA, "two")
    for leg in (BEN, ANA):
        for push in pushes(hub, leg)[heard[leg] :]:
            inbox.hear(push)
    return hub, inbox


def test_a_thread_of_two_own_accounts_is_shown_as_each_of_them_sees_it() -> None:
    _, inbox = both_own()

    rows = [(row.leg, row.unread, row.read) for row in inbox.threads()]

    assert rows == [(ANA, 2, 0), (BEN, 0, 2)]


def test_an_own_account_that_goes_leaves_the_other_ones_thread() -> None:
    _, inbox = both_own()

    inbox.hear(Push(LegRemoved(account=BEN)))

    (row,) = inbox.threads()
    assert (row.leg, row.unread) == (ANA, 2)


def test_a_thread_of_two_own_accounts_that_is_unsure_has_all_of_its_account_read_again() -> None:
    hub, inbox = both_own()
    hub.say(BEN, ANA, "three")
    hub.say(BEN, ANA, "four")

    inbox.hear(pushes(hub)[-1])  # as if the one before had not been heard

    assert (inbox.stale, inbox.unsure) == ({ANA}, [])  # ``get_thread`` shows it as one of them sees it
    snapshot(hub, inbox)
    assert [row.unread for row in inbox.threads()] == [4, 0]
