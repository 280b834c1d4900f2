"""A database of the first release opens, upgrades and goes on with all that is in it."""

import gzip
from pathlib import Path

from bridge.domain.keys import key_of
from bridge.ids import Position
from bridge.store.migrate import steps
from bridge.store.sqlite import SqliteStore
from tests.builders import ANA, BEN, keep_told
from tests.store.sqlite import first
from tests.store.sqlite.places import behind, place, write


async def test_a_database_of_the_first_release_loses_nothing(tmp_path: Path) -> None:
    write(place(tmp_path), gzip.decompress(first.FROZEN.read_bytes()))
    pair, segment = first.talks()
    store = await SqliteStore.open(place(tmp_path))

    records = (*first.records(), *pair.records, *segment.records)
    assert await store.load([key_of(one) for one in records]) == {key_of(one): one for one in records}
    for talk in (pair, segment):
        assert list(await store.history(talk.id, after=0, limit=99)) == talk.said
    assert [entry.told for entry in await store.replay(BEN, Position(0), 99)] == pair.said
    assert len(await store.search([ANA], "日本", limit=99)) == 6
    assert [line.deed for line in await store.audit_log(limit=9)] == ["linked"]
    assert await keep_told(store, pair, pair.say(ANA, "and on")) == {ANA: 8, BEN: 7}
    assert (await store.audit()).problems == ()
    await store.close()
    with behind(tmp_path) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (len(steps()),)
