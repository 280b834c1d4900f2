"""Reading lists: history, folders, unread counts, ties, devices, accounts, verdicts, the audit log."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from bridge.domain.model import Account, AuditLine, Device, Member, Message, Thread, Tie, Verdict
from bridge.errors import CorruptStore
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Page, Tally
from bridge.store.rows import (
    ACCOUNTS,
    AUDIT,
    DEVICES,
    MEMBERS,
    MESSAGES,
    THREADS,
    TIES,
    VERDICTS,
)
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.statements import selected
from bridge.wire.values import Folder, TieKind

_BEFORE: Final = (
    f"SELECT {selected(MESSAGES)} FROM messages WHERE thread = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
)
_AFTER: Final = f"SELECT {selected(MESSAGES)} FROM messages WHERE thread = ? AND seq > ? ORDER BY seq LIMIT ?"
_SHELF: Final = """
    SELECT threads.last_at, names.id, threads.id
    FROM shelves JOIN threads ON threads.id = shelves.thread JOIN names ON names.no = shelves.thread
    WHERE shelves.account = ? AND shelves.folder = ? AND threads.kind <> 'segment'
      AND (threads.last_at < ? OR threads.last_at = ? AND (names.id > ? OR names.id = ? AND ?))
    ORDER BY threads.last_at DESC, names.id LIMIT ?"""
_THREAD: Final = f"SELECT {selected(THREADS)} FROM threads WHERE id = ?"
_SIDE: Final = f"SELECT {selected(MEMBERS)} FROM members WHERE thread = ? AND account = ?"
_SIDES: Final = f"SELECT {selected(MEMBERS)} FROM members WHERE thread = ?"
_SEGMENTS: Final = """
    SELECT names.id FROM threads JOIN names ON names.no = threads.id
    WHERE threads.beside = ? ORDER BY threads.last_at, names.id"""
_UNREAD: Final = """
    SELECT coalesce(sum(unread > 0), 0), coalesce(sum(unread), 0) FROM (
        SELECT (threads.tip - members.read) - (members.sent - members.read_sent) AS unread
        FROM shelves
        JOIN threads ON threads.id = shelves.thread AND threads.kind <> 'segment'
        JOIN members ON members.thread = shelves.thread AND members.account = shelves.account
        WHERE shelves.account = ? AND shelves.folder = 'inbox'
    )"""
_REQUESTS: Final = """
    SELECT count(*) FROM shelves JOIN threads ON threads.id = shelves.thread AND threads.kind <> 'segment'
    WHERE shelves.account = ? AND shelves.folder = 'requests'"""
_TIED: Final = {
    TieKind.FOLLOW: "(follows = 1 OR follow_asked = 1)",
    TieKind.FRIEND: "(friend = 1 OR friend_asked = 1)",
    TieKind.BLOCK: "blocks = 1",
    TieKind.RESTRICT: "restricts = 1",
}
_OWNED: Final = {
    kind: f"SELECT {selected(TIES)} FROM ties WHERE owner = ? AND other > ? AND {tied} ORDER BY other LIMIT ?"
    for kind, tied in _TIED.items()
}
_AIMED: Final = {
    kind: f"SELECT {selected(TIES)} FROM ties"
    f" WHERE other = ? AND owner >= ? AND {_TIED[kind]} ORDER BY owner LIMIT ?"
    for kind in (TieKind.FOLLOW, TieKind.FRIEND)
}
_DEVICES: Final = f"SELECT {selected(DEVICES)} FROM devices WHERE account = ? AND revoked = 0"
_BY_TOKEN: Final = f"SELECT {selected(DEVICES)} FROM devices WHERE token = ?"
_ACCOUNTS: Final = f"SELECT {selected(ACCOUNTS)} FROM accounts WHERE id > ? ORDER BY id LIMIT ?"
_REFUSED: Final = (
    f"SELECT {selected(VERDICTS)} FROM verdicts WHERE receiver = ? AND at >= ? AND code <> 'ok'"
    " ORDER BY at DESC LIMIT ?"
)
_LOG: Final = f"SELECT {selected(AUDIT)} FROM audit ORDER BY id DESC LIMIT ?"
_LOG_OF: Final = f"SELECT {selected(AUDIT)} FROM audit WHERE account = ? ORDER BY id DESC LIMIT ?"
_ALL_THREADS: Final = """
    SELECT threads.id, names.id FROM names JOIN threads ON threads.id = names.no
    WHERE names.id > ? ORDER BY names.id LIMIT ?"""
_OWN_THREADS: Final = """
    SELECT shelves.thread, names.id FROM shelves JOIN names ON names.no = shelves.thread
    JOIN threads ON threads.id = shelves.thread
    WHERE shelves.account = ? AND names.id > ? ORDER BY names.id LIMIT ?"""
_NEVER: Final = 2**62  # later than any time, more than any seq


def history(
    raw: sqlite3.Connection, names: Names, thread: ThreadId, before: int | None, after: int | None, limit: int
) -> Sequence[Message]:
    """Read a page of a thread.

    Raises:
        CorruptStore: If a message is missing or damaged.
    """
    no = names.find(thread)
    if no is None:
        return []
    if after is not None:
        rows = raw.execute(_AFTER, (no, after, limit)).fetchall()
    else:
        rows = raw.execute(_BEFORE, (no, _NEVER if before is None else before, limit)).fetchall()
    page = [MESSAGES.record(row, names.ids) for row in rows]
    if page and abs(page[-1].seq - page[0].seq) != len(page) - 1:
        raise CorruptStore(f"The thread {thread!r} has a hole between {page[0].seq} and {page[-1].seq}.")
    return page


def folder_page(
    raw: sqlite3.Connection,
    names: Names,
    accounts: Collection[AccountId],
    folder: Folder,
    after: Page | None,
    limit: int,
) -> Sequence[tuple[Thread, Member]]:
    """List a page of a folder: each account's newest first, then the newest of those."""
    last_at, last_id, last = (_NEVER, "", "") if after is None else (after.last_at, after.id, after.account)
    found: list[tuple[int, str, AccountId, int]] = []
    for account in set(accounts):
        no = names.find(account)
        key = (no, folder.value, last_at, last_at, last_id, last_id, account > last, limit)
        rows = raw.execute(_SHELF, key)
        found.extend((-at, name, account, thread) for at, name, thread in rows)
    found.sort()
    return [
        (
            THREADS.record(raw.execute(_THREAD, (thread,)).fetchone(), names.ids),
            MEMBERS.record(raw.execute(_SIDE, (thread, names.find(account))).fetchone(), names.ids),
        )
        for _, _, account, thread in found[:limit]
    ]


