"""What is written reads back equal."""

import errno
import stat
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.archive import ArchiveWriter, open_archive
from bridge.archive.errors import ArchiveUnreadable, BadRecord, TargetExists, Unwritable
from bridge.archive.model import (
    FOLDERS,
    ArchiveOwner,
    Edge,
    EdgeKind,
    LinkedAccount,
    Media,
    MediaKind,
    MessageKind,
    MessageRecord,
    Network,
    Reaction,
    Section,
    Share,
    ThreadRecord,
    Upgrade,
    thread_path,
)
from bridge.archive.official import EDGE_FILES
from bridge.archive.targets import _claim_file
from tests.archive.making import read_all

ROOT = Path(__file__).parents[2]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
TIMES_MS = st.integers(0, 2**53 - 1)
TIMES_S = st.none() | st.integers(1, 2**40)
EXTRAS = st.sampled_from([b"", '{"zażółć":[1,{"ü":null}]}'.encode(), b'{"bumped":true}'])
MEDIA = st.builds(Media, st.sampled_from(MediaKind), TEXTS, TIMES_S, EXTRAS)
ORDER = list(MediaKind)
CONTENT: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "sender_name": st.sampled_from(["", "Ana", "Łukasz", "Facebook user"]),
        "at_ms": TIMES_MS,
        "reactions": st.lists(st.builds(Reaction, TEXTS, TEXTS, TIMES_S), max_size=3).map(tuple),
        "extras": EXTRAS,
    }
)


def as_read(media: list[Media]) -> tuple[Media, ...]:
    """Put media into the order of an archive: by kind, one sticker at most."""
    stickers = [item for item in media if item.kind is MediaKind.STICKER][:1]
    rest = [item for item in media if item.kind is not MediaKind.STICKER]
    return (*sorted(rest, key=lambda item: ORDER.index(item.kind)), *stickers)


@st.composite
def messages(draw: st.DrawFn) -> MessageRecord:
    """Make a message of any kind."""
    common = draw(CONTENT)
    kind = draw(st.sampled_from(MessageKind))
    text = draw(st.none() | TEXTS | st.just("Ana left the group."))
    more: dict[str, Any] = {}
    if kind in {MessageKind(item.value) for item in MediaKind}:
        more["media"] = as_read([Media(MediaKind(kind.value), draw(TEXTS), draw(TIMES_S))])
    elif kind is MessageKind.SHARE:
        more["share"] = draw(
            st.builds(Share, st.none() | TEXTS, st.none() | TEXTS, st.none() | TEXTS, EXTRAS)
        )
    elif kind is MessageKind.CALL:
        more |= {"call_s": draw(st.none() | st.integers(0, 10**6)), "missed": draw(st.booleans())}
    elif kind in (MessageKind.UNSENT, MessageKind.TAKEN_DOWN):
        more["media"] = as_read(draw(st.lists(MEDIA, max_size=4)))
    elif kind is MessageKind.SYSTEM:
        more["users"] = tuple(draw(st.lists(TEXTS, max_size=2)))
    elif kind is MessageKind.TEXT:
        text = text or "text"
    elif kind is MessageKind.EMPTY:
        text = None
    return MessageRecord(**common, kind=kind, text=text, **more)


@st.composite
def threads(draw: st.DrawFn) -> ThreadRecord:
    """Make a thread's head."""
    folder = draw(st.sampled_from(list(FOLDERS)))
    section = draw(st.sampled_from([FOLDERS[folder], Section.REQUESTS]))
    return ThreadRecord(
        path=f"{folder}/{draw(st.sampled_from(['ben_1', 'żółw_2', 'x']))}",
        section=section,
        title=draw(st.just("") | TEXTS),
        participants=tuple(draw(st.lists(st.just("") | TEXTS, max_size=4))),
        is_still_participant=draw(st.booleans()),
        is_group=draw(st.booleans()),
        image=draw(st.none() | st.builds(Media, st.just(MediaKind.PHOTO), TEXTS, TIMES_S, EXTRAS)),
        extras=draw(EXTRAS),
    )


