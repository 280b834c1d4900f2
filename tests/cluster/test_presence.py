"""What a node remembers of others' people, and whom it asks about when a node is gone."""

import asyncio
from collections.abc import Coroutine

from bridge.bus.beats import Beats
from bridge.bus.outbox import Outbox
from bridge.bus.presence import Presence
from bridge.bus.roster import SILENT_S
from bridge.ids import AccountId

ANA, BEN, CYD = AccountId("ana"), AccountId("ben"), AccountId("cyd")


class Nodes:
    """Other nodes, as a presence can ask them.

    Attributes:
        serving: Which node answers for an account.
        asked: Whom it was asked about.
        left: Who was told to be nowhere.
        came: Who was told to be somewhere after all.
    """

    def __init__(self, *watched: AccountId) -> None:
        self.serving: dict[AccountId, str] = {}
        self.asked: list[AccountId] = []
        self.left: list[AccountId] = []
        self.came: list[AccountId] = []
        self.here: set[AccountId] = set()
        self.is_up = True
        self.presence = Presence(
            ask=self.ask,
            is_here=self.here.__contains__,
            is_up=lambda: self.is_up,
            tell=lambda account, online: (self.came if online else self.left).append(account),
            start=self.start,
            pause_s=0,
        )
        for account in watched:
            self.presence.watch(account)
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


async def test_after_a_doubt_everybody_is_asked_about_and_what_changed_is_told() -> None:
    nodes = Nodes(ANA, BEN, CYD)
    nodes.presence.came(ANA, "one")
    nodes.presence.came(BEN, "one")
    nodes.serving |= {BEN: "one", CYD: "two"}

    nodes.presence.doubted()
    await nodes.done()

    assert (nodes.came, nodes.left) == ([CYD], [ANA])


async def test_whoever_is_back_a_moment_after_a_doubt_was_never_gone() -> None:
    nodes = Nodes(ANA)
    nodes.presence.came(ANA, "one")

    async def late(account: AccountId) -> str:
        nodes.asked.append(account)
        return "one" if len(nodes.asked) > 1 else ""

    nodes.presence._ask = late
    nodes.presence.doubted()
    await nodes.done()

    assert (nodes.came, nodes.left) == ([], [])


async def test_while_nobody_can_be_asked_nobody_counts_as_gone_and_the_doubt_stays() -> None:
    nodes = Nodes(ANA)
    nodes.presence.came(ANA, "one")
    nodes.is_up = False
    nodes.presence.doubted()
    await nodes.done()
    asked = list(nodes.asked)

    nodes.is_up = True
    nodes.presence.doubted()
    await nodes.done()

    assert (asked, nodes.left) == ([], [ANA])


async def test_a_node_that_says_it_was_away_or_was_given_up_is_a_doubt() -> None:
    heard: list[str] = []
    given_up = asyncio.Event()

    def gone(node: str) -> None:
        heard.append(f"gone {node}")
        given_up.set()

    beats = Beats(
        "me", lambda data: True, gone=gone, back=lambda: heard.append("back"), announced=lambda data: None
    )
    beats.take(b"1one")
    beats.take(b"3one")
    beats.nodes.heard("two", asyncio.get_running_loop().time() - SILENT_S - 1)

    running = asyncio.ensure_future(beats.run())
    await given_up.wait()
    running.cancel()
    beats.take(b"1two")
    beats.take(b"1three")

    assert heard == ["back", "gone two", "back"]


def test_a_full_outbox_gives_up_the_oldest() -> None:
    box = Outbox(10)
    for letter in "abcde":
        box.put(letter, b"1234")

    assert box.lost_total == 3
    assert [box.take()[0] for _ in range(2)] == ["d", "e"]
    assert not box
