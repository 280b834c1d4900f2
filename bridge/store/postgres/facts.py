"""Loading: records by key, all kinds in one round trip, and answers to questions."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any, Final

from bridge.domain.keys import Key
from bridge.domain.model import Account, Member, Message, Thread, Tie
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
from bridge.store.postgres.pool import Connection
from bridge.store.postgres.shapes import ORDER, SHAPES, key_parts, record_of
from bridge.wire.values import Consent, Folder

_HANDLE_OWNER: Final = "SELECT id FROM accounts WHERE network = $1 AND handle_key = $2"
_MUTUAL: Final = """
    SELECT EXISTS (
        SELECT FROM ties AS ours JOIN ties AS theirs ON theirs.other = ours.other
        WHERE ours.owner = $1 AND ours.bonds & 4 <> 0 AND theirs.owner = $2 AND theirs.bonds & 4 <> 0
    )"""
_COUNT_OWN: Final = """
    SELECT count(*) FROM messages WHERE thread = $1 AND seq > $2 AND seq <= $3 AND sender = $4"""
_TIGHT: Final = """
    SELECT body FROM ties WHERE owner = ANY ($1::text[]) AND bonds & 56 <> 0
    UNION SELECT body FROM ties WHERE other = ANY ($1::text[]) AND bonds & 56 <> 0"""
_GROUPS: Final = """
    SELECT count(*) FROM members JOIN threads ON threads.id = members.thread
    WHERE members.account = $1 AND threads.kind = 'group'"""
_SIGNED_IN: Final = "SELECT id FROM devices WHERE account = $1 AND NOT revoked ORDER BY id"
_PAIRS: Final = """
    SELECT threads.body AS thread, ours.body AS ours, accounts.body AS other
    FROM members AS ours JOIN threads ON threads.id = ours.thread AND threads.kind = 'pair'
    JOIN members AS theirs ON theirs.thread = ours.thread AND theirs.account <> ours.account
    JOIN accounts ON accounts.id = theirs.account
    WHERE ours.account = $1"""


async def load(connection: Connection, keys: Collection[Key]) -> dict[Key, object]:
    """Answer every key."""
    found: dict[Key, object] = dict.fromkeys(keys)
    records = [key for key in found if not isinstance(key[1], Question)]
    await _get(connection, records, found)
    for key in found:
        if isinstance(key[1], Question):
            found[key] = await answer(connection, key[1])
    return found


async def _get(connection: Connection, keys: list[Key], found: dict[Key, object]) -> None:
    """Fill in records, with one statement over the tables that are asked."""
    tables: defaultdict[str, list[int]] = defaultdict(list)
    for place, (kind, _) in enumerate(keys):
        tables["messages" if kind is Message else SHAPES[kind].name].append(place)
    parts: list[str] = []
    arguments: list[list[Any]] = []
    for name in sorted(tables):
        places = tables[name]
        first = len(arguments) + 1
        parts.append(_statement(name, first))
        columns = zip(*(_key(keys[place]) for place in places), strict=True)
        arguments += [places, *(list(column) for column in columns)]
    if parts:
        for place, body in await connection.fetch(" UNION ALL ".join(parts), *arguments):
            key = keys[place]
            found[key] = record_of(key[0], body)


def _key(key: Key) -> tuple[Any, ...]:
    return key[1] if key[0] is Message else key_parts(key)  # type: ignore[return-value]  # thread and seq


_COLUMNS: Final = {
    "messages": (("thread", "text"), ("seq", "bigint")),
    **{shape.name: tuple(zip(shape.columns, shape.types, strict=True))[: shape.key] for shape in ORDER},
}


def _statement(table: str, first: int) -> str:
    columns = _COLUMNS[table]
    arrays = ", ".join(f"${first + 1 + n}::{kind}[]" for n, (_, kind) in enumerate(columns))
    names = ", ".join(column for column, _ in columns)
    return (
        f"SELECT k.place, t.body FROM unnest(${first}::integer[], {arrays}) AS k (place, {names})"
        f" JOIN {table} AS t USING ({names})"
    )


async def _record(connection: Connection, kind: type[Any], name: object) -> Any:
    found: dict[Key, object] = {}
    await _get(connection, [(kind, name)], found)
    return found.get((kind, name))


async def answer(connection: Connection, question: Question) -> object:
    """Answer a question over many records."""
    match question:
        case HandleOwner():
            return await connection.fetchval(_HANDLE_OWNER, question.network.value, question.key)
        case Mutual():
            return await connection.fetchval(_MUTUAL, question.one, question.other)
        case OwnUpto():
            return await _own_upto(connection, question)
        case Tightened():
            rows = await connection.fetch(_TIGHT, list(question.accounts))
            ties = [record_of(Tie, body) for (body,) in rows]
            return tuple(sorted(ties, key=lambda tie: (tie.owner, tie.other)))
        case OwnThreads():
            return await _own_threads(connection, question.account)
        case SignedIn():
            return tuple(name for (name,) in await connection.fetch(_SIGNED_IN, question.account))
        case _:
            raise TypeError(f"no engine knows the question {type(question).__name__}")


async def _own_upto(connection: Connection, question: OwnUpto) -> int:
    """Count from where the member has read: few messages lie between, however long the thread."""
    side = await _record(connection, Member, (question.thread, question.account))
    read, own = (0, 0) if side is None else (side.read, side.read_sent)
    low, high = sorted((read, question.upto))
    between = await connection.fetchval(_COUNT_OWN, question.thread, low, high, question.account)
    return int(own + between if question.upto >= read else own - between)


async def _own_threads(connection: Connection, account: AccountId) -> ThreadCounts:
    groups = await connection.fetchval(_GROUPS, account)
    own = await _record(connection, Account, account)
    crossing = 0
    pending: list[tuple[ThreadId, AccountId]] = []
    for row in await connection.fetch(_PAIRS, account) if own is not None else ():
        them = record_of(Account, row["other"])
        if them.network is own.network:
            continue
        thread, ours = record_of(Thread, row["thread"]), record_of(Member, row["ours"])
        turned_away = ours.consent in (Consent.DECLINED, Consent.LAPSED)
        crossing += ours.folder is not Folder.NONE and not turned_away
        if ours.consent is Consent.PENDING:
            pending.append((thread.id, them.id))
    return ThreadCounts(crossing, groups, tuple(sorted(pending)))
