"""The tasks that one session owns: they end with it, and one that fails ends it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

from bridge.errors import Unavailable

log = logging.getLogger("bridge.hub")


class Errands:
    """Runs work beside a session's frames."""

    def __init__(self, failed: Callable[[], None]) -> None:
        """Name what to do when a task fails."""
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Begin a task; none begins any more once all were ended."""
        if self._over:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """End all that still runs."""
        self._over = True
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            if not isinstance(error, Unavailable):
                log.error("a session's work failed", exc_info=error)
            self._failed()
