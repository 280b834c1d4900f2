"""Where what is said in a thread is best decided, while several hubs write to it at once.

A batch that rests on a thread which another hub moved is decided again, and moves the
thread under the other's batch in its turn. So a thread that was moved under a batch
has a *home* for a while: one of the hubs that write to it, the same as all of them see
it. What is said elsewhere is carried there. Homes make it quick; that it is right
follows from the commits alone, wherever they are made.
"""

from collections.abc import Callable, Container, Iterable
from typing import Final
from zlib import crc32

from bridge.domain.model import Member, Message, Thread
from bridge.ids import ThreadId

LASTS_S: Final = 10.0
"""How long a thread has a home after it was moved under a batch, and how long a hub counts as its writer."""

AVOIDED_S: Final = 10.0
"""How long nothing is carried to a hub that did not answer."""

_MOST: Final = 20_000  # threads whose writers are remembered


def home_among(thread: ThreadId, hubs: Iterable[str]) -> str:
    """Choose a hub for a thread (rendezvous hashing): without one of the others the choice is the same."""
    return max(hubs, key=lambda hub: (crc32(f"{thread} {hub}".encode()), hub))


class Homes:
    """What this hub knows of who writes where."""

    def __init__(self, name: str, others: Container[str], clock: Callable[[], float]) -> None:
        """Know of nothing.

        Args:
            name: This hub.
            others: The hubs that are there besides.
            clock: Monotonic seconds.
        """
        self._name = name
        self._others = others
        self._clock = clock
        self._moved: dict[ThreadId, float] = {}
        self._writers: dict[ThreadId, dict[str, float]] = {}
        self._avoided: dict[str, float] = {}

    def __bool__(self) -> bool:
        """Say whether any thread may have a home."""
        self._forget_old()
        return bool(self._moved)

    def wrote(self, hub: str, threads: Iterable[ThreadId]) -> None:
        """Note that another hub wrote to these threads."""
        now = self._clock()
        for thread in threads:
            writers = self._writers.pop(thread, {})
            writers[hub] = now
            self._writers[thread] = writers  # the newest stand last
        while len(self._writers) > _MOST:
            del self._writers[next(iter(self._writers))]

    def moved(self, keys: Iterable[object]) -> None:
        """Note which threads were moved under a batch, among keys of facts as a store names them."""
        now = self._clock()
        for key in keys:
            if (thread := _thread_of(key)) is not None:
                self._moved.pop(thread, None)
                self._moved[thread] = now + LASTS_S  # the newest stand last
        self._forget_old()

    def _forget_old(self) -> None:
        now = self._clock()
        while self._moved and self._moved[thread := next(iter(self._moved))] < now:
            del self._moved[thread]

    def settle(self, thread: ThreadId) -> None:
        """Let a thread have no home any more."""
        self._moved.pop(thread, None)

    def avoid(self, hub: str) -> None:
        """Carry nothing to this hub for a while."""
        self._avoided[hub] = self._clock() + AVOIDED_S

    def home(self, thread: ThreadId) -> str | None:
        """Name the hub that should decide what is said in a thread; None: this one."""
        until = self._moved.get(thread)
        if until is None:
            return None
        now = self._clock()
        if until < now:
            del self._moved[thread]
            return None
        hubs = [self._name]
        for hub, at in self._writers.get(thread, {}).items():
            if now - at < LASTS_S and hub in self._others and self._avoided.get(hub, now) <= now:
                hubs.append(hub)
        home = home_among(thread, hubs)
        return None if home == self._name else home


def _thread_of(key: object) -> ThreadId | None:
    match key:
        case (kind, str(name)) if kind is Thread:
            return ThreadId(name)
        case (kind, (str(name), _)) if kind is Member or kind is Message:
            return ThreadId(name)
        case _:
            return None
