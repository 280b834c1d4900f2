"""One archive into a store: where its threads lie, what is kept, what a second or a killed import does."""

import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from benchmarks.archives import write_sample
from bridge.archive.errors import HostileArchive
from bridge.archive.model import EdgeKind, MessageKind, MessageRecord, Reaction, Section
from bridge.domain.content import unpack
from bridge.domain.model import StoredRecord, ThreadKind
from bridge.ids import AccountId
from bridge.store.base import Batch, Imported, Store
from bridge.store.sqlite import SqliteStore
from bridge.transfer import ImportOptions, import_archives
from bridge.transfer.errors import BadMap, OwnerNotTold
from bridge.wire.values import AccountState, Consent, Folder, Network
from tests.archive.making import make_zip
from tests.transfer.making import NOON, Chat, House, archive, chat


def ana(tmp_path: Path, *chats: Chat, file: str = "ana.zip") -> Path:
    return archive(tmp_path / file, "messenger", "Ana Lima", "ana", *chats)


async def test_threads_lie_where_their_sections_want_them(house: House, tmp_path: Path) -> None:
    talk = [MessageRecord("Ana Lima", NOON, "hi"), MessageRecord("X", NOON + 1, "ho")]
    only_other = [MessageRecord("Dan", NOON, "who is this?")]
    report = await house.take(
        ana(
            tmp_path,
            Chat("Ben", talk, Section.INBOX),
            Chat("Cleo", talk, Section.ARCHIVED),
            Chat("Dan", only_other, Section.REQUESTS),
            Chat("Eve", only_other, Section.FILTERED),
            Chat("Fay", talk, Section.E2EE),
            Chat("Gil", only_other, Section.INBOX),
        )
    )

    inbox = await house.folder(report.account, Folder.INBOX)
    assert set(inbox) == {"Ben", "Fay", "Gil"}
    assert set(await house.folder(report.account, Folder.ARCHIVED)) == {"Cleo"}
    requests = await house.folder(report.account, Folder.REQUESTS)
    assert set(requests) == {"Dan"}
    assert set(await house.folder(report.account, Folder.HIDDEN)) == {"Eve"}
    consents = {
        name: side.consent
        for name, thread in (inbox | requests).items()
        if (side := await house.side(thread.id, report.account))
    }
    assert consents["Ben"] is Consent.ACCEPTED
    assert consents["Gil"] is Consent.NONE
    assert consents["Dan"] is Consent.PENDING
    tally = await house.store.tally([AccountId(report.account)])
    assert (tally.threads, tally.messages, tally.requests) == (0, 0, 1)
    assert not (await house.store.audit()).problems


async def test_everybody_but_the_owner_is_a_placeholder_nobody_signs_in_to(
    house: House, tmp_path: Path
) -> None:
    report = await house.take(ana(tmp_path, Chat("Ben", chat("Ana Lima", "Ben", 3))))

    others = [one for one in await house.store.accounts(limit=10) if one.id != report.account]
    assert [(one.name, one.placeholder, one.state) for one in others] == [
        ("Ben", True, AccountState.DEACTIVATED)
    ]
    assert report.placeholders == 1


async def test_a_group_is_history_to_read(house: House, tmp_path: Path) -> None:
    rows = [*chat("Ben", "Cleo", 4), MessageRecord("Zoe who left", NOON + 10**6, "bye")]
    report = await house.take(ana(tmp_path, Chat("Ben", rows, more=("Cleo",), title="Lake people")))

    (thread,) = (await house.folder(report.account, Folder.INBOX)).values()
    assert thread.kind is ThreadKind.GROUP
    assert thread.title == "Lake people"
    assert len(thread.members) == 4
    assert report.groups == 1


async def test_whatever_a_row_says_is_kept_and_its_text_is_clean(house: House, tmp_path: Path) -> None:
    row = MessageRecord(
        "Ben", NOON, "be\x07ll\nline", reactions=(Reaction("❤", "Ana Lima", 7),), extras=b'{"odd":1}'
    )
    call = MessageRecord("Ben", NOON + 1, None, MessageKind.CALL, call_s=0, missed=True)
    report = await house.take(ana(tmp_path, Chat("Ben", [row, call])))

    (thread,) = (await house.folder(report.account, Folder.INBOX)).values()
    first, second = [
        unpack(one.content or b"") for one in await house.store.history(thread.id, after=0, limit=9)
    ]
    assert first.text == "bell\nline"
    assert first.extras == {
        "text": "be\x07ll\nline", "reactions": [["❤", "Ana Lima", 7]], "more": b'{"odd":1}'
    }  # fmt: skip
    assert (second.kind, second.text, second.extras) == ("call", None, {"call_s": 0, "missed": True})


async def test_an_import_writes_no_journal_and_raises_the_epoch(house: House, tmp_path: Path) -> None:
    path = ana(tmp_path, Chat("Ben", chat("Ana Lima", "Ben", 3)))

    report = await house.take(path)

    account = await house.account(report.account)
    assert account.epoch > 1
    heads = await house.store.heads([account.id])
    assert heads[account.id].newest == 0


