"""Threads that lie elsewhere in a newer archive, or are called otherwise: they stay what they are."""

from pathlib import Path

import pytest

from bridge.archive import open_archive
from bridge.archive.model import MessageRecord, Section, thread_path
from bridge.ids import AccountId
from bridge.transfer import export_person
from bridge.wire.commands import Archive
from bridge.wire.values import Consent, Folder
from tests.transfer.making import NOON, Chat, House, archive, chat

NUMBER = 10_153_224_234_234
ROWS = chat("Ana Lima", "Ben Okafor", 40)
SHOWN = (Folder.INBOX, Folder.REQUESTS, Folder.HIDDEN, Folder.ARCHIVED)


def told(tmp_path: Path, *chats: Chat) -> Path:
    return archive(tmp_path / "ana.zip", "messenger", "Ana Lima", "ana", *chats)


def ben(count: int, section: Section = Section.INBOX, number: int = NUMBER) -> Chat:
    return Chat("Ben Okafor", ROWS[:count], section=section, number=number)


async def shown(house: House, account: str) -> list[tuple[Folder, str, int]]:
    """List what the owner is shown."""
    return [
        (folder, name, thread.tip)
        for folder in SHOWN
        for name, thread in (await house.folder(account, folder)).items()
    ]


@pytest.mark.parametrize("number", [NUMBER, 1])
@pytest.mark.parametrize(
    ("before", "after", "folder"),
    [
        (Section.INBOX, Section.ARCHIVED, Folder.ARCHIVED),
        (Section.INBOX, Section.E2EE, Folder.INBOX),
        (Section.ARCHIVED, Section.INBOX, Folder.INBOX),
        (Section.REQUESTS, Section.INBOX, Folder.INBOX),
        (Section.FILTERED, Section.REQUESTS, Folder.REQUESTS),
    ],
)
async def test_a_chat_that_lies_in_another_section_moves_there(
    before: Section, after: Section, folder: Folder, number: int, house: House, tmp_path: Path
) -> None:
    await house.take(told(tmp_path, ben(10, before, number)))

    report = await house.take(told(tmp_path, ben(12, after, number)))

    assert report.added == 2
    assert await shown(house, report.account) == [(folder, "Ben Okafor", 12)]
    assert not (await house.store.audit()).problems
    exported = await export_person(house.store, AccountId(report.account), tmp_path / "out.zip")
    assert (exported.threads, exported.messages) == (1, 12)
    with open_archive([tmp_path / "out.zip"]) as out:
        assert out.thread_paths() == [thread_path(after, "Ben Okafor", number)]


async def test_a_request_that_was_answered_elsewhere_is_accepted(house: House, tmp_path: Path) -> None:
    await house.take(told(tmp_path, Chat("Ben Okafor", ROWS[1:2], Section.REQUESTS, NUMBER)))
    ana = (await house.take(told(tmp_path, Chat("Ben Okafor", ROWS[1:9], Section.INBOX, NUMBER)))).account

    side = await house.side((await house.folder(ana, Folder.INBOX))["Ben Okafor"].id, ana)

    assert side is not None
    assert side.consent is Consent.ACCEPTED
    assert side.read == 8


async def test_where_the_owner_put_a_chat_here_it_stays(house: House, tmp_path: Path) -> None:
    ana = (await house.take(told(tmp_path, ben(10)))).account
    thread = (await house.folder(ana, Folder.INBOX))["Ben Okafor"]
    await house.do(ana, Archive(threads=(thread.id,)))

    await house.take(told(tmp_path, ben(12, Section.E2EE)))

    assert await shown(house, ana) == [(Folder.ARCHIVED, "Ben Okafor", 12)]


async def test_a_group_that_was_renamed_is_the_same_group(house: House, tmp_path: Path) -> None:
    rows = [MessageRecord(f"Guest {n % 3}", NOON + n, f"all {n}") for n in range(20)]

    def group(title: str, count: int) -> Chat:
        return Chat("Guest 0", rows[:count], more=("Guest 1",), title=title, number=NUMBER)

    await house.take(told(tmp_path, group("Lake people", 10)))
    report = await house.take(told(tmp_path, group("Mountain people", 20)))

    assert report.added == 10
    assert [found[1:] for found in await shown(house, report.account)] == [("Mountain people", 20)]


async def test_an_older_archive_after_a_newer_one_moves_nothing(house: House, tmp_path: Path) -> None:
    await house.take(told(tmp_path, ben(12, Section.ARCHIVED)))

    report = await house.take(told(tmp_path, ben(10, Section.INBOX)))

    assert report.added == 0
    assert await shown(house, report.account) == [(Folder.ARCHIVED, "Ben Okafor", 12)]


async def test_a_chat_in_two_sections_of_one_archive_is_two(house: House, tmp_path: Path) -> None:
    await house.take(told(tmp_path, ben(10, Section.INBOX)))
    await house.take(told(tmp_path, ben(10, Section.E2EE)))
    both = told(tmp_path, ben(10, Section.E2EE), ben(8, Section.INBOX))

    for _ in range(2):
        report = await house.take(both)

    tips = [thread.tip async for thread, _ in house.store.all_threads() if thread.source != "ledger"]
    assert sorted(tips) == [8, 10]
    assert not (await house.store.audit()).problems
    exported = await export_person(house.store, AccountId(report.account), tmp_path / "out.zip")
    assert (exported.threads, exported.messages) == (2, 18)


async def test_a_united_chat_that_moves_stays_united(house: House, tmp_path: Path) -> None:
    theirs = Chat("Ana Lima", ROWS[:30])
    ana = (await house.take(told(tmp_path, ben(30)))).account
    ben_ = (await house.take(archive(tmp_path / "b.zip", "messenger", "Ben Okafor", "ben", theirs))).account

    await house.take(told(tmp_path, ben(32, Section.ARCHIVED)))
    again = await house.take(told(tmp_path, ben(32, Section.ARCHIVED)))

    assert (again.added, again.resolved) == (0, [])
    assert len(await house.said_between(ana, ben_)) == 30
    assert [name for _, name, _ in await shown(house, ana)].count("Ben Okafor") == 1
    exported = await export_person(house.store, AccountId(ana), tmp_path / "out.zip")
    assert (exported.threads, exported.messages) == (1, 32)
