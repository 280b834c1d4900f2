"""Real time, where a real hub needs some; nothing is ever decided by how long it was."""

import asyncio
from contextlib import suppress


async def a_moment(seconds: float) -> None:
    """Let the real hub work for so long."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.get_running_loop().create_future(), seconds)
