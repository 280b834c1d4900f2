"""What a node remembers of others' people, and whom it asks about when a node is gone."""

import asyncio
from collections.abc import Coroutine

from bridge.bus.outbox import Outbox
from bridge.bus.presence import Presence
from bridge.ids import AccountId

ANA, BEN, CYD = AccountId("ana"), AccountId("ben"), AccountId("cyd")


class Nodes:
    """Other nodes, as a presence can ask them.

    Attributes:
        serving: Which node answers for an account.
        asked: Whom it was asked about.
        left: Who was told to be nowhere.
    """

    def __init__(self, *watched: AccountId) -> None:
        self.serving: dict[AccountId, str] = {}
        self.asked: list[AccountId] = []
        self.left: list[AccountId] = []
        self.here: set[AccountId] = set()
        self.watched = set(watched)
        self.presence = Presence(
            ask=self.ask,
            is_here=self.here.__contains__,
            is_watched=self.watched.__contains__,
            left=self.left.append,
            start=self.start,
        )
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, account: AccountId) -> str:
        self.asked.append(account)
        return self.serving.get(account, "")

    def start(self, work: Coroutine[object, object, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def done(self) -> None:
        await asyncio.gather(*self.tasks)


async def test_only_those_seen_last_at_a_node_that_is_gone_are_asked_about() -> None:
    nodes = Nodes(ANA, BEN, CYD)
    for account, node in ((ANA, "one"), (BEN, "two"), (CYD, "one")):
        nodes.presence.came(account, node)
    nodes.serving[CYD] = "three"  # at two nodes, or back already

    nodes.presence.gone("one")
    await nodes.done()

    assert sorted(nodes.asked) == [ANA, CYD]
    assert nodes.left == [ANA]
    nodes.presence.gone("three")
    await nodes.done()
    assert nodes.asked[-1] == CYD


async def test_whoever_is_here_or_is_not_watched_is_nobodys_loss() -> None:
    nodes = Nodes(ANA, CYD)
    nodes.here.add(ANA)
    for account in (ANA, BEN, CYD):
        nodes.presence.came(account, "one")
    nodes.presence.forget(CYD)

    nodes.presence.gone("one")
    await nodes.done()

    assert (nodes.asked, nodes.left) == ([], [])


async def test_a_crowd_is_asked_about_to_the_last() -> None:
    crowd = [AccountId(f"a{n}") for n in range(250)]
    nodes = Nodes(*crowd)
    for account in crowd:
        nodes.presence.came(account, "one")

    nodes.presence.gone("one")
    await nodes.done()

    assert nodes.left == crowd


def test_a_full_outbox_gives_up_the_oldest() -> None:
    box = Outbox(10)
    for letter in "abcde":
        box.put(letter, b"1234")

    assert box.lost_total == 3
    assert [box.take()[0] for _ in range(2)] == ["d", "e"]
    assert not box
