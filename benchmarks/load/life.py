"""One device of a person: it comes, does this and that, is cut off or leaves, and comes back."""

import asyncio
from collections.abc import Iterator
from random import Random
from time import perf_counter
from typing import Any, Final

from websockets.asyncio.client import ClientConnection

from benchmarks.load.acts import Acts
from benchmarks.load.doing import Doer
from benchmarks.load.ears import Ears, Register
from benchmarks.load.world import Somebody, World, prefer
from bridge.errors import BridgeError, Unavailable
from bridge.ids import Seq, ThreadId
from bridge.wire.codec import CODECS
from bridge.wire.events import LinkAsked
from bridge.wire.sign_in import Register as SignUp
from bridge.wire.values import AccountState
from clients import Client
from clients.chain import check_page
from clients.errors import CallTimeout, ConnectionClosed, ConnectionLost
from clients.options import Options, State
from clients.reconnect import Backoff
from clients.transport import SocketOptions, Transport, dial

_STEPS: Final = (20, 200)  # of a life, before the device leaves
_AWAY_S: Final = 2.0  # at most
_LONG_AWAY_S: Final = 20.0
_LONG: Final = 0.1  # how often somebody is away for longer
_EVERYBODY: Final = 0.5  # of a second, within which they all begin
_FORGETS: Final = 0.3  # how often a device that comes back knows nothing any more
_TRIES: Final = 3
_CODECS: Final = ("json", "msgpack")
_UNEXPECTED: Final = {"internal", "unavailable", "busy", "invalid", "storage_full", "unknown_operation"}