def write(path: Path, network: Network, *written: tuple[ThreadRecord, list[MessageRecord]]) -> Path:
    """Write threads of Ana's."""
    with ArchiveWriter(path, network) as archive:
        archive.owner(ArchiveOwner(network, "Ana", "ana"))
        for head, said in written:
            archive.thread(head, said)
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=threads(), said=st.lists(messages(), max_size=6), network=st.sampled_from(["direct", "messenger"])
)
def test_threads_survive_export_and_import(
    tmp_path: Path, head: ThreadRecord, said: list[MessageRecord], network: Network
) -> None:
    path = tmp_path / "a.zip"
    path.unlink(missing_ok=True)
    write(path, network, (head, said))

    with open_archive([path]) as archive:
        assert read_all(archive) == [(head, said)]
        assert archive.network == network
        assert archive.report.skipped_rows.count == archive.report.skipped_parts.count == 0


@pytest.mark.parametrize("network", ["direct", "messenger"])
@pytest.mark.parametrize("name", ["a.zip", "folder"])
def test_lists_links_and_settings_survive_export_and_import(
    tmp_path: Path, network: Network, name: str
) -> None:
    other: Network = "direct" if network == "messenger" else "messenger"
    owner = ArchiveOwner(network, "Ana Łoś", "ana.los")
    links = [LinkedAccount(other, "ana_łoś", "1000123", "Instagram" if other == "direct" else "Facebook")]
    edges = [
        Edge(kind, f"who{number}.ł", at_s)
        for kind in EDGE_FILES[network]
        for number, at_s in ((1, None), (2, 7))
    ]
    with ArchiveWriter(tmp_path / name, network) as target:
        target.owner(owner)
        target.links(links)
        target.upgrade(Upgrade(True, 1_650_000_000))
        target.edges(edges)

    with open_archive([tmp_path / name]) as archive:
        assert (archive.owner, archive.links(), archive.upgrade()) == (
            owner,
            links,
            Upgrade(True, 1_650_000_000),
        )
        assert sorted(archive.edges(), key=str) == sorted(edges, key=str)


def test_a_long_thread_is_cut_into_files_newest_first(tmp_path: Path) -> None:
    head = ThreadRecord(thread_path(Section.INBOX, "Ben", 1), Section.INBOX, "Ben", ("Ben", "Ana"))
    said = [MessageRecord("Ben", number, f"message {number}") for number in range(25_000)]
    write(tmp_path / "out", "messenger", (head, said))

    files = sorted(
        path.name for path in (tmp_path / "out/your_facebook_activity/messages/inbox/ben_1").iterdir()
    )
    with open_archive([tmp_path / "out"]) as archive:
        assert files == ["message_1.json", "message_2.json", "message_3.json"]
        assert read_all(archive) == [(head, said)]


def test_equal_records_give_equal_bytes(tmp_path: Path) -> None:
    head = ThreadRecord("inbox/ben_1", Section.INBOX, "Ben", ("Ben", "Ana"))
    said = [MessageRecord("Ben", number, f"ł {number}") for number in range(10_001)]

    first = write(tmp_path / "1.zip", "direct", (head, said))
    second = write(tmp_path / "2.zip", "direct", (head, said))

    assert first.read_bytes() == second.read_bytes()


def test_media_travel_with_the_archive(tmp_path: Path) -> None:
    uri = "your_facebook_activity/messages/inbox/ben_1/photos/1.jpg"
    head = ThreadRecord("inbox/ben_1", Section.INBOX, "Ben", ("Ben", "Ana"))
    with ArchiveWriter(tmp_path / "a.zip", "messenger") as target:
        target.thread(
            head, [MessageRecord("Ana", 1, None, MessageKind.PHOTO, (Media(MediaKind.PHOTO, uri),))]
        )
        target.media(uri, b"\xff\xd8 a picture")

    with open_archive([tmp_path / "a.zip"], owner_name="Ana") as archive:
        assert archive.has_media(uri)
        assert not archive.has_media("photos/other.jpg")
        with archive.open_media(uri) as file:
            assert file.read() == b"\xff\xd8 a picture"


