"""Parts that are not of one download, and files whose names or numbers do not fit."""

import os
from pathlib import Path

import pytest

from bridge.archive import Limits, open_archive
from bridge.archive.errors import ArchiveUnreadable, MixedArchives
from tests.archive.making import (
    ANA_FACEBOOK,
    FACEBOOK,
    FACEBOOK_PROFILE,
    make_folder,
    make_zip,
    read_all,
    read_files,
    row,
    thread_file,
)

BEN = f"{FACEBOOK}/inbox/ben_1/message_1.json"
BENS_PROFILE = {"profile_v2": {"name": {"full_name": "Ben"}, "username": "ben"}}


def test_a_message_file_that_lies_in_two_places_is_read_once(tmp_path: Path) -> None:
    older = "your_activity_across_facebook/messages/inbox/ben_1/message_1.json"

    threads, report = read_files(
        tmp_path, {**ANA_FACEBOOK, BEN: thread_file(row(), row("new")), older: thread_file(row())}
    )

    assert [[said.text for said in messages] for _, messages in threads] == [["hi"]]
    assert [found.path for found in report.repeated.named] == [BEN]


@pytest.mark.parametrize("wrap", ["", "facebook-ben/"])
def test_parts_of_two_people_are_refused(wrap: str, tmp_path: Path) -> None:
    one = make_zip(tmp_path / "1.zip", {**ANA_FACEBOOK, BEN: thread_file(row())})
    two = make_zip(tmp_path / "2.zip", {wrap + FACEBOOK_PROFILE: BENS_PROFILE})

    with pytest.raises(MixedArchives, match="two people or two downloads"):
        open_archive([one, two])


def test_a_part_given_again_unpacked_is_the_same(tmp_path: Path) -> None:
    files = {**ANA_FACEBOOK, BEN: thread_file(row())}

    with open_archive([make_zip(tmp_path / "1.zip", files), make_folder(tmp_path / "1", files)]) as archive:
        assert len(read_all(archive)) == 1
        assert not archive.report.repeated.count


def test_an_owners_name_that_is_no_unicode_can_be_written(tmp_path: Path) -> None:
    profile = b'{"profile_v2": {"name": {"full_name": "Ana \\ud83d"}, "username": "ana\\ud83d"}}'
    path = make_zip(tmp_path / "a.zip", {FACEBOOK_PROFILE: profile, BEN: thread_file(row())})

    with open_archive([path]) as archive:
        assert f"{archive.owner.name}{archive.owner.handle}".encode()


def test_a_folders_name_that_is_no_utf_8_reads_as_in_a_zip(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a", {**ANA_FACEBOOK, BEN: thread_file(row())})
    odd = os.fsencode(folder / FACEBOOK) + b"/inbox/ren\x82_2"
    os.makedirs(odd)
    Path(os.fsdecode(odd + b"/message_1.json")).write_bytes((folder / BEN).read_bytes())

    with open_archive([folder]) as archive:
        assert [(head.path, len(said)) for head, said in read_all(archive)] == [
            ("inbox/ben_1", 1),
            ("inbox/ren\u00e9_2", 1),
        ]


def test_a_file_of_very_many_values_is_broken_and_takes_no_memory(tmp_path: Path) -> None:
    many = b'{"participants": [], "messages": [' + b"{}," * 3_000 + b"{}]}"
    path = make_zip(tmp_path / "a.zip", {**ANA_FACEBOOK, BEN: many})

    with open_archive([path], limits=Limits(json_values=5_000)) as archive:
        read_all(archive)

        assert [found.reason for found in archive.report.broken_files.named] == [
            f"{BEN}: It holds over 5000 values."
        ]


def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveUnreadable, match="too long"):
        open_archive([tmp_path / ("a" * 300)])
