"""The cast: SDK clients across networks, who write, read, flip their controls and come back by themselves."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, count

from benchmarks.load.people import Person
from bridge.errors import BridgeError, Refusal, StaleVersion
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.codec import CODECS
from bridge.wire.events import MessageSent
from bridge.wire.values import TieKind
from clients.client import Client
from clients.options import Options
from clients.reconnect import Backoff
from clients.sender import SendOptions
from clients.transport import SocketOptions, Transport, dial
from tests.faults.history import History, Recorded

SWIFT = Backoff(min_s=0.01, max_s=0.1, step_s=0.04)
"""Pauses so short that a test spends its time on load; the jitter stays."""


class Actor:
    """One person with an SDK client whose frames are written down.

    Attributes:
        client: The client.
        account: Its account.
        threads: Its threads, by the other account.
        taken: The newest acknowledged ``seq`` of its own, by thread.
        heard: The newest ``seq`` that its application was told, by thread.
        broken: What the application was told out of order.
    """

    def __init__(
        self,
        urls: Sequence[str],
        person: Person,
        history: History,
        *,
        news: asyncio.Event,
        chance: random.Random,
        codec: str,
    ) -> None:
        """Connect to nothing yet; ``news`` is set at each message; after a lost line comes one anywhere."""
        addresses = chain(urls[:1], iter(lambda: chance.choice(urls), None))
        self._news = news
        self._lines: list[Recorded] = []
        self.person = person
        self.account = AccountId(person.account)
        self.threads: dict[AccountId, ThreadId] = {}
        self.taken: dict[ThreadId, int] = {}
        self.heard: dict[ThreadId, int] = {}
        self.broken: list[str] = []
        self.said: list[tuple[ThreadId, str, str]] = []
        wire = CODECS[f"isthmus.v1.{codec}"]
        socket = SocketOptions(proxy=None)

        async def recorded() -> Transport:
            line = Recorded(await dial(next(addresses), wire, socket), history, person.account, wire)
            self._lines.append(line)
            return line

        options = Options(
            backoff=SWIFT,
            socket=socket,
            call_timeout_s=60.0,
            acknowledge_span_s=0.05,
            verify=True,
            sending=SendOptions(give_up_s=1.0),  # that a send is refused for now is for the cast to see
        )
        self.client = Client(
            urls[0], token=person.token, codec=codec, options=options, dial=recorded, chance=chance.random
        )
        self.client.on(MessageSent)(self._hear)

    async def leave(self) -> None:
        """Close the client and all connections that it had."""
        await self.client.close()
        await asyncio.gather(*(line.closed() for line in self._lines))

    def _hear(self, event: MessageSent) -> None:
        message = event.message
        before = self.heard.get(message.thread, 0)
        if message.seq != before + 1:
            self.broken.append(f"{self.account}: {message.thread}/{message.seq} follows {before}")
        self.heard[message.thread] = message.seq
        self._news.set()


class Cast:
    """Everybody, and what they do until they are told to stop.

    Attributes:
        history: What their clients saw.
        acknowledged: How many messages were taken.
        refused_for_now: Set once a send was refused that may succeed later.
    """

    def __init__(self, urls: Sequence[str], people: list[Person], seed: int) -> None:
        """Bring everybody together; half of them live on each network."""
        self._urls = urls
        self.history = History()
        self.acknowledged = 0
        self.refused_for_now = asyncio.Event()
        self.chance = random.Random(seed)
        self._news = asyncio.Event()
        half = len(people) // 2
        self.actors = [
            Actor(
                self._from(at),
                person,
                self.history,
                news=self._news,
                chance=random.Random(seed + at),
                codec=("json", "msgpack")[at % 2],
            )
            for at, person in enumerate(people)
        ]
        self.writers, self.readers = self.actors[:half], self.actors[half:]
        self._brought: list[Actor] = []
        self._tokens = count(1)
        self._stopping = False
        self._late: list[tuple[Actor, Actor]] = []
        self._tasks: list[asyncio.Future[None]] = []
        self._marks: list[tuple[int, asyncio.Future[None]]] = []

    async def arrive(self, *, late: int = 0) -> None:
        """Connect everybody, and open a thread from each of Messenger's people to each of Direct's.

        Args:
            late: So many threads stay requests until ``accept_late``.
        """
        await asyncio.gather(*(actor.client.connect() for actor in self.actors))
        pairs = [(writer, reader) for writer in self.writers for reader in self.readers]
        self._late = pairs[:late]
        await asyncio.gather(*(self._meet(*pair, accept=pair not in self._late) for pair in pairs))

    async def _meet(self, writer: Actor, reader: Actor, *, accept: bool) -> None:
        opened = await writer.client.open_thread(reader.account)
        assert opened.thread is not None
        thread = writer.threads[reader.account] = reader.threads[writer.account] = opened.thread.id
        await self.say(writer, thread, anew=True)
        if accept:
            await insist(partial(reader.client.accept, thread))
            await self.say(reader, thread, anew=True)

    async def accept_late(self) -> None:
        """Accept the threads that were left as requests; their readers begin to write there."""
        for writer, reader in self._late:
            thread = reader.threads[writer.account]
            await insist(partial(reader.client.accept, thread))
            self._start(self._talk(reader, thread))

    async def say(self, actor: Actor, thread: ThreadId, *, anew: bool = False) -> None:
        """Send one message; now and then an old one again, unless it must be ``anew``."""
        if not anew and actor.said and self.chance.random() < 0.03:
            thread, text, token = self.chance.choice(actor.said)
        else:
            token = f"{next(self._tokens):08d}-{self.chance.getrandbits(32):08x}"
            text = f"{token} {'x' * self.chance.randrange(80)}"
            actor.said.append((thread, text, token))
        while True:
            try:
                sent = await actor.client.send(thread, text, token=token)
                break
            except Refusal as refusal:
                if not refusal.temporary:
                    return
                self.refused_for_now.set()
        if sent.seq > actor.taken.get(thread, 0):
            actor.taken[thread] = sent.seq
            self._count()

    def _count(self) -> None:
        self.acknowledged += 1
        for at, mark in self._marks:
            if self.acknowledged >= at and not mark.done():
                mark.set_result(None)

    async def reached(self, more: int) -> None:
        """Wait until so many more sends were taken."""
        mark: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = self.acknowledged + more, mark
        self._marks.append(entry)
        try:
            await mark
        finally:
            self._marks.remove(entry)

    def _from(self, at: int) -> list[str]:
        """Give all addresses, beginning with another one for each client."""
        begin = at % len(self._urls)
        return [*self._urls[begin:], *self._urls[:begin]]

    async def bring(self, person: Person, at: int = 0) -> Actor:
        """Have another device of somebody listen, at the given address first; it says nothing."""
        actor = Actor(self._from(at), person, self.history, news=self._news, chance=self.chance, codec="json")
        self._brought.append(actor)
        await actor.client.connect()
        return actor

    # --- the load

    def begin(self) -> None:
        """Have everybody write in all their threads, read, and flip what they have."""
        works: list[Awaitable[None]] = []
        for actor in self.actors:
            waiting = [writer.threads[reader.account] for writer, reader in self._late if reader is actor]
            works += [self._talk(actor, thread) for thread in actor.threads.values() if thread not in waiting]
            works.append(self._read(actor))
        works += [self._flip_controls(reader) for reader in self.readers]
        works += [self._flip_block(writer, self.readers[at]) for at, writer in enumerate(self.writers[:2])]
        for work in works:
            self._start(work)

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._failed)
        self._tasks.append(task)

    def _failed(self, task: "asyncio.Future[None]") -> None:
        """Let whoever waits for the load know that a part of it failed."""
        if not task.cancelled() and (error := task.exception()) is not None:
            for _, mark in self._marks:
                if not mark.done():
                    mark.set_exception(error)

    async def _talk(self, actor: Actor, thread: ThreadId) -> None:
        while not self._stopping:
            await self.say(actor, thread)

    async def _read(self, actor: Actor) -> None:
        while await self._after(40):
            thread = self.chance.choice(list(actor.threads.values()))
            if heard := actor.heard.get(thread, 0):
                await insist(partial(actor.client.mark_read, thread, Seq(heard)))

    async def _flip_controls(self, actor: Actor) -> None:
        outcomes = ("requests", "none")
        at = 0
        while await self._after(self.chance.randrange(50, 300)):
            at += 1
            await self._set_controls(actor, outcomes[at % len(outcomes)])
        await self._set_controls(actor, "requests")

    async def _set_controls(self, actor: Actor, outcome: str) -> None:
        async def change() -> None:
            seen = await actor.client.get_controls(actor.account)
            await actor.client.set_controls(actor.account, seen.version, {"others_on_messenger": outcome})

        await insist(change)

    async def _flip_block(self, actor: Actor, other: Actor) -> None:
        on = False
        while await self._after(self.chance.randrange(100, 300)):
            on = not on
            await self._set_block(actor, other, on)
        await self._set_block(actor, other, False)

    async def _set_block(self, actor: Actor, other: Actor, on: bool) -> None:
        await insist(lambda: actor.client.set_tie(actor.account, other.account, TieKind.BLOCK, on=on))

    async def _after(self, more: int) -> bool:
        """Wait for so much to happen; say whether to go on."""
        if not self._stopping:
            await self.reached(more)
        return not self._stopping

    # --- the end

    async def settle(self, *, patience_s: float = 15.0) -> None:
        """Stop; wait until all is answered and heard everywhere, then have everybody read it all again.

        The last word in each thread is a stranger's to its listener's hub if there are several: nothing
        follows that would show its loss, so only who was told of it, or looked, can know of it.
        """
        self._stopping = True
        for _, mark in self._marks:
            if not mark.done():
                mark.set_result(None)
        await asyncio.gather(*self._tasks)
        for actor in self.actors:
            await actor.client.wait_until_ready(30)
        threads = [(writer, thread) for writer in self.writers for thread in writer.threads.values()]
        await asyncio.gather(*(self.say(writer, thread, anew=True) for writer, thread in threads))
        with suppress(TimeoutError):  # whoever is still deaf then is the judge's business
            async with asyncio.timeout(patience_s):
                while not self._all_heard():
                    self._news.clear()
                    await self._news.wait()
        for actor in self.actors:
            for thread in actor.threads.values():
                async for _ in actor.client.history(thread, page=200):
                    pass

    def _all_heard(self) -> bool:
        taken: dict[ThreadId, int] = {}
        for actor in self.actors:
            for thread, seq in actor.taken.items():
                taken[thread] = max(taken.get(thread, 0), seq)
        return all(
            actor.heard.get(thread, 0) >= taken.get(thread, 0)
            for actor in self.actors
            for thread in actor.threads.values()
        )

    async def leave(self) -> None:
        """Close all clients, those that were brought too."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(actor.leave() for actor in (*self.actors, *self._brought)))
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def insist(work: Callable[[], Awaitable[object]]) -> None:
    """Do something until it was answered: whoever lost the connection does not know whether it was done."""
    while True:
        try:
            await work()
        except StaleVersion:
            continue
        except BridgeError as error:
            if not error.temporary:
                raise
        else:
            return
