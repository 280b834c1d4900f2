"""Hostile archives are refused before a byte of them is unpacked."""

import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from bridge.archive import Limits, open_archive
from bridge.archive.errors import (
    ArchiveError,
    ArchiveNotFound,
    ArchiveTooLarge,
    ArchiveUnreadable,
    HostileArchive,
    HtmlArchive,
    MemberUnreadable,
    MixedArchives,
    NotAnArchive,
    OwnerUnknown,
)
from bridge.errors import all_errors
from tests.archive.making import (
    ANA_FACEBOOK,
    FACEBOOK,
    INSTAGRAM,
    make_folder,
    make_zip,
    read_all,
    row,
    thread_file,
)

GOOD = {**ANA_FACEBOOK, f"{FACEBOOK}/inbox/ben_1/message_1.json": thread_file(row())}


def zip_with(path: Path, entry: zipfile.ZipInfo, content: bytes = b"x") -> Path:
    """Write a good archive and one more entry."""
    make_zip(path, GOOD)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, content)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../evil.json",
        "a/../../evil",
        "/etc/passwd",
        "C:/evil",
        "a\\..\\evil",
        "a//b",
        "./a",
        "x/" * 20 + "y",
        "n" * 2000,
    ],
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    path = zip_with(tmp_path / "a.zip", zipfile.ZipInfo(name))

    with pytest.raises(HostileArchive) as caught:
        open_archive([path])

    assert caught.value.path == str(path)
    assert caught.value.member


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR]
)
def test_members_that_are_no_files_are_refused(tmp_path: Path, kind: int) -> None:
    entry = zipfile.ZipInfo("link")
    entry.create_system = 3
    entry.external_attr = (kind | 0o777) << 16

    with pytest.raises(HostileArchive):
        open_archive([zip_with(tmp_path / "a.zip", entry, b"/etc/passwd")])


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = zip_with(tmp_path / "a.zip", zipfile.ZipInfo(f"{FACEBOOK}/inbox/ben_1/message_1.json"))

    with pytest.raises(HostileArchive, match="two files of one name"):
        open_archive([path])


def test_encrypted_files_are_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", GOOD)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)

    with pytest.raises(HostileArchive, match="encrypted"):
        open_archive([path])


def test_files_that_share_bytes_are_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a": b"1" * 50, "b": b"2" * 50, **GOOD})
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    struct.pack_into("<I", data, second + 42, 10)
    path.write_bytes(data)

    with pytest.raises(HostileArchive, match="share bytes"):
        open_archive([path])


def test_bombs_are_refused_by_ratio_by_sum_and_by_number(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {**GOOD, "zeros.bin": bytes(1_000_000)})

    with pytest.raises(HostileArchive, match="unpacks to far more"):
        open_archive([path], limits=Limits(ratio_from_bytes=500_000))
    with pytest.raises(ArchiveTooLarge):
        open_archive([path], limits=Limits(total_bytes=900_000))
    with pytest.raises(ArchiveTooLarge):
        open_archive([path], limits=Limits(members=2))
    with open_archive([path]) as archive:
        assert len(read_all(archive)) == 1


def test_limits_hold_for_all_parts_together_and_for_folders(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "folder", GOOD)
    part = make_zip(tmp_path / "b.zip", {"photos/1.jpg": b"1", "photos/2.jpg": b"2"})

    with pytest.raises(ArchiveTooLarge):
        open_archive([folder], limits=Limits(members=1))
    with pytest.raises(ArchiveTooLarge):
        open_archive([folder, part], limits=Limits(members=3))


def test_a_json_file_over_its_limit_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    files = {**GOOD, f"{FACEBOOK}/inbox/cleo_2/message_1.json": thread_file(row("x" * 5_000))}

    with open_archive([make_zip(tmp_path / "a.zip", files)], limits=Limits(json_bytes=3_000)) as archive:
        threads = read_all(archive)

    assert [head.path for head, _ in threads] == ["inbox/ben_1"]
    assert archive.report.broken_files.count == 1


