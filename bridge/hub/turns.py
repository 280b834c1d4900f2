"""What waits for the pipeline, in turns: whoever floods waits behind himself, not before the others."""

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from typing import Final

from bridge.hub.work import Lane, Work

TURN: Final = 16
"""How many works a lane's turn takes: single ones cost a busy hub a tenth more."""


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
        """Take all that wait, or up to ``TURN`` of each lane in turn until there are so many."""
        if self._count <= most:
            return self.clear()
        taken: list[Work] = []
        lanes = self._lanes
        while len(taken) < most:
            lane, works = lanes.popitem(last=False)
            taken += [works.popleft() for _ in range(min(TURN, len(works), most - len(taken)))]
            if works:
                lanes[lane] = works
        self._count -= most
        return taken

    def clear(self) -> list[Work]:
        """Take all that wait."""
        taken = list(self)
        self._lanes.clear()
        self._count = 0
        return taken
