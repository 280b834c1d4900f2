"""Archives made by code, as their networks write them: the bug in the text, newest first."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.archive import Archive, ArchiveReport, open_archive
from bridge.archive.model import MessageRecord, ThreadRecord


def misencoded(value: Any) -> Any:
    """Break every string as the networks do: a character for each byte of its UTF-8."""
    if isinstance(value, str):
        return value.encode().decode("latin-1")
    if isinstance(value, list):
        return [misencoded(item) for item in value]
    if isinstance(value, dict):
        return {misencoded(key): misencoded(item) for key, item in value.items()}
    return value


def as_file(content: Any) -> bytes:
    """Give a file's bytes: bytes as they are, anything else as mis-encoded JSON."""
    return content if isinstance(content, bytes) else json.dumps(misencoded(content)).encode()


def make_zip(path: Path, files: Mapping[str, Any]) -> Path:
    """Write files into a ZIP."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, as_file(content))
    return path


def make_folder(path: Path, files: Mapping[str, Any]) -> Path:
    """Write files into a folder."""
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(as_file(content))
    return path


def row(text: str | None = "hi", at_ms: int = 1_000, sender: str = "Ben", **more: Any) -> dict[str, Any]:
    """Make a message as it stands in a thread file."""
    said = {} if text is None else {"content": text}
    return {"sender_name": sender, "timestamp_ms": at_ms, **said, **more}


def thread_file(
    *rows: Any, title: str = "Ben", names: tuple[str, ...] = ("Ben", "Ana"), **more: Any
) -> dict[str, Any]:
    """Make a thread file; the rows are given oldest first and stand newest first."""
    participants = [{"name": name} for name in names]
    return {"participants": participants, "messages": list(rows)[::-1], "title": title, **more}


FACEBOOK = "your_facebook_activity/messages"
INSTAGRAM = "your_instagram_activity/messages"
FACEBOOK_PROFILE = "personal_information/profile_information/profile_information.json"
INSTAGRAM_PROFILE = "personal_information/personal_information/personal_information.json"
FOLLOWS = "connections/followers_and_following"
ANA_FACEBOOK = {FACEBOOK_PROFILE: {"profile_v2": {"name": {"full_name": "Ana"}, "username": "ana"}}}
ANA_INSTAGRAM = {
    INSTAGRAM_PROFILE: {
        "profile_user": [{"string_map_data": {"Username": {"value": "ana"}, "Name": {"value": "Ana"}}}]
    }
}


def read_all(archive: Archive) -> list[tuple[ThreadRecord, list[MessageRecord]]]:
    """Read every thread whole."""
    return [(head, list(messages)) for head, messages in archive.threads()]


def read_files(path: Path, files: Mapping[str, Any], **options: Any) -> tuple[list[Any], ArchiveReport]:
    """Write a ZIP, read it whole, and give threads and report."""
    with open_archive([make_zip(path / "a.zip", files)], **options) as archive:
        return read_all(archive), archive.report


def read_rows(path: Path, *rows: Any, **head: Any) -> tuple[list[MessageRecord], ArchiveReport]:
    """Read one thread of these rows."""
    threads, report = read_files(
        path, {**ANA_FACEBOOK, f"{FACEBOOK}/inbox/ben_1/message_1.json": thread_file(*rows, **head)}
    )
    return threads[0][1], report
