"""Files, rows and parts that are broken: skipped, counted, named, and the rest is read."""

from pathlib import Path
from typing import Any

import pytest

from bridge.archive import open_archive
from bridge.archive.errors import ArchiveUnreadable, NotAnArchive
from bridge.archive.model import MessageKind
from bridge.archive.report import NAMED
from tests.archive.making import (
    ANA_FACEBOOK,
    FACEBOOK,
    make_zip,
    read_all,
    read_files,
    read_rows,
    row,
    thread_file,
)

BROKEN_ROWS: list[tuple[Any, str]] = [
    ("text", ""),
    (None, ""),
    ({}, ".sender_name"),
    ({"sender_name": 5, "timestamp_ms": 1}, ".sender_name"),
    ({"sender_name": "Ben"}, ".timestamp_ms"),
    ({"sender_name": "Ben", "timestamp_ms": "1"}, ".timestamp_ms"),
    ({"sender_name": "Ben", "timestamp_ms": True}, ".timestamp_ms"),
    ({"sender_name": "Ben", "timestamp_ms": -1}, ".timestamp_ms"),
    ({"sender_name": "Ben", "timestamp_ms": 10**17}, ".timestamp_ms"),
    ({"sender_name": "Ben", "timestamp_ms": 10**40}, ".timestamp_ms"),
    ({"sender_name": "Ben", "timestamp_ms": 1, "content": ["x"]}, ".content"),
]


@pytest.mark.parametrize(("broken", "place"), BROKEN_ROWS)
def test_a_broken_row_is_skipped_and_named(tmp_path: Path, broken: Any, place: str) -> None:
    said, report = read_rows(tmp_path, row("before"), broken, row("after"))

    assert [message.text for message in said] == ["before", "after"]
    assert report.skipped_rows.count == 1
    assert report.skipped_rows.named[0].path == f"{FACEBOOK}/inbox/ben_1/message_1.json messages[1]{place}"


@pytest.mark.parametrize(
    "part",
    [
        {"photos": "x"},
        {"photos": [5]},
        {"photos": [{"uri": 5}]},
        {"sticker": []},
        {"share": "x"},
        {"share": {"link": 5}},
        {"reactions": {}},
        {"reactions": [7]},
        {"reactions": [{"reaction": "x"}]},
    ],
)
def test_a_broken_part_is_skipped_and_its_message_kept(tmp_path: Path, part: dict[str, Any]) -> None:
    said, report = read_rows(tmp_path, row("kept", **part))

    assert said[0].text == "kept"
    assert report.skipped_parts.count == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"type": [1]},
        {"type": {}},
        {"users": 5},
        {"users": [5, {}]},
        {"call_duration": "x"},
        {"missed": 1},
        {"ip": []},
    ],
)
def test_odd_values_never_stop_a_row(tmp_path: Path, odd: dict[str, Any]) -> None:
    said, report = read_rows(tmp_path, row("kept", **odd))

    assert said[0].text == "kept"
    assert report.skipped_rows.count == 0


@pytest.mark.parametrize(
    "odd",
    [
        {"participants": None},
        {"participants": [5, {"name": 5}, {}]},
        {"title": 5},
        {"image": "x"},
        {"image": {"uri": 5}},
        {"joinable_mode": 5},
        {"thread_type": []},
        {"is_still_participant": "no"},
    ],
)
def test_an_odd_head_never_stops_a_thread(tmp_path: Path, odd: dict[str, Any]) -> None:
    said, _ = read_rows(tmp_path, row("kept"), **{"title": "t", **odd})

    assert said[0].text == "kept"


@pytest.mark.parametrize(
    "broken",
    [b"", b"{", b"[]", b"null", b"5", b'{"messages": {}}', b"\xff\xfe", b"[" * 5000, b'{"messages":'],
)
def test_a_broken_file_never_stops_the_rest(tmp_path: Path, broken: bytes) -> None:
    threads, report = read_files(
        tmp_path,
        {
            **ANA_FACEBOOK,
            f"{FACEBOOK}/inbox/a_1/message_1.json": broken,
            f"{FACEBOOK}/inbox/b_2/message_1.json": thread_file(row("new")),
            f"{FACEBOOK}/inbox/b_2/message_2.json": broken,
            f"{FACEBOOK}/inbox/b_2/message_3.json": thread_file(row("old")),
            f"{FACEBOOK}/inbox/c_3/message_1.json": thread_file(row("newer")),
            f"{FACEBOOK}/inbox/c_3/message_2.json": broken,
        },
    )

    assert [[message.text for message in said] for _, said in threads] == [["old", "new"], ["newer"]]
    assert report.broken_files.count == 3 or broken == b"null"


def test_a_lone_surrogate_costs_its_row_alone(tmp_path: Path) -> None:
    data = (
        rb'{"participants":[{"name":"Ben\ud800"},{"name":"Ana"}],"title":"\ud800","messages":['
        rb'{"sender_name":"Ben","timestamp_ms":2,"content":"\ud800"},'
        rb'{"sender_name":"Ben","timestamp_ms":1,"content":"\u00c5\u0082"}]}'
    )

    threads, report = read_files(tmp_path, {**ANA_FACEBOOK, f"{FACEBOOK}/inbox/a_1/message_1.json": data})

    assert threads[0][0].title == "?"
    assert [message.text for message in threads[0][1]] == ["ł"]
    assert report.skipped_rows.count == 1


def test_what_cannot_be_kept_is_skipped_and_not_lost_silently(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    head = f"{FACEBOOK}/inbox/head_2/message_1.json"

    said, report = read_rows(tmp_path, row("kept"), row("lost", new=deep))
    threads, report_of_head = read_files(tmp_path, {**ANA_FACEBOOK, head: thread_file(row(), new=deep)})

    assert [message.text for message in said] == ["kept"]
    assert report.skipped_rows.count == 1
    assert threads == []
    assert report_of_head.broken_files.count == 1


def test_flags_that_are_set_are_kept(tmp_path: Path) -> None:
    said, _ = read_rows(
        tmp_path, row("hi", is_geoblocked_for_viewer=True), row(None, is_unsent=True, is_taken_down=True)
    )

    assert said[0].extras == b'{"is_geoblocked_for_viewer":true}'
    assert (said[1].kind, said[1].extras) == (MessageKind.UNSENT, b'{"is_taken_down":true}')


def test_an_old_archive_that_does_not_tell_its_network_asks_for_it(tmp_path: Path) -> None:
    files = {
        "messages/inbox/x_1/message_1.json": thread_file(row()),
        "messages/inbox/x_1/message_2.json": b"{",
    }
    path = make_zip(tmp_path / "a.zip", files)

    with pytest.raises(NotAnArchive, match="network"):
        open_archive([path], owner_name="Ana")
    with open_archive([path], owner_name="Ana", network="direct") as archive:
        assert len(read_all(archive)) == 1


def test_of_many_findings_all_are_counted_and_some_are_named(tmp_path: Path) -> None:
    said, report = read_rows(tmp_path, *[row("x") | {f"key{number}": 1} for number in range(300)], *[5] * 300)

    assert len(said) == 300
    assert (report.skipped_rows.count, len(report.skipped_rows.named)) == (300, NAMED)
    assert sum(report.unknown_keys.values()) == 300
    assert len(report.unknown_keys) == NAMED + 1


def test_a_zip_that_may_not_be_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.zip").write_bytes(b"PK")
    monkeypatch.setattr("bridge.archive.sources.zipfile.ZipFile", forbidden)

    with pytest.raises(ArchiveUnreadable, match="check its permissions"):
        open_archive([tmp_path / "a.zip"])