@pytest.mark.parametrize("way", ["killed", "stopped"])
@pytest.mark.parametrize("name", ["a.zip", "folder"])
def test_nothing_has_an_exports_name_before_it_is_whole(tmp_path: Path, way: str, name: str) -> None:
    path = tmp_path / name
    half = (
        "import os, sys; from pathlib import Path; from bridge.archive.writer import ArchiveWriter\n"
        "with ArchiveWriter(Path(sys.argv[1]), 'direct') as target:\n"
        "    target.media('photos/1.jpg', b'1')\n    target.media('photos/2.jpg', b'2')\n"
        f"    {'os._exit(9)' if way == 'killed' else 'sys.exit(9)'}\n"
    )

    ended = subprocess.run([sys.executable, "-c", half, str(path)], cwd=ROOT, timeout=60, check=False)

    assert ended.returncode == 9
    assert not path.exists()
    with ArchiveWriter(path, "direct") as target:  # what the killed one left is in nobody's way
        target.media("photos/1.jpg", b"1")
    assert [found.name for found in tmp_path.iterdir()] == [name]
    assert not stat.S_IMODE(path.stat().st_mode) & 0o077
    assert name != "folder" or [str(one.relative_to(path)) for one in path.rglob("*.*")] == ["photos/1.jpg"]


def test_half_a_folder_is_read_by_no_import(tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path / "folder", "direct")
    writer.owner(ArchiveOwner("direct", "Ana", "ana"))

    with pytest.raises(ArchiveUnreadable, match="never finished"):
        open_archive([tmp_path / "folder.part"])
    writer.close()
    open_archive([tmp_path / "folder"]).close()


def test_an_empty_folder_takes_an_export_also_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")

    with ArchiveWriter(tmp_path / "link", "direct") as target:
        target.media("photos/1.jpg", b"1")

    assert (tmp_path / "there/photos/1.jpg").read_bytes() == b"1"
    assert (tmp_path / "link").is_symlink()


def test_a_folder_that_cannot_be_replaced_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(TargetExists, match="name a new one in it"):
        ArchiveWriter(Path(), "direct")
    assert not list(tmp_path.parent.glob("*.part"))


@pytest.mark.parametrize("name", ["a.zip", "folder"])
def test_two_exports_to_one_place_do_not_mix(tmp_path: Path, name: str) -> None:
    first = ArchiveWriter(tmp_path / name, "direct")
    first.owner(ArchiveOwner("direct", "Ana", "ana"))

    with pytest.raises(TargetExists, match="Another export"):
        ArchiveWriter(tmp_path / name, "direct")
    first.close()
    with pytest.raises(TargetExists, match="something here already"):
        ArchiveWriter(tmp_path / name, "direct")

    with open_archive([tmp_path / name]) as archive:
        assert archive.owner == ArchiveOwner("direct", "Ana", "ana")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_export_that_finished_a_moment_before_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(part: Path) -> int:
        held = _claim_file(part)
        (tmp_path / "a.zip").write_bytes(b"the other's")
        return held

    monkeypatch.setattr("bridge.archive.targets._claim_file", late)

    with pytest.raises(TargetExists):
        ArchiveWriter(tmp_path / "a.zip", "direct")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.zip", b"the other's")]


def test_a_folder_that_is_no_export_s_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.part").mkdir()
    (tmp_path / "mine.part/letter").write_bytes(b"mine")

    with pytest.raises(TargetExists):
        ArchiveWriter(tmp_path / "mine", "direct")

    assert (tmp_path / "mine.part/letter").read_bytes() == b"mine"


def test_an_export_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(b"mine")

    for name in ("a.zip", "folder"):
        with pytest.raises(TargetExists):
            ArchiveWriter(tmp_path / name, "direct")
    assert (tmp_path / "a.zip").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("inbox/../../x", Section.INBOX),
        ("inbox", Section.INBOX),
        ("inbox/", Section.INBOX),
        ("inbox/..", Section.INBOX),
        ("elsewhere/ben_1", Section.INBOX),
        ("inbox/ben_1", Section.ARCHIVED),
    ],
)
def test_a_thread_without_an_official_place_is_refused(tmp_path: Path, path: str, section: Section) -> None:
    with pytest.raises(BadRecord), ArchiveWriter(tmp_path / "a.zip", "direct") as target:
        target.thread(ThreadRecord(path, section, "Ben", ("Ben", "Ana")), [])
    assert not (tmp_path / "a.zip").exists()


