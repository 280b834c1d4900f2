"""Damage on disk: never served silently, and the audit finds it."""

import os
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.domain.keys import Key
from bridge.domain.model import Account, Member, Thread, Verdict
from bridge.errors import BridgeError, CorruptStore, StorageFull
from bridge.ids import Position, ThreadId
from bridge.store.sqlite import SqliteStore
from bridge.wire.events import ControlsChanged
from tests.builders import ANA, BEN, keep, make_account, make_verdict
from tests.store.sqlite.places import behind, keep_some, place

DAMAGE = {
    "a message": "UPDATE messages SET content = zeroblob(9) WHERE seq = 2",
    "a sender": "UPDATE messages SET sender = sender + 1 WHERE seq = 2",
    "a time": "UPDATE messages SET at = at + 1 WHERE seq = 2",
    "a missing message": "DELETE FROM messages WHERE seq = 2",
    "a line": "UPDATE journal SET stamp = stamp + 256 WHERE position = 2",
    "a missing line": "DELETE FROM journal WHERE position = 2",
    "a line about nothing": "DELETE FROM events",
    "an event": "UPDATE events SET body = zeroblob(9)",
    "a name": "UPDATE names SET id = id || 'x' WHERE no = 1",
    "a thread": "UPDATE threads SET tip = tip + 1",
    "a side": "UPDATE members SET read = read + 1",
    "a side of nothing": "DELETE FROM threads",
    "a verdict": "UPDATE verdicts SET seq = seq + 1",
    "a missing verdict": "DELETE FROM verdicts",
    "a verdict without its token": "DELETE FROM tokens WHERE message = 0",
    "a token": "UPDATE tokens SET message = message + 1 WHERE message = 2",
    "a token that lost what it points at": "UPDATE tokens SET message = 0, crc = 0 WHERE message = 2",
    "a token of nobody's message": "UPDATE tokens SET message = 0 WHERE message = 2",
    "an account": "UPDATE accounts SET minor = 1",
    "a person": "DELETE FROM persons",
    "a shelf": "DELETE FROM shelves",
    "the index": "UPDATE words_data SET block = zeroblob(length(block)) WHERE id > 10",
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_an_audit_reports(tmp_path: Path, damage: str) -> None:
    await keep_all(tmp_path)

    with behind(tmp_path) as raw:
        raw.execute(DAMAGE[damage])
    store = await SqliteStore.open(place(tmp_path))
    problems = (await store.audit()).problems
    await store.close()

    assert problems


async def keep_all(folder: Path) -> ThreadId:
    """Keep something of everything, in a database that is then closed."""
    store = await SqliteStore.open(place(folder))
    talk = await keep_some(store)
    await keep(
        store,
        make_verdict(ANA, "once", thread=talk.id, seq=1),
        told=[(ControlsChanged(account=ANA, version=1), (ANA,))],
    )
    await store.catch_up()
    assert (await store.audit()).problems == ()
    await store.close()
    return talk.id


async def test_damage_is_raised_where_it_would_be_served(tmp_path: Path) -> None:
    thread = await keep_all(tmp_path)
    with behind(tmp_path) as raw:
        raw.execute("UPDATE messages SET content = zeroblob(9) WHERE seq = 2")
        raw.execute("UPDATE accounts SET minor = 1")
        raw.execute("UPDATE members SET read = 1")
        raw.execute("UPDATE events SET body = zeroblob(9)")
    store = await SqliteStore.open(place(tmp_path))
    keys: list[Key] = [(Account, ANA), (Member, (thread, ANA))]

    for key in keys:
        with pytest.raises(CorruptStore):
            await store.load([key])
    with pytest.raises(CorruptStore):
        await store.history(thread, limit=9)
    for after in (Position(1), Position(5)):
        with pytest.raises(CorruptStore):
            await store.replay(ANA, after, 9)
    assert [message.seq for message in await store.history(thread, after=2, limit=9)] == [3, 4, 5]
    await store.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM journal WHERE position = 2",
        "DELETE FROM messages WHERE seq = 2",
        "DELETE FROM names WHERE id = 'a-ben'",
        "UPDATE names SET id = 'a-eve' WHERE id = 'a-ben'",
        "UPDATE journal SET stamp = stamp + 1 WHERE position = 2",
    ],
)
async def test_a_replay_with_a_hole_is_no_replay(tmp_path: Path, damage: str) -> None:
    await keep_all(tmp_path)
    with behind(tmp_path) as raw:
        raw.execute(damage)
    store = await SqliteStore.open(place(tmp_path))

    with pytest.raises(CorruptStore):
        await store.replay(ANA, Position(0), 9)
    await store.close()


