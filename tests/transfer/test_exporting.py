"""What was imported comes out as it was, with what happened here since; in again and out, the same bytes."""

import zipfile
from pathlib import Path

import pytest

from benchmarks.archives import demo_people, write_sample
from bridge.archive import open_archive
from bridge.archive.errors import TargetExists
from bridge.archive.model import EdgeKind, LinkedAccount, MessageKind, Section, Upgrade
from bridge.ids import AccountId
from bridge.store.base import Store
from bridge.store.memory import MemoryStore
from bridge.store.sqlite import SqliteStore
from bridge.transfer import export_person, import_archives
from bridge.transfer.errors import ExportRefused
from bridge.wire.commands import Archive, Decline, SetTie
from bridge.wire.values import Network, TieKind
from tests.archive.making import read_all
from tests.store.engines import FILE
from tests.transfer.making import Chat, House, archive, chat


def checksums(path: Path) -> dict[str, tuple[int, int]]:
    """Give what a ZIP holds, whatever the order."""
    with zipfile.ZipFile(path) as files:
        return {info.filename: (info.CRC, info.file_size) for info in files.infolist()}


def bytes_of(path: Path) -> bytes:
    """Read a file."""
    return path.read_bytes()


async def again(path: Path, target: Path) -> bytes:
    """Import an export into an empty store and export it again."""
    store = await MemoryStore.open()
    report = await import_archives(store, [path])
    await export_person(store, AccountId(report.account), target)
    return bytes_of(target)


