"""A hub in a process of its own with groups in it: ``python -m benchmarks.load.group_process FILE``.

The bridge has no live groups yet. This is a fixture: what posts is a work of the
pipeline's own kind, made here, that keeps one message and tells it to every
member, as a rule for groups would. From there on it is the hub's own road: one
transaction, a thin journal line for each member, one encoding, a push for each.
"""

import asyncio
import logging
import sys
from collections.abc import Iterator
from itertools import count
from time import perf_counter
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.load.people import Person, make_people, tell_much
from benchmarks.load.processes import LOOP, ordered
from bridge.app import Hub, running_hub
from bridge.config import Config
from bridge.domain.content import Content, digest_of, first_link, next_link, pack
from bridge.domain.model import Member, Message, Thread, ThreadKind, Verdict
from bridge.domain.outcome import Outcome, Scene
from bridge.errors import BridgeError, NotFound
from bridge.hub.work import Ticket, Work
from bridge.ids import AccountId, Seq, ThreadId
from bridge.process import spare_the_collector
from bridge.wire.replies import Reply, Sent
from bridge.wire.values import Folder, Network

_SALT: Final = 16
_TICK_S: Final = 0.001
TEXT: Final = " See you at nine by the boat house; bring the old papers."


class GroupOrder(Struct, kw_only=True):
    """What to run.

    Attributes:
        config: The hub's.
        groups: How many groups.
        members: Members of each.
        rate: Posts a second over all of them, or 0: each group posts again when a post of it is answered.
        window: Unanswered posts of each group then.
    """

    config: Config
    groups: int
    members: int
    rate: float
    window: int


class Groups(Struct, kw_only=True):
    """What runs: where to connect, and the members of each group."""

    url: str
    groups: list[list[Person]]


class Posted(Struct, kw_only=True):
    """How many posts were made, and how many were refused."""

    posts: int = 0
    refused: int = 0


class Fixture:
    """One group: its posts are works of the pipeline."""

    def __init__(self, hub: Hub, name: str, members: tuple[AccountId, ...]) -> None:
        """Take the members; ``begin`` makes the group."""
        self._hub, self._members = hub, members
        self.thread = ThreadId(name)
        self._numbers = count()
        self.posted = Posted()
        self.goes_on = False  # whether an answered post is followed by another

    async def begin(self) -> None:
        """Keep the thread and its sides."""

        def make(scene: Scene) -> Outcome:
            thread = Thread(
                id=self.thread, kind=ThreadKind.GROUP, members=self._members, link=first_link(self.thread)
            )
            sides = [Member(thread=self.thread, account=one, folder=Folder.INBOX) for one in self._members]
            return Outcome(records=[thread, *sides])

        ticket = Ticket()
        self._hub.pipeline.submit(Work(lane=ticket, call=0, account=self._members[0], run=make))
        await ticket.reply

    def post(self) -> None:
        """Say something to everybody; the time that it was said is in it."""
        number = next(self._numbers)
        sender = self._members[number % len(self._members)]
        text = f"{number:08d}{perf_counter():16.6f}{TEXT}"
        work = Work(
            lane=self, call=number, account=sender, run=lambda scene: self._say(scene, sender, number, text)
        )
        self._hub.pipeline.submit(work)

    def answered(self, call: int, reply: Reply | BridgeError) -> None:
        """Count the verdicts."""
        self.posted.posts += 1
        self.posted.refused += isinstance(reply, BridgeError)
        if self.goes_on:
            self.post()

    def _say(self, scene: Scene, sender: AccountId, number: int, text: str) -> Outcome:
        thread = scene.facts.find_thread(self.thread)
        if thread is None:
            raise NotFound(path="$.thread")
        content, salt, seq = pack(Content(text, Network.DIRECT)), scene.chance(_SALT), Seq(thread.tip + 1)
        digest = digest_of(salt, content)
        message = Message(
            thread=thread.id, seq=seq, sender=sender, at=max(scene.now, thread.last_at), content=content,
            salt=salt, digest=digest, link=next_link(thread.link, thread.id, seq, sender, digest),
            decision=None,
        )  # fmt: skip
        verdict = Verdict(
            account=sender, token=f"{message.at:011x}-{number}", code="ok",
            thread=thread.id, seq=seq, at=message.at,
        )  # fmt: skip
        return Outcome(
            reply=Sent(thread=thread.id, seq=seq, at=message.at),
            records=[replace(thread, tip=seq, link=message.link, last_at=message.at), verdict],
            messages=[message],
            told=[(message, self._members)],
        )


async def _post(fixtures: list[Fixture], rate: float, window: int) -> None:
    """Post at a fixed rate, by turns, or as fast as posts are answered, until this is cancelled."""
    begun, sent = perf_counter(), 0
    if not rate:
        for fixture in fixtures:
            fixture.goes_on = True
            for _ in range(window):
                fixture.post()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for fixture in fixtures:
                fixture.goes_on = False
    while True:
        while sent < (perf_counter() - begun) * rate:
            fixtures[sent % len(fixtures)].post()
            sent += 1
        await asyncio.sleep(_TICK_S)


def _handles(order: GroupOrder) -> Iterator[tuple[Network, str]]:
    for number in range(order.groups * order.members):
        yield Network.DIRECT, f"g{number}"


async def serve(order: GroupOrder) -> None:
    """Run the hub; post from a first line of the standard input to the next."""
    async with running_hub(order.config) as hub:
        people = await make_people(hub.pipeline, _handles(order))
        await tell_much(hub.store, [AccountId(one.account) for one in people])
        groups = [people[at : at + order.members] for at in range(0, len(people), order.members)]
        fixtures = []
        for number, group in enumerate(groups):
            fixture = Fixture(hub, f"group-{number}", tuple(sorted(AccountId(one.account) for one in group)))
            await fixture.begin()
            fixtures.append(fixture)
        spare_the_collector()
        print(msgspec.json.encode(Groups(url=hub.url, groups=groups)).decode(), flush=True)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.readline)
        posting = asyncio.create_task(_post(fixtures, order.rate, order.window))
        await loop.run_in_executor(None, sys.stdin.readline)
        posting.cancel()
        print(msgspec.json.encode([fixture.posted for fixture in fixtures]).decode(), flush=True)
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    with asyncio.Runner(loop_factory=LOOP) as runner:
        runner.run(serve(ordered(GroupOrder)))