def test_what_a_network_has_no_list_for_or_has_already_is_refused(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "a.zip", "direct") as target:
        target.owner(ArchiveOwner("direct", "Ana"))

        with pytest.raises(BadRecord):
            target.edges([Edge(EdgeKind.FRIEND, "Ben")])
        with pytest.raises(BadRecord):
            target.owner(ArchiveOwner("direct", "Ana"))
        with pytest.raises(BadRecord):
            target.media("../../etc/passwd", b"")


@pytest.mark.parametrize(
    "message",
    [
        MessageRecord("Ben", 1, "\ud800"),
        MessageRecord("Ben", 1, None, MessageKind.EMPTY, extras=b"[1]"),
        MessageRecord("Ben", 1, None, MessageKind.EMPTY, extras=b"{"),
        MessageRecord("Ben", 1, None, MessageKind.STICKER, (Media(MediaKind.STICKER, "a"),) * 2),
    ],
)
def test_what_the_format_cannot_hold_is_refused_and_no_half_export_stays(
    tmp_path: Path, message: MessageRecord
) -> None:
    head = ThreadRecord("inbox/ben_1", Section.INBOX, "Ben", ("Ben", "Ana"))

    with pytest.raises(BadRecord):
        write(tmp_path / "a.zip", "direct", (head, [message]))
    assert not (tmp_path / "a.zip").exists()


def test_a_place_that_takes_no_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    for name in ("a.zip", "folder"):
        with pytest.raises(Unwritable) as caught:
            ArchiveWriter(tmp_path / "file" / name, "direct")
        assert caught.value.path == str(tmp_path / "file" / name)


@pytest.mark.parametrize("name", ["a.zip", "folder"])
def test_a_disk_that_fills_up_is_told_by_type(tmp_path: Path, name: str) -> None:
    class Full(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.ENOSPC, "No space left on device")

    with (
        pytest.raises(Unwritable, match="No space left on device; make room") as caught,
        ArchiveWriter(tmp_path / name, "direct") as target,
    ):
        target.media("photos/1.jpg", Full())
    assert caught.value.temporary
    assert not list(tmp_path.iterdir())


def test_a_text_that_reads_like_a_groups_own_line_stays_a_text(tmp_path: Path) -> None:
    head = ThreadRecord("inbox/trip_1", Section.INBOX, "Trip", ("Ben", "Ana"), is_group=True)
    said = [
        MessageRecord("Ben", 1, "Ben left the group.", MessageKind.SYSTEM),
        MessageRecord("Ben", 2, "Ben left the group."),
        MessageRecord("Ben", 3, "somebody left", MessageKind.SYSTEM),
    ]
    path = write(tmp_path / "a.zip", "messenger", (head, said))

    with open_archive([path]) as archive:
        assert read_all(archive) == [(head, said)]


def test_an_export_without_room_for_what_waits_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.archive.writer.PER_FILE", 2)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    rows = [MessageRecord("Ana", at, "hi") for at in range(5)]

    with (
        pytest.raises(Unwritable, match="none"),
        ArchiveWriter(tmp_path / "a.zip", "messenger") as archive,
    ):
        archive.thread(ThreadRecord("inbox/ben_1", Section.INBOX, "Ben", ("Ben", "Ana")), rows)

    assert not (tmp_path / "a.zip").exists()


def test_a_name_that_no_folder_takes_is_answered_with_the_zip(tmp_path: Path) -> None:
    head = ThreadRecord(f"inbox/{'x' * 300}_1", Section.INBOX, "Ben", ("Ben", "Ana"))

    with pytest.raises(Unwritable, match="a ZIP takes such names"):
        write(tmp_path / "folder", "direct", (head, []))
    write(tmp_path / "a.zip", "direct", (head, []))

    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
