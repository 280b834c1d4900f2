"""Delivered receipts, joined: many messages of one thread make one call."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from bridge.ids import Seq, ThreadId
from bridge.wire.commands import MarkDelivered
from bridge.wire.replies import Reply
from clients.clock import Clock, Timer
from clients.connection import Connection
from clients.errors import ConnectionLost

log = logging.getLogger("clients")


class Receipts:
    """Says by itself which messages reached this device, at most once per thread and span."""

    def __init__(self, clock: Clock, span_s: float, connection: Callable[[], Connection | None]) -> None:
        """Gather for ``span_s`` seconds before telling the hub."""
        self._clock = clock
        self._span_s = span_s
        self._connection = connection
        self._upto: dict[ThreadId, Seq] = {}
        self._timer: Timer | None = None

    def note(self, thread: ThreadId, seq: Seq) -> None:
        """Count a message as delivered."""
        if seq > self._upto.get(thread, 0):
            self._upto[thread] = seq
        if self._timer is None:
            self._timer = self._clock.call_later(self._span_s, self._flush)

    def resume(self) -> None:
        """Tell over a new connection what could not be told before."""
        if self._upto and self._timer is None:
            self._timer = self._clock.call_later(self._span_s, self._flush)

    def stop(self) -> None:
        """Tell no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _flush(self) -> None:
        self._timer = None
        connection = self._connection()
        if connection is None:
            return  # told once there is a connection again
        upto, self._upto = self._upto, {}
        for thread, seq in upto.items():
            answer = connection.ask(MarkDelivered(thread=thread, upto=seq))
            answer.add_done_callback(partial(self._answered, thread, seq))

    def _answered(self, thread: ThreadId, seq: Seq, answer: asyncio.Future[Reply]) -> None:
        error = answer.exception()
        if isinstance(error, ConnectionLost):
            self.note(thread, seq)
        elif error is not None:
            log.debug("delivered receipt refused: %s", error)
