"""When to come back after a lost connection: with full jitter, so that not all come at once."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.errors import BridgeError, CloseCode, SignInFailed
from clients.errors import ConnectionClosed, ConnectionLost, OutboxOfAnother

SETTLED_S = 5.0
"""A connection that held this long ends a row of failures."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt.

    Attributes:
        min_s: The shortest pause.
        max_s: The longest pause.
        step_s: The span of the first pause; it doubles with each failure in a row.
    """

    min_s: float = 0.1
    max_s: float = 20.0
    step_s: float = 0.5

    def delay_s(self, failures: int, chance: float, at_least: float | None = None) -> float:
        """Draw a pause.

        Args:
            failures: How many attempts failed in a row, from 1.
            chance: A number from 0 to 1, drawn by the caller.
            at_least: What the hub asked for, if it did; it wins over ``max_s``.
        """
        span = min(self.max_s, self.step_s * 2.0 ** min(failures - 1, 32))
        return max(self.min_s, chance * span, at_least or 0.0)


class Failures:
    """Counts failures in a row and draws the pause after each."""

    def __init__(self, backoff: Backoff, random: Callable[[], float]) -> None:
        """Start with none."""
        self._backoff = backoff
        self._random = random
        self._count = 0

    def pause_after(self, held_s: float, error: BridgeError) -> float:
        """Count one more and draw the pause in seconds; a connection that held for a while starts anew."""
        self._count = 1 if held_s >= SETTLED_S else self._count + 1
        return self._backoff.delay_s(self._count, self._random(), error.retry_after_s)


def final(error: BridgeError) -> ConnectionClosed | OutboxOfAnother | SignInFailed | None:
    """Say why a client should stop after this error; ``None`` if it should come back."""
    if isinstance(error, SignInFailed | ConnectionClosed | OutboxOfAnother):
        return error
    if isinstance(error, ConnectionLost):
        if CloseCode.may_come_back(error.close_code):
            return None
        return ConnectionClosed(error.text, close_code=error.close_code)
    if error.temporary:
        return None
    return ConnectionClosed(error.text)
