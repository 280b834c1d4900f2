"""What two people say to each other under load, and the proof that it came: each once, in order, unbroken."""

import asyncio
from array import array
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from math import inf
from time import perf_counter
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # the library ships no types
import orjson

from benchmarks.load.habits import Habits
from benchmarks.load.line import Line

_FIRST_SEND: Final = 1_000  # calls below are those of the set-up
_FIRST_MARK: Final = 1_000_000_000
_BUSY: Final = "busy"  # where more is asked than the hub can do, no promise is broken
_PLAIN: Final = Habits()

Pack = Callable[[Any], bytes]
Unpack = Callable[[bytes], Any]
CODECS: Final[dict[str, tuple[Pack, Unpack]]] = {
    "json": (orjson.dumps, orjson.loads),
    "msgpack": (msgpack.packb, msgpack.unpackb),
}


class Tally:
    """What was counted over all sides.

    Attributes:
        begun_at: Parallel to ``acknowledged_s``: when each was sent.
        said: Verdicts on sends, by code; ``ok`` for those taken.
        delivered: Messages that reached the other side.
        acknowledged_s: Seconds from a send to its verdict.
        delivered_s: Seconds from a send to its delivery.
        faults: What contradicts a promise; at most some of each kind.
    """

    def __init__(self) -> None:
        """Count nothing yet."""
        self.begun_at = array("d")
        self._since = self._until = inf
        self.said: Counter[str] = Counter()
        self.delivered = 0
        self.acknowledged_s = array("d")
        self.delivered_s = array("d")
        self.late_s = array("d")
        self.faults: list[str] = []

    def begin(self) -> None:
        """Keep latencies of what is sent from now on."""
        self._since = perf_counter()

    def end(self) -> None:
        """Keep latencies of what was sent until now, however late its answer comes."""
        self._until = perf_counter()

    def counts(self, at: float) -> bool:
        """Say whether the latency of what was sent then is kept."""
        return self._since <= at < self._until

    def left(self, at: float, late_s: float) -> None:
        """Note that a send left so long after its time."""
        if self.counts(at):
            self.late_s.append(late_s)

    def fault(self, text: str) -> None:
        """Note a broken promise."""
        if len(self.faults) < 20:
            self.faults.append(text)


