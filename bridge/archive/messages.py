"""One decoded message file into records, forgiving row by row.

Every variant is first put into today's shape (``variants``), so there is one
reading of a message. What a row says and the bridge does not know is kept in
``extras``; a row that cannot be understood is counted with its place.
"""

import re
from collections import Counter
from typing import Any

import orjson

from bridge.archive.model import (
    Media,
    MediaKind,
    MessageKind,
    MessageRecord,
    Reaction,
    Section,
    Share,
    ThreadRecord,
)
from bridge.archive.report import ArchiveReport
from bridge.archive.text import is_sound

LAST_MS = 2**53 - 1
MEDIA_KEYS = {
    "photos": MediaKind.PHOTO,
    "videos": MediaKind.VIDEO,
    "audio_files": MediaKind.AUDIO,
    "gifs": MediaKind.GIF,
    "files": MediaKind.FILE,
}
PLAIN_TYPES = frozenset({"Generic", "Share", "Call"})
SYSTEM_TYPES = frozenset({"Subscribe", "Unsubscribe"})
NO_JOINING = {"mode": 1, "link": ""}

_FLAGS = ("is_geoblocked_for_viewer", "is_unsent_image_by_messenger_kid_parent")
_PLAIN_KEYS = frozenset({"sender_name", "timestamp_ms", "content", *_FLAGS})
# Said elsewhere or of no use: the sender's address, and a copy of the message that a reminder repeats.
_DROPPED_KEYS = frozenset({"ip", "bumped_message_metadata"})
_ROW_KEYS = frozenset(
    {*_PLAIN_KEYS, *MEDIA_KEYS, *_DROPPED_KEYS, "sticker", "share", "reactions", "users", "type"}
    | {"call_duration", "missed", "is_unsent", "is_taken_down"}
)
_HEAD_KEYS = frozenset(
    {
        "participants",
        "messages",
        "title",
        "is_still_participant",
        "thread_path",
        "thread_type",
        "image",
        "is_pending",
    }
)
_SYSTEM_LINE = re.compile(
    r" (?:created the group|named the group .+|left the group|changed the group photo|removed the group photo"
    r"|added .+ to the group|removed .+ from the group|joined the group.*)\.",
    re.DOTALL,
)


class Malformed(Exception):
    """A value is not what the format says; ``place`` is relative to the row."""

    def __init__(self, place: str, reason: str) -> None:
        """Keep the place and the reason."""
        super().__init__(place, reason)
        self.place = place
        self.reason = reason


def is_system_line(text: str, sender: str) -> bool:
    """Recognise a group's own line (English archives; others are read as text)."""
    for name in (sender, "You"):
        if name and text.startswith(name) and _SYSTEM_LINE.fullmatch(text, len(name)):
            return True
    return False


def read_head(raw: dict[str, Any], path: str, section: Section, report: ArchiveReport) -> ThreadRecord:
    """Read what a thread file says of its thread; what is malformed counts as missing."""
    participants = tuple(name_of(item) for item in list_in(raw, "participants") if has_name(item))
    joining = raw.get("joinable_mode")
    kind = raw.get("thread_type")
    is_group = (
        kind == "RegularGroup" if isinstance(kind, str) else joining is not None or len(participants) > 2
    )
    image = raw.get("image")
    extras = {key: value for key, value in raw.items() if key not in _HEAD_KEYS}
    if extras.get("joinable_mode") in (NO_JOINING, None):
        extras.pop("joinable_mode", None)
    if not extras.get("magic_words"):
        extras.pop("magic_words", None)
    for key in extras:
        report.unknown_key(f"thread.{key}")
    title = raw.get("title")
    return ThreadRecord(
        path=path,
        section=Section.REQUESTS if raw.get("is_pending") is True else section,
        title=title if isinstance(title, str) else "",
        participants=participants,
        is_still_participant=raw.get("is_still_participant") is not False,
        is_group=is_group,
        image=read_media(image, MediaKind.PHOTO) if isinstance(image, dict) and has_uri(image) else None,
        extras=pack(extras),
    )


def list_in(raw: dict[str, Any], key: str) -> list[Any]:
    """Give the list under a key, or none."""
    value = raw.get(key)
    return value if isinstance(value, list) else []


