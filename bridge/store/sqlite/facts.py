"""Loading: records by key, and answers to questions, in one go."""

import sqlite3
from collections.abc import Collection
from typing import Final

from bridge.domain.keys import Key
from bridge.domain.model import Account, Member, Tie, Verdict
from bridge.domain.questions import (
    HandleOwner,
    Mutual,
    OwnThreads,
    OwnUpto,
    Question,
    SignedIn,
    ThreadCounts,
    Tightened,
)
from bridge.ids import AccountId, ThreadId
from bridge.store.rows import TABLES, TIES
from bridge.store.sqlite import verdicts
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.statements import GET, selected
from bridge.wire.values import Consent, Folder

_HANDLE_OWNER: Final = "SELECT id FROM accounts WHERE network = ? AND handle_key = ?"
_MUTUAL: Final = """
    SELECT EXISTS (
        SELECT 1 FROM ties AS ours JOIN ties AS theirs ON theirs.other = ours.other
        WHERE ours.owner = ? AND ours.friend = 1 AND theirs.owner = ? AND theirs.friend = 1
    )"""
_COUNT_OWN: Final = "SELECT count(*) FROM messages WHERE thread = ? AND seq > ? AND seq <= ? AND sender = ?"
_TIGHT: Final = f"""
    SELECT {selected(TIES)} FROM ties WHERE owner = ? AND (blocks > 0 OR restricts > 0 OR hides > 0)
    UNION SELECT {selected(TIES)} FROM ties WHERE other = ? AND (blocks > 0 OR restricts > 0 OR hides > 0)"""
_GROUPS: Final = """
    SELECT count(*) FROM shelves JOIN threads ON threads.id = shelves.thread
    WHERE shelves.account = ? AND threads.kind = 'group'"""
_SIGNED_IN: Final = "SELECT id FROM devices WHERE account = ? AND revoked = 0 ORDER BY id"
_CROSSING: Final = """
    SELECT thread.id, ours.folder, ours.consent, other.id
    FROM shelves
    JOIN threads ON threads.id = shelves.thread AND threads.kind = 'pair'
    JOIN members AS ours ON ours.thread = shelves.thread AND ours.account = shelves.account
    JOIN members AS theirs ON theirs.thread = shelves.thread AND theirs.account <> shelves.account
    JOIN names AS other ON other.no = theirs.account
    JOIN accounts ON accounts.id = other.id AND accounts.network <> :network
    JOIN names AS thread ON thread.no = shelves.thread
    WHERE shelves.account = :account"""


def load(raw: sqlite3.Connection, names: Names, keys: Collection[Key]) -> dict[Key, object]:
    """Answer every key."""
    found: dict[Key, object] = {}
    for key in keys:
        kind, name = key
        found[key] = answer(raw, names, name) if isinstance(name, Question) else _get(raw, names, kind, name)
    return found


def _get(raw: sqlite3.Connection, names: Names, kind: type, name: object) -> object:
    if kind is Verdict:
        return verdicts.find(raw, names, *name)  # type: ignore[misc]  # a verdict's key is its account and token
    table = TABLES[kind]
    try:
        key = table.key_row(name, names.known)
    except KeyError:
        return None  # a name without a number stands in no row
    row = raw.execute(GET[kind], key).fetchone()
    return None if row is None else table.record(row, names.ids)


def answer(raw: sqlite3.Connection, names: Names, question: Question) -> object:
    """Answer a question over many records."""
    match question:
        case HandleOwner():
            row = raw.execute(_HANDLE_OWNER, (question.network.value, question.key)).fetchone()
            return None if row is None else row[0]
        case Mutual():
            return bool(raw.execute(_MUTUAL, (question.one, question.other)).fetchone()[0])
        case OwnUpto():
            return _own_upto(raw, names, question)
        case Tightened():
            return _tightened(raw, question.accounts)
        case OwnThreads():
            return _own_threads(raw, names, question.account)
        case SignedIn():
            return tuple(name for (name,) in raw.execute(_SIGNED_IN, (question.account,)))
        case _:
            raise TypeError(f"no engine knows the question {type(question).__name__}")


def _own_upto(raw: sqlite3.Connection, names: Names, question: OwnUpto) -> int:
    """Count from where the member has read: few messages lie between, however long the thread."""
    thread, account = names.find(question.thread), names.find(question.account)
    if thread is None or account is None:
        return 0
    side = _get(raw, names, Member, (question.thread, question.account))
    read, own = (side.read, side.read_sent) if isinstance(side, Member) else (0, 0)
    low, high = sorted((read, question.upto))
    between: int = raw.execute(_COUNT_OWN, (thread, low, high, account)).fetchone()[0]
    return own + between if question.upto >= read else own - between


def _tightened(raw: sqlite3.Connection, accounts: tuple[AccountId, ...]) -> tuple[Tie, ...]:
    rows = {row[:2]: row for account in accounts for row in raw.execute(_TIGHT, (account, account))}
    return tuple(TIES.record(rows[key], {}) for key in sorted(rows))


def _own_threads(raw: sqlite3.Connection, names: Names, account: AccountId) -> ThreadCounts:
    no = names.find(account)
    own = _get(raw, names, Account, account)
    (groups,) = raw.execute(_GROUPS, (no,)).fetchone()
    crossing = 0
    pending: list[tuple[ThreadId, AccountId]] = []
    if not isinstance(own, Account):
        return ThreadCounts(0, groups, ())
    rows = raw.execute(_CROSSING, {"account": no, "network": own.network.value})
    for thread, folder, consent, other in rows:
        crossing += folder != Folder.NONE and consent not in (Consent.DECLINED, Consent.LAPSED)
        if consent == Consent.PENDING:
            pending.append((thread, other))
    return ThreadCounts(crossing, groups, tuple(sorted(pending)))