class Side:
    """One person of a pair: says numbered things, and verifies what it hears.

    Attributes:
        account: Who it is.
        thread: Where it talks, once known.
        partner: The other side.
        taken: How many of its messages the hub took.
        heard: How many of the partner's messages came.
    """

    def __init__(
        self,
        tally: Tally,
        account: str,
        codec: str,
        *,
        window: int,
        marks: int,
        chain: bool,
        habits: Habits = _PLAIN,
        answers: bool = True,
    ) -> None:
        """Be silent yet.

        Args:
            tally: Where to count.
            account: Who it is.
            codec: ``json`` or ``msgpack``.
            window: How many sends may be unanswered; 0: it only sends when told to.
            marks: After how many messages heard it says that they were delivered; 0: never.
            chain: Whether to prove the thread's chain.
            habits: What it says, and does beside.
            answers: Whether its network can answer a message; where not, it only says the words.
        """
        self.account = account
        self.thread = ""
        self.partner: Side | None = None
        self.window = window
        self.taken = self.heard = 0
        self.line: Line | None = None
        self._tally = tally
        self._pack, self._unpack = CODECS[codec]
        self._marks, self._chain, self._habits, self._answers = marks, chain, habits, answers
        self._done = 0
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._calls = 0
        self._started = array("d")
        self._answered = 0
        self._at = -1
        self._seq = 0
        self._link = b""
        self._expected: dict[str, int] = {}

    # --- set-up

    async def ask(self, op: str, **fields: object) -> Any:
        """Ask something and wait for the answer.

        Raises:
            RuntimeError: If it was refused.
        """
        self._calls += 1
        future = self._asked[self._calls] = asyncio.get_running_loop().create_future()
        assert self.line is not None
        self.line.send(self._pack({"id": self._calls, "op": op, **fields}))
        reply = await future
        if "error" in reply:
            raise RuntimeError(f"{op}: {reply['error']}")
        return reply["ok"]

    # --- sending

    @property
    def waiting(self) -> int:
        """How many sends have no verdict yet."""
        return len(self._started) - self._answered

    @property
    def is_done(self) -> bool:
        """Whether everything it said has a verdict, and all that was promised to it came."""
        return not self.waiting and (self.partner is None or self.heard == self.partner.taken)

    def fill(self) -> None:
        """Send until the window is full."""
        while self.waiting < self.window:
            self.say(perf_counter())

    def say(self, at: float) -> None:
        """Send the next message; its time counts from ``at``."""
        number = len(self._started)
        self._started.append(at)
        assert self.line is not None
        call: dict[str, Any] = {
            "id": _FIRST_SEND + number,
            "op": "send",
            "thread": self.thread,
            "text": self._habits.text(number),
            "token": f"{int(at * 1000):012x}-{self.account}-{number}",
        }
        if self._answers and self._seq and self._habits.is_answer(number):
            call["reply_to"] = self._seq
        self.line.send(self._pack(call))

    # --- hearing

    def on_frame(self, data: bytes) -> None:
        """Take in a frame."""
        frame = self._unpack(data)
        call = frame.get("re")
        if call is None:
            self._on_push(frame)
        elif call >= _FIRST_MARK:
            if "error" in frame and frame["error"]["code"] != _BUSY:
                self._tally.fault(f"{self.account}: what it did beside was refused: {frame['error']}")
        elif call >= _FIRST_SEND:
            self._on_verdict(call - _FIRST_SEND, frame)
        else:
            self._asked.pop(call).set_result(frame)

    def _on_verdict(self, number: int, frame: Any) -> None:
        tally = self._tally
        self._answered += 1
        error = frame.get("error")
        if error is None:
            self.taken += 1
            tally.said["ok"] += 1
        else:
            tally.said[error["code"]] += 1
        begun = self._started[number]
        if tally.counts(begun):
            tally.begun_at.append(begun)
            tally.acknowledged_s.append(perf_counter() - begun)
        if self.window:
            self.fill()

    def _on_push(self, frame: Any) -> None:
        at = frame.get("at")
        if at is not None:
            if at != self._at + 1 and self._at >= 0:
                self._tally.fault(f"{self.account}: position {at} follows {self._at}")
            self._at = at
        event = frame["event"]
        if event["type"] == "message_sent":
            self._on_message(event["message"])

    def _on_message(self, message: Any) -> None:
        tally, sender, seq = self._tally, message["sender"], message["seq"]
        if self.thread and message["thread"] != self.thread:
            tally.fault(f"{self.account} heard of another's thread {message['thread']}")
        if seq != self._seq + 1:
            tally.fault(f"{self.account}: seq {seq} follows {self._seq}")
        if self._chain and message.get("link"):
            self._prove(message)
        self._seq = seq
        words = message["text"]
        if message.get("translation"):  # an answer, where there are none: its words stand below a quotation
            words = words.rpartition("\n")[2]
        if not words[:8].isdecimal():
            return  # said during the set-up
        number = int(words[:8])
        if number < self._expected.get(sender, 0) or words != self._habits.text(number):
            tally.fault(f"{self.account} heard {words[:20]!r} of {sender} twice, late or altered")
        self._expected[sender] = number + 1
        if sender == self.account:
            return
        self.heard += 1
        tally.delivered += 1
        if self.partner is not None and tally.counts(begun := self.partner._started[number]):
            tally.delivered_s.append(perf_counter() - begun)
        if self._marks and self.heard % self._marks == 0:
            self._do({"op": "mark_delivered", "thread": message["thread"], "upto": seq})
        if self._habits.reads:
            for aside in self._habits.asides(number, message["thread"], seq):
                self._do(aside)

    def _do(self, call: dict[str, Any]) -> None:
        """Do something beside the sends, whose answer only must be no refusal."""
        if self.line is not None:
            self._done += 1
            self.line.send(self._pack({"id": _FIRST_MARK + self._done, **call}))

    def _prove(self, message: Any) -> None:
        thread, seq = message["thread"], message["seq"]
        before = self._link if self._seq else sha256(thread.encode()).digest()
        name = f"{thread}/{seq}".encode()
        link = sha256(
            before
            + seq.to_bytes(8, "big")
            + name
            + message["sender"].encode()
            + bytes.fromhex(message["digest"])
        ).digest()
        if link.hex() != message["link"]:
            self._tally.fault(f"{self.account}: the chain of {thread} breaks at {seq}")
        self._link = bytes.fromhex(message["link"])
