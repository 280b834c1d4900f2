"""Reading lists: journals, history, folders, unread counts, ties, devices, accounts, verdicts, audit log."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from bridge.domain.model import Account, AuditLine, Device, Member, Message, Thread, Tie, Verdict
from bridge.errors import CorruptStore
from bridge.ids import AccountId, Position, ThreadId
from bridge.store.base import Entry, Head, Page, Tally
from bridge.store.postgres.pool import Connection
from bridge.store.postgres.shapes import (
    BLOCKS,
    FOLLOW,
    FRIENDLY,
    RESTRICTS,
    UNSEEN_BLOCK,
    UNSEEN_RESTRICT,
    event_from,
    record_of,
)
from bridge.wire.values import Folder, TieKind

_HEADS: Final = """
    SELECT account, newest, (
        SELECT position FROM journal WHERE journal.account = heads.account ORDER BY position LIMIT 1
    ) AS oldest
    FROM heads WHERE account = ANY ($1::text[]) AND newest > 0"""
_LINES: Final = """
    SELECT journal.position, messages.body AS message, events.body AS event
    FROM journal
    LEFT JOIN messages ON messages.thread = journal.thread AND messages.seq = journal.seq
    LEFT JOIN events ON journal.thread IS NULL AND events.id = journal.seq
    WHERE journal.account = $1 AND journal.position > $2 ORDER BY journal.position LIMIT $3"""
_BEFORE: Final = "SELECT body FROM messages WHERE thread = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3"
_AFTER: Final = "SELECT body FROM messages WHERE thread = $1 AND seq > $2 ORDER BY seq LIMIT $3"
_FOLDER: Final = """
    SELECT threads.body AS thread, members.body AS side
    FROM members JOIN threads ON threads.id = members.thread AND threads.kind <> 'segment'
    WHERE members.account = ANY ($1::text[]) AND members.folder = $2
      AND (threads.last_at < $3
           OR threads.last_at = $3 AND (threads.id, members.account) > ($4::text, $5::text))
    ORDER BY threads.last_at DESC, threads.id, members.account LIMIT $6"""
_SEGMENTS: Final = "SELECT beside, id FROM threads WHERE beside = ANY ($1::text[]) ORDER BY last_at, id"
_TALLY: Final = """
    SELECT count(*) FILTER (WHERE folder = 'inbox' AND tip > seen),
           coalesce(sum(tip - seen) FILTER (WHERE folder = 'inbox'), 0)::bigint,
           count(*) FILTER (WHERE folder = 'requests')
    FROM members JOIN threads ON threads.id = members.thread AND threads.kind <> 'segment'
    WHERE members.account = ANY ($1::text[]) AND folder IN ('inbox', 'requests')"""
_TIED: Final = {  # which bits of ``bonds`` to look at, and which of them stand where a tie is shown
    TieKind.FOLLOW: (FOLLOW, FOLLOW),
    TieKind.FRIEND: (FRIENDLY, FRIENDLY),
    TieKind.BLOCK: (BLOCKS | UNSEEN_BLOCK, BLOCKS),
    TieKind.RESTRICT: (RESTRICTS | UNSEEN_RESTRICT, RESTRICTS),
}
_OWNED: Final = """
    SELECT body FROM ties WHERE owner = $1 AND other > $2 AND bonds & $3 = $5 ORDER BY other LIMIT $4"""
_AIMED: Final = """
    SELECT body FROM ties WHERE other = $1 AND (owner > $2 OR owner = $2 AND $5)
    AND bonds & 3 <> 0 AND bonds & $3 <> 0 ORDER BY owner LIMIT $4"""
_DEVICES: Final = "SELECT body FROM devices WHERE account = ANY ($1::text[]) AND NOT revoked"
_BY_TOKEN: Final = "SELECT body FROM devices WHERE token = $1 LIMIT 1"
_ACCOUNTS: Final = "SELECT body FROM accounts WHERE id > $1 ORDER BY id LIMIT $2"
_REFUSED: Final = """
    SELECT body FROM verdicts WHERE receiver = $1 AND at >= $2 ORDER BY at DESC LIMIT $3"""
_LOG: Final = "SELECT body FROM audit ORDER BY id DESC LIMIT $1"
_LOG_OF: Final = "SELECT body FROM audit WHERE account = $2 ORDER BY id DESC LIMIT $1"
_ALL_THREADS: Final = "SELECT id, body FROM threads WHERE id > $1 ORDER BY id LIMIT $2"
_OWN_THREADS: Final = """
    SELECT id, body FROM threads WHERE id > $1 AND id IN (SELECT thread FROM members WHERE account = $3)
    ORDER BY id LIMIT $2"""
_SIDES: Final = "SELECT thread, body FROM members WHERE thread = ANY ($1::text[]) ORDER BY thread, account"
NEVER: Final = 2**62  # later than any time, more than any seq


async def heads(connection: Connection, accounts: Collection[AccountId]) -> dict[AccountId, Head]:
    """Tell where journals stand.

    Raises:
        CorruptStore: If a journal was told of something and holds nothing.
    """
    found = {account: Head(Position(0), Position(0)) for account in accounts}
    for account, newest, oldest in await connection.fetch(_HEADS, list(found)):
        if oldest is None:
            raise CorruptStore(f"The journal of {account!r} is empty at position {newest}.")
        found[account] = Head(Position(newest), Position(oldest))
    return found


async def replay(connection: Connection, account: AccountId, after: Position, limit: int) -> Sequence[Entry]:
    """Read a journal after a position.

    Raises:
        CorruptStore: If a line is missing, or what it refers to is missing or damaged.
    """
    entries: list[Entry] = []
    for position, message, event in await connection.fetch(_LINES, account, after, limit):
        if entries and position != entries[-1].position + 1:
            raise CorruptStore(f"The journal of {account!r} has a hole before {position}.")
        if message is None and event is None:
            raise CorruptStore(f"Line {position} of the journal of {account!r} refers to nothing.")
        told = event_from(event) if message is None else record_of(Message, message)
        entries.append(Entry(Position(position), told))
    return entries


async def history(
    connection: Connection, thread: ThreadId, before: int | None, after: int | None, limit: int
) -> Sequence[Message]:
    """Read a page of a thread.

    Raises:
        CorruptStore: If a message is missing or damaged.
    """
    if after is not None:
        rows = await connection.fetch(_AFTER, thread, after, limit)
    else:
        rows = await connection.fetch(_BEFORE, thread, NEVER if before is None else before, limit)
    page = [record_of(Message, body) for (body,) in rows]
    if page and abs(page[-1].seq - page[0].seq) != len(page) - 1:
        raise CorruptStore(f"The thread {thread!r} has a hole between {page[0].seq} and {page[-1].seq}.")
    return page


async def folder_page(
    connection: Connection,
    accounts: Collection[AccountId],
    folder: Folder,
    after: Page | None,
    limit: int,
) -> Sequence[tuple[Thread, Member]]:
    """List a page of a folder."""
    place = (NEVER, "", "") if after is None else (after.last_at, after.id, after.account)
    rows = await connection.fetch(_FOLDER, list(accounts), folder.value, *place, limit)
    return [(record_of(Thread, thread), record_of(Member, side)) for thread, side in rows]


async def segments(
    connection: Connection, threads: Collection[ThreadId]
) -> Mapping[ThreadId, Sequence[ThreadId]]:
    """List the segments beside each thread."""
    found: dict[ThreadId, list[ThreadId]] = {thread: [] for thread in threads}
    for thread, segment in await connection.fetch(_SEGMENTS, list(threads)):
        found[thread].append(segment)
    return found


async def tally(connection: Connection, accounts: Collection[AccountId]) -> Tally:
    """Count what is unread."""
    return Tally(*await connection.fetchrow(_TALLY, list(accounts)))


async def ties(
    connection: Connection, account: AccountId, kind: TieKind, after: str | None, limit: int
) -> Sequence[tuple[Tie, bool]]:
    """List ties owned and, for some kinds, aimed at the account."""
    other, _, incoming = (after or "").rpartition("/")
    looked_at, shown = _TIED[kind]
    owned = await connection.fetch(_OWNED, account, other, looked_at, limit, shown)
    found = [((tie.other, False), tie) for tie in (record_of(Tie, body) for (body,) in owned)]
    if kind in (TieKind.FOLLOW, TieKind.FRIEND):
        # After ``other/0`` comes ``other/1``; after ``other/1`` the next one.
        aimed = await connection.fetch(_AIMED, account, other, looked_at, limit, incoming == "0")
        found += [((tie.owner, True), tie) for tie in (record_of(Tie, body) for (body,) in aimed)]
    found.sort(key=lambda row: row[0])
    return [(tie, incoming) for (_, incoming), tie in found[:limit]]


async def devices(connection: Connection, accounts: Collection[AccountId]) -> Sequence[Device]:
    """List devices."""
    found = [record_of(Device, body) for (body,) in await connection.fetch(_DEVICES, list(accounts))]
    return sorted(found, key=lambda device: (-device.created_at, device.id))


async def device_by_token(connection: Connection, token: bytes) -> Device | None:
    """Find a device."""
    body = await connection.fetchval(_BY_TOKEN, token)
    return None if body is None else record_of(Device, body)


async def accounts(connection: Connection, after: AccountId | None, limit: int) -> Sequence[Account]:
    """List accounts."""
    rows = await connection.fetch(_ACCOUNTS, after or "", limit)
    return [record_of(Account, body) for (body,) in rows]


async def refused(connection: Connection, receiver: AccountId, since: int, limit: int) -> Sequence[Verdict]:
    """List verdicts."""
    rows = await connection.fetch(_REFUSED, receiver, since, limit)
    return [record_of(Verdict, body) for (body,) in rows]


async def audit_log(connection: Connection, account: AccountId | None, limit: int) -> Sequence[AuditLine]:
    """Read the audit log."""
    of = () if account is None else (account,)
    rows = await connection.fetch(_LOG_OF if of else _LOG, limit, *of)
    return [record_of(AuditLine, body) for (body,) in rows]


async def some_threads(
    connection: Connection, account: AccountId | None, after: str, limit: int
) -> list[tuple[Thread, tuple[Member, ...]]]:
    """Read a bounded piece of all threads, or one account's, by id."""
    if account is None:
        rows = await connection.fetch(_ALL_THREADS, after, limit)
    else:
        rows = await connection.fetch(_OWN_THREADS, after, limit, account)
    sides: dict[str, list[Member]] = {name: [] for name, _ in rows}
    for name, body in await connection.fetch(_SIDES, list(sides)):
        sides[name].append(record_of(Member, body))
    return [(record_of(Thread, body), tuple(sides[name])) for name, body in rows]
