"""Where work that is no command is decided and kept, behind everything that was decided before."""

import asyncio
from collections.abc import Callable

from bridge.domain.outcome import Outcome, Scene
from bridge.errors import BridgeError
from bridge.hub.pipeline import Pipeline
from bridge.hub.work import Work
from bridge.ids import AccountId
from bridge.wire.replies import Reply


class Desk:
    """Gives a pipeline computed outcomes, as the operator's: imports, and lines for the audit log."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Take the pipeline; it must be running."""
        self._pipeline = pipeline

    async def decide(self, run: Callable[[Scene], Outcome]) -> Reply:
        """Compute an outcome from the facts, keep it on disk, and give its reply.

        Raises:
            BridgeError: If it was refused; nothing was kept.
        """
        lane = _Lane()
        self._pipeline.submit(Work(lane=lane, call=0, account=AccountId(""), run=run))
        return await lane.reply


class _Lane:
    """Waits for one work."""

    def __init__(self) -> None:
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def answered(self, call: int, reply: Reply | BridgeError) -> None:
        if self.reply.done():
            return  # whoever waited has gone
        if isinstance(reply, BridgeError):
            self.reply.set_exception(reply)
        else:
            self.reply.set_result(reply)
