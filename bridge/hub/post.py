"""Carries commands to the hub where they are best decided, and decides what other hubs carry here.

Order holds: while commands of a lane are out at a home, its others go there too or wait;
a home takes a stream's letters in their order or not at all; and whatever comes back
undecided is decided here, in its order. Should the home decide it as well, later, it
finds its token used: a repeat of a send is the same message, or the same refusal.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct, field

from bridge.bus.base import Bus
from bridge.errors import BridgeError
from bridge.hub.counters import Counters
from bridge.hub.homes import Homes
from bridge.hub.letters import (
    KINDS,
    Answer,
    Letter,
    answer,
    command_of,
    letter,
    pack,
    result_of,
    unpack,
)
from bridge.hub.plain import WEIGHT
from bridge.hub.work import Lane, Work
from bridge.ids import ThreadId
from bridge.wire.replies import Reply

log = logging.getLogger("bridge.hub")

PATIENCE_S: Final = 2.0
"""How long an answer may take before what was carried is decided here."""

_LOOK_S: Final = 0.5
_GUEST_S: Final = 30.0  # how long a stream without letters is remembered
_CARRIED: Final = frozenset(KINDS)


class Away(Struct, eq=False):
    """The commands of one lane that are out.

    Attributes:
        lane: Whose.
        hub: Where.
        stream: Under what name.
        number: Of the next letter.
        out: By number, with the time when they left.
        held: What waits here until these are answered.
    """

    lane: Lane
    hub: str
    stream: int
    number: int = 0
    out: dict[int, tuple[Work, float]] = field(default_factory=dict)
    held: list[Work] = field(default_factory=list)


class Guest:
    """A lane of another hub: its letters are taken one after the other, until one is missing.

    Attributes:
        seen_at: When its last letter came.
    """

    def __init__(self, stream: int, reply: Callable[[Answer], None]) -> None:
        """Expect the first letter."""
        self.seen_at = 0.0
        self._stream = stream
        self._reply = reply
        self._next: int | None = 0

    def expects(self, number: int) -> bool:
        """Say whether this letter is the next one; once one is missing, none ever is."""
        self._next = number + 1 if number == self._next else None
        return self._next is not None

    def end(self) -> None:
        """Take no more letters."""
        self._next = None

    def answered(self, call: int, reply: Reply | BridgeError) -> None:
        """Write back."""
        self._reply(answer(self._stream, call, reply))


class Post:
    """Letters out and letters in."""

    def __init__(
        self,
        bus: Bus,
        homes: Homes,
        counters: Counters,
        *,
        submit: Callable[[Work], None],
        take_back: Callable[[Sequence[Work]], None],
    ) -> None:
        """Carry nothing yet.

        Args:
            bus: Brings letters, or loses them.
            homes: Knows where.
            counters: Counts what is decided here for others.
            submit: Puts a work behind those that wait here.
            take_back: Puts works before those that wait here; called without any, too, when a lane is back.
        """
        self.homes = homes
        self._bus = bus
        self._counters = counters
        self._submit = submit
        self._take_back = take_back
        self._away: dict[Lane, Away] = {}
        self._streams: dict[int, Away] = {}
        self._last_stream = 0
        self._guests: dict[tuple[str, int], Guest] = {}
        self._mail: dict[str, tuple[list[Letter], list[Answer]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._away)

    # --- out

    def carry(self, works: list[Work], *, stops: bool) -> list[Work]:
        """Carry what has a home elsewhere, hold what must wait for it, and give what is decided here.

        Args:
            works: In their order.
            stops: Whether this hub stops: then nothing leaves any more.
        """
        if not self._away and not self.homes:
            return works
        here: list[Work] = []
        begun: set[Lane] = set()  # what is decided here in this batch must not be overtaken
        for work in works:
            away = self._away.get(work.lane)
            home = None if stops or work.lane in begun else self._home(work)
            if away is not None:
                if home == away.hub and not away.held:
                    self._send(away, work)
                else:
                    away.held.append(work)
            elif home is not None:
                self._last_stream += 1
                away = Away(work.lane, home, self._last_stream)
                self._away[work.lane] = self._streams[away.stream] = away
                self._send(away, work)
            else:
                begun.add(work.lane)
                here.append(work)
        return here

    def clear(self) -> list[Work]:
        """Give all that is out or held, and wait for no answer."""
        away, self._away = self._away, {}
        self._streams.clear()
        return [work for one in away.values() for work in _rest(one)]

    def _home(self, work: Work) -> str | None:
        if type(work.command) not in _CARRIED or work.proven or work.doubtful or not self._bus.is_up:
            return None
        return self.homes.home(ThreadId(work.command.thread))  # type: ignore[union-attr]

    def _send(self, away: Away, work: Work) -> None:
        away.out[away.number] = work, asyncio.get_running_loop().time()
        self._mail_to(away.hub)[0].append(letter(away.stream, away.number, work))
        away.number += 1
        self._look_later()

    def _take_answer(self, found: Answer) -> None:
        away = self._streams.get(found.stream)
        if away is None or found.number not in away.out:
            return
        work, _ = away.out[found.number]
        result = result_of(found, work)
        if result is None:
            self._end(away)
            return
        del away.out[found.number]
        work.lane.answered(work.call, result)
        if not away.out:
            self._end(away)

    def _end(self, away: Away) -> None:
        """Have what is left of a lane decided here."""
        del self._away[away.lane], self._streams[away.stream]
        for work, _ in away.out.values():
            work.doubtful = True
            self.homes.settle(ThreadId(work.command.thread))  # type: ignore[union-attr]
        self._take_back(_rest(away))

    def gone(self, hub: str) -> None:
        """Wait no longer for a hub that is gone."""
        for away in [away for away in self._away.values() if away.hub == hub]:
            self._end(away)
        for key in [key for key in self._guests if key[0] == hub]:
            del self._guests[key]

    # --- in

    def wrote(self, hub: str, data: bytes) -> None:
        """Take in what another hub wrote.

        Raises:
            Fault: If it can't be read.
        """
        mail = unpack(data)
        for found in mail.answers:
            self._take_answer(found)
        for sent in mail.letters:
            self._take_letter(hub, sent)

    def _take_letter(self, hub: str, found: Letter) -> None:
        name = hub, found.stream
        guest = self._guests.get(name)
        if guest is None:
            guest = self._guests[name] = Guest(
                found.stream, lambda reply: self._mail_to(hub)[1].append(reply)
            )
            self._look_later()
        guest.seen_at = asyncio.get_running_loop().time()
        try:
            if guest.expects(found.number):
                command = command_of(found)
                self.homes.wrote(hub, (ThreadId(command.thread),))
                self._submit(
                    Work(
                        lane=guest,
                        call=found.number,
                        account=found.account,
                        command=command,
                        device=found.device,
                        weight=1 + len(found.command) // WEIGHT,
                    )
                )
                self._counters.carried_total += 1
                return
        except BridgeError as refusal:  # this hub stops, or too much waits
            log.info("a letter is sent back: %s", refusal.code)
            guest.end()
        self._mail_to(hub)[1].append(Answer(found.stream, found.number))

    # --- both

    def _mail_to(self, hub: str) -> tuple[list[Letter], list[Answer]]:
        if not self._mail:
            asyncio.get_running_loop().call_soon(self._flush)
        return self._mail.setdefault(hub, ([], []))

    def _flush(self) -> None:
        mail, self._mail = self._mail, {}
        for hub, (letters, answers) in mail.items():
            for packet in pack(letters, answers):
                self._bus.write(hub, packet)

    def _look_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        """Give up what takes too long, and forget streams that ended."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        for away in list(self._away.values()):
            _, left_at = next(iter(away.out.values()))
            if now - left_at > PATIENCE_S:
                log.info("hub %s does not answer: %d commands are decided here", away.hub, len(away.out))
                self.homes.avoid(away.hub)
                self._end(away)
        for name in [name for name, guest in self._guests.items() if now - guest.seen_at > _GUEST_S]:
            del self._guests[name]
        if self._away or self._guests:
            self._look_later()


def _rest(away: Away) -> list[Work]:
    return [*(work for work, _ in away.out.values()), *away.held]
