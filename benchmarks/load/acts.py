"""All that people do, one thing at a time: a table of how often they do what."""

from collections.abc import Callable

from benchmarks.load.being import Being
from benchmarks.load.doing import Doer, Table
from benchmarks.load.letting_in import LettingIn
from benchmarks.load.talking import Talking
from bridge.ids import Seq, ThreadId
from bridge.wire.events import LinkAsked
from clients import Client


class Acts:
    """What somebody does on one device."""

    def __init__(self, doer: Doer, number: int, cut: Callable[[], None]) -> None:
        """Take who does it, on which of his devices, and what cuts its line."""
        self._doer = doer
        self._talking, self._being = Talking(doer, number), Being(doer)

        async def be_cut_off(client: Client) -> None:
            cut()

        self._table: Table = {
            **self._talking.table(),
            **LettingIn(doer).table(),
            **self._being.table(),
            "be cut off": (2, be_cut_off),
        }
        self._names = list(self._table)
        self._weights = [weight for weight, _ in self._table.values()]

    @property
    def said(self) -> dict[ThreadId, dict[Seq, str]]:
        """What was acknowledged: text by thread and place."""
        return self._talking.said

    def choose(self) -> str:
        """Choose what to do next; before all else there must be a thread."""
        if self._talking.thread is None:
            return "begin"
        return self._doer.chance.choices(self._names, self._weights)[0]

    async def do(self, what: str, client: Client) -> None:
        """Do it.

        Raises:
            BridgeError: What the client raises.
        """
        await self._table[what][1](client)

    async def answer_link(self, client: Client, asked: LinkAsked) -> None:
        """Approve or refuse a link that another account asked for."""
        await self._being.answer_link(client, asked)