def segments(
    raw: sqlite3.Connection, names: Names, threads: Collection[ThreadId]
) -> Mapping[ThreadId, Sequence[ThreadId]]:
    """List the segments beside each thread."""
    return {
        thread: [ThreadId(row[0]) for row in raw.execute(_SEGMENTS, (names.find(thread),))]
        for thread in threads
    }


def tally(raw: sqlite3.Connection, names: Names, accounts: Collection[AccountId]) -> Tally:
    """Count what is unread."""
    threads = messages = requests = 0
    for account in set(accounts):
        key = (names.find(account),)
        some, all_of_them = raw.execute(_UNREAD, key).fetchone()
        threads += some
        messages += all_of_them
        requests += raw.execute(_REQUESTS, key).fetchone()[0]
    return Tally(threads, messages, requests)


def ties(
    raw: sqlite3.Connection, account: AccountId, kind: TieKind, after: str | None, limit: int
) -> Sequence[tuple[Tie, bool]]:
    """List ties owned and, for some kinds, aimed at the account."""
    other, _, incoming = (after or "").rpartition("/")
    owned = raw.execute(_OWNED[kind], (account, other, limit))
    found = [((tie.other, False), tie) for tie in (TIES.record(row, {}) for row in owned)]
    if kind in _AIMED:
        # After ``other/0`` comes ``other/1``; after ``other/1`` the next one.
        aimed = raw.execute(_AIMED[kind], (account, other + "\0" if incoming == "1" else other, limit))
        found += [((tie.owner, True), tie) for tie in (TIES.record(row, {}) for row in aimed)]
    found.sort(key=lambda row: row[0])
    return [(tie, incoming) for (_, incoming), tie in found[:limit]]


def devices(raw: sqlite3.Connection, accounts: Collection[AccountId]) -> Sequence[Device]:
    """List devices."""
    found = [
        DEVICES.record(row, {}) for account in set(accounts) for row in raw.execute(_DEVICES, (account,))
    ]
    return sorted(found, key=lambda device: (-device.created_at, device.id))


def device_by_token(raw: sqlite3.Connection, token: bytes) -> Device | None:
    """Find a device."""
    row = raw.execute(_BY_TOKEN, (token,)).fetchone()
    return None if row is None else DEVICES.record(row, {})


def accounts(raw: sqlite3.Connection, after: AccountId | None, limit: int) -> Sequence[Account]:
    """List accounts."""
    return [ACCOUNTS.record(row, {}) for row in raw.execute(_ACCOUNTS, (after or "", limit))]


def refused(
    raw: sqlite3.Connection, names: Names, receiver: AccountId, since: int, limit: int
) -> Sequence[Verdict]:
    """List verdicts."""
    rows = raw.execute(_REFUSED, (names.find(receiver), since, limit)).fetchall()
    return [VERDICTS.record(row, names.ids) for row in rows]


def audit_log(raw: sqlite3.Connection, account: AccountId | None, limit: int) -> Sequence[AuditLine]:
    """Read the audit log; its rows carry their ids, which are not part of the line."""
    rows = raw.execute(_LOG, (limit,)) if account is None else raw.execute(_LOG_OF, (account, limit))
    return [AUDIT.record(row, {}) for row in rows]


def some_threads(
    raw: sqlite3.Connection, names: Names, account: AccountId | None, after: str, limit: int
) -> list[tuple[Thread, tuple[Member, ...]]]:
    """Read a bounded piece of all threads, or one account's, by id."""
    if account is None:
        rows = raw.execute(_ALL_THREADS, (after, limit)).fetchall()
    else:
        rows = raw.execute(_OWN_THREADS, (names.find(account), after, limit)).fetchall()
    return [(thread, tuple(sides)) for thread, sides in _with_sides(raw, names, [row[0] for row in rows])]


def _with_sides(
    raw: sqlite3.Connection, names: Names, threads: list[int]
) -> Iterator[tuple[Thread, list[Member]]]:
    for no in threads:
        row = raw.execute(_THREAD, (no,)).fetchone()
        sides = [MEMBERS.record(side, names.ids) for side in raw.execute(_SIDES, (no,)).fetchall()]
        yield THREADS.record(row, names.ids), sorted(sides, key=lambda side: side.account)
