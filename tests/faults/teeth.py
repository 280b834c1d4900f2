"""What the tests of the judge's teeth share: an end of a life that asks much of a hub, and several lives."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from clients.errors import ConnectionLost
from tests.faults.cast import Actor, Cast
from tests.faults.judge import Judge, Verdict

LIVES = 4
"""How many lives a seeded bug has for being found out: whether it shows in one is a matter of timing."""


async def end_and_judge(cast: Cast, twin: Actor, *, patience_s: float, within_s: float) -> Verdict:
    """Revoke the twin's device, let all settle if they will, and judge."""
    await twin.client.wait_until_ready(10)
    assert twin.client.signed is not None
    await cast.actors[0].client.wait_until_ready(10)
    with suppress(ConnectionLost):  # a hub with a bug in its pushes makes its clients come back
        await cast.actors[0].client.revoke_device(twin.client.signed.device)
    await cast.reached(200)
    settled = False
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await cast.settle(patience_s=patience_s)
            settled = True
    await cast.leave()
    return Judge(cast.history).judge(settled=settled)


async def found_in_lives(life: Callable[[int], Awaitable[Verdict]], kinds: set[str]) -> list[set[str]]:
    """Live until a life has findings of one of these kinds, and say what each had."""
    found: list[set[str]] = []
    while len(found) < LIVES and not (found and found[-1] & kinds):
        found.append(set((await life(len(found))).kinds))
    return found
