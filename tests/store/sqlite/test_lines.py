"""Lines of journals: what they refer to, and the check that they still do."""

from pathlib import Path

import pytest

from bridge.ids import Position
from bridge.store.sqlite import SqliteStore, upkeep
from bridge.store.sqlite.journal import note, stamp
from bridge.store.sqlite.tails import Line
from bridge.wire.events import ControlsChanged
from tests.builders import ANA, BEN, keep, keep_told, make_pair_thread, make_people
from tests.store.sqlite.places import behind, place


def test_lines_of_journals_are_stamped_alike_one_by_one_and_together() -> None:
    numbers: dict[str, int] = {ANA: 1, BEN: 70_000}

    for ref in (-5, 1, 2**40):
        heads, lines = {1: Position(0), 70_000: Position(2)}, list[Line]()
        places = note(heads, numbers, [ANA, ANA, BEN], ref, lines)

        assert places == [(ANA, 1), (ANA, 2), (BEN, 3)]
        assert heads == {1: 2, 70_000: 3}
        assert lines == [(no, at, stamp(no, at, ref)) for no, at in [(1, 1), (1, 2), (70_000, 3)]]


async def test_an_event_never_gets_the_number_of_one_that_was_forgotten(tmp_path: Path) -> None:
    """Else it would look as old as that one, and be forgotten before its time."""
    now = 1_000
    talk = make_pair_thread()
    store = await SqliteStore.open(place(tmp_path), clock=lambda: now)
    await keep(store, *make_people(), *talk.records, told=[(ControlsChanged(account=ANA, version=1), (ANA,))])
    await keep_told(store, talk, talk.say(ANA, "before"))
    now = 2_000
    assert await store.trim(1_500, 9) == 1
    await store.close()

    store = await SqliteStore.open(place(tmp_path), clock=lambda: now)
    event = ControlsChanged(account=ANA, version=2)
    await keep(store, told=[(event, (ANA,))])
    await keep_told(store, talk, talk.say(ANA, "after"))
    await store.trim(1_500, 9)

    assert [entry.told for entry in await store.replay(ANA, Position(2), 9)] == [event, talk.said[1]]
    await store.close()


async def test_however_many_commits_there_were_their_times_are_forgotten_with_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_MOMENTS", 3)
    now = 1_000
    talk = make_pair_thread()
    store = await SqliteStore.open(place(tmp_path), clock=lambda: now)
    await keep(store, *make_people())
    for number in range(10):
        now += 1
        await keep_told(store, talk, talk.say(ANA, f"number {number}"))

    await store.trim(1_009, 99)
    await store.close()

    with behind(tmp_path) as raw:
        assert [at for (at,) in raw.execute("SELECT at FROM moments ORDER BY at")] == [1_008, 1_009, 1_010]
