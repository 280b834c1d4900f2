"""People who live for a while: ``python -m benchmarks.load.lives FILE``; prints a line of JSON each interval.

Each comes with the SDK, says something, reads, looks around, writes to strangers,
changes controls and relations, links and unlinks an account, is cut off or leaves,
and comes back, for as long as is wanted. The hub's process is looked at from outside.
"""

import asyncio
import os
import sys
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Final

import msgspec
from msgspec import Struct, field
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.load.generator import Percentiles
from benchmarks.load.habits import MixedHabits
from benchmarks.load.hub_process import Running
from benchmarks.load.people import Person
from benchmarks.load.processes import LOOP, rss_mib
from bridge.errors import BridgeError
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.codec import CODECS
from bridge.wire.events import LinkAsked, MessageSent
from bridge.wire.frames import JSON_SUBPROTOCOL
from bridge.wire.values import Folder, Network, TieKind
from clients import Client
from clients.errors import CallTimeout, CannotConnect, ConnectionClosed, ConnectionLost
from clients.options import Options
from clients.reconnect import Backoff
from clients.transport import Transport, WebSocket

_STEPS: Final = (20, 200)  # of a life, before somebody leaves
_AWAY_S: Final = 2.0  # at most
_EVERYBODY: Final = 0.5  # of a second, within which they all begin
_KIND: Final = 0.7  # how often somebody says yes
_HARSH: Final = 0.3
_FAULTS: Final = 20  # at most are told


class Living(Struct, kw_only=True):
    """Who lives where, and for how long.

    Attributes:
        pairs: How many pairs of people.
        seconds: For how long they live.
        every_s: How often to look at the hub.
        pause_s: About how long they wait between what they do.
        seed: Of all chance.
        pid: The hub's process.
        database: Its database file.
        target: Where to connect, and who the people are.
    """

    pairs: int
    seconds: float
    every_s: float
    pause_s: float
    seed: int = 1
    pid: int = 0
    database: str = ""
    target: Running = field(default_factory=lambda: Running(url="", pairs=[]))


class Seen(Struct, kw_only=True):
    """What an interval showed.

    Attributes:
        at_s: When it ended, in seconds from the start.
        rss_mib: The hub's memory at its end.
        files: How many files and sockets the hub had open.
        threads: How many threads it had.
        database_mib: The database and its log on disk.
        connected: How many people were there.
        sent: Messages acknowledged so far.
        heard: Events heard so far.
        cuts: Connections cut off so far.
        lives: How often somebody came so far.
        done: What else was done so far, and what was refused, by name.
        ack: Time to acknowledgement in the interval, in milliseconds.
        faults: What contradicted a promise so far; must be empty.
    """

    at_s: float
    rss_mib: float
    files: int
    threads: int
    database_mib: float
    connected: int
    sent: int
    heard: int
    cuts: int
    lives: int
    done: dict[str, int]
    ack: Percentiles | None = None
    faults: list[str] = field(default_factory=list)


class World(Struct):
    """What all share.

    Attributes:
        order: What to do.
        begun: When it began, by ``perf_counter``.
        until: When to stop, by ``perf_counter``.
        done: What was done and refused, by name.
        acks: Times to acknowledgement since the last look, in seconds.
        faults: What contradicted a promise.
        connected: How many are there.
    """

    order: Living
    begun: float
    until: float
    done: Counter[str] = field(default_factory=Counter)
    acks: "array[float]" = field(default_factory=lambda: array("d"))
    faults: list[str] = field(default_factory=list)
    connected: int = 0