def has_name(item: Any) -> bool:
    """Say whether a participant is named, in either of the shapes."""
    return isinstance(item, str) or (isinstance(item, dict) and isinstance(item.get("name"), str))


def name_of(item: Any) -> str:
    """Give a participant's name, in either of the shapes."""
    return str(item if isinstance(item, str) else item["name"])


def has_uri(item: Any) -> bool:
    """Say whether this can be a media reference."""
    return isinstance(item, dict) and isinstance(item.get("uri"), str)


def pack(extras: dict[str, Any]) -> bytes:
    """Give extras their stored form.

    Raises:
        Malformed: If they nest too deeply to be written again.
    """
    if not extras:
        return b""
    try:
        return orjson.dumps(extras, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise Malformed("", f"unknown keys that cannot be kept ({error})") from error


def read_media(raw: dict[str, Any], kind: MediaKind) -> Media:
    """Read one media reference."""
    made = raw.get("creation_timestamp")
    known = {"uri", "creation_timestamp"}
    extras = {key: value for key, value in raw.items() if key not in known and value not in ([], None)}
    return Media(kind, raw["uri"], made if type(made) is int and abs(made) <= LAST_MS else None, pack(extras))


class RowReader:
    """Reads the rows of one thread file.

    Args:
        report: Where to count.
        place: The file's path, for the report.
        is_group: Whether to look for a group's own lines.
        sound: Whether the file's strings are known to be sound.
    """

    def __init__(self, report: ArchiveReport, place: str, *, is_group: bool, sound: bool) -> None:
        """Start on a file."""
        self._report = report
        self._place = place
        self._is_group = is_group
        self._sound = sound
        self._row = ""

    def read(self, rows: list[Any]) -> list[MessageRecord]:
        """Read the rows, in the file's order, and count them."""
        records: list[MessageRecord] = []
        others: list[MessageRecord] = []
        add = records.append
        geoblocked, parental = _FLAGS
        for number, raw in enumerate(rows):
            # Six rows in seven are plain text; this path costs them a third of the general one.
            if type(raw) is dict and raw.keys() <= _PLAIN_KEYS and self._sound:
                sender, at, text = raw.get("sender_name"), raw.get("timestamp_ms"), raw.get("content")
                if (
                    text
                    and type(text) is str
                    and type(sender) is str
                    and type(at) is int
                    and 0 <= at <= LAST_MS
                    and not raw.get(geoblocked)
                    and not raw.get(parental)
                    and not (self._is_group and is_system_line(text, sender))
                ):
                    add(MessageRecord(sender, at, text))
                    continue
            self._row = f"messages[{number}]"
            try:
                record = self._read_row(raw)
            except Malformed as error:
                self._report.skipped_rows.add(f"{self._place} {self._row}{error.place}", error.reason)
            else:
                add(record)
                others.append(record)
        self._count(len(records) - len(others), others)
        return records

    def _count(self, plain: int, others: list[MessageRecord]) -> None:
        report = self._report
        if plain:
            report.messages[MessageKind.TEXT.value] += plain
        report.messages.update(Counter([record.kind.value for record in others]))
        for record in others:
            report.reactions += len(record.reactions)
            for media in record.media:
                report.media[media.kind.value] += 1

    def _read_row(self, raw: Any) -> MessageRecord:
        if not isinstance(raw, dict):
            raise Malformed("", "not an object")
        if not self._sound and not is_sound(raw):
            raise Malformed("", "text that is not Unicode")
        sender = raw.get("sender_name")
        at = raw.get("timestamp_ms")
        text = raw.get("content")
        if not isinstance(sender, str):
            raise Malformed(".sender_name", "missing or not a text")
        if type(at) is not int or not 0 <= at <= LAST_MS:
            raise Malformed(".timestamp_ms", "missing or no time in milliseconds")
        if text is not None and not isinstance(text, str):
            raise Malformed(".content", "not a text")
        text = text or None
        media = self._media(raw)
        share = self._share(raw)
        users = tuple(name_of(item) for item in list_in(raw, "users") if has_name(item))
        call_s = raw.get("call_duration")
        if type(call_s) is not int or not 0 <= call_s <= LAST_MS:
            call_s = None
        missed = raw.get("missed") is True
        kind = self._kind(raw, text, media, share is not None, users)
        return MessageRecord(
            sender_name=sender,
            at_ms=at,
            text=text,
            kind=kind,
            media=media,
            share=share,
            call_s=call_s,
            missed=missed,
            reactions=self._reactions(raw),
            users=users,
            extras=self._extras(raw, kind),
        )

    def _kind(
        self,
        raw: dict[str, Any],
        text: str | None,
        media: tuple[Media, ...],
        has_share: bool,
        users: tuple[str, ...],
    ) -> MessageKind:
        if raw.get("is_unsent") is True:
            return MessageKind.UNSENT
        if raw.get("is_taken_down") is True:
            return MessageKind.TAKEN_DOWN
        if "call_duration" in raw or raw.get("missed") is True:
            return MessageKind.CALL
        if media:
            return MessageKind(media[-1 if media[-1].kind is MediaKind.STICKER else 0].kind.value)
        if has_share:
            return MessageKind.SHARE
        said = raw.get("type")
        if users or (isinstance(said, str) and said in SYSTEM_TYPES):
            return MessageKind.SYSTEM
        if text is None:
            return MessageKind.EMPTY
        if self._is_group and said is None and is_system_line(text, raw["sender_name"]):
            return MessageKind.SYSTEM
        return MessageKind.TEXT

    def _media(self, raw: dict[str, Any]) -> tuple[Media, ...]:
        found: list[Media] = []
        for key, kind in MEDIA_KEYS.items():
            if key not in raw:
                continue
            items = raw[key]
            if not isinstance(items, list):
                self._skip_part(f".{key}", "not a list")
                continue
            for number, item in enumerate(items):
                if has_uri(item):
                    found.append(read_media(item, kind))
                else:
                    self._skip_part(f".{key}[{number}]", "no uri")
        if "sticker" in raw:
            if has_uri(raw["sticker"]):
                found.append(read_media(raw["sticker"], MediaKind.STICKER))
            else:
                self._skip_part(".sticker", "no uri")
        return tuple(found)

    def _share(self, raw: dict[str, Any]) -> Share | None:
        if "share" not in raw:
            return None
        said = raw["share"]
        if not isinstance(said, dict):
            self._skip_part(".share", "not an object")
            return None
        rest = dict(said)
        parts: dict[str, str | None] = {}
        for key in ("link", "share_text", "original_content_owner"):
            value = rest.pop(key, None)
            if value is not None and not isinstance(value, str):
                self._skip_part(f".share.{key}", "not a text")
                value = None
            parts[key] = value
        return Share(parts["link"], parts["share_text"], parts["original_content_owner"], pack(rest))

    def _reactions(self, raw: dict[str, Any]) -> tuple[Reaction, ...]:
        if "reactions" not in raw:
            return ()
        items = raw["reactions"]
        if not isinstance(items, list):
            self._skip_part(".reactions", "not a list")
            return ()
        found: list[Reaction] = []
        for number, item in enumerate(items):
            emoji = item.get("reaction") if isinstance(item, dict) else None
            actor = item.get("actor") if isinstance(item, dict) else None
            if isinstance(emoji, str) and isinstance(actor, str):
                at = item.get("timestamp")
                found.append(Reaction(emoji, actor, at if type(at) is int and abs(at) <= LAST_MS else None))
            else:
                self._skip_part(f".reactions[{number}]", "no reaction or no actor")
        return tuple(found)

    def _extras(self, raw: dict[str, Any], kind: MessageKind) -> bytes:
        extras: dict[str, Any] = {}
        for key in raw.keys() - _ROW_KEYS:
            extras[key] = raw[key]
            self._report.unknown_key(f"message.{key}")
        for flag in _FLAGS:
            if raw.get(flag):
                extras[flag] = raw[flag]
        said = raw.get("type")
        if isinstance(said, str) and said not in PLAIN_TYPES and said not in SYSTEM_TYPES:
            extras["type"] = said
        if raw.get("is_taken_down") is True and kind is not MessageKind.TAKEN_DOWN:
            extras["is_taken_down"] = True
        return pack(extras)

    def _skip_part(self, place: str, reason: str) -> None:
        self._report.skipped_parts.add(f"{self._place} {self._row}{place}", reason)
