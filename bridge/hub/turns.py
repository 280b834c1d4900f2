"""What waits for the pipeline, in turns: whoever floods waits behind himself, not before the others."""

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from typing import Final

from bridge.hub.work import Lane, Work

TURN: Final = 8
"""How many works a lane's turn takes: single ones cost a busy hub a tenth more.

A batch takes one turn of each lane. So it is over soon, however much one lane has waiting, and who has
a single work waits for eight of each who flood: twenty of them are half of what a batch may hold.
"""


class Turns:
    """Works that wait, by lane. A lane's works keep their order; where too many wait, lanes take turns."""

    def __init__(self) -> None:
        """Wait for nothing yet."""
        self._lanes: OrderedDict[Lane, deque[Work]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Work]:
        for works in self._lanes.values():
            yield from works

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
        """Take all that wait, or, where a lane has many beside others, one turn of each; so many at most."""
        lanes = self._lanes
        if self._count <= most and (len(lanes) == 1 or all(len(works) <= TURN for works in lanes.values())):
            return self.clear()
        taken: list[Work] = []
        turn = TURN if len(lanes) > 1 else most
        for _ in range(len(lanes)):
            if len(taken) == most:
                break
            lane, works = lanes.popitem(last=False)
            taken += [works.popleft() for _ in range(min(turn, len(works), most - len(taken)))]
            if works:
                lanes[lane] = works
        self._count -= len(taken)
        return taken

    def clear(self) -> list[Work]:
        """Take all that wait."""
        taken = list(self)
        self._lanes.clear()
        self._count = 0
        return taken