class Life:
    """One person, who comes and goes."""

    def __init__(self, world: World, me: Person, partner: Person, chance: Random) -> None:
        """Stay away yet."""
        self._world = world
        self._me = me
        self._partner = partner
        self._url = world.order.target.url
        self._chance = chance
        self._habits = MixedHabits()
        self._account = AccountId(me.account)
        self._thread: ThreadId | None = None
        self._said: set[tuple[ThreadId, Seq]] = set()
        self._number = 0
        self._socket: ClientConnection | None = None
        self._steps: tuple[tuple[int, Callable[[Client], Awaitable[object]]], ...] = (
            (60, self._say),
            (8, lambda client: client.typing(self._talk)),
            (6, lambda client: client.history_page(self._talk, limit=20)),
            (4, lambda client: client.list_threads(chance.choice(list(Folder)))),
            (4, lambda client: client.search(chance.choice(("harbour", "tonight", "haha see")))),
            (4, lambda client: client.count_unread()),
            (4, self._write_to_a_stranger),
            (3, self._answer_requests),
            (2, self._change_controls),
            (2, self._change_ties),
            (3, self._make_up),
            (1, lambda client: client.set_profile(self._account, name=f"Name {chance.random()}")),
            (1, self._change_links),
            (1, lambda client: client.list_devices()),
            (2, self._cut),
        )

    @property
    def _talk(self) -> ThreadId:
        assert self._thread is not None, "a life begins with a thread"
        return self._thread

    async def live(self) -> None:
        """Come and go until it is time."""
        await asyncio.sleep(self._chance.random() * _EVERYBODY)
        while perf_counter() < self._world.until:
            try:
                await self._once()
            except (CallTimeout, CannotConnect) as away:
                self._world.faults.append(f"{self._me.account} could not come: {away}")
            await asyncio.sleep(self._chance.random() * _AWAY_S)

    async def _once(self) -> None:
        world = self._world
        options = Options(backoff=Backoff(min_s=0.02, step_s=0.1, max_s=2.0), verify=True)
        client = Client(self._url, token=self._me.token, dial=self._dial, options=options)
        client.on("message_sent")(self._hear)
        client.on("link_asked")(lambda asked: self._answer_link(client, asked))
        async with client:
            world.done["lives"] += 1
            world.connected += 1
            try:
                await self._begin(client)
                for _ in range(self._chance.randint(*_STEPS)):
                    if perf_counter() > world.until:
                        break
                    await self._step(client)
                    await asyncio.sleep(self._chance.random() * 2 * world.order.pause_s)
            finally:
                world.connected -= 1
                world.faults += map(str, client.chain_breaks)

    async def _begin(self, client: Client) -> None:
        partner = AccountId(self._partner.account)
        opened = await client.open_thread(partner, as_=self._account, confirm=True)
        assert opened.thread is not None, "confirmed"
        self._thread = opened.thread.id

    async def _dial(self) -> Transport:
        """Connect as the SDK does, and keep the socket, to cut it off."""
        try:
            self._socket = await connect(
                self._url, subprotocols=[Subprotocol(JSON_SUBPROTOCOL)], compression=None, proxy=None,
                ping_interval=None, close_timeout=2, max_size=None,
            )  # fmt: skip
        except (OSError, TimeoutError) as wrong:
            raise CannotConnect(str(wrong)) from wrong
        return WebSocket(self._socket, CODECS[JSON_SUBPROTOCOL])

    async def _step(self, client: Client) -> None:
        world = self._world
        _, step = self._chance.choices(self._steps, [weight for weight, _ in self._steps])[0]
        what = getattr(step, "__name__", "a look")
        try:
            await step(client)
        except (ConnectionLost, ConnectionClosed) as lost:
            world.done[type(lost).__name__] += 1
        except CallTimeout as late:
            at = round(perf_counter() - world.begun)
            world.faults.append(f"{at} s: {self._me.account} had no answer in time to {what}: {late}")
        except BridgeError as refusal:
            world.done[f"refused {refusal.code}"] += 1

    # --- what people do

    async def _say(self, client: Client) -> None:
        await self._send(client, self._talk)

    async def _send(self, client: Client, thread: ThreadId) -> None:
        self._number += 1
        begun = perf_counter()
        sent = await client.send(thread, self._habits.text(self._number))
        self._world.acks.append(perf_counter() - begun)
        self._world.done["sent"] += 1
        if (sent.thread, sent.seq) in self._said:
            self._world.faults.append(f"{self._me.account} was told {sent.thread}/{sent.seq} twice")
        self._said.add((sent.thread, sent.seq))

    async def _write_to_a_stranger(self, client: Client) -> None:
        stranger = self._chance.choice(self._chance.choice(self._world.order.target.pairs))
        opened = await client.open_thread(AccountId(stranger.account), as_=self._account, confirm=True)
        if opened.thread is not None:
            await self._send(client, opened.thread.id)

    async def _answer_requests(self, client: Client) -> None:
        requests = await client.list_threads(Folder.REQUESTS, limit=5)
        threads = [view.id for view in requests.threads]
        if threads and self._chance.random() < _KIND:
            await client.accept(*threads)
        elif threads:
            await client.decline(*threads, hide=self._chance.random() < _HARSH)

    async def _change_controls(self, client: Client) -> None:
        controls = await client.get_controls(self._account)
        control = self._chance.choice([one for one in controls.controls if one.available])
        changed = {control.category: self._chance.choice(control.options)}
        await client.preview_controls(self._account, changed)
        await client.set_controls(self._account, controls.version, changed)

    async def _change_ties(self, client: Client) -> None:
        stranger = self._chance.choice(self._chance.choice(self._world.order.target.pairs))
        kind = self._chance.choice(list(TieKind))
        await client.set_tie(
            self._account, AccountId(stranger.account), kind, on=self._chance.random() < _KIND / 2
        )

    async def _make_up(self, client: Client) -> None:
        """Let the partner write again: else all would have fallen out with each other before long."""
        for kind in (TieKind.BLOCK, TieKind.RESTRICT):
            await client.set_tie(self._account, AccountId(self._partner.account), kind, on=False)
        controls = await client.get_controls(self._account)
        opened = {one.category: one.options[0] for one in controls.controls if one.available}
        await client.set_controls(self._account, controls.version, opened)

    async def _change_links(self, client: Client) -> None:
        """Link, upgrade, leave or unlink, whatever comes next."""
        own = client.accounts[self._account]
        if len(client.accounts) == 1 and own.network is Network.DIRECT:
            stranger, _ = self._chance.choice(self._world.order.target.pairs)
            if stranger.account != self._partner.account:  # those two talk with each other
                await client.ask_link(self._account, Network(stranger.network), stranger.handle)
        elif self._chance.random() < _KIND:
            await client.upgrade(self._account)
        elif self._chance.random() < _HARSH:
            await client.leave_hybrid(self._account)
        else:
            await client.preview_unlink(self._account)
            await client.unlink(self._account)

    async def _cut(self, client: Client) -> None:
        if self._socket is not None:
            self._world.done["cuts"] += 1
            self._socket.transport.abort()

    # --- what they hear

    async def _hear(self, event: MessageSent) -> None:
        self._world.done["heard"] += 1

    async def _answer_link(self, client: Client, asked: LinkAsked) -> None:
        try:
            await client.answer_link(asked.leg, asked.account.id, accept=self._chance.random() < _KIND)
        except BridgeError as refusal:
            self._world.done[f"refused {refusal.code}"] += 1


