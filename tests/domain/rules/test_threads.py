"""Opening a thread: which account speaks is chosen knowingly; a standing thread comes first."""

from bridge.domain.model import Thread
from bridge.domain.policy import Policy
from bridge.ids import AccountId
from bridge.wire.commands import OpenThread
from bridge.wire.replies import Opened
from bridge.wire.values import Network
from tests.domain.world import World

ANN, ANNM, BOB, BOBM = (AccountId(f"a{name}") for name in ("ann", "annm", "bob", "bobm"))


def _open(world: World, who: str, command: OpenThread) -> Opened:
    reply = world.say(who, command)
    assert isinstance(reply, Opened)
    return reply


def test_an_account_alone_opens_without_confirming(world: World) -> None:
    opened = _open(world, "ann", OpenThread(network=Network.DIRECT, handle="bob"))

    assert opened.thread is not None
    assert (opened.thread.leg, opened.crosses) == (ANN, False)
    assert world.side("ann", "bob").started


def test_the_account_on_the_others_network_is_proposed_and_confirmed_once_per_person(merged: World) -> None:
    proposed = _open(merged, "ann", OpenThread(account=BOBM))
    assert (proposed.thread, proposed.propose, proposed.crosses) == (None, ANNM, False)
    assert merged.all(Thread) == []

    confirmed = _open(merged, "ann", OpenThread(as_=ANNM, account=BOBM, confirm=True))
    assert confirmed.thread is not None

    assert _open(merged, "ann", OpenThread(account=BOBM)).thread == confirmed.thread


def test_another_account_may_speak_if_the_person_says_so(merged: World) -> None:
    proposed = _open(merged, "ann", OpenThread(as_=ANN, account=BOBM))
    assert (proposed.thread, proposed.propose, proposed.crosses) == (None, ANN, True)

    opened = _open(merged, "ann", OpenThread(as_=ANN, account=BOBM, confirm=True))

    assert opened.thread is not None
    assert opened.thread.leg == ANN
    assert _open(merged, "ann", OpenThread(account=BOBM)).thread == opened.thread  # what stands comes first


def test_one_who_chose_once_is_asked_no_more_for_that_account(merged: World) -> None:
    _open(merged, "ann", OpenThread(as_=ANNM, account=BOBM, confirm=True))

    assert _open(merged, "ann", OpenThread(as_=ANN, account=BOBM)).thread is not None


def test_a_declined_thread_still_stands_and_opening_does_not_accept_it(world: World) -> None:
    world.send("bob", "ann")
    world.decline("ann", "bob")

    opened = world.open("ann", "bob")

    assert not opened.changes
    assert isinstance(opened.reply, Opened)
    assert opened.reply.thread is not None
    assert opened.reply.thread.last is not None
    assert world.sent("bob", "ann") == "request_pending"


def test_one_does_not_open_a_thread_with_oneself_or_nobody(merged: World) -> None:
    assert merged.refusal("ann", OpenThread(account=ANNM)) == "cannot_message_self"
    assert merged.refusal("ann", OpenThread(account=AccountId("anobody"))) == "not_found"
    assert merged.refusal("ann", OpenThread(network=Network.DIRECT, handle="nobody")) == "not_found"
    assert merged.refusal("ann", OpenThread(handle="bob")) == "invalid"
    assert merged.refusal("ann", OpenThread(as_=BOBM, account=BOB)) == "not_found"


def test_a_thread_says_what_it_carries_and_why_one_cannot_write(merged: World) -> None:
    merged.send("bobm", "ann")
    merged.accept("ann", "bobm")

    def seen(who: str, other: str) -> tuple[str | None, dict[str, str]]:
        opened = merged.open(who, other).reply
        assert isinstance(opened, Opened)
        assert opened.thread is not None
        return opened.thread.closed, {name: str(level) for name, level in opened.thread.capabilities.items()}

    assert seen("ann", "bobm") == (None, {"text": "full", "reply": "full"})
    assert seen("bobm", "ann") == (None, {"text": "partial", "reply": "full"})
    merged.leave("ann")
    assert seen("ann", "bobm")[0] == "left_hybrid"
    assert seen("bobm", "ann")[0] is None  # others' causes are never told
    merged.upgrade("ann")
    merged.unlink("ann")
    assert seen("ann", "bobm")[0] == "unlinked"
    merged.policy = Policy(shut_networks=frozenset({Network.DIRECT}))
    assert seen("bobm", "ann")[0] == "network_shut_down"