def test_a_file_packed_by_an_unusual_method_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", GOOD)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_LZMA) as packed:
        packed.writestr(f"{FACEBOOK}/inbox/cleo_2/message_1.json", "{}")

    with open_archive([path]) as archive:
        assert len(read_all(archive)) == 1
        assert archive.report.broken_files.count == 1


def test_links_that_leave_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    folder = make_folder(tmp_path / "folder", GOOD)
    (folder / "inside.json").symlink_to(folder / "connections")
    (folder / "loop.json").symlink_to(folder / "loop.json")
    with open_archive([folder]) as archive:
        assert len(read_all(archive)) == 1

    (folder / "out.json").symlink_to(tmp_path / "secret")

    with pytest.raises(HostileArchive, match="leads out"):
        open_archive([folder])


def test_pipes_and_the_like_in_a_folder_are_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "folder", GOOD)
    os.mkfifo(folder / "pipe.json")

    with pytest.raises(HostileArchive, match="not a regular file"):
        open_archive([folder])
    with pytest.raises(ArchiveUnreadable):
        open_archive([folder / "pipe.json"])


def test_what_is_no_archive_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    page = f"{FACEBOOK}/inbox/ben_1/message_1.html"

    with pytest.raises(ArchiveNotFound):
        open_archive([])
    with pytest.raises(ArchiveNotFound):
        open_archive([tmp_path / "missing.zip"])
    with pytest.raises(ArchiveUnreadable):
        open_archive([tmp_path / "text.zip"])
    with pytest.raises(NotAnArchive):
        open_archive([make_zip(tmp_path / "1.zip", {"holiday/photo.jpg": b"1"})])
    with pytest.raises(NotAnArchive):
        open_archive([make_zip(tmp_path / "2.zip", {})])
    with pytest.raises(HtmlArchive, match="JSON"):
        open_archive([make_zip(tmp_path / "3.zip", {page: b"<html>", "start_here.html": b"<html>"})])
    with pytest.raises(HtmlArchive, match="JSON"):
        open_archive([make_zip(tmp_path / "4.zip", {"index.html": b"<html>"})])
    with pytest.raises(OwnerUnknown, match="owner"):
        open_archive(
            [make_zip(tmp_path / "5.zip", {f"{FACEBOOK}/inbox/b_1/message_1.json": thread_file(row())})]
        )


def test_parts_of_two_networks_are_refused(tmp_path: Path) -> None:
    other = make_zip(tmp_path / "i.zip", {f"{INSTAGRAM}/inbox/ben_1/message_1.json": thread_file(row())})

    with pytest.raises(MixedArchives):
        open_archive([make_zip(tmp_path / "f.zip", GOOD), other])


def test_truncated_and_damaged_zips_never_crash(tmp_path: Path) -> None:
    whole = make_zip(tmp_path / "a.zip", GOOD).read_bytes()
    outcomes = set()
    for at in range(0, len(whole), 7):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]):
            (tmp_path / "b.zip").write_bytes(damaged)
            try:
                with open_archive([tmp_path / "b.zip"], owner_name="Ana") as archive:
                    read_all(archive)
                    outcomes.add("read")
            except ArchiveError as error:
                outcomes.add(error.code)

    assert {"read", "archive_unreadable"} <= outcomes


def test_a_missing_picture_is_told_by_type(tmp_path: Path) -> None:
    with open_archive([make_zip(tmp_path / "a.zip", GOOD)]) as archive, pytest.raises(MemberUnreadable):
        archive.open_media("photos/none.jpg")


def test_every_archive_error_has_a_code_of_its_own_and_a_next_step() -> None:
    errors = list(all_errors(ArchiveError))

    assert len({error.code for error in errors}) == len(errors)
    assert all(error().text for error in errors)
