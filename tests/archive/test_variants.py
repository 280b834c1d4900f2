"""The archives' other message formats: secure storage and the old single file."""

from pathlib import Path

from bridge.archive import open_archive
from bridge.archive.model import Reaction, Section
from tests.archive.making import make_zip, read_all

HEARTS = [{"actor": "Me", "reaction": "❤"}]
SECURE_ROWS = [
    {
        "senderName": "Ana",
        "text": "zażółć",
        "timestamp": 1,
        "type": "text",
        "isUnsent": False,
        "media": [],
    },
    {
        "senderName": "Me",
        "timestamp": 2,
        "type": "media",
        "media": [{"uri": "./media/x.jpeg"}, {"uri": "y.mp4"}],
    },
    {
        "senderName": "Me",
        "text": "",
        "timestamp": 3,
        "type": "placeholder",
        "isUnsent": True,
        "reactions": [],
    },
    {"senderName": "Ana", "text": "https://x", "timestamp": 4, "type": "link", "reactions": HEARTS},
]


def test_secure_storage_is_read_oldest_first(tmp_path: Path) -> None:
    file = {"participants": ["Me", "Ana"], "threadName": "Ana_40", "messages": SECURE_ROWS}
    for order in (SECURE_ROWS, SECURE_ROWS[::-1]):
        path = make_zip(
            tmp_path / f"{order[0]['timestamp']}.zip",
            {"messages/Ana_40.json": {**file, "messages": order}, "messages/media/x.jpeg": b"jpeg"},
        )
        with open_archive([path], owner_name="Me") as archive:
            ((head, said),) = read_all(archive)

            assert (archive.network, head.path, head.section) == (
                "messenger",
                "e2ee_cutover/Ana_40",
                Section.E2EE,
            )
            assert (head.title, head.participants) == ("Ana", ("Me", "Ana"))
            assert [m.kind.value for m in said] == ["text", "photo", "unsent", "text"]
            assert said[0].text == "zażółć"
            assert [media.kind.value for media in said[1].media] == ["photo", "video"]
            assert said[3].reactions == (Reaction("❤", "Me"),)
            assert archive.has_media("./media/x.jpeg")
            assert archive.report.unknown_keys == {}


def test_the_old_single_file_of_instagram_is_read(tmp_path: Path) -> None:
    likes = [{"username": "ana", "date": "2018-11-05T12:00:09+00:00"}]
    conversation = [
        {"sender": "ben", "created_at": "2018-11-05T12:00:01.500000+00:00", "text": "zwei", "likes": likes},
        {"sender": "ana", "created_at": "2018-11-05T12:00:00+00:00", "media": "https://x/y.jpg"},
        {"sender": "ana", "created_at": "2018-11-05T11:59:00", "heart": "❤"},
        {"sender": "ana", "created_at": "2018-11-05T11:58:00+00:00", "story_share": "ben's story"},
        {"sender": "ana", "created_at": "no time", "text": "lost"},
        7,
    ]
    both = {"participants": ["ana", "ben"], "conversation": conversation}
    path = make_zip(tmp_path / "a.zip", {"messages.json": [both, {"participants": []}, both, "x"]})

    with open_archive([path], owner_name="ana") as archive:
        threads = read_all(archive)

    assert [head.path for head, _ in threads] == ["inbox/ana_ben", "inbox/ana_ben_2"]
    said = threads[0][1]
    assert [m.kind.value for m in said] == ["share", "text", "photo", "text"]
    assert (said[3].text, said[3].at_ms) == ("zwei", 1_541_419_201_500)
    assert said[3].reactions == (Reaction("❤", "ana", 1_541_419_209),)
    assert archive.network == "direct"
    assert archive.report.skipped_rows.count == 6


def test_odd_rows_of_other_formats_are_skipped_and_stop_nothing(tmp_path: Path) -> None:
    secure = {
        "threadName": 5,
        "messages": [7, {"senderName": "Me", "timestamp": "x", "media": [5, {"uri": 6}]}],
    }
    likes = [5, {"username": "ana", "date": None}]
    single = [{"conversation": [{"sender": "b", "created_at": "2018-11-05T12:00:00+00:00", "likes": likes}]}]
    files = {"messages/Ana_40.json": secure, "messages/Ana_41.json": {"threadName": "A", "messages": 5}}
    with open_archive(
        [make_zip(tmp_path / "a.zip", {**files, "messages.json": single})], owner_name="Me"
    ) as archive:
        ((_, none), (_, liked)) = read_all(archive)

    assert none == []
    assert [message.reactions for message in liked] == [(Reaction("❤", "ana"),)]
    assert archive.report.skipped_rows.count == 2
    assert archive.report.skipped_parts.count == 1
    assert archive.report.broken_files.count == 1
