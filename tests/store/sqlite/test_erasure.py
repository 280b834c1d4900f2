"""Erasure: not a byte of what was said is left, in no file."""

import shutil
from pathlib import Path

import pytest

from bridge.errors import Unavailable
from bridge.store.sqlite import SqliteStore
from tests.builders import ANA, BEN, keep_told
from tests.store.sqlite.places import CANARY, keep_some, place

COUNT = "SELECT count(*) FROM messages"


def left(folder: Path) -> dict[str, int]:
    """Count the canaries in every file."""
    files = [path for path in folder.iterdir() if path.is_file()]
    counts = {path.name: path.read_bytes().lower().count(CANARY.encode()) for path in files}
    return {name: count for name, count in counts.items() if count}


async def test_nothing_of_what_was_erased_is_left_in_any_file(store: SqliteStore, tmp_path: Path) -> None:
    await keep_some(store, 300)
    await store.search([ANA], "number", limit=1)
    assert left(tmp_path)

    assert await store.erase(ANA, 1_000) == 150
    assert left(tmp_path)
    assert await store.erase(BEN, 1_000) == 150

    assert left(tmp_path) == {}
    assert (await store.audit()).problems == ()
    assert list(await store.search([ANA], CANARY, limit=9)) == []


async def test_erasing_in_pieces_leaves_nothing_once_a_piece_was_short(
    store: SqliteStore, tmp_path: Path
) -> None:
    await keep_some(store, 40)
    await store.search([ANA], "number", limit=1)
    counts = []

    for account in (ANA, BEN):
        while count := await store.erase(account, 7):
            counts.append(count)

    assert counts == [7, 7, 6, 7, 7, 6]
    assert left(tmp_path) == {}


async def test_what_was_erased_before_it_was_indexed_is_never_found(
    store: SqliteStore, tmp_path: Path
) -> None:
    talk = await keep_some(store, 2)
    await store.erase(ANA, 9)
    await store.erase(BEN, 9)

    await keep_told(store, talk, talk.say(ANA, "something else"))

    assert [message.seq for _, message in await store.search([ANA], "some", limit=9)] == [3]
    assert list(await store.search([ANA], CANARY, limit=9)) == []
    assert left(tmp_path) == {}


async def test_words_of_others_survive_an_erasure(store: SqliteStore) -> None:
    await keep_some(store, 20)
    await store.search([ANA], "number", limit=1)

    await store.erase(ANA, 99)

    found = [message.seq for _, message in await store.search([ANA], CANARY, limit=99)]
    assert found == list(range(20, 0, -2))


async def test_an_erasure_cut_short_is_finished_by_the_next(store: SqliteStore, tmp_path: Path) -> None:
    await keep_some(store, 20)
    await store.search([ANA], "number", limit=1)
    assert await store.erase(ANA, 10) == 10
    assert await store.erase(BEN, 10) == 10
    await store.close()
    again = await SqliteStore.open(place(tmp_path))

    assert await again.erase(ANA, 10) == 0

    assert left(tmp_path) == {}
    await again.close()


async def test_a_reader_that_keeps_the_log_from_being_emptied_is_named(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep_some(store, 4)
    monkeypatch.setattr("bridge.store.sqlite.upkeep.PATIENCE", 1)  # milliseconds
    async with store._own_reader() as reader:
        await reader._connection.run(lambda raw: raw.execute("BEGIN").execute(COUNT).fetchone())

        with pytest.raises(Unavailable, match="reader"):
            await store.erase(ANA, 9)

    assert await store.erase(ANA, 9) == 0


async def test_an_erasure_killed_before_it_emptied_the_log_is_finished_by_the_next(
    store: SqliteStore, tmp_path: Path
) -> None:
    talk = await keep_some(store, 0)
    await keep_told(store, talk, talk.say(ANA, CANARY))
    cut = tmp_path / "cut"

    def cut_off(statement: str) -> None:
        if "TRUNCATE" in statement:
            shutil.copytree(tmp_path, cut, ignore=lambda folder, names: {"cut"} & {*names})

    await store._write(lambda writer: writer.raw.set_trace_callback(cut_off))
    await store.erase(ANA, 9)
    await store._write(lambda writer: writer.raw.set_trace_callback(None))
    assert left(cut)
    again = await SqliteStore.open(place(cut))

    assert await again.erase(ANA, 9) == 0

    assert left(cut) == {}
    await again.close()