async def test_a_second_import_adds_nothing_and_leaves_no_trace(house: House, tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "sample", messages=1_000)
    for one in sample.archives:
        await house.take(one.path)
    before = await house.state()

    again = [await house.take(one.path) for one in sample.archives]

    assert [report.added for report in again] == [0] * len(again)
    assert [report.placeholders for report in again] == [0] * len(again)
    assert await house.state() == before


async def test_a_newer_download_adds_only_what_is_new(house: House, tmp_path: Path) -> None:
    rows = chat("Ana Lima", "Ben", 8)
    first = await house.take(ana(tmp_path, Chat("Ben", rows[:5])))

    second = await house.take(ana(tmp_path, Chat("Ben", rows), Chat("Cleo", rows[:2]), file="new.zip"))

    assert second.account == first.account
    assert second.added == 5
    (thread,) = [
        one for name, one in (await house.folder(first.account, Folder.INBOX)).items() if name == "Ben"
    ]
    assert await house.texts(thread.id) == [f"line {number}" for number in range(8)]
    assert not (await house.store.audit()).problems


async def test_a_dry_run_reports_and_keeps_nothing(house: House, tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.zip", "direct", "Ana Lima", "ana", Chat("Ben", chat("Ana Lima", "Ben", 30)),
        edges=[(EdgeKind.FOLLOWING, "ben"), (EdgeKind.FOLLOWER, "ben"), (EdgeKind.BLOCKED, "eve")],
        links=[("messenger", "Ana Lima")],
    )  # fmt: skip
    before = await house.state()

    dry = await house.take(path, dry_run=True)

    assert await house.state() == before
    real = await house.take(path)
    assert (dry.threads, dry.messages, dry.added, dry.follows, dry.blocks, dry.claimed) == (
        1,
        30,
        30,
        1,
        1,
        1,
    )
    assert (real.threads, real.messages, real.added, real.follows, real.blocks, real.claimed) == (
        1, 30, 30, 1, 1, 1
    )  # fmt: skip
    assert [link.state for link in dry.links] == ["claimed"]
    again = await house.take(path, dry_run=True)
    assert (again.created, again.added) == (False, 0)


