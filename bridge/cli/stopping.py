"""Being told to stop, for what ends in good order: by SIGTERM and Ctrl-C, or by the end of who started it."""

import asyncio
import logging
import os
import signal
from typing import Final

LIFELINE: Final = "SUPERVISOR_FD"
"""Names, in the environment, a pipe whose other end a supervisor holds: however it ends, that is closed."""

log = logging.getLogger("bridge.hub")


def told_to_stop() -> "asyncio.Future[None]":
    """Give what is done once the process is told to stop; until this is called, signals end it as usual."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        if not told.done():
            told.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if lifeline := os.environ.get(LIFELINE):
        pipe = int(lifeline)

        def alone() -> None:
            loop.remove_reader(pipe)
            log.error("the supervisor is gone, so this worker stops")
            stop()

        loop.add_reader(pipe, alone)
    return told