def seen(world: World) -> Seen:
    """Look at the hub from outside, and at what was done."""
    order = world.order
    process = Path(f"/proc/{order.pid}")
    kept = [Path(order.database + end) for end in ("", "-wal")]
    acks, world.acks = world.acks, array("d")
    done = dict(world.done)
    return Seen(
        at_s=round(perf_counter() - world.begun, 1),
        rss_mib=round(rss_mib(order.pid), 1),
        files=len(list((process / "fd").iterdir())),
        threads=len(list((process / "task").iterdir())),
        database_mib=round(sum(one.stat().st_size for one in kept if one.exists()) / 2**20, 1),
        connected=world.connected,
        sent=done.pop("sent", 0),
        heard=done.pop("heard", 0),
        cuts=done.pop("cuts", 0),
        lives=done.pop("lives", 0),
        done=done,
        ack=Percentiles.of(acks) if acks else None,
        faults=world.faults[:_FAULTS],
    )


async def run(order: Living) -> None:
    """Let everybody live, and say how it goes; once more when all have gone."""
    begun = perf_counter()
    world = World(order=order, begun=begun, until=begun + order.seconds)
    lives = [
        Life(world, me, partner, Random(f"{order.seed} {me.account}"))
        for one, other in order.target.pairs
        for me, partner in ((one, other), (other, one))
    ]
    async with asyncio.TaskGroup() as all_lives:
        for life in lives:
            all_lives.create_task(life.live())
        while perf_counter() + order.every_s < world.until:
            await asyncio.sleep(order.every_s)
            print(msgspec.json.encode(seen(world)).decode(), flush=True)
    await asyncio.sleep(_AWAY_S)  # the hub notices who went
    print(msgspec.json.encode(seen(world)).decode(), flush=True)


if __name__ == "__main__":
    wanted = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Living)
    os.nice(5)
    with asyncio.Runner(loop_factory=LOOP) as runner:
        runner.run(run(wanted))
