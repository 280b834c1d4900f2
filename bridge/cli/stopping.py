"""Being told to stop: SIGTERM and Ctrl-C, for what ends in good order."""

import asyncio
import signal


def told_to_stop() -> "asyncio.Future[None]":
    """Give what is done once the process is told to stop; until this is called, signals end it as usual."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[None] = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: None if told.done() else told.set_result(None))
    return told
