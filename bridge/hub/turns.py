"""What waits for the pipeline, in turns: whoever floods waits behind himself, not before the others.

Turns are measured by weight: a long call counts for several. A flood that took more than its turn
pays it back with the next ones, as in deficit round robin (Shreedhar and Varghese, 1995).
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from bridge.hub.work import Lane, Work

TURN: Final = 8
"""How much a lane's turn takes: single works cost a busy hub a tenth more.

A batch takes one turn of each lane. So it is over soon, however much one lane has waiting.
"""


FLOOD: Final = 64
"""Whose lane has more than this waiting floods, and gives way to those who do not."""

PASSED: Final = 3
"""In how many batches, one after the other, floods are passed over while anybody else waits."""

ABOUT: Final = 32
"""How many batches long floods stay modest after somebody waited beside them: the next finds a short one."""

SPARE: Final = 16
"""How much of all modest floods together a batch takes: ten who send long texts would make it long."""


class Turns:
    """Works that wait, by lane. A lane's works keep their order; where too many wait, lanes take turns."""

    def __init__(self) -> None:
        """Wait for nothing yet."""
        self._lanes: OrderedDict[Lane, deque[Work]] = OrderedDict()
        self._count = 0
        self._more: Counter[Lane] = Counter()  # what a lane's works weigh above one each
        self._owed: Counter[Lane] = Counter()  # what floods took above their turns
        self._passed = 0
        self._since = ABOUT  # batches since somebody waited beside a flood

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Work]:
        return chain.from_iterable(self._lanes.values())

    @property
    def weight(self) -> int:
        """What all that waits weighs."""
        return self._count + self._more.total() if self._more else self._count

    def append(self, work: Work) -> None:
        """Put a work behind those of its lane."""
        self._count += 1
        if work.weight > 1:
            self._more[work.lane] += work.weight - 1
        works = self._lanes.get(work.lane)
        if works is None:
            self._lanes[work.lane] = deque((work,))
        else:
            works.append(work)

    def put_back(self, works: Sequence[Work]) -> None:
        """Put works that were taken before all others, in their order."""
        self._count += len(works)
        for work in reversed(works):
            if work.weight > 1:
                self._more[work.lane] += work.weight - 1
            self._lanes.setdefault(work.lane, deque()).appendleft(work)
            self._lanes.move_to_end(work.lane, last=False)

    def take(self, most: int) -> list[Work]:
        """Take all that wait, or, where a lane has much, one turn of each; so much at most."""
        lanes = self._lanes
        longest = max(map(len, lanes.values()), default=0)
        if self._count <= most and longest <= TURN and not self._more:
            return self.clear()
        taken: list[Work] = []
        turn = TURN if len(lanes) > 1 else most
        flood = self._flood_turn(turn)
        left, spare = most, SPARE
        for _ in range(len(lanes)):
            if left <= 0:
                break
            lane, works = lanes.popitem(last=False)
            is_modest = flood < turn and self._floods(lane, works)
            if is_modest and flood:
                got = self._take_of(lane, works, self._modest_turn(lane, spare), taken)
                spare -= got
                self._owed[lane] += max(0, got - 1)
            else:
                got = self._take_of(lane, works, 0 if is_modest else min(turn, left), taken)
            left -= got
            if works:
                lanes[lane] = works
            else:
                self._owed.pop(lane, None)
        self._count -= len(taken)
        return taken

    def _take_of(self, lane: Lane, works: deque[Work], most: int, taken: list[Work]) -> int:
        """Take works until they weigh as much, the last one whole; give what they weigh."""
        got = 0
        while works and got < most:
            work = works.popleft()
            got += work.weight
            taken.append(work)
            if work.weight > 1:
                self._more[lane] -= work.weight - 1
                if not self._more[lane]:
                    del self._more[lane]
        return got

    def _modest_turn(self, lane: Lane, spare: int) -> int:
        """Give a flood its turn: one, unless it owes some, or others took what there is for floods."""
        if self._owed[lane]:
            self._owed[lane] -= 1
            return 0
        return 1 if spare > 0 else 0

    def _floods(self, lane: Lane, works: deque[Work]) -> bool:
        return len(works) + self._more[lane] > FLOOD

    def _flood_turn(self, turn: int) -> int:
        """Say how much of whoever floods this batch takes; somebody's it takes always."""
        floods = sum(self._floods(lane, works) for lane, works in self._lanes.items())
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
        self._more.clear()
        self._owed.clear()
        self._count = 0
        return taken
