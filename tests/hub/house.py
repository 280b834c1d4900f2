"""A hub with people in it, and short ways to bring them to talk."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any, Final

from msgspec.structs import replace

from bridge.app import Hub, running_hub
from bridge.config import BusSettings, Config, HubSettings, Limits, Listen, PolicySettings, StoreSettings
from bridge.domain.deeds import CreateAccount, PutDevice
from bridge.domain.outcome import Outcome
from bridge.errors import BridgeError
from bridge.hub.auth import new_device
from bridge.hub.work import Work
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Store
from bridge.store.memory import MemoryStore
from bridge.wire.codec import JSON, Codec
from bridge.wire.commands import Accept, Command, Link, OpenThread, Send, SetTie, Upgrade
from bridge.wire.replies import Reply
from bridge.wire.sign_in import SignIn
from bridge.wire.values import Hybrid, Network, TieKind
from tests.hub.line import Line
from tests.hub.talker import Frame, Talker

PASSWORD: Final = "correct horse"

ANA, BEN, CYD, DAN, EVE, FAY = (AccountId(f"a-{name}") for name in ("ana", "ben", "cyd", "dan", "eve", "fay"))
"""Ana, Cyd and Eve live on Direct; Ben, Dan and Fay on Messenger."""

NETWORKS: Final = {
    ANA: Network.DIRECT,
    CYD: Network.DIRECT,
    EVE: Network.DIRECT,
    BEN: Network.MESSENGER,
    DAN: Network.MESSENGER,
    FAY: Network.MESSENGER,
}


def config(**sections: dict[str, Any]) -> Config:
    """Make settings for tests: a free port, nothing on disk, no patience at the end."""
    return Config(
        listen=Listen(**{"port": 0, **sections.get("listen", {})}),
        store=StoreSettings(**{"path": "", **sections.get("store", {})}),
        limits=Limits(**{"sign_ins_per_minute": 10_000, **sections.get("limits", {})}),
        policy=PolicySettings(**{"link_from": "either", **sections.get("policy", {})}),
        hub=HubSettings(**{"drain_s": 1.0, **sections.get("hub", {})}),
        bus=BusSettings(**sections.get("bus", {})),
    )


class InOrder:
    """A lane for the works of several accounts, so that they keep their order."""

    def __init__(self, works: int) -> None:
        self.done: asyncio.Future[list[Reply | BridgeError]] = asyncio.get_running_loop().create_future()
        self._answers: list[Reply | BridgeError] = []
        self._works = works

    def answered(self, call: int, reply: Reply | BridgeError) -> None:
        self._answers.append(reply)
        if len(self._answers) == self._works:
            self.done.set_result(self._answers)


class House:
    """A running hub, or several on one store, and the sockets that a test opened to them.

    Whoever comes, and whatever is done without a socket, goes to each hub in turn.

    Attributes:
        hub: The hub; where there are several, the first.
        hubs: All of them.
        hash: The argon2id hash of everybody's password.
    """

    def __init__(self, hubs: Sequence[Hub], password_hash: str) -> None:
        self.hub, self.hubs = hubs[0], hubs
        self._turns = cycle(hubs)
        self.hash = password_hash
        self.talkers: list[Talker] = []
        self.lines: list[Line] = []
        self.tokens: dict[AccountId, str] = {}

    def next(self) -> Hub:
        """Give the hub whose turn it is."""
        return next(self._turns)

    # --- people

    async def add(self, *accounts: AccountId, **more: Any) -> None:
        """Make accounts with a device each."""
        for account in accounts:
            deed = CreateAccount(
                account=account,
                network=NETWORKS.get(account, Network.MESSENGER),
                handle=account[2:],
                name=account[2:].title(),
                password=self.hash,
                **more,
            )
            await self.next().pipeline.do(AccountId(""), deed)
            await self.device(account)

    async def device(self, account: AccountId) -> str:
        """Make a device, and give its token."""
        device, token = new_device(account, "test", 1)
        await self.next().pipeline.do(account, PutDevice(device=device))
        self.tokens[account] = token
        return token

    async def connect(self, codec: Codec = JSON, **more: Any) -> Talker:
        """Open a socket."""
        talker = await Talker.connect(self.next().url, codec, **more)
        self.talkers.append(talker)
        return talker

    async def line(self, *, shake: bool = True) -> Line:
        """Open a line whose every byte the test decides."""
        line = await Line.connect(self.next().url, shake=shake)
        self.lines.append(line)
        return line

    async def join(self, account: AccountId, codec: Codec = JSON, *, cursors: tuple[str, ...] = ()) -> Talker:
        """Sign an account's device in."""
        talker = await self.connect(codec)
        await talker.ask(SignIn(token=self.tokens[account], cursors=cursors))
        return talker

    async def sign_in(
        self, account: AccountId, codec: Codec = JSON, *, cursors: tuple[str, ...] = ()
    ) -> tuple[Talker, Frame]:
        """Sign an account's device in, and give the answer too."""
        talker = await self.connect(codec)
        return talker, await talker.ask(SignIn(token=self.tokens[account], cursors=cursors))

    # --- what they do, without a socket

    async def link(self, one: AccountId, other: AccountId, *, upgrade: bool = True) -> None:
        """Make one person of two accounts, with a merged inbox if upgraded."""
        link = Link(as_=one, network=NETWORKS[other], handle=other[2:], password=PASSWORD)
        await self.next().pipeline.do(one, link, proven=frozenset({other}))
        if upgrade:
            await self.next().pipeline.do(one, Upgrade(as_=one))

    async def upgrade_alone(self, account: AccountId) -> None:
        """Let a Direct account take part in hybrid messaging."""
        record = await self.hub.pipeline.consult(account, lambda scene: scene.facts.account(account))
        await self.put(replace(record, hybrid=Hybrid.ON))

    async def put(self, *records: Any) -> None:
        """Keep records as they are, past all rules."""
        lane = InOrder(1)
        work = Work(
            lane=lane, call=0, account=AccountId(""), run=lambda scene: Outcome(records=list(records))
        )
        self.hub.pipeline.submit(work)
        await lane.done

    async def in_order(self, *deeds: tuple[AccountId, Command]) -> list[Reply | BridgeError]:
        """Do commands of several accounts one after the other, in as few commits as can be."""
        lane = InOrder(len(deeds))
        for call, (account, command) in enumerate(deeds):
            self.hub.pipeline.submit(Work(lane=lane, call=call, account=account, command=command))
        return await lane.done

    async def open(self, speaker: AccountId, other: AccountId) -> ThreadId:
        """Open the thread of two accounts."""
        opened = await self.next().pipeline.do(speaker, OpenThread(as_=speaker, account=other, confirm=True))
        found: ThreadId = opened.thread.id  # type: ignore[attr-defined]  # Opened, by the rule
        return found

    async def send(self, speaker: AccountId, thread: ThreadId, text: str, token: str = "") -> int:
        """Say something, and give its seq."""
        sent = await self.next().pipeline.do(
            speaker, Send(thread=thread, text=text, token=token or text[:60])
        )
        seq: int = sent.seq  # type: ignore[attr-defined]  # Sent, by the rule
        return seq

    async def acquaint(self, one: AccountId, other: AccountId) -> ThreadId:
        """Let two accounts have a thread that both take part in, with two messages."""
        thread = await self.open(one, other)
        await self.send(one, thread, f"hello-{one}-{other}")
        await self.next().pipeline.do(other, Accept(threads=(thread,)))
        await self.send(other, thread, f"hello-back-{other}-{one}")
        return thread

    async def tie(self, owner: AccountId, other: AccountId, kind: TieKind, *, on: bool = True) -> None:
        """Make or end a tie."""
        await self.next().pipeline.do(owner, SetTie(as_=owner, account=other, tie=kind, on=on))

    async def leave(self) -> None:
        """Close every socket that is open."""
        for line in self.lines:
            line.end()
        for talker in self.talkers:
            await talker.close()


@asynccontextmanager
async def house(
    password_hash: str, settings: Config | None = None, store: Store | None = None
) -> AsyncIterator[House]:
    """Run a hub, on memory unless the settings name a file."""
    settings = settings or config()
    if store is None and not settings.store.path:
        store = await MemoryStore.open()
    async with running_hub(settings, store) as hub, housed([hub], password_hash) as made:
        yield made


@asynccontextmanager
async def housed(hubs: Sequence[Hub], password_hash: str) -> AsyncIterator[House]:
    """Open a house at hubs that run; whoever is in it leaves at the end."""
    made = House(hubs, password_hash)
    try:
        yield made
    finally:
        await made.leave()
