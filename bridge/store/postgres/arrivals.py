"""Counting how messages to an account fell, for previews of message controls."""

from collections import Counter
from typing import Final

from bridge.domain.model import Message, Verdict
from bridge.domain.questions import Arrived
from bridge.ids import AccountId
from bridge.store.postgres.pool import Connection
from bridge.store.postgres.shapes import record_of
from bridge.wire.values import OutcomeOf

_ARRIVED: Final = """
    SELECT messages.body FROM members JOIN threads ON threads.id = members.thread AND threads.last_at >= $2
    JOIN messages ON messages.thread = members.thread
    WHERE members.account = $1 AND messages.sender <> $1 AND messages.at >= $2"""
_REFUSED: Final = "SELECT body FROM verdicts WHERE receiver = $1 AND at >= $2"
_AT_ONCE: Final = 500
"""Rows that are fetched and read at once: the hub does nothing else meanwhile."""


async def arrivals(connection: Connection, account: AccountId, since: int) -> tuple[Arrived, ...]:
    """Count how messages to an account fell since then, by sender."""
    fallen: Counter[tuple[AccountId, OutcomeOf, str]] = Counter()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        async for (body,) in connection.cursor(_ARRIVED, account, since, prefetch=_AT_ONCE):
            message = record_of(Message, body)
            if message.decision is not None:
                fallen[message.sender, message.decision.outcome, message.decision.category] += 1
        async for (body,) in connection.cursor(_REFUSED, account, since, prefetch=_AT_ONCE):
            verdict = record_of(Verdict, body)
            if verdict.decision is not None:
                fallen[verdict.account, verdict.decision.outcome, verdict.decision.category] += 1
    return tuple(Arrived(*how, messages) for how, messages in sorted(fallen.items()))
