"""What people do, one thing at a time: a table of how often they do what."""

from collections.abc import Awaitable, Callable
from random import Random
from time import perf_counter
from typing import Final

from benchmarks.load.habits import MixedHabits
from benchmarks.load.people import Person
from benchmarks.load.world import World
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.events import LinkAsked
from bridge.wire.values import Folder, Network, TieKind
from clients import Client

Act = Callable[[Client], Awaitable[object]]

_KIND: Final = 0.7  # how often somebody says yes
_HARSH: Final = 0.3
_NUMBERS: Final = 1_000_000  # of the messages of each device
_ANSWER_S: Final = 30.0
_WORDS: Final = ("harbour", "tonight", "haha see")


class Acts:
    """What a person does on one device.

    Attributes:
        said: What was acknowledged: text by thread and place.
    """

    def __init__(
        self, world: World, me: Person, partner: Person, number: int, chance: Random, cut: Callable[[], None]
    ) -> None:
        """Take who does it, with whom most of all, on which of the devices, and what cuts the line."""
        self.said: dict[ThreadId, dict[Seq, str]] = {}
        self._world = world
        self._chance = chance
        self._account = AccountId(me.account)
        self._partner = partner
        self._habits = MixedHabits()
        self._number = number * _NUMBERS
        self._thread: ThreadId | None = None
        self._cut_off = cut
        self._table: dict[str, tuple[int, Act]] = {
            "begin": (0, self._begin),
            "say": (60, self._say),
            "type": (8, lambda client: client.typing(self._talk)),
            "look back": (6, lambda client: client.history_page(self._talk, limit=20)),
            "list threads": (4, lambda client: client.list_threads(chance.choice(list(Folder)))),
            "search": (4, lambda client: client.search(chance.choice(_WORDS))),
            "count unread": (4, lambda client: client.count_unread()),
            "read": (4, self._read),
            "write to a stranger": (4, self._write_to_a_stranger),
            "answer requests": (3, self._answer_requests),
            "change controls": (2, self._change_controls),
            "change ties": (2, self._change_ties),
            "make up": (3, self._make_up),
            "change the name": (1, self._change_name),
            "change links": (1, self._change_links),
            "list devices": (1, lambda client: client.list_devices()),
            "be cut off": (2, self._cut),
        }
        self._names = list(self._table)
        self._weights = [weight for weight, _ in self._table.values()]

    def choose(self) -> str:
        """Choose what to do next."""
        return self._chance.choices(self._names, self._weights)[0]

    async def do(self, what: str, client: Client) -> None:
        """Do it; before all else there must be a thread.

        Raises:
            BridgeError: What the client raises.
        """
        await self._table[what if self._thread is not None else "begin"][1](client)

    async def answer_link(self, client: Client, asked: LinkAsked) -> None:
        """Approve or refuse a link that another account asked for."""
        await client.answer_link(asked.leg, asked.account.id, accept=self._chance.random() < _KIND)

    # --- talking

    @property
    def _talk(self) -> ThreadId:
        assert self._thread is not None, "a life begins with a thread"
        return self._thread

    async def _begin(self, client: Client) -> None:
        partner = AccountId(self._partner.account)
        opened = await client.open_thread(partner, as_=self._account, confirm=True)
        assert opened.thread is not None, "confirmed"
        self._thread = opened.thread.id

    async def _say(self, client: Client) -> None:
        await self._send(client, self._talk)

    async def _send(self, client: Client, thread: ThreadId) -> None:
        self._number += 1
        text = self._habits.text(self._number)
        begun = perf_counter()
        sent = await client.send(thread, text, timeout_s=_ANSWER_S)
        self._world.acks.append(perf_counter() - begun)
        self._world.done["sent"] += 1
        said = self.said.setdefault(sent.thread, {})
        if sent.seq in said:
            self._world.fault(f"{self._account} was told {sent.thread}/{sent.seq} twice")
        said[sent.seq] = text

    async def _read(self, client: Client) -> None:
        view = (await client.get_thread(self._talk)).thread
        if view.tip > view.read:
            await client.mark_read(self._talk, Seq(self._chance.randint(view.read + 1, view.tip)))

    async def _write_to_a_stranger(self, client: Client) -> None:
        opened = await client.open_thread(self._stranger(), as_=self._account, confirm=True)
        if opened.thread is not None:
            await self._send(client, opened.thread.id)

    async def _answer_requests(self, client: Client) -> None:
        requests = await client.list_threads(Folder.REQUESTS, limit=5)
        threads = [view.id for view in requests.threads]
        if threads and self._chance.random() < _KIND:
            await client.accept(*threads)
        elif threads:
            await client.decline(*threads, hide=self._chance.random() < _HARSH)

    # --- whom they let in

    def _stranger(self) -> AccountId:
        return AccountId(self._chance.choice(self._chance.choice(self._world.order.target.pairs)).account)

    async def _change_controls(self, client: Client) -> None:
        controls = await client.get_controls(self._account)
        control = self._chance.choice([one for one in controls.controls if one.available])
        changed = {control.category: self._chance.choice(control.options)}
        await client.preview_controls(self._account, changed)
        await client.set_controls(self._account, controls.version, changed)

    async def _change_ties(self, client: Client) -> None:
        kind = self._chance.choice(list(TieKind))
        await client.set_tie(self._account, self._stranger(), kind, on=self._chance.random() < _KIND / 2)

    async def _make_up(self, client: Client) -> None:
        """Let the partner write again: else all would have fallen out with each other before long."""
        for kind in (TieKind.BLOCK, TieKind.RESTRICT):
            await client.set_tie(self._account, AccountId(self._partner.account), kind, on=False)
        controls = await client.get_controls(self._account)
        opened = {one.category: one.options[0] for one in controls.controls if one.available}
        await client.set_controls(self._account, controls.version, opened)

    # --- who they are

    async def _change_name(self, client: Client) -> None:
        await client.set_profile(self._account, name=f"Name {self._chance.random()}")

    async def _change_links(self, client: Client) -> None:
        """Link, upgrade, leave or unlink, whatever comes next."""
        own = client.accounts[self._account]
        if not own.linked_to and own.network is Network.DIRECT:
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
        self._cut_off()
