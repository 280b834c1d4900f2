"""Every layout met in the wild, and files that are broken."""

from pathlib import Path
from typing import Any

import pytest

from bridge.archive import open_archive
from bridge.archive.model import (
    Media,
    MediaKind,
    MessageKind,
    MessageRecord,
    Network,
    Reaction,
    Section,
    Share,
)
from tests.archive.making import (
    ANA_FACEBOOK,
    ANA_INSTAGRAM,
    FACEBOOK,
    INSTAGRAM,
    make_folder,
    make_zip,
    read_all,
    read_files,
    read_rows,
    row,
    thread_file,
)


@pytest.mark.parametrize("wrap", ["", "facebook-ana-2024/"])
@pytest.mark.parametrize(
    ("root", "network"),
    [
        ("messages", None),
        ("your_activity_across_facebook/messages", "messenger"),
        ("your_facebook_activity/messages", "messenger"),
        ("your_instagram_activity/messages", "direct"),
    ],
)
def test_every_root_is_read(tmp_path: Path, wrap: str, root: str, network: Network | None) -> None:
    files = {f"{wrap}{root}/inbox/ben_1/message_1.json": thread_file(row("zażółć"))}
    given: Network | None = None if network else "messenger"

    for path in (make_zip(tmp_path / "a.zip", files), make_folder(tmp_path / "folder", files)):
        with open_archive([path], owner_name="Ana", network=given) as archive:
            assert archive.network == (network or "messenger")
            assert [(head.path, said) for head, said in read_all(archive)] == [
                ("inbox/ben_1", [MessageRecord("Ben", 1_000, "zażółć")])
            ]


@pytest.mark.parametrize(
    ("folder", "section"),
    [
        ("inbox", Section.INBOX),
        ("message_requests", Section.REQUESTS),
        ("filtered_threads", Section.FILTERED),
        ("archived_threads", Section.ARCHIVED),
        ("e2ee_cutover", Section.E2EE),
        ("broadcast", Section.BROADCAST),
    ],
)
def test_the_folder_tells_the_section(tmp_path: Path, folder: str, section: Section) -> None:
    threads, report = read_files(
        tmp_path, {**ANA_FACEBOOK, f"{FACEBOOK}/{folder}/x_1/message_1.json": thread_file()}
    )

    assert threads[0][0].section is section
    assert report.threads == {section: 1}


@pytest.mark.parametrize(
    ("extra", "network"),
    [
        ({"is_unsent_image_by_messenger_kid_parent": False}, "messenger"),
        ({"is_geoblocked_for_viewer": False}, "direct"),
    ],
)
def test_old_archives_tell_their_network_by_their_flags(
    tmp_path: Path, extra: dict[str, Any], network: Network
) -> None:
    path = make_zip(tmp_path / "a.zip", {"messages/inbox/x_1/message_1.json": thread_file(row(**extra))})

    with open_archive([path], owner_name="Ana") as archive:
        assert archive.network == network


def test_messages_come_oldest_first_across_files_sorted_by_number(tmp_path: Path) -> None:
    files = {
        f"{FACEBOOK}/inbox/ben_1/message_{12 - number}.json": thread_file(
            row(f"{number} a", number * 10), row(f"{number} b", number * 10 + 1)
        )
        for number in range(1, 12)
    }

    threads, report = read_files(tmp_path, {**ANA_FACEBOOK, **files})

    assert [said.text for said in threads[0][1]] == [f"{n} {x}" for n in range(1, 12) for x in "ab"]
    assert report.files == 11


def test_parts_are_one_archive(tmp_path: Path) -> None:
    one = f"{FACEBOOK}/inbox/ben_1"
    first = make_zip(
        tmp_path / "1.zip", {**ANA_FACEBOOK, f"{one}/message_1.json": thread_file(row("new", 2))}
    )
    second = make_zip(
        tmp_path / "2.zip",
        {**ANA_FACEBOOK, f"{one}/message_2.json": thread_file(row("old", 1)), f"{one}/photos/1.jpg": b"jpeg"},
    )
    third = make_folder(
        tmp_path / "3", {f"{one}/message_1.json": thread_file(row("other", 3), row("more", 4))}
    )

    with open_archive([first, second, third]) as archive:
        ((_, said),) = read_all(archive)

        assert [message.text for message in said] == ["old", "new"]
        assert archive.has_media(f"{one}/photos/1.jpg")
        assert [found.path for found in archive.report.repeated.named] == [f"{one}/message_1.json"]


KINDS = (
    "text text photo video audio gif file sticker share call call unsent taken_down system text empty empty"
)


