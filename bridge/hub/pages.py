"""Shows rows through the rules' eyes, in pieces: others wait for one at most, and no page is too long."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

from bridge.domain.facts import for_each
from bridge.domain.outcome import Scene
from bridge.hub.pipeline import Pipeline
from bridge.hub.sessions import Listening
from bridge.wire.values import MessageView, ThreadView

A_PIECE: Final = 16_384
"""Letters after which a piece ends: to show as many may take 10 ms, in which the hub does nothing else."""

AT_ONCE: Final = 2
"""How many pieces a batch may have to show."""

A_PAGE: Final = 65_536
"""Letters after which a page ends, however many were asked for: what is written at once stays bounded."""

_BESIDE: Final = 100  # what a view weighs without its text

Row = TypeVar("Row")
Shown = TypeVar("Shown")


class Pages:
    """Shows rows, a piece after the other, and few pieces of all pages at once."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Take what knows the facts."""
        self._pipeline = pipeline
        self._pieces = asyncio.Semaphore(AT_ONCE)

    async def show(
        self, session: Listening, rows: Sequence[Row], show: Callable[[Scene, Row], Shown]
    ) -> list[Shown]:
        """Show a session rows from the first on, as many as make a page."""
        shown: list[Shown] = []
        letters = 0
        while len(shown) < len(rows) and letters < A_PAGE:
            ask = partial(show_each, rows=rows[len(shown) :], show=show, most=A_PIECE)
            async with self._pieces:
                piece = await self._pipeline.consult(session.account, ask, device=session.device)
            shown += piece
            letters += sum(map(letters_of, piece))
        return shown


def show_each(
    scene: Scene, rows: Sequence[Row], show: Callable[[Scene, Row], Shown], most: int
) -> list[Shown]:
    """Show rows from the first on, until they have so many letters.

    Raises:
        Missing: If facts are not in memory: those of all these rows, so that they are loaded together.
    """
    letters = 0

    def until_full() -> Iterator[Row]:
        for row in rows:
            if letters >= most:
                return
            yield row

    def show_one(row: Row) -> Shown:
        nonlocal letters
        view = show(scene, row)
        letters += letters_of(view)
        return view

    return for_each(until_full(), show_one)


def letters_of(view: object) -> int:
    """Say how long a view is, about."""
    match view:
        case MessageView():
            return _BESIDE + len(view.text or "") + sum(map(len, view.parts))
        case ThreadView():
            return _BESIDE + letters_of(view.last)
        case _:
            return _BESIDE
