"""The archives' other message formats, put into the shape of today's thread file.

Messenger's secure storage has one flat file a thread and keys of its own;
Instagram before 2021 had all conversations in one file.
"""

from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

HEART = "❤"
_BY_SUFFIX = {
    ".jpg": "photos",
    ".jpeg": "photos",
    ".png": "photos",
    ".webp": "photos",
    ".heic": "photos",
    ".gif": "gifs",
    ".mp4": "videos",
    ".mov": "videos",
    ".webm": "videos",
    ".aac": "audio_files",
    ".m4a": "audio_files",
    ".mp3": "audio_files",
    ".ogg": "audio_files",
    ".opus": "audio_files",
}
_SECURE_NAMES = {
    "senderName": "sender_name",
    "timestamp": "timestamp_ms",
    "text": "content",
    "isUnsent": "is_unsent",
}
_SECURE_TYPES = frozenset({"text", "media", "link", "placeholder"})
_SINGLE_NAMES = {"sender": "sender_name", "text": "content"}
_SINGLE_MEDIA = ("media", "media_url", "animated_media_images", "voice_media")
_SINGLE_SHARES = {"media_share_url": "link", "story_share": "share_text", "media_share_caption": "share_text"}


def from_secure_storage(raw: dict[str, Any]) -> dict[str, Any]:
    """Turn a secure-storage file into a thread file, newest first."""
    rows = raw.get("messages")
    head = {key: value for key, value in raw.items() if key not in ("messages", "threadName", "participants")}
    # ``Ana_40``: the number is the file's, the rest is the name.
    name = raw.get("threadName")
    title = name.rpartition("_")[0] or name if isinstance(name, str) else ""
    turned = [_secure_row(row) for row in rows] if isinstance(rows, list) else rows
    return {**head, "title": title, "participants": raw.get("participants"), "messages": newest_first(turned)}


def _secure_row(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    turned: dict[str, Any] = {}
    for key, value in row.items():
        if key == "media" and isinstance(value, list):
            for item in value:
                uri = item.get("uri") if isinstance(item, dict) else None
                turned.setdefault(_media_key(uri), []).append(item)
        elif not (key == "type" and isinstance(value, str) and value in _SECURE_TYPES):
            name: str = _SECURE_NAMES.get(key) or key
            turned[name] = value
    return turned


def _media_key(uri: Any) -> str:
    """Tell what a reference is by its ending."""
    suffix = PurePosixPath(uri.partition("?")[0]).suffix.lower() if isinstance(uri, str) else ""
    return _BY_SUFFIX.get(suffix, "files")


def from_single_file(conversation: dict[str, Any]) -> dict[str, Any]:
    """Turn one conversation of the old single file into a thread file, newest first."""
    rows = conversation.get("conversation")
    participants = conversation.get("participants")
    turned = [_single_row(row) for row in rows] if isinstance(rows, list) else rows
    named = [item for item in participants if isinstance(item, str)] if isinstance(participants, list) else []
    return {"title": ", ".join(named), "participants": named, "messages": newest_first(turned)}


def _single_row(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    turned: dict[str, Any] = {}
    for key, value in row.items():
        if key == "created_at":
            turned["timestamp_ms"] = _milliseconds(value)
        elif key == "likes" and isinstance(value, list):
            turned["reactions"] = [_like(like) for like in value]
        elif key == "heart":
            turned.setdefault("content", value)
        elif key in _SINGLE_MEDIA and isinstance(value, str):
            turned.setdefault(_media_key(value), []).append({"uri": value})
        elif key in _SINGLE_SHARES and isinstance(value, str):
            turned.setdefault("share", {})[_SINGLE_SHARES[key]] = value
        else:
            name: str = _SINGLE_NAMES.get(key) or key
            turned[name] = value
    return turned


def _like(like: Any) -> Any:
    if not isinstance(like, dict):
        return like
    at = _milliseconds(like.get("date"))
    return {"reaction": HEART, "actor": like.get("username"), "timestamp": None if at is None else at // 1000}


def _milliseconds(value: Any) -> int | None:
    try:
        moment = datetime.fromisoformat(value)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(zoned.timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        return None


def newest_first(rows: Any) -> Any:
    """Turn rows round if they run the other way; these formats do not say."""
    if not isinstance(rows, list):
        return rows
    times = [
        row["timestamp_ms"] for row in rows if isinstance(row, dict) and type(row.get("timestamp_ms")) is int
    ]
    return rows[::-1] if times and times[0] < times[-1] else rows
