"""Verdicts: what became of each token. What was taken is the message itself, so its token points there.

Nearly every verdict is of that kind, and a row of its own was a quarter of what a commit cost (decision
0029). Whatever says more than its message does, refusals above all, stands whole in ``verdicts``.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from bridge.domain.model import Message, Verdict
from bridge.errors import CorruptStore
from bridge.ids import AccountId, Seq, ThreadId
from bridge.store.rows import MESSAGES, VERDICTS, Row, check, seal
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.statements import GET, INSERT, selected

Said = Mapping[tuple[ThreadId, int], tuple[int, Message]]
"""Messages that a batch adds, by thread and seq, with their ids."""

_WHOLE: Final = (0, 0)  # stands for a message and the checksum where the verdict is a row of its own
_PUT: Final = "INSERT INTO tokens (token, account, message, crc) VALUES (?, ?, ?, ?)"
_FIND: Final = "SELECT token, account, message, crc FROM tokens WHERE token = ? AND account = ?"
_MESSAGE: Final = f"SELECT {selected(MESSAGES)} FROM messages WHERE id = ?"
_ALL: Final = f"SELECT {selected(VERDICTS)} FROM verdicts ORDER BY account, token"
_ALL_TAKEN: Final = f"""
    SELECT tokens.token, tokens.account, tokens.message, tokens.crc, {selected(MESSAGES, "messages")}
    FROM tokens LEFT JOIN messages ON messages.id = tokens.message
    WHERE (tokens.message, tokens.crc) <> (0, 0) ORDER BY tokens.token, tokens.account"""


def put(raw: sqlite3.Connection, names: Names, found: Iterable[Verdict], said: Said) -> None:
    """Keep verdicts; ``sqlite3.IntegrityError`` if a token stands for one already."""
    numbers = names.numbers
    tokens: list[Row] = []
    whole: list[Row] = []
    for verdict in found:
        account = numbers[verdict.account]
        taken = said.get((verdict.thread, verdict.seq))
        if taken is not None and _says_no_more(verdict, taken[1]):
            pointer = (verdict.token, account, taken[0])
            tokens.append((*pointer, seal(pointer)))
        else:
            tokens.append((verdict.token, account, *_WHOLE))
            whole.append(VERDICTS.row(verdict, numbers))
    tokens.sort()
    raw.executemany(_PUT, tokens)
    raw.executemany(INSERT[Verdict], whole)


def stands(raw: sqlite3.Connection, names: Names, verdict: Verdict) -> bool:
    """Say whether its token stands for something already."""
    account = names.find(verdict.account)
    return account is not None and raw.execute(_FIND, (verdict.token, account)).fetchone() is not None


def find(raw: sqlite3.Connection, names: Names, account: AccountId, token: str) -> Verdict | None:
    """Give what a token stands for.

    Raises:
        CorruptStore: If that is damaged, or not there.
    """
    no = names.find(account)
    row = None if no is None else raw.execute(_FIND, (token, no)).fetchone()
    if row is None:
        return None
    if row[2:] == _WHOLE:
        whole = raw.execute(GET[Verdict], (no, token)).fetchone()
        if whole is None:
            raise CorruptStore(f"The verdict on token {token!r} of {account!r} is not there.")
        return VERDICTS.record(whole, names.ids)
    return _taken(row, raw.execute(_MESSAGE, row[2:3]).fetchone() or (None,), names)


def walk(raw: sqlite3.Connection, names: Names) -> Iterator[Verdict]:
    """Give all verdicts: those that stand whole, then those that point at messages.

    Raises:
        CorruptStore: If one is damaged.
    """
    for row in raw.execute(_ALL):
        yield VERDICTS.record(row, names.ids)
    for row in raw.execute(_ALL_TAKEN):
        yield _taken(row[:4], row[4:], names)


def _taken(pointer: tuple[Any, ...], row: tuple[Any, ...], names: Names) -> Verdict:
    check(pointer, "tokens")
    token, _, message, _ = pointer
    if row[0] is None:
        raise CorruptStore(f"Token {token!r} stands for message number {message}, which is not there.")
    return _of(MESSAGES.record(row, names.ids), token)


def _says_no_more(verdict: Verdict, message: Message) -> bool:
    """Say whether it is what ``_of`` makes of its message; to make that and compare takes thrice as long."""
    return (
        verdict.code == "ok"
        and verdict.at == message.at
        and verdict.account == message.sender
        and not verdict.body
        and verdict.decision is None
        and verdict.receiver is None
    )


def _of(message: Message, token: str) -> Verdict:
    """Write the verdict of a message that was taken."""
    return Verdict(
        account=message.sender,
        token=token,
        code="ok",
        thread=message.thread,
        seq=Seq(message.seq),
        at=message.at,
    )
