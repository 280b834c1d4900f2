"""The outbox: messages that the hub has not answered for, kept over lost connections. Pure.

One message per thread is on its way at a time, so that a retry never overtakes:
what a person said in a thread arrives in the order in which it was said. A
message keeps its token for ever, so sending it again says nothing twice.
"""

from collections import deque
from collections.abc import Callable, Iterable

from bridge.errors import Invalid
from bridge.ids import ThreadId
from bridge.wire.commands import Send
from clients.errors import OutboxFull

TOKEN_CHANCE = 10
"""Random bytes in a token: with the millisecond in front, two clients never choose the same one."""


def new_token(now_ms: int, chance: bytes) -> str:
    """Make a token that begins with the time.

    Args:
        now_ms: Milliseconds since 1970.
        chance: ``TOKEN_CHANCE`` random bytes.
    """
    return f"{now_ms & 0xFFFFFFFFFFFF:012x}{chance.hex()}"


TYPES = {"thread": str, "text": str, "token": str, "reply_to": int}


def check(send: Send) -> None:
    """Refuse what neither the wire nor an outbox file can hold, before it is in the outbox.

    Raises:
        Invalid: If a field is of a wrong type; a thread is named by its ``id``.
    """
    for name, kind in TYPES.items():
        value = getattr(send, name)
        if not isinstance(value, kind) and not (value is None and name == "reply_to"):
            wrong = f"This is a {type(value).__name__}, where a {kind.__name__} belongs."
            raise Invalid(wrong, path=f"$.{name}")


class Entry:
    """One unsent message.

    Attributes:
        send: What to say, where, under which token.
        said_at: When it was given to this client, by the client's clock.
        attempts: How often the hub refused it with a temporary error.
        faults: How often the hub failed at it.
        waiting: Whether it may not go out yet because the hub asked for patience.
    """

    __slots__ = ("attempts", "faults", "on_way", "said_at", "send", "waiting")

    def __init__(self, send: Send, said_at: float) -> None:
        """Queue it."""
        self.send = send
        self.said_at = said_at
        self.attempts = 0
        self.faults = 0
        self.on_way = False
        self.waiting = False


class Outbox:
    """Unsent messages by thread, in the order in which they were said."""

    def __init__(self, limit: int, in_flight: int) -> None:
        """Hold at most ``limit`` messages, of which at most ``in_flight`` are on their way at once."""
        self._limit = limit
        self._in_flight = in_flight
        self._threads: dict[ThreadId, deque[Entry]] = {}
        self._by_token: dict[str, Entry] = {}
        self._on_way = 0

    def __len__(self) -> int:
        """Count the unsent messages."""
        return len(self._by_token)

    def __contains__(self, token: object) -> bool:
        """Say whether a token's message waits here."""
        return token in self._by_token

    def entries(self) -> Iterable[Entry]:
        """Yield all unsent messages, each thread in order."""
        for queue in self._threads.values():
            yield from queue

    def add(self, send: Send, now: float) -> Entry:
        """Queue a message.

        Raises:
            OutboxFull: If as many wait as may wait.
        """
        assert send.token not in self._by_token, "the client joins sends of one token before"
        if len(self._by_token) >= self._limit:
            raise OutboxFull
        return self.restore(send, now)

    def restore(self, send: Send, now: float) -> Entry:
        """Queue a message that an earlier client took, however many wait."""
        entry = Entry(send, now)
        self._by_token[send.token] = entry
        self._threads.setdefault(send.thread, deque()).append(entry)
        return entry

    def due(self) -> list[Entry]:
        """Take the messages that should go out now; each is on its way afterwards."""
        due: list[Entry] = []
        for queue in self._threads.values():
            if self._on_way >= self._in_flight:
                break
            head = queue[0]
            if not head.on_way and not head.waiting:
                head.on_way = True
                self._on_way += 1
                due.append(head)
        return due

    def back(self, entry: Entry, *, waiting: bool = False) -> None:
        """Say that a message on its way was not answered for, or was refused for now."""
        assert entry.on_way
        entry.on_way = False
        entry.waiting = waiting
        self._on_way -= 1

    def settle(self, entry: Entry) -> None:
        """Drop a message that the hub has answered for."""
        if entry.on_way:
            self._on_way -= 1
            entry.on_way = False
        queue = self._threads[entry.send.thread]
        queue.remove(entry)
        if not queue:
            del self._threads[entry.send.thread]
        del self._by_token[entry.send.token]


Chance = Callable[[int], bytes]
"""Draw that many random bytes, as ``secrets.token_bytes`` does."""