class Life:
    """One device, which comes and goes."""

    def __init__(self, world: World, register: Register, doer: Doer, number: int, codec: str = "") -> None:
        """Stay away yet."""
        self._world = world
        self._register = register
        self._doer = doer
        self._number = number
        self._codec = codec or _CODECS[number % len(_CODECS)]
        self._token: str | None = doer.me.tokens[number]
        self._client: Client | None = None
        self._listening: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Begin with an account of which this device knows nothing."""
        self._account = self._doer.account = self._me.account
        self._who = f"{self._account}#{self._number}"
        self._acts = Acts(self._doer, self._number, self._cut)
        self._ears = Ears(self._who, self._world, self._register)

    @property
    def _me(self) -> Somebody:
        return self._doer.me

    async def live(self) -> None:
        """Come and go until it is time."""
        chance = self._doer.chance
        await asyncio.sleep(chance.random() * _EVERYBODY)
        while not self._world.over:
            try:
                await self._once()
            except BridgeError as away:
                self._world.fault(f"{self._who} could not come: {away!r}")
            away_s = chance.random() * (_LONG_AWAY_S if chance.random() < _LONG else _AWAY_S)
            await asyncio.sleep(min(away_s, max(0.0, self._world.until - perf_counter())))

    async def _once(self) -> None:
        chance, world = self._doer.chance, self._world
        if chance.random() < _FORGETS:
            self._ears = Ears(self._who, world, self._register)
        client = await self.come()
        try:
            await self._step(client, "begin")
            for _ in range(chance.randint(*_STEPS)):
                if world.over or client.state is State.CLOSED:
                    break
                await self._step(client)
                await asyncio.sleep(chance.random() * 2 * world.order.pause_s * world.order.devices)
        finally:
            await self.go()

    # --- coming and going

    async def come(self) -> Client:
        """Come back to where this device was, by whatever it can sign in with.

        Raises:
            BridgeError: If it cannot.
        """
        refused: BridgeError = ConnectionClosed()
        for _ in range(_TRIES):  # what it knows may have been changed meanwhile, on the other device
            for way in self._ways():
                try:
                    client = await self._come_by(way)
                except CallTimeout:
                    raise
                except BridgeError as wrong:
                    self._world.done[f"no sign-in: {wrong.code}"] += 1
                    self._token, refused = None, wrong
                    continue
                if self._account == self._me.account:
                    return client
                await self.go()  # it made another account, of which it knows nothing
                break
        raise refused

    def _ways(self) -> Iterator[dict[str, Any]]:
        """List what it can sign in with, the likeliest first; who was erased makes a new account."""
        me = self._me
        if me.account != self._account:
            self._begin_anew()
        if self._token is not None:
            yield {"token": self._token}
        by_password = [
            {"network": me.network, "handle": handle, "password": password}
            for handle in me.handles
            for password in me.passwords
        ]
        yield from by_password
        if me.deleted:
            anew = SignUp(network=me.network, handle=me.handle, name="Again", password=me.passwords[0])
            yield {"register": anew}
            yield from by_password

    async def _come_by(self, way: dict[str, Any]) -> Client:
        options = Options(backoff=Backoff(min_s=0.02, step_s=0.1, max_s=2.0), verify=True)
        client = self._client = Client(
            self._world.order.urls[0], dial=self._dial, codec=self._codec, places=self._ears.places,
            options=options, **way,
        )  # fmt: skip
        client.on("link_asked")(lambda asked: self._answer_link(client, asked))
        self._listening = asyncio.create_task(self._ears.listen(client, client.events()))
        try:
            await client.connect()
        except BridgeError:
            await self._listening
            raise
        self._came(client, way)
        return client

    def _came(self, client: Client, way: dict[str, Any]) -> None:
        self._world.done["lives"] += 1
        self._world.connected += 1
        self._token = client.token
        me = self._me
        if "password" in way:
            prefer(me.passwords, way["password"])
        assert client.signed is not None, "it came"
        prefer(me.handles, client.signed.accounts[0].handle)
        if client.signed.accounts[0].id != me.account:
            me.account, me.deleted = client.signed.accounts[0].id, False
            self._world.done["accounts made anew"] += 1

    async def go(self) -> None:
        """Leave; what waits is heard."""
        client, listening = self._client, self._listening
        assert client is not None, "it came"
        assert listening is not None, "it came"
        self._world.connected -= 1
        await client.close()
        await listening
        for broken in client.chain_breaks:
            self._world.fault(f"{self._who}: {broken}")

    async def _dial(self) -> Transport:
        """Connect as the SDK does, to any of the hubs, and keep the socket, to cut it off."""
        url, codec = self._doer.chance.choice(self._world.order.urls), CODECS[f"isthmus.v1.{self._codec}"]
        transport = await dial(url, codec, SocketOptions())
        self._socket = transport._socket  # no client may do what ``_cut`` does
        return transport

    def _cut(self) -> None:
        if self._socket is not None:
            self._world.done["cuts"] += 1
            self._socket.transport.abort()

    # --- what it does

    async def _step(self, client: Client, what: str = "") -> None:
        world = self._world
        what = what or self._acts.choose()
        try:
            await self._acts.do(what, client)
        except (ConnectionLost, ConnectionClosed) as lost:
            world.done[lost.code] += 1
        except CallTimeout as late:
            world.fault(f"{self._who} had no answer in time to {what}: {late}")
        except BridgeError as refusal:
            self._refused(what, refusal)
        else:
            world.done[what] += 1

    def _refused(self, what: str, refusal: BridgeError) -> None:
        self._world.done[f"refused {refusal.code}"] += 1
        stops = refusal.code == Unavailable.code and self._world.order.kill_every_s > 0
        if refusal.code in _UNEXPECTED and not stops:  # a hub that stops says so: come back
            self._world.fault(f"{self._who} was refused to {what}: {refusal.code}: {refusal}")

    async def _answer_link(self, client: Client, asked: LinkAsked) -> None:
        try:
            await self._acts.answer_link(client, asked)
        except BridgeError as refusal:
            self._refused("answer a link", refusal)

    # --- at the end

    async def stay(self) -> None:
        """Take a deletion back: nothing of anybody goes while all are judged."""
        assert self._client is not None, "it came"
        if self._client.accounts[self._account].state is not AccountState.ACTIVE:
            await self._client.restore_account(self._account)

    async def settle(self) -> None:
        """Read what events did not tell, now that nobody does anything any more."""
        assert self._client is not None, "it came"
        await self._ears.read_again(self._client)

    async def judge(self) -> None:
        """Compare what this device heard and was told with what is there."""
        assert self._client is not None, "it came"
        await self._ears.judge(self._client)
        for thread, said in self._acts.said.items():
            try:
                await self._judge_said(self._client, thread, said)
            except BridgeError as wrong:
                self._world.fault(f"{self._who} reads {thread}, in which it said {len(said)}: {wrong!r}")

    async def _judge_said(self, client: Client, thread: ThreadId, said: dict[Seq, str]) -> None:
        there = {
            message.seq: message async for message in client.history(thread, after=min(said) - 1, page=200)
        }
        check_page(there.values())
        for seq, text in said.items():
            if seq not in there or there[seq].text != text:
                self._world.fault(f"{self._who} said {thread}/{seq}, and there is {there.get(seq)}")


async def assemble(world: World, lives: list[Life]) -> None:
    """Bring all devices together when nobody does anything any more, and judge what they see."""
    here: list[Life] = []
    try:
        for life in lives:
            await life.come()
            here.append(life)
            await life.stay()
        await world.quiet()
        await asyncio.gather(*(life.settle() for life in here))
        await world.quiet()
        await asyncio.gather(*(life.judge() for life in here))
    except BridgeError as wrong:
        world.fault(f"not everybody could be judged: {wrong!r}")
    for life in here:
        await life.go()


def everybody(world: World) -> list[Life]:
    """Make all devices of all people."""
    register = Register(world)
    return [
        Life(world, register, Doer(world, me, me.account, partner, _chance(world, me, number)), number)
        for one, other in world.pairs
        for me, partner in ((one, other), (other, one))
        for number in range(world.order.devices)
    ]


def _chance(world: World, me: Somebody, number: int) -> Random:
    return Random(f"{world.order.seed} {me.account} {number}")