async def test_a_page_of_history_with_a_hole_is_no_page(tmp_path: Path) -> None:
    thread = await keep_all(tmp_path)
    with behind(tmp_path) as raw:
        raw.execute("DELETE FROM messages WHERE seq = 3")
    store = await SqliteStore.open(place(tmp_path))

    with pytest.raises(CorruptStore, match="hole"):
        await store.history(thread, limit=9)
    await store.close()


async def test_a_damaged_message_spoils_no_search_for_others(tmp_path: Path) -> None:
    store = await SqliteStore.open(place(tmp_path))
    await keep_some(store)
    await store.close()
    with behind(tmp_path) as raw:
        raw.execute("UPDATE messages SET content = x'c1' WHERE seq = 2")
    again = await SqliteStore.open(place(tmp_path))

    found = [message.seq for _, message in await again.search([ANA], "number", limit=9)]

    assert found == [5, 4, 3, 1]
    await again.close()


@pytest.mark.parametrize("seed", range(4))
async def test_a_flipped_bit_changes_no_answer(tmp_path: Path, seed: int) -> None:
    thread = await keep_all(tmp_path)
    chance, good = random.Random(seed), place(tmp_path).read_bytes()
    right = await answers(tmp_path, thread)

    for number in range(12):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(place(tmp_path), place(folder))
        flip(place(folder), chance.randrange(100, len(good)), chance.randrange(8))
        got = await answers(folder, thread)

        assert all(
            isinstance(one, BridgeError) or one == other for one, other in zip(got, right, strict=True)
        )


def flip(path: Path, byte: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[byte] ^= 1 << bit
    path.write_bytes(data)


async def answers(folder: Path, thread: ThreadId) -> list[object]:
    """Ask for all that was kept; an error is an answer too."""
    try:
        store = await SqliteStore.open(place(folder))
    except BridgeError as error:
        return [error] * 4
    keys: list[Key] = [
        (Account, ANA),
        (Thread, thread),
        (Member, (thread, BEN)),
        (Verdict, (ANA, "once")),
        (Verdict, (ANA, "token 0")),
    ]
    got: list[object] = []
    for ask in (
        lambda: store.load(keys),
        lambda: store.history(thread, after=0, limit=99),
        lambda: store.replay(ANA, Position(0), 99),
        lambda: store.replay(BEN, Position(0), 99),
    ):
        try:
            got.append(await ask())
        except BridgeError as error:
            got.append(error)
    await store.close()
    return got


async def test_every_bit_of_a_message_counts(tmp_path: Path) -> None:
    thread = await keep_all(tmp_path)
    store = await SqliteStore.open(place(tmp_path))
    message = (await store.history(thread, before=3, limit=1))[0]
    await store.close()
    assert message.content is not None
    place_of_it = place(tmp_path).read_bytes().index(message.content)
    missed = []

    for byte in range(place_of_it - 40, place_of_it + len(message.content) + 90, 7):
        flip(place(tmp_path), byte, byte % 8)
        again = await SqliteStore.open(place(tmp_path))
        if not (await again.audit()).problems:
            missed.append(byte - place_of_it)
        await again.close()
        flip(place(tmp_path), byte, byte % 8)

    assert missed == []


async def test_an_account_whose_person_knows_nothing_of_it_is_reported(store: SqliteStore) -> None:
    await keep_some(store)
    await keep(store, replace(make_account(ANA), person=make_account(BEN).person))

    assert [problem.kind for problem in (await store.audit()).problems] == ["person"]


async def test_a_database_whose_name_is_no_text_is_proved_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.db")
    store = await SqliteStore.open(path)
    await keep_some(store)

    assert (await store.audit()).problems == ()

    await store.close()


async def test_a_lack_of_room_for_the_proof_is_no_damage(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep_some(store)
    connect = sqlite3.connect

    def scarce(path: str | Path, **given: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = connect(path, **given)
        if path == "":
            made.execute("PRAGMA max_page_count = 2")
        return made

    monkeypatch.setattr(sqlite3, "connect", scarce)

    with pytest.raises(StorageFull):
        await store.audit()
