"""Waiting for a bus that connects in the background."""

import asyncio
from contextlib import suppress
from typing import Final

from bridge.bus.base import Bus

_PATIENCE_S: Final = 2.0
_LOOK_S: Final = 0.02


async def reached(bus: Bus) -> None:
    """Wait until other nodes can be reached; not for long: they find out by themselves, if later."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            while not bus.is_up:  # noqa: ASYNC110 -- a bus tells nobody, and this is for command lines
                await asyncio.sleep(_LOOK_S)
