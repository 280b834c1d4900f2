"""Work that stands as long as the hub: what fails of it is seen, and begins anew."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

log = logging.getLogger("bridge.hub")

_FIRST_S: Final = 1.0
_LONGEST_S: Final = 60.0


async def standing(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do a work that has no end by itself; one that fails is logged with its cause, and begins anew.

    The pauses grow while it fails again and again, so that a fault that stays costs little.
    """
    loop = asyncio.get_running_loop()
    pause = _FIRST_S
    while True:
        begun = loop.time()
        try:
            return await work()
        except Exception:
            if loop.time() - begun > _LONGEST_S:
                pause = _FIRST_S
            log.exception("%s failed, and begins anew in %g s", name, pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_S)