@pytest.mark.parametrize("people", ["sample", "cast"])
async def test_export_import_export_is_equal_and_the_source_comes_back(
    people: str, store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "archives"
    sample = (
        write_sample(folder, messages=1_000, forged=True).archives
        if people == "sample"
        else demo_people(folder)
    )
    owners = {one.path: (await import_archives(store, [one.path])).account for one in sample}

    for path, owner in owners.items():
        out = tmp_path / f"out-{path.name}"
        await export_person(store, AccountId(owner), out)

        assert checksums(out) == checksums(path)
        assert await again(out, tmp_path / f"again-{path.name}") == bytes_of(out)


async def test_what_was_said_here_since_comes_out_behind_what_was_imported(
    house: House, tmp_path: Path
) -> None:
    talk = chat("Ana Lima", "Ben Okafor", 30)
    ana = await house.take(
        archive(tmp_path / "a.zip", "messenger", "Ana Lima", "ana", Chat("Ben Okafor", talk))
    )
    ben = await house.take(
        archive(tmp_path / "b.zip", "messenger", "Ben Okafor", "ben", Chat("Ana Lima", talk))
    )
    dan = await house.make(Network.MESSENGER, "dan")
    await house.say(ana.account, ben.account, "live")
    await house.say(dan, ana.account, "a request")

    out = tmp_path / "out.zip"
    report = await export_person(house.store, AccountId(ana.account), out)

    with open_archive([out]) as opened:
        threads = {head.title: (head.section, [row.text for row in rows]) for head, rows in read_all(opened)}
    assert threads == {
        "Ben Okafor": (Section.INBOX, [*(row.text for row in talk), "live"]),
        "Dan": (Section.REQUESTS, ["a request"]),
    }
    assert (report.threads, report.messages) == (2, 32)
    assert await again(out, tmp_path / "again.zip") == bytes_of(out)


async def test_lists_come_out_as_they_are_now(house: House, tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.zip", "direct", "Ana Lima", "ana", Chat("X", chat("Ana Lima", "X", 2)),
        edges=[
            (EdgeKind.FOLLOWING, "cleo"), (EdgeKind.FOLLOWING, "dan"), (EdgeKind.FOLLOWING, "ghost"),
            (EdgeKind.CLOSE_FRIEND, "cleo"), (EdgeKind.FOLLOWER, "zoe"),
        ],
    )  # fmt: skip
    cleo, dan, eve = [await house.make(Network.DIRECT, handle) for handle in ("cleo", "dan", "eve")]
    ana = AccountId((await house.take(path)).account)
    await house.do(ana, SetTie(as_=ana, account=dan, tie=TieKind.FOLLOW, on=False))
    await house.do(ana, SetTie(as_=ana, account=eve, tie=TieKind.FOLLOW))
    await house.do(ana, SetTie(as_=ana, account=eve, tie=TieKind.RESTRICT))
    assert cleo

    await export_person(house.store, ana, tmp_path / "out.zip")

    with open_archive([tmp_path / "out.zip"]) as opened:
        edges = sorted((edge.kind.value, edge.name) for edge in opened.edges())
    assert edges == [
        ("close_friend", "cleo"), ("follower", "zoe"), ("following", "cleo"), ("following", "eve"),
        ("following", "ghost"), ("restricted", "eve"),
    ]  # fmt: skip
    assert await again(tmp_path / "out.zip", tmp_path / "2.zip") == bytes_of(tmp_path / "out.zip")


async def test_friends_made_here_come_out_by_name(house: House, tmp_path: Path) -> None:
    talk = chat("Ana Lima", "Ben Okafor", 30)
    ana = await house.take(
        archive(tmp_path / "a.zip", "messenger", "Ana Lima", "ana", Chat("Ben Okafor", talk),
                edges=[(EdgeKind.FRIEND, "Gil"), (EdgeKind.BLOCKED, "Ben Okafor")])
    )  # fmt: skip
    ben = await house.take(
        archive(tmp_path / "b.zip", "messenger", "Ben Okafor", "ben", Chat("Ana Lima", talk))
    )
    own, other = AccountId(ana.account), AccountId(ben.account)
    await house.do(own, SetTie(as_=own, account=other, tie=TieKind.BLOCK, on=False))
    dan = await house.make(Network.MESSENGER, "dan")
    await house.do(own, SetTie(as_=own, account=dan, tie=TieKind.BLOCK))
    await house.do(own, SetTie(as_=own, account=other, tie=TieKind.FRIEND))
    await house.do(other, SetTie(as_=other, account=own, tie=TieKind.FRIEND))

    await export_person(house.store, own, tmp_path / "out.zip")

    with open_archive([tmp_path / "out.zip"]) as opened:
        edges = sorted((edge.kind.value, edge.name) for edge in opened.edges())
    assert edges == [("blocked", "Dan"), ("friend", "Ben Okafor"), ("friend", "Gil")]


async def test_an_account_without_an_archive_comes_out_too(house: House, tmp_path: Path) -> None:
    ana, ben = await house.make(Network.DIRECT, "ana"), await house.make(Network.DIRECT, "ben")
    sent = await house.say(ben, ana, "first")
    await house.do(ana, Decline(threads=(sent.thread,)))
    sent = await house.say(ana, await house.make(Network.DIRECT, "cleo"), "hello")
    await house.do(ana, Archive(threads=(sent.thread,)))

    for own in (ana, ben):
        report = await export_person(house.store, own, tmp_path / f"{own}.zip")
        assert report.messages
        assert await again(tmp_path / f"{own}.zip", tmp_path / "x.zip") == bytes_of(tmp_path / f"{own}.zip")
        (tmp_path / "x.zip").unlink()
    with open_archive([tmp_path / f"{ana}.zip"]) as opened:
        assert {head.title: head.section for head, _ in read_all(opened)} == {
            "Ben": Section.FILTERED, "Cleo": Section.ARCHIVED
        }  # fmt: skip


async def test_a_link_made_here_comes_out(house: House, tmp_path: Path) -> None:
    instagram = archive(
        tmp_path / "i.zip", "direct", "Ana", "ana", Chat("X", chat("Ana", "X", 2)),
        links=[("messenger", "Ana")], upgraded=True,
    )  # fmt: skip
    facebook = archive(
        tmp_path / "f.zip",
        "messenger",
        "Ana",
        "ana.l",
        Chat("X", chat("Ana", "X", 2)),
        links=[("direct", "ana")],
    )
    await house.take(instagram)
    report = await house.take(facebook)
    assert [link.state for link in report.links] == ["linked"]
    silent = archive(tmp_path / "s.zip", "messenger", "Ana", "ana.l", Chat("X", chat("Ana", "X", 2)))
    await house.take(silent)

    await export_person(house.store, AccountId(report.account), tmp_path / "out.zip")

    with open_archive([tmp_path / "out.zip"]) as opened:
        assert opened.links() == [LinkedAccount("direct", "ana", label="Instagram")]
        assert opened.upgrade() in (None, Upgrade(True))


async def test_erased_messages_come_out_as_unsent(house: House, tmp_path: Path) -> None:
    ana, ben = await house.make(Network.DIRECT, "ana"), await house.make(Network.DIRECT, "ben")
    await house.say(ben, ana, "gone")
    await house.store.erase(ben, 10)

    await export_person(house.store, ana, tmp_path / "out.zip")

    with open_archive([tmp_path / "out.zip"]) as opened:
        ((_, (row,)),) = read_all(opened)
    assert (row.kind, row.text) == (MessageKind.UNSENT, None)


async def test_an_export_reads_beside_a_running_owner(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", "direct", "Ana", "ana", Chat("X", chat("Ana", "X", 20)))
    owner = await SqliteStore.open(tmp_path / FILE)
    report = await import_archives(owner, [path])
    reader = await SqliteStore.open(tmp_path / FILE, read_only=True)
    heard: list[tuple[int, int]] = []
    try:
        await export_person(
            reader,
            AccountId(report.account),
            tmp_path / "folder",
            progress=lambda done, total: heard.append((done, total)),
        )
    finally:
        await reader.close()
        await owner.close()

    assert heard == [(1, 1)]
    with open_archive([tmp_path / "folder"]) as opened:
        assert [len(rows) for _, rows in read_all(opened)] == [20]


async def test_nobody_and_placeholders_are_not_exported(house: House, tmp_path: Path) -> None:
    await house.take(archive(tmp_path / "a.zip", "direct", "Ana", "ana", Chat("X", chat("Ana", "X", 2))))
    (stand_in,) = [one.id for one in await house.store.accounts(limit=9) if one.placeholder]

    for account in ("nobody", stand_in):
        with pytest.raises(ExportRefused):
            await export_person(house.store, AccountId(account), tmp_path / "out.zip")

    assert not (tmp_path / "out.zip").exists()


async def test_an_export_overwrites_nothing(house: House, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", "direct", "Ana", "ana", Chat("X", chat("Ana", "X", 2)))
    report = await house.take(path)
    before = bytes_of(path)

    with pytest.raises(TargetExists):
        await export_person(house.store, AccountId(report.account), path)

    assert bytes_of(path) == before
