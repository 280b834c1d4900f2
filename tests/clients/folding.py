"""Inboxes for tests: fed from a fake hub as a client would feed them."""

from bridge.ids import AccountId, DeviceId, PersonId, Position
from bridge.wire.replies import SignedIn
from bridge.wire.values import LegHead
from clients.inbox import Inbox
from clients.notices import Connected, Push, Reconnected
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_state import ANA


def opened(hub: FakeHub, *accounts: AccountId, again: bool = False) -> Push:
    """Make the notice of a session that must read its threads."""
    signed = SignedIn(
        person=PersonId("p"),
        device=DeviceId("d"),
        accounts=tuple(hub.accounts[account] for account in accounts),
        legs=tuple(LegHead(account=account, head=Position(0), cursor="c") for account in accounts),
        heartbeat_s=20,
        max_frame=1,
        hub="fake",
    )
    kind = Reconnected if again else Connected
    return Push(kind(signed=signed, reload=accounts))


def pushes(hub: FakeHub, account: AccountId = ANA) -> list[Push]:
    return [Push(event, account, at) for at, event in enumerate(hub.journals[account].events, 1)]


def snapshot(hub: FakeHub, inbox: Inbox, account: AccountId = ANA) -> None:
    inbox.load(
        account, [hub.view(thread, account) for thread in hub.threads.values() if account in thread.seats]
    )


def folded(hub: FakeHub) -> Inbox:
    inbox = Inbox()
    inbox.hear(opened(hub, ANA))
    inbox.load(ANA, ())
    for push in pushes(hub):
        inbox.hear(push)
    return inbox
