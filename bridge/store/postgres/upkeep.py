"""Work beside the road: imported history, trimming of journals, erasing; in small steps."""

from collections.abc import Collection, Iterable, Sequence
from io import BytesIO
from typing import Any, Final

from msgspec.structs import replace

from bridge.domain.keys import Key, key_of
from bridge.domain.model import AuditLine, Message, StoredRecord, Thread
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Batch, Imported
from bridge.store.postgres.commit import Committer
from bridge.store.postgres.pool import Connection, at_leisure
from bridge.store.postgres.search import words_of
from bridge.store.postgres.shapes import body_of, record_of

_HOLD: Final = """
    INSERT INTO heads AS h (account, newest) SELECT account, 0 FROM unnest($1::text[]) AS account
    ON CONFLICT (account) DO UPDATE SET newest = h.newest"""
_TIPS: Final = """
    SELECT thread, tip, (SELECT seq FROM messages WHERE messages.thread = t.thread ORDER BY seq DESC LIMIT 1)
    FROM unnest($1::text[]) AS t (thread) LEFT JOIN threads ON threads.id = t.thread"""
_COLUMNS: Final = ("thread", "seq", "sender", "at", "erased", "body", "words")

_ONE_AT_A_TIME: Final = "SELECT pg_try_advisory_xact_lock(hashtext(current_schema()), -1)"
_ACCOUNTS: Final = 500  # whose journals are looked at in one step
_NEXT: Final = "SELECT account FROM heads WHERE account > $1 ORDER BY account LIMIT $2"
_TRIM: Final = """
    WITH bounds AS (
        SELECT account, least(newest, coalesce((
            SELECT position FROM journal
            WHERE journal.account = heads.account AND at >= $2 ORDER BY position LIMIT 1
        ), newest)) AS cut
        FROM heads WHERE account = ANY ($1::text[])
    ), old AS (
        SELECT journal.account, journal.position FROM bounds
        JOIN journal ON journal.account = bounds.account AND journal.position < bounds.cut
        ORDER BY journal.account, journal.position LIMIT $3
    )
    DELETE FROM journal USING old WHERE journal.account = old.account AND journal.position = old.position
    RETURNING journal.thread, journal.seq"""
_LESS: Final = """
    WITH fewer AS (SELECT id, count(*) AS uses FROM unnest($1::bigint[]) AS id GROUP BY id ORDER BY id)
    UPDATE events SET uses = events.uses - fewer.uses FROM fewer WHERE events.id = fewer.id"""
_UNUSED: Final = "DELETE FROM events WHERE id = ANY ($1::bigint[]) AND uses <= 0"
_SETTLED: Final = "DELETE FROM commits WHERE at < now() - interval '1 hour'"

_OWN: Final = """
    SELECT body FROM messages WHERE (thread, seq) > ($1, $2)
    AND thread IN (SELECT thread FROM members WHERE account = $3) AND sender = $3 AND NOT erased
    ORDER BY thread, seq LIMIT $4 FOR UPDATE"""
_ERASE: Final = """
    UPDATE messages SET body = e.body, erased = true, words = NULL
    FROM unnest($1::text[], $2::bigint[], $3::bytea[]) AS e (thread, seq, body)
    WHERE messages.thread = e.thread AND messages.seq = e.seq"""
_MARK: Final = """
    INSERT INTO marks VALUES ('unclean', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
_UNCLEAN: Final = "SELECT value FROM marks WHERE name = 'unclean'"


async def put_history(
    connection: Connection,
    committer: Committer,
    pieces: Sequence[Imported],
    records: Collection[StoredRecord],
) -> None:
    """Keep imported history; see the port."""
    keyed: dict[Key, StoredRecord] = {}
    audit: list[AuditLine] = []
    for record in records:
        if isinstance(record, AuditLine):
            audit.append(record)
        else:
            keyed[key_of(record)] = record
    async with connection.transaction():
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")  # words take time
        accounts = sorted({member.account for piece in pieces for member in piece.members})
        await committer.hold(connection, Batch(keyed, [], [], [], {}))
        await connection.execute(_HOLD, accounts)  # whoever speaks in these threads waits from here on
        threads = sorted({piece.thread.id for piece in pieces})
        known = {name: (tip, newest or 0) for name, tip, newest in await connection.fetch(_TIPS, threads)}
        new: list[tuple[Message, Thread]] = []
        newest = {name: last for name, (_, last) in known.items()}
        for piece in pieces:
            tip, _ = known[piece.thread.id]
            if tip is None or tip <= piece.thread.tip:  # a piece put again must not set the thread back
                keyed[key_of(piece.thread)] = piece.thread
                keyed.update((key_of(member), member) for member in piece.members)
            for message in piece.messages:
                if message.seq > newest[message.thread]:
                    newest[message.thread] = message.seq
                    new.append((message, piece.thread))
        await committer.put(connection, Batch(keyed, [], [], audit, {}))
        await copy_messages(connection, new)


async def copy_messages(connection: Connection, messages: Iterable[tuple[Message, Thread | None]]) -> None:
    """Append messages that are new, each with its thread."""
    rows = [(*_message_columns(one), body_of(one), words_of(one, thread)) for one, thread in messages]
    await copy(connection, "messages", _COLUMNS, rows)


def _message_columns(message: Message) -> tuple[str, int, str, int, bool]:
    return message.thread, message.seq, message.sender, message.at, message.content is None


async def copy(
    connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Append rows by COPY."""
    if rows:
        source = BytesIO("".join(map(_line, rows)).encode())
        await connection.copy_to_table(table, source=source, columns=list(columns), format="text")


def _line(row: Sequence[Any]) -> str:
    return "\t".join(map(_field, row)) + "\n"


def _field(value: Any) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, bytes):
        return rf"\\x{value.hex()}"
    if isinstance(value, bool):
        return "t" if value else "f"
    text = str(value).replace("\\", "\\\\")
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


async def trim(connection: Connection, before: int, limit: int, after: str) -> tuple[int, str | None]:
    """Forget old lines of the next few accounts; return how many, and after whom to go on, if at all."""
    async with connection.transaction():
        if not await connection.fetchval(_ONE_AT_A_TIME):  # another node is at it
            return 0, None
        accounts = [name for (name,) in await connection.fetch(_NEXT, after, _ACCOUNTS)]
        forgotten = await connection.fetch(_TRIM, accounts, before, limit)
        events = [seq for thread, seq in forgotten if thread is None]
        if events:
            await connection.execute(_LESS, events)
            await connection.execute(_UNUSED, events)
        if not after:
            await connection.execute(_SETTLED)
    return len(forgotten), accounts[-1] if len(accounts) == _ACCOUNTS else None


async def erase(
    connection: Connection, account: AccountId, after: tuple[ThreadId, int], limit: int
) -> list[Message]:
    """Delete the content of an account's next few messages; return what they were, without it."""
    async with connection.transaction():
        rows = await connection.fetch(_OWN, *after, account, limit)
        bare = [replace(record_of(Message, body), content=None, salt=None) for (body,) in rows]
        if bare:
            names, seqs = [one.thread for one in bare], [one.seq for one in bare]
            await connection.execute(_ERASE, names, seqs, [body_of(one) for one in bare])
            await connection.execute(_MARK, 1)
    return bare


async def clean(connection: Connection) -> None:
    """Let PostgreSQL free the rows that erased messages stood in, and their entries in the index."""
    if not await connection.fetchval(_UNCLEAN):
        return
    await at_leisure(connection, "VACUUM (SKIP_LOCKED) messages")
    await connection.execute(_MARK, 0)
