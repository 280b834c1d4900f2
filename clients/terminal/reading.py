"""Reading a thread back, page by page: its own messages first, then what was imported from before it."""

from collections.abc import Iterator
from typing import Final

from bridge.ids import Seq, ThreadId
from bridge.wire.values import MessageView
from clients.client import Client
from clients.inbox import Row
from clients.terminal.words import moment

PAGE: Final = 20
PAUSE_MS: Final = 3_600_000
"""After so long a silence it is said when a message was written."""


class Back:
    """How far a thread was read back.

    Attributes:
        imported: Whether the last page was of history that was imported, with numbers of its own.
    """

    def __init__(self, row: Row) -> None:
        """Begin at the newest message."""
        self.imported = False
        self._live = row.id
        self._threads: list[ThreadId] = [row.id, *reversed(row.segments)]
        self._before: Seq | None = None

    @property
    def over(self) -> bool:
        """Whether the very beginning was read."""
        return not self._threads

    async def page(self, client: Client) -> list[MessageView]:
        """Read the page before, oldest message first; nothing if that was the beginning.

        Raises:
            BridgeError: If the hub did not tell it; the same page is read the next time.
        """
        while self._threads:
            thread = self._threads[0]
            found = await client.history_page(thread, before=self._before, limit=PAGE)
            messages = sorted(found.messages, key=lambda message: message.seq)
            if found.more and messages:
                self._before = messages[0].seq
            else:
                self._before = None
                del self._threads[0]
            if messages:
                self.imported = thread != self._live
                return messages
        return []


def when(messages: list[MessageView]) -> Iterator[tuple[str | None, MessageView]]:
    """Say when messages were written, before the first of them and after each pause."""
    before: int | None = None
    for message in messages:
        late = before is None or message.at - before > PAUSE_MS
        yield (moment(message.at) if late else None), message
        before = message.at