def test_every_kind_of_row_is_known(tmp_path: Path) -> None:
    uri = {"uri": "a/b.jpg", "creation_timestamp": 5}
    said, report = read_rows(
        tmp_path,
        row("text"),
        row("https://example.org"),
        row(None, photos=[uri, {"uri": "c"}]),
        row("look", videos=[{**uri, "thumbnail": {"uri": "t"}}]),
        row(None, audio_files=[uri]),
        row(None, gifs=[uri]),
        row(None, files=[uri]),
        row(None, sticker={"uri": "s.png", "ai_stickers": []}),
        row(None, share={"link": "https://x", "share_text": "Zoë", "original_content_owner": "z", "more": 1}),
        row(None, call_duration=192),
        row(None, call_duration=0, missed=True),
        row(None, is_unsent=True),
        row(None, is_taken_down=True),
        row("Ben added Cleo.", type="Subscribe", users=[{"name": "Cleo"}]),
        row("old text", type="Generic", ip="192.0.2.1", is_geoblocked_for_viewer=False),
        row(None),
        row(
            "",
            reactions=[
                {"reaction": "😢", "actor": "Ana", "timestamp": 9},
                {"reaction": "👍", "actor": "Ben"},
            ],
        ),
    )

    assert " ".join(message.kind for message in said) == KINDS
    assert said[2].media == (Media(MediaKind.PHOTO, "a/b.jpg", 5), Media(MediaKind.PHOTO, "c"))
    assert said[3].media[0].extras == b'{"thumbnail":{"uri":"t"}}'
    assert said[8].share == Share("https://x", "Zoë", "z", b'{"more":1}')
    assert (said[9].call_s, said[10].call_s, said[10].missed) == (192, 0, True)
    assert said[13].users == ("Cleo",)
    assert said[14] == MessageRecord("Ben", 1_000, "old text")
    assert said[16].reactions == (Reaction("😢", "Ana", 9), Reaction("👍", "Ben"))
    assert report.messages["text"] == 3
    assert (report.reactions, report.media["photo"], report.unknown_keys) == (2, 2, {})


@pytest.mark.parametrize(
    "line", ["Ben created the group.", "You named the group Trip.", "Ben added Cleo and Dan to the group."]
)
def test_a_groups_own_lines_are_told_from_talk(tmp_path: Path, line: str) -> None:
    said, _ = read_rows(tmp_path, row(line), row(f"he said: {line}"), names=("Ben", "Cleo", "Ana"))

    assert [message.kind for message in said] == [MessageKind.SYSTEM, MessageKind.TEXT]


def test_unknown_keys_are_kept_and_counted(tmp_path: Path) -> None:
    said, report = read_rows(tmp_path, row("hi", żółw={"ü": ["é"]}, type="Plan"), magic_words=["x"])

    assert said[0].extras == '{"type":"Plan","żółw":{"ü":["é"]}}'.encode()
    assert report.unknown_keys == {"message.żółw": 1, "thread.magic_words": 1}


def test_siblings_are_counted_and_not_read(tmp_path: Path) -> None:
    files = {
        f"{FACEBOOK}/inbox/a_1/{name}.json": thread_file(row())
        for name in ("message_1", "message_final", "notes")
    }

    threads, report = read_files(tmp_path, {**ANA_FACEBOOK, **files})

    assert len(threads) == 1
    assert report.siblings.count == 2


def test_an_interrupted_import_goes_on_where_it_stopped(tmp_path: Path) -> None:
    files = {
        f"{FACEBOOK}/inbox/{name}/message_1.json": thread_file(row(name)) for name in ("c_3", "a_1", "b_2")
    }
    path = make_zip(tmp_path / "a.zip", {**ANA_FACEBOOK, **files})

    with open_archive([path]) as archive:
        assert archive.thread_paths() == ["inbox/a_1", "inbox/b_2", "inbox/c_3"]
        assert [head.path for head, _ in archive.threads(skip={"inbox/b_2"})] == ["inbox/a_1", "inbox/c_3"]
        assert archive.message_bytes > archive.report.bytes_read > 0


def test_an_archive_without_threads_or_lists_is_read_as_empty(tmp_path: Path) -> None:
    with open_archive([make_zip(tmp_path / "a.zip", ANA_INSTAGRAM)]) as archive:
        assert read_all(archive) == []
        assert list(archive.edges()) == []
        assert archive.links() == []
        assert archive.upgrade() is None
        assert archive.report.as_dict()["messages"] == {}


def test_instagram_threads_are_the_owners_by_whichever_name_they_use(tmp_path: Path) -> None:
    for name in ("Ana", "ana"):
        files = {
            **ANA_INSTAGRAM,
            f"{INSTAGRAM}/inbox/b_1/message_1.json": thread_file(row(), names=("Ben", name)),
        }
        with open_archive([make_zip(tmp_path / f"{ord(name[0])}.zip", files)]) as archive:
            assert (archive.owner.name, archive.owner.handle) == (name, "ana")


def test_who_takes_part_in_every_thread_owns_the_archive(tmp_path: Path) -> None:
    files = {
        f"{FACEBOOK}/inbox/{other}_1/message_1.json": thread_file(row(), names=(other, "Ana"))
        for other in ("Ben", "Cleo")
    }

    with open_archive([make_zip(tmp_path / "a.zip", files)]) as archive:
        assert archive.owner.name == "Ana"
