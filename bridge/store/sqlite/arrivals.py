"""Counting how messages to an account fell, for previews of message controls."""

import sqlite3
from collections import Counter
from typing import Final

from bridge.domain.questions import Arrived
from bridge.ids import AccountId
from bridge.store.rows import MESSAGES, VERDICTS, Row, Scalar, check
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.statements import selected
from bridge.wire.values import OutcomeOf

_RECENT_THREADS: Final = """
    SELECT shelves.thread FROM shelves JOIN threads ON threads.id = shelves.thread
    WHERE shelves.account = ? AND threads.last_at >= ?"""
_ARRIVED: Final = f"""
    SELECT {selected(MESSAGES)} FROM messages
    WHERE thread = ? AND sender <> ? AND at >= ? AND decision IS NOT NULL"""
_SENDER, _DECISION = map(MESSAGES.fields.index, ("sender", "decision"))
_REFUSED: Final = f"SELECT {selected(VERDICTS)} FROM verdicts WHERE receiver = ? AND at >= ? AND code <> 'ok'"


def arrivals(raw: sqlite3.Connection, names: Names, account: AccountId, since: int) -> tuple[Arrived, ...]:
    """Count how messages to an account fell since then, by sender."""
    no = names.find(account)
    fallen: Counter[tuple[AccountId, OutcomeOf, str]] = Counter()
    alike: Counter[tuple[Scalar, Scalar]] = Counter()  # thousands come, by few decisions: one of each is read
    one_of: dict[tuple[Scalar, Scalar], Row] = {}
    for (thread,) in raw.execute(_RECENT_THREADS, (no, since)).fetchall():
        for row in raw.execute(_ARRIVED, (thread, no, since)):
            check(row, MESSAGES.name)
            how = row[_SENDER], row[_DECISION]
            alike[how] += 1
            one_of.setdefault(how, row)
    for how, row in one_of.items():
        message = MESSAGES.record(row, names.ids)
        if message.decision is not None:
            fallen[message.sender, message.decision.outcome, message.decision.category] += alike[how]
    for row in raw.execute(_REFUSED, (no, since)).fetchall():
        verdict = VERDICTS.record(row, names.ids)
        if verdict.decision is not None:
            fallen[verdict.account, verdict.decision.outcome, verdict.decision.category] += 1
    return tuple(Arrived(*how, messages) for how, messages in sorted(fallen.items()))
