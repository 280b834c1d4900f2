"""What people do with threads: talk, look, search, answer requests, put away."""

from time import perf_counter
from typing import Final

from benchmarks.load.doing import HARSH, Doer, Table
from benchmarks.load.habits import MixedHabits
from bridge.ids import Seq, ThreadId
from bridge.wire.values import Folder
from clients import Client

_NUMBERS: Final = 1_000_000  # of the messages of each device
_ANSWER_S: Final = 30.0
_WORDS: Final = ("harbour", "tonight", "haha see")
_FEW: Final = 5


class Talking:
    """What somebody says and reads on one device.

    Attributes:
        said: What was acknowledged: text by thread and place.
        thread: Where he talks with his partner, once that is open.
    """

    def __init__(self, doer: Doer, number: int) -> None:
        """Take who does it, on which of his devices."""
        self.said: dict[ThreadId, dict[Seq, str]] = {}
        self.thread: ThreadId | None = None
        self._doer = doer
        self._habits = MixedHabits()
        self._number = number * _NUMBERS

    def table(self) -> Table:
        """List it all."""
        return {
            "begin": (0, self._begin),
            "say": (60, self._say),
            "answer": (4, self._answer),
            "preview a message": (1, self._preview),
            "type": (8, lambda client: client.typing(self._talk)),
            "look back": (6, lambda client: client.history_page(self._talk, limit=20)),
            "list threads": (4, lambda client: client.list_threads(self._any_folder())),
            "search": (4, lambda client: client.search(self._doer.chance.choice(_WORDS))),
            "count unread": (4, lambda client: client.count_unread()),
            "read": (4, self._read),
            "write to a stranger": (4, self._write_to_a_stranger),
            "answer requests": (3, self._answer_requests),
            "put threads away": (2, self._archive),
        }

    @property
    def _talk(self) -> ThreadId:
        assert self.thread is not None, "a life begins with a thread"
        return self.thread

    def _any_folder(self) -> Folder:
        return self._doer.chance.choice(list(Folder))

    async def _begin(self, client: Client) -> None:
        doer = self._doer
        opened = await client.open_thread(doer.partner.account, as_=doer.account, confirm=True)
        assert opened.thread is not None, "confirmed"
        self.thread = opened.thread.id

    async def _say(self, client: Client) -> None:
        await self._send(client, self._talk)

    async def _answer(self, client: Client) -> None:
        last = (await client.history_page(self._talk, limit=_FEW)).messages
        if last:
            await self._send(client, self._talk, self._doer.chance.choice(last).seq)

    async def _send(self, client: Client, thread: ThreadId, reply_to: Seq | None = None) -> None:
        world = self._doer.world
        self._number += 1
        text = self._habits.text(self._number)
        begun = perf_counter()
        sent = await client.send(thread, text, reply_to=reply_to, timeout_s=_ANSWER_S)
        world.acks.append(perf_counter() - begun)
        world.done["sent"] += 1
        said = self.said.setdefault(sent.thread, {})
        if sent.seq in said:
            world.fault(f"{self._doer.account} was told {sent.thread}/{sent.seq} twice")
        said[sent.seq] = text

    async def _preview(self, client: Client) -> None:
        await client.preview_send(self._talk, self._habits.text(0))

    async def _read(self, client: Client) -> None:
        view = (await client.get_thread(self._talk)).thread
        if view.tip > view.read:
            await client.mark_read(view.id, Seq(self._doer.chance.randint(view.read + 1, view.tip)))

    async def _write_to_a_stranger(self, client: Client) -> None:
        stranger, own = self._doer.stranger(), self._doer.own(client)
        opened = await client.open_thread(stranger.account, as_=own.id, confirm=True)
        if opened.thread is not None and opened.thread.leg == self._doer.account:
            await self._send(client, opened.thread.id)

    async def _answer_requests(self, client: Client) -> None:
        folder = Folder.HIDDEN if self._doer.says_yes(HARSH) else Folder.REQUESTS
        threads = [view.id for view in (await client.list_threads(folder, limit=_FEW)).threads]
        if threads and self._doer.says_yes():
            await client.accept(*threads)
        elif threads:
            await client.decline(*threads, hide=self._doer.says_yes(HARSH))

    async def _archive(self, client: Client) -> None:
        on = self._doer.says_yes(0.5)
        found = await client.list_threads(Folder.INBOX if on else Folder.ARCHIVED, limit=_FEW)
        if found.threads:
            await client.archive(*(view.id for view in found.threads), on=on)
