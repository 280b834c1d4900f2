"""Lines of journals are kept by the commit and laid later: whoever reads finds each once, at any moment."""

import shutil
import sqlite3
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bridge.errors import CorruptStore
from bridge.ids import Position
from bridge.store.base import Head
from bridge.store.sqlite import SqliteStore, audit, tails
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.reader import Reader
from bridge.store.sqlite.tails import Line, Tails
from bridge.store.sqlite.walk import SqliteFile
from bridge.wire.events import ControlsChanged
from tests.builders import ANA, BEN, keep, keep_told, make_people
from tests.store.sqlite.places import behind, keep_some, place

SCHEMA = "".join(
    files("bridge.store").joinpath("schema", name).read_text(encoding="utf-8")
    for name in ("0001_first.sql", "0002_tails.sql")
)
ACCOUNTS = st.integers(1, 4)


class Laying(RuleBasedStateMachine):
    """Commits, some undone, pieces of settling, ends without warning; beside them a list for each journal."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = sqlite3.connect(":memory:", isolation_level=None)
        self.raw.executescript(SCHEMA)
        self.tails = Tails(self.raw)
        self.told: dict[int, list[Line]] = {}

    @rule(whose=st.lists(ACCOUNTS, max_size=12), kept=st.booleans())
    def commit(self, whose: list[int], kept: bool) -> None:
        lines: list[Line] = []
        for account in whose:
            newest = len(self.told.get(account, ())) + sum(line[0] == account for line in lines)
            lines.append((account, newest + 1, newest * 7))
        self.raw.execute("BEGIN")
        self.tails.keep(self.raw, lines)
        if not kept:
            self.raw.execute("ROLLBACK")
            self.tails.undone()
            return
        self.raw.execute("COMMIT")
        self.tails.kept()
        for line in lines:
            self.told.setdefault(line[0], []).append(line)

    @rule(most=st.integers(1, 9))
    def settle(self, most: int) -> None:
        self.raw.execute("BEGIN")
        self.tails.settle(self.raw, most)
        self.raw.execute("COMMIT")
        self.tails.kept()

    @rule()
    def settle_all(self) -> None:
        upto = self.tails.newest
        while self.tails.laid < upto:
            self.settle(3)
        assert not self.tails.accounts()
        assert self.laid() == sorted(line for lines in self.told.values() for line in lines)

    @rule()
    def begin_anew(self) -> None:
        self.tails = Tails(self.raw)

    @rule(account=ACCOUNTS, most=st.integers(1, 40))
    def look_while_lines_are_laid(self, account: int, most: int) -> None:
        tail = self.tails.of(account)
        ends = self.tails.ends(account)
        self.settle(most)
        self.commit([account, 1], kept=True)
        laid = [line for line in self.laid() if line[0] == account]

        upto = laid[-1][1] if laid else 0
        seen = laid + [line for line in tail if line[1] > upto]
        assert seen == self.told[account][: len(seen)]
        assert len(seen) >= ends[1]

    def laid(self) -> list[Line]:
        query = "SELECT account, position, stamp FROM journal ORDER BY account, position"
        return list(self.raw.execute(query))

    @invariant()
    def each_line_is_found_once(self) -> None:
        for account, told in self.told.items():
            laid = [line for line in self.laid() if line[0] == account]
            upto = len(laid)
            assert laid + self.tails.of(account, upto) == told
            for after in (0, upto, upto + 1):
                assert [line for line in self.tails.of(account, after) if line[1] <= after] == []
            first, last = self.tails.ends(account)
            assert last in (0, len(told))
            assert (last == 0) is (first == 0)
            if upto < len(told):
                assert last == len(told)
                assert first <= upto + 1

    @invariant()
    def what_is_on_disk_says_the_same(self) -> None:
        again = Tails(self.raw)
        upto = {account: sum(line[0] == account for line in self.laid()) for account in self.told}
        for account, laid in upto.items():
            assert again.of(account, laid) == self.tails.of(account, laid)
        assert again.newest == self.tails.newest

    def teardown(self) -> None:
        self.raw.close()


@pytest.fixture(autouse=True)
def _seven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tails, "MOST", 7)
    monkeypatch.setattr(tails, "AT_ONCE", 4)


TestLaying = Laying.TestCase
TestLaying.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """Give a folder for a copy of a store that nobody closed."""
    folder = tmp_path / "cut"
    folder.mkdir()
    return folder


def copy_as_it_is(folder: Path, cut: Path) -> None:
    """Copy the database and its log, as a kill leaves them."""
    for path in folder.glob("store.sqlite3*"):
        if path.suffix != ".lock":
            shutil.copy(path, cut)


async def test_a_store_that_was_closed_has_all_lines_in_their_journals(tmp_path: Path) -> None:
    store = await SqliteStore.open(place(tmp_path))
    await keep_some(store)
    await store.close()

    with behind(tmp_path) as raw:
        assert raw.execute("SELECT count(*) FROM journal").fetchone() == (10,)
        assert raw.execute("SELECT count(*) FROM told WHERE length(lines) > 1").fetchone() == (0,)
        before = raw.execute("PRAGMA data_version").fetchone()
        await (await SqliteStore.open(place(tmp_path))).close()
        assert raw.execute("PRAGMA data_version").fetchone() == before


async def test_a_store_that_nobody_closed_goes_on_where_its_journals_stood(
    store: SqliteStore, tmp_path: Path, cut: Path
) -> None:
    talk = await keep_some(store)
    copy_as_it_is(tmp_path, cut)

    again = await SqliteStore.open(place(cut))

    assert await again.heads([ANA]) == {ANA: Head(Position(5), Position(1))}
    assert await keep_told(again, talk, talk.say(ANA, "on")) == {ANA: 6, BEN: 6}
    assert [entry.told for entry in await again.replay(BEN, Position(0), 9)] == talk.said
    assert (await again.audit()).entries == 12
    await again.close()


async def test_who_only_reads_beside_the_owner_finds_what_is_not_laid(
    store: SqliteStore, tmp_path: Path
) -> None:
    talk = await keep_some(store)

    beside = await SqliteStore.open(place(tmp_path), read_only=True)

    assert [entry.told for entry in await beside.replay(ANA, Position(2), 9)] == talk.said[2:]
    assert await beside.heads([ANA]) == await store.heads([ANA])
    audited = await beside.audit()
    assert (audited.journals, audited.entries, audited.problems) == (2, 10, ())
    await beside.close()


async def test_a_walk_meets_lines_that_are_not_laid_in_their_order(
    store: SqliteStore, tmp_path: Path, cut: Path
) -> None:
    await keep_some(store)
    copy_as_it_is(tmp_path, cut)
    tidy = tmp_path / "tidy"
    shutil.copytree(cut, tidy)
    await (await SqliteStore.open(place(tidy))).close()

    assert [item async for piece in SqliteFile(place(cut)).dump() for item in piece] == [
        item async for piece in SqliteFile(place(tidy)).dump() for item in piece
    ]


async def test_an_audit_reports_nothing_of_lines_that_are_laid_and_forgotten_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000
    store = await SqliteStore.open(place(tmp_path), clock=lambda: now)
    await keep(store, *make_people())
    for version in range(1, 6):
        await keep(store, told=[(ControlsChanged(account=ANA, version=version), (ANA, BEN))])
    reader = await Reader.open(place(tmp_path))
    pieces = 0

    class Meanwhile:
        """A reader between whose pieces the hub goes on."""

        async def run(self, work: Callable[[sqlite3.Connection, Names], object]) -> object:
            nonlocal now, pieces
            found = await reader.run(work)
            pieces += 1
            if pieces == 2:  # threads, then the first of the journals
                now = 3_000
                assert await store.trim(2_000, 99) == 8
                await keep(store, told=[(ControlsChanged(account=ANA, version=6), (ANA, BEN))])
                assert await store.trim(2_000, 99) == 2
            return found

    monkeypatch.setattr(audit, "_SOME", 1)
    audited = await audit.Inspector(cast(Reader, Meanwhile()), reader, None).run()

    assert (audited.journals, audited.problems) == (2, ())
    await reader.close()
    await store.close()


async def test_only_what_is_old_enough_to_be_forgotten_is_laid_for_that(tmp_path: Path) -> None:
    now = 1_000
    store = await SqliteStore.open(place(tmp_path), clock=lambda: now)
    talk = await keep_some(store)
    now = 2_000
    newest = await store._write(lambda writer: writer.tails.newest)

    assert await store.trim(1_000, 99) == 0
    assert await store._write(lambda writer: writer.tails.newest) == newest
    assert await store.trim(2_000, 99) == 8
    assert await store.heads([ANA]) == {ANA: Head(Position(5), Position(5))}
    assert [entry.told for entry in await store.replay(ANA, Position(4), 9)] == talk.said[4:]
    await store.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE told SET lines = zeroblob(length(lines)) WHERE no = (SELECT max(no) FROM told)",
        "DELETE FROM told WHERE no = (SELECT max(no) - 1 FROM told)",
    ],
)
async def test_damage_to_what_is_not_laid_is_reported_and_nobody_goes_on_from_it(
    store: SqliteStore, tmp_path: Path, cut: Path, damage: str
) -> None:
    await keep_some(store)
    copy_as_it_is(tmp_path, cut)
    with behind(cut) as raw:
        raw.execute(damage)

    with pytest.raises(CorruptStore, match="told"):
        await SqliteStore.open(place(cut))
    beside = await SqliteStore.open(place(cut), read_only=True)
    assert (await beside.audit()).problems
    await beside.close()
