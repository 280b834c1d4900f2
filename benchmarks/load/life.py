"""One device of a person: it comes, does this and that, is cut off or leaves, and comes back."""

import asyncio
from random import Random
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.load.acts import Acts
from benchmarks.load.ears import Ears, Register
from benchmarks.load.people import Person
from benchmarks.load.world import World
from bridge.errors import BridgeError
from bridge.wire.codec import CODECS
from bridge.wire.events import LinkAsked
from clients import Client
from clients.chain import check_page
from clients.errors import CallTimeout, CannotConnect, ChainBroken, ConnectionClosed, ConnectionLost
from clients.options import Options
from clients.reconnect import Backoff
from clients.transport import Transport, WebSocket

_STEPS: Final = (20, 200)  # of a life, before the device leaves
_AWAY_S: Final = 2.0  # at most
_EVERYBODY: Final = 0.5  # of a second, within which they all begin
_FORGETS: Final = 0.3  # how often a device that comes back knows nothing any more
_CODECS: Final = ("json", "msgpack")
_UNEXPECTED: Final = {"internal", "unavailable", "busy", "invalid", "storage_full", "unknown_operation"}


class Life:
    """One device, which comes and goes."""

    def __init__(
        self, world: World, register: Register, people: tuple[Person, Person], number: int, chance: Random
    ) -> None:
        """Stay away yet."""
        self._world = world
        self._register = register
        me, partner = people
        self._who = f"{me.account}#{number}"
        self._token = me.tokens[number]
        self._codec = _CODECS[number % len(_CODECS)]
        self._chance = chance
        self._acts = Acts(world, me, partner, number, chance, self._cut)
        self._ears = Ears(self._who, world, register)
        self._client: Client | None = None
        self._listening: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None

    async def live(self) -> None:
        """Come and go until it is time."""
        await asyncio.sleep(self._chance.random() * _EVERYBODY)
        while not self._world.over:
            try:
                await self._once()
            except (CallTimeout, CannotConnect) as away:
                self._world.fault(f"{self._who} could not come: {away}")
            await asyncio.sleep(self._chance.random() * _AWAY_S)

    async def come(self) -> Client:
        """Come back to where this device was."""
        options = Options(backoff=Backoff(min_s=0.02, step_s=0.1, max_s=2.0), verify=True)
        client = self._client = Client(
            self._world.order.target.url, token=self._token, dial=self._dial, codec=self._codec,
            places=self._ears.places, options=options,
        )  # fmt: skip
        client.on("link_asked")(lambda asked: self._answer_link(client, asked))
        stream = client.events()
        self._listening = asyncio.create_task(self._ears.listen(client, stream))
        self._world.done["lives"] += 1
        await client.connect()
        self._world.connected += 1
        return client

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

    async def settle(self) -> None:
        """Read what events did not tell, now that nobody does anything any more."""
        assert self._client is not None, "it came"
        await self._ears.read_again(self._client)

    async def judge(self) -> None:
        """Compare what this device heard and was told with what is there."""
        assert self._client is not None, "it came"
        await self._ears.judge(self._client)
        for thread, said in self._acts.said.items():
            there = {}
            try:
                async for message in self._client.history(thread, after=min(said) - 1, page=200):
                    there[message.seq] = message
                check_page(there.values())
            except ChainBroken as broken:
                self._world.fault(f"{self._who}: {broken}")
            for seq, text in said.items():
                if seq not in there or there[seq].text != text:
                    self._world.fault(f"{self._who} said {thread}/{seq}, and there is {there.get(seq)}")

    async def _once(self) -> None:
        if self._chance.random() < _FORGETS:
            self._ears = Ears(self._who, self._world, self._register)
        client = await self.come()
        try:
            await self._step(client, "begin")
            for _ in range(self._chance.randint(*_STEPS)):
                if self._world.over:
                    break
                await self._step(client)
                await asyncio.sleep(self._chance.random() * 2 * self._pause_s)
        finally:
            await self.go()

    @property
    def _pause_s(self) -> float:
        return self._world.order.pause_s * self._world.order.devices

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

    def _refused(self, what: str, refusal: BridgeError) -> None:
        self._world.done[f"refused {refusal.code}"] += 1
        if refusal.code in _UNEXPECTED:
            self._world.fault(f"{self._who} was refused to {what}: {refusal.code}: {refusal}")

    async def _answer_link(self, client: Client, asked: LinkAsked) -> None:
        try:
            await self._acts.answer_link(client, asked)
        except BridgeError as refusal:
            self._refused("answer a link", refusal)

    async def _dial(self) -> Transport:
        """Connect as the SDK does, and keep the socket, to cut it off."""
        subprotocol = f"isthmus.v1.{self._codec}"
        try:
            self._socket = await connect(
                self._world.order.target.url, subprotocols=[Subprotocol(subprotocol)], compression=None,
                proxy=None, ping_interval=None, close_timeout=2, max_size=None,
            )  # fmt: skip
        except (OSError, TimeoutError) as wrong:
            raise CannotConnect(str(wrong)) from wrong
        return WebSocket(self._socket, CODECS[subprotocol])

    def _cut(self) -> None:
        if self._socket is not None:
            self._world.done["cuts"] += 1
            self._socket.transport.abort()


async def assemble(world: World, lives: list[Life]) -> None:
    """Bring all devices together when nobody does anything any more, and judge what they see."""
    here: list[Life] = []
    try:
        for life in lives:
            await life.come()
            here.append(life)
        await world.quiet()
        await asyncio.gather(*(life.settle() for life in lives))
        await world.quiet()
        await asyncio.gather(*(life.judge() for life in lives))
    except BridgeError as wrong:
        world.fault(f"not everybody could be judged: {wrong!r}")
    for life in here:
        await life.go()