async def test_progress_comes_to_the_end(store: Store, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []

    await import_archives(
        store,
        [ana(tmp_path, Chat("Ben", chat("Ana Lima", "Ben", 3)))],
        progress=lambda done, total: heard.append((done, total)),
    )

    assert heard
    assert heard[-1][0] == heard[-1][1] > 0


async def test_a_broken_file_never_stops_the_rest(house: House, tmp_path: Path) -> None:
    path = ana(tmp_path, Chat("Ben", chat("Ana Lima", "Ben", 3)))
    with zipfile.ZipFile(path, "a") as files:
        files.writestr("your_facebook_activity/messages/inbox/broken_2/message_1.json", b"{")

    report = await house.take(path)

    assert report.added == 3
    assert report.archive["broken_files"]["count"] == 1  # type: ignore[index]  # plain data


async def test_a_hostile_archive_changes_nothing(house: House, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "evil.zip", {"../messages/inbox/x_1/message_1.json": {}})
    before = await house.state()

    with pytest.raises(HostileArchive):
        await house.take(path)

    assert await house.state() == before


class Killed(Exception):
    """The process is gone."""


class Dying:
    """A store that dies at the n-th write, before or after it was kept."""

    def __init__(self, store: Store, writes: int, *, after: bool) -> None:
        self._store, self._left, self._after = store, writes, after

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def commit(self, batch: Batch) -> object:
        self._die(after=False)
        kept = await self._store.commit(batch)
        self._die(after=True)
        return kept

    async def put_history(self, pieces: Sequence[Imported], records: Collection[StoredRecord]) -> None:
        self._die(after=False)
        await self._store.put_history(pieces, records)
        self._die(after=True)

    def _die(self, *, after: bool) -> None:
        if after is self._after:
            self._left -= 1
            if self._left < 0:
                raise Killed


@pytest.mark.parametrize("after", [False, True])
async def test_a_killed_import_goes_on_where_it_was(
    after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.transfer.history.PIECE", 40)
    monkeypatch.setattr("bridge.transfer.union.PIECE", 40)
    monkeypatch.setattr("bridge.transfer.union.TAIL", 10)
    rows = chat("Ana Lima", "Ben Okafor", 95)
    crowd = [MessageRecord(f"Guest {n % 7}", NOON + n, f"all {n}") for n in range(50)]
    one = archive(
        tmp_path / "one.zip", "messenger", "Ana Lima", "ana",
        Chat("Ben Okafor", rows), Chat("Guest 0", crowd, more=("Guest 1",), title="Party"),
        edges=[(EdgeKind.FRIEND, "Ben Okafor"), (EdgeKind.BLOCKED, "Eve")],
    )  # fmt: skip
    two = archive(
        tmp_path / "two.zip", "messenger", "Ben Okafor", "ben", Chat("Ana Lima", rows),
        edges=[(EdgeKind.FRIEND, "Ana Lima")],
    )  # fmt: skip

    async def both(store: Store) -> None:
        for path in (one, two):
            await import_archives(store, [path])

    async def imported(dies_at: int | None) -> tuple[object, ...]:
        store = await SqliteStore.open(tmp_path / f"{after}{dies_at}.db")
        try:
            if dies_at is not None:
                dying = Dying(store, dies_at, after=after)
                with pytest.raises(Killed):
                    await both(dying)  # type: ignore[arg-type]  # it is a store to its end
            await both(store)
            assert not (await store.audit()).problems
            return await outline(store)
        finally:
            await store.close()

    whole = await imported(None)
    for dies_at in range(19):
        assert await imported(dies_at) == whole


async def outline(store: Store) -> tuple[object, ...]:
    """Say what is there, but for what chance and the clock have chosen."""
    shown: list[object] = []
    async for thread, sides in store.all_threads():
        said = await store.history(thread.id, after=0, limit=1_000)
        names = {
            one.id: (one.handle if one.handle != one.id else one.name)
            for one in await store.accounts(limit=999)
        }
        texts = [unpack(one.content or b"").text for one in said if thread.source != "ledger"]
        folders = sorted((names[side.account], side.folder.value, side.consent.value, side.sent, side.read)
                         for side in sides if thread.source != "ledger")  # fmt: skip
        shown.append((thread.kind.value, thread.title, folders, texts))
    return tuple(sorted(map(repr, shown)))


async def test_an_account_that_lives_is_taken_only_by_the_operators_word(
    house: House, tmp_path: Path
) -> None:
    live = await house.make(Network.MESSENGER, "ana")
    path = ana(tmp_path, Chat("Ben", chat("Ana Lima", "Ben", 3)))

    with pytest.raises(OwnerNotTold, match="--as messenger/ana"):
        await house.take(path)

    report = await house.take(path, owner="messenger/ana")
    assert report.account == live
    assert not report.created


@pytest.mark.parametrize("owner", ["ana", "/ana", "telegram/ana", "direct/ana", "messenger/"])
async def test_an_owner_that_cannot_be_is_refused(owner: str, house: House, tmp_path: Path) -> None:
    path = ana(tmp_path, Chat("Ben", chat("Ana Lima", "Ben", 3)))
    before = await house.state()

    with pytest.raises(OwnerNotTold):
        await house.take(path, owner=owner)

    assert await house.state() == before


@pytest.mark.parametrize("handle", ["ben", "messenger/nobody", "direct/ana"])
async def test_a_map_to_nobody_is_refused(handle: str, house: House, tmp_path: Path) -> None:
    path = ana(tmp_path, Chat("Ben", chat("Ana Lima", "Ben", 3)))

    with pytest.raises(BadMap):
        await house.take(path, maps={"Ben": handle})


async def test_owners_without_a_handle_and_of_one_name_stay_two(house: House, tmp_path: Path) -> None:
    one = archive(tmp_path / "1.zip", "messenger", "Sam Reed", None, Chat("Ben", chat("Sam Reed", "Ben", 3)))
    two = archive(
        tmp_path / "2.zip", "messenger", "Sam Reed", None, Chat("Ben", chat("Sam Reed", "Ben", 3), number=2)
    )

    first, second, again = [await house.take(path) for path in (one, two, one)]

    assert [first.handle, second.handle, again.handle] == ["sam.reed", "sam.reed.2", "sam.reed"]
    assert (again.account, again.added) == (first.account, 0)


async def test_odd_threads_find_a_place(house: House, tmp_path: Path) -> None:
    own_notes = Chat("Ana Lima", [MessageRecord("Ana Lima", NOON, "milk")], number=7)
    gone = Chat("", [MessageRecord("", NOON, "I am gone")], number=8)
    namesake = Chat("Ana Lima", [MessageRecord("Ana Lima", NOON, "same name")], number=9)
    silent = Chat("Ben", [], number=10)

    path = tmp_path / "odd.zip"
    archive(path, "messenger", "Ana Lima", "ana", own_notes, gone, namesake, silent)
    report = await house.take(path)

    assert report.messages == 3
    assert not (await house.store.audit()).problems
    assert (await house.take(path)).added == 0


@pytest.mark.slow
async def test_a_hundred_thousand_messages_come_twice_to_the_same(tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "sample", messages=100_000)
    path = sample.archives[0].path
    store = await SqliteStore.open(tmp_path / "big.db")
    try:
        report = await import_archives(store, [path], options=ImportOptions())
        assert report.added == 100_000
        assert len(await store.search([AccountId(report.account)], sample.last_text, limit=2)) == 1
        first = await store.audit()
        again = await import_archives(store, [path], options=ImportOptions())
        assert again.added == 0
        assert await store.audit() == first
        assert not first.problems
    finally:
        await store.close()
