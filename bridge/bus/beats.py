"""Saying that this node is there, and hearing it of the others."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from bridge.bus.roster import BEAT_S, Roster

_THERE, _LEAVES, _ANNOUNCES, _BACK = b"1", b"0", b"2", b"3"
_LATE: Final = 2 * BEAT_S
_MOST_STRUCK: Final = 100


class Beats:
    """This node's sign of life, and what it makes of the others'.

    Attributes:
        name: This node.
        nodes: The others.
    """

    def __init__(
        self,
        name: str,
        say: Callable[[bytes], bool],
        *,
        gone: Callable[[str], None],
        back: Callable[[], None],
        announced: Callable[[bytes], None],
    ) -> None:
        """Be silent yet.

        Args:
            name: This node.
            say: Says something to all others, and whether it could.
            gone: Hears who is gone.
            back: Hears that a node is back which could not be heard for a while.
            announced: Hears what others announce.
        """
        self.name = name
        self.nodes = Roster()
        self._say = say
        self._gone, self._back = gone, back
        self._struck: deque[str] = deque(maxlen=_MOST_STRUCK)  # who was silent for too long
        self._was_up = False
        self._announced = announced

    async def run(self) -> None:
        """Say it again and again, and find out who no longer does, for ever."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        while True:
            await asyncio.sleep(BEAT_S)
            before, now = now, loop.time()
            held = now - before > _LATE
            if not self._say((_BACK if held else _THERE) + self.name.encode()) or held:
                self.nodes.spare(now)  # it is this node that could not hear
            for node in self.nodes.silent(now):
                self._struck.append(node)
                self._gone(node)

    def up(self) -> None:
        """Hear that the others can be reached again: nobody counts as silent for what went before."""
        self.nodes.spare(asyncio.get_running_loop().time())
        self._say((_BACK if self._was_up else _THERE) + self.name.encode())
        self._was_up = True

    def leave(self) -> None:
        """Say goodbye."""
        self._say(_LEAVES + self.name.encode())

    def announce(self, data: bytes) -> None:
        """Say something else to all."""
        self._say(_ANNOUNCES + data)

    def take(self, data: bytes) -> None:
        """Take in what another node said."""
        word, rest = data[:1], data[1:]
        if word == _ANNOUNCES:
            self._announced(rest)
        elif word == _LEAVES:
            if self.nodes.left(rest.decode()):
                self._gone(rest.decode())
        else:
            self._take_beat(rest.decode(), is_back=word == _BACK)

    def _take_beat(self, node: str, *, is_back: bool) -> None:
        if self.nodes.heard(node, asyncio.get_running_loop().time()):
            self._say(_THERE + self.name.encode())  # it is new: let it know of this one, too
            is_back = is_back or node in self._struck
        if is_back:
            self._back()
