"""What waits for the pipeline, in turns: whoever floods waits behind himself, not before the others."""

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from bridge.hub.work import Lane, Work

TURN: Final = 8
"""How many works a lane's turn takes: single ones cost a busy hub a tenth more.

A batch takes one turn of each lane. So it is over soon, however much one lane has waiting.
"""


FLOOD: Final = 64
"""Whose lane has more than this waiting floods, and gives way to those who do not."""

PASSED: Final = 3
"""In how many batches, one after the other, floods are passed over while anybody else waits."""

ABOUT: Final = 32
"""How many batches long floods stay modest after somebody waited beside them: the next finds a short one."""


class Turns:
    """Works that wait, by lane. A lane's works keep their order; where too many wait, lanes take turns."""

    def __init__(self) -> None:
        """Wait for nothing yet."""
        self._lanes: OrderedDict[Lane, deque[Work]] = OrderedDict()
        self._count = 0
        self._passed = 0
        self._since = ABOUT  # batches since somebody waited beside a flood

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Work]:
        return chain.from_iterable(self._lanes.values())

    def append(self, work: Work) -> None:
        """Put a work behind those of its lane."""
        self._count += 1
        works = self._lanes.get(work.lane)
        if works is None:
            self._lanes[work.lane] = deque((work,))
        else:
            works.append(work)

    def put_back(self, works: Sequence[Work]) -> None:
        """Put works that were taken before all others, in their order."""
        self._count += len(works)
        for work in reversed(works):
            self._lanes.setdefault(work.lane, deque()).appendleft(work)
            self._lanes.move_to_end(work.lane, last=False)

    def take(self, most: int) -> list[Work]:
        """Take all that wait, or, where a lane has many, one turn of each; so many at most."""
        lanes = self._lanes
        longest = max(map(len, lanes.values()), default=0)
        if self._count <= most and longest <= TURN:
            return self.clear()
        taken: list[Work] = []
        turn = TURN if len(lanes) > 1 else most
        flood = self._flood_turn(turn)
        for _ in range(len(lanes)):
            if len(taken) == most:
                break
            lane, works = lanes.popitem(last=False)
            own = turn if len(works) <= FLOOD else flood
            taken += [works.popleft() for _ in range(min(own, len(works), most - len(taken)))]
            if works:
                lanes[lane] = works
        self._count -= len(taken)
        return taken

    def _flood_turn(self, turn: int) -> int:
        """Say how many works of whoever floods this batch takes; somebody's it takes always."""
        floods = sum(len(works) > FLOOD for works in self._lanes.values())
        if not floods:
            return turn
        others = floods < len(self._lanes)
        self._since = 0 if others else self._since + 1
        if others and self._passed < PASSED:
            self._passed += 1
            return 0
        self._passed = 0
        return 1 if self._since < ABOUT else turn

    def clear(self) -> list[Work]:
        """Take all that wait."""
        taken = list(self)
        self._lanes.clear()
        self._count = 0
        return taken
