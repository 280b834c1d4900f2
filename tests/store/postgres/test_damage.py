"""Damage: a row that was changed behind our back is served to nobody, and the audit names it."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from bridge.domain.keys import key_of
from bridge.domain.model import Thread
from bridge.errors import CorruptStore
from bridge.ids import Position
from bridge.store.base import Head
from bridge.store.postgres import PostgresStore
from bridge.wire.events import LinkAttempted
from tests.builders import ANA, BEN, Talk, keep, make_device, make_line, make_tie, make_verdict
from tests.store.world import keep_talks


@pytest.fixture
async def talk(one: PostgresStore) -> Talk:
    """A store in which there is something of everything; its pair thread."""
    talks = await keep_talks(one)
    await keep(
        one,
        make_tie(ANA, BEN, follows=True),
        make_device("phone"),
        make_line("follow"),
        make_verdict(ANA, "k1", thread=talks[0].id, seq=1),
        told=[(LinkAttempted(leg=ANA), (ANA, BEN))],
    )
    return talks[0]


@pytest.fixture
async def raw(dsn: str, talk: Talk) -> AsyncIterator[Any]:
    """A hand that reaches past the store."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


FLIPPED = "set_byte(body, length(body) - 1, get_byte(body, length(body) - 1) # 1)"
TABLES = (
    *("accounts", "ties", "threads", "members", "devices", "records", "verdicts", "messages", "events"),
    "audit",
)


@pytest.mark.parametrize("table", TABLES)
async def test_an_audit_finds_a_flipped_bit_in_any_table(
    one: PostgresStore, talk: Talk, raw: Any, table: str
) -> None:
    await raw.execute(f"UPDATE {table} SET body = {FLIPPED}")

    assert "checksum" in {problem.kind for problem in (await one.audit()).problems}


@pytest.mark.parametrize("body", ["''", "'\\x00'", "'\\xc1'", FLIPPED])
async def test_a_damaged_row_is_served_to_nobody(one: PostgresStore, talk: Talk, raw: Any, body: str) -> None:
    await raw.execute(f"UPDATE messages SET body = {body} WHERE seq = 3")
    await raw.execute(f"UPDATE threads SET body = {body}")
    await raw.execute(f"UPDATE events SET body = {body}")

    with pytest.raises(CorruptStore):
        await one.history(talk.id, limit=9)
    with pytest.raises(CorruptStore):
        await one.load([key_of(talk.thread)])
    with pytest.raises(CorruptStore):
        await one.replay(ANA, Position(5), 9)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("UPDATE threads SET tip = 9", "column"),
        ("UPDATE members SET folder = 'none'", "column"),
        ("UPDATE members SET seen = 9", "column"),
        ("UPDATE accounts SET handle_key = 'x' || id", "column"),
        ("UPDATE ties SET bonds = 8", "column"),
        ("UPDATE devices SET revoked = true", "column"),
        ("UPDATE verdicts SET at = 9", "column"),
        ("UPDATE messages SET sender = 'x'", "column"),
        ("UPDATE messages SET erased = true", "column"),
        ("UPDATE messages SET words = NULL", "index"),
        ("DELETE FROM messages WHERE seq = 2", "seq"),
        ("DELETE FROM messages WHERE seq = 1", "verdict"),
        ("DELETE FROM messages WHERE seq = 5", "reference"),
        ("DELETE FROM events", "reference"),
        ("DELETE FROM journal WHERE position = 2", "position"),
        ("DELETE FROM journal WHERE position = 6", "position"),
        ("DELETE FROM journal", "position"),
        ("UPDATE heads SET newest = 9", "position"),
        ("DELETE FROM threads", "tip"),
        ("DELETE FROM records WHERE kind = 'persons'", "person"),
    ],
)
async def test_an_audit_finds_what_was_changed_by_hand(
    one: PostgresStore, talk: Talk, raw: Any, change: str, kind: str
) -> None:
    assert (await one.audit()).problems == ()

    await raw.execute(change)

    assert kind in {problem.kind for problem in (await one.audit()).problems}


async def test_a_hole_is_served_to_nobody(one: PostgresStore, talk: Talk, raw: Any) -> None:
    await raw.execute("DELETE FROM messages WHERE seq = 3")
    await raw.execute("DELETE FROM journal WHERE account = $1 AND position = 2", BEN)
    await raw.execute("DELETE FROM events")

    with pytest.raises(CorruptStore):
        await one.history(talk.id, limit=9)
    with pytest.raises(CorruptStore):
        await one.replay(BEN, Position(0), 9)
    with pytest.raises(CorruptStore):
        await one.replay(ANA, Position(5), 9)


async def test_a_journal_that_lost_all_its_lines_is_no_empty_one(
    one: PostgresStore, talk: Talk, raw: Any
) -> None:
    await raw.execute("DELETE FROM journal WHERE account = $1", ANA)

    with pytest.raises(CorruptStore):
        await one.heads([ANA])
    assert await one.heads([BEN]) == {BEN: Head(Position(6), Position(1))}


async def test_the_key_beside_a_record_is_the_records_own(one: PostgresStore, talk: Talk, raw: Any) -> None:
    await raw.execute("UPDATE threads SET id = 'other' WHERE id = $1", talk.id)

    assert (await one.load([(Thread, talk.id)]))[Thread, talk.id] is None
    assert "column" in {problem.kind for problem in (await one.audit()).problems}
