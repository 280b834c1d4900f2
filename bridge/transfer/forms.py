"""One row of an archive as a message's content, and back: nothing of the row is lost on the way.

What the wire refuses (control characters) is taken out of the text that people
see; the original then stands in the extras, beside whatever else the row said.
"""

import re
from typing import Any, Final

import msgspec

from bridge.archive.model import Media, MediaKind, MessageKind, MessageRecord, Reaction, Share
from bridge.archive.model import Network as OfficialNetwork
from bridge.domain.content import Content
from bridge.wire.values import Network

encode: Final = msgspec.msgpack.Encoder().encode
"""Packs as ``domain.content.pack`` does, four times as fast; a test holds them equal."""

LONGEST: Final = 200_000
"""Characters of a row's text that are shown: ten times what a network allows. People see pages of them."""

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NOT_IN_NAMES: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_KINDS: Final = {kind.value: kind for kind in MessageKind}
_decode: Final = msgspec.msgpack.Decoder().decode


def is_shown_whole(text: str) -> bool:
    """Say whether a text is shown as it stands; else it is cleaned, or cut where no network allows more."""
    return text.isprintable() and len(text) <= LONGEST


def clean_text(text: str) -> str:
    """Take out what the wire refuses in a text."""
    return text if text.isprintable() else _CONTROLS.sub("", text)


def clean_name(name: str) -> str:
    """Take out what the wire refuses in a name."""
    return name if name.isprintable() else _NOT_IN_NAMES.sub("", name)


def packed_row(row: MessageRecord, origin: str, *, is_usual_name: bool) -> bytes:
    """Pack a row's content, and as extras whatever a plain text has not.

    Args:
        row: The row.
        origin: The archive's network.
        is_usual_name: Whether the thread's names already tell how the archive calls the sender.
    """
    text = row.text
    extras: dict[str, Any] = {}
    if text is not None and not is_shown_whole(text):
        text = clean_text(text)[:LONGEST]
        if text != row.text:
            extras["text"] = row.text
    if not is_usual_name:
        extras["name"] = row.sender_name
    if row.media:
        extras["media"] = [(one.kind.value, one.uri, one.at_s, one.extras) for one in row.media]
    if row.share is not None:
        extras["share"] = (row.share.link, row.share.text, row.share.owner, row.share.extras)
    if row.call_s is not None:
        extras["call_s"] = row.call_s
    if row.missed:
        extras["missed"] = True
    if row.reactions:
        extras["reactions"] = [(one.emoji, one.actor, one.at_s) for one in row.reactions]
    if row.users:
        extras["users"] = row.users
    if row.extras:
        extras["more"] = row.extras
    return encode((text or None, origin, None, row.kind.value, extras or None))


def with_witness(content: Content, account: str | None) -> bytes:
    """Pack a content with a note that only this account's archive tells of it, where only one does."""
    extras = {key: value for key, value in (content.extras or {}).items() if key != "name"}
    if account is not None:
        extras["told_by"] = account
    return encode((content.text, content.origin.value, content.reply_to, content.kind, extras or None))


def row_of_packed(packed: bytes | None, name: str, at_ms: int) -> MessageRecord:
    """Give a message the form of an archive's row; an erased one is a row without anything.

    Args:
        packed: What was said, as it is kept; None once erased.
        name: How the archive calls the sender, unless the content knows better.
        at_ms: When it was said.
    """
    if packed is None:
        return MessageRecord(name, at_ms, None, MessageKind.UNSENT)
    text, _, _, kind, extras = _decode(packed)
    if extras is None:
        return MessageRecord(name, at_ms, text, _KINDS[kind])
    return MessageRecord(
        sender_name=extras.get("name", name),
        at_ms=at_ms,
        text=extras.get("text", text),
        kind=_KINDS[kind],
        media=tuple(Media(MediaKind(one), *rest) for one, *rest in extras.get("media", ())),
        share=Share(*extras["share"]) if "share" in extras else None,
        call_s=extras.get("call_s"),
        missed=extras.get("missed", False),
        reactions=tuple(Reaction(*one) for one in extras.get("reactions", ())),
        users=tuple(extras.get("users", ())),
        extras=extras.get("more", b""),
    )


def official(network: Network) -> OfficialNetwork:
    """Give a network the archives' own word for it."""
    return "direct" if network is Network.DIRECT else "messenger"
