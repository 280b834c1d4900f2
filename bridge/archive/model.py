"""What an official archive says, as plain records that know nothing of the bridge.

The reader yields these and the writer takes them, so a store needs one mapping
each way. Records are values: reading what was written gives equal records.
Names are display names (archives carry no ids); ``at_ms`` is in milliseconds
and ``at_s`` in seconds since 1970, as the archives have them.
"""

import re
from enum import StrEnum
from typing import Literal

import msgspec

Network = Literal["direct", "messenger"]

DELETED_NAMES = frozenset({"", "Facebook user", "Facebook User", "Instagram user", "Instagram User"})
"""What stands where a name stood before its account was deleted."""


class Section(StrEnum):
    """The folder of an inbox that a thread lies in."""

    INBOX = "inbox"
    REQUESTS = "requests"
    FILTERED = "filtered"
    ARCHIVED = "archived"
    E2EE = "e2ee"
    BROADCAST = "broadcast"


class MessageKind(StrEnum):
    """What a message chiefly is; its other parts are kept all the same."""

    TEXT = "text"
    PHOTO = "photo"
    VIDEO = "video"
    AUDIO = "audio"
    GIF = "gif"
    FILE = "file"
    STICKER = "sticker"
    SHARE = "share"
    CALL = "call"
    UNSENT = "unsent"
    TAKEN_DOWN = "taken_down"
    SYSTEM = "system"
    EMPTY = "empty"


class MediaKind(StrEnum):
    """What a media reference points to."""

    PHOTO = "photo"
    VIDEO = "video"
    AUDIO = "audio"
    GIF = "gif"
    FILE = "file"
    STICKER = "sticker"


class EdgeKind(StrEnum):
    """A list of people; each is named from the archive owner's side."""

    FOLLOWING = "following"
    FOLLOWER = "follower"
    CLOSE_FRIEND = "close_friend"
    BLOCKED = "blocked"
    RESTRICTED = "restricted"
    FOLLOW_REQUESTED = "follow_requested"
    FOLLOW_REQUEST_RECEIVED = "follow_request_received"
    FRIEND = "friend"
    FRIEND_REQUEST_SENT = "friend_request_sent"
    FRIEND_REQUEST_RECEIVED = "friend_request_received"
    FRIEND_REQUEST_REJECTED = "friend_request_rejected"
    STORY_HIDDEN = "story_hidden"


class ArchiveOwner(msgspec.Struct, frozen=True, gc=False):
    """Whose archive this is.

    Attributes:
        network: Where the archive comes from.
        name: The name the owner bears in the threads; compare it with ``sender_name``.
        handle: The user name, if the archive tells it.
    """

    network: Network
    name: str
    handle: str | None = None


class LinkedAccount(msgspec.Struct, frozen=True, gc=False):
    """An account that the archive says is the same person's.

    Attributes:
        network: The other network, or ``None`` if the archive names one unknown to the bridge.
        name: The user name on Instagram, the name (or user name) on Facebook.
        identifier: The network's own number for it, if told.
        label: The network as the archive wrote it.
    """

    network: Network | None
    name: str
    identifier: str | None = None
    label: str = ""


class Upgrade(msgspec.Struct, frozen=True, gc=False):
    """Whether the owner opted in to messaging across the networks, and when."""

    on: bool
    at_s: int | None = None


class Edge(msgspec.Struct, frozen=True, gc=False):
    """One person in one of the owner's lists.

    Attributes:
        kind: Which list.
        name: A user name on ``direct``, a display name on ``messenger``.
        at_s: Since when, if told.
    """

    kind: EdgeKind
    name: str
    at_s: int | None = None


class Media(msgspec.Struct, frozen=True, gc=False):
    """A reference to a picture, clip or file; the bytes may or may not be in the archive.

    Attributes:
        kind: What it is.
        uri: The path inside the archive, or an address.
        at_s: When it was made, if told.
        extras: A JSON object of what else the archive said, or ``b""``.
    """

    kind: MediaKind
    uri: str
    at_s: int | None = None
    extras: bytes = b""


class Share(msgspec.Struct, frozen=True, gc=False):
    """A shared link or post.

    Attributes:
        link: Its address, if it has one.
        text: Its caption, if it has one.
        owner: Whose post it is, if told.
        extras: A JSON object of what else the archive said, or ``b""``.
    """

    link: str | None = None
    text: str | None = None
    owner: str | None = None
    extras: bytes = b""


class Reaction(msgspec.Struct, frozen=True, gc=False):
    """One person's emoji on a message."""

    emoji: str
    actor: str
    at_s: int | None = None


class MessageRecord(msgspec.Struct, frozen=True, gc=False):
    """One row of a thread.

    Attributes:
        sender_name: As the archive has it; ``""`` and its like are in ``DELETED_NAMES``.
        at_ms: When it was sent.
        text: What was said; ``None`` if nothing was.
        kind: What it chiefly is.
        media: Pictures, clips, files and stickers, in the archive's order.
        share: The shared link or post.
        call_s: How long a call lasted.
        missed: Whether the call was missed.
        reactions: In the archive's order.
        users: Who a system line speaks of.
        extras: A JSON object of keys the bridge does not know, or ``b""``.
    """

    sender_name: str
    at_ms: int
    text: str | None = None
    kind: MessageKind = MessageKind.TEXT
    media: tuple[Media, ...] = ()
    share: Share | None = None
    call_s: int | None = None
    missed: bool = False
    reactions: tuple[Reaction, ...] = ()
    users: tuple[str, ...] = ()
    extras: bytes = b""


class ThreadRecord(msgspec.Struct, frozen=True, gc=False):
    """A thread's head.

    Attributes:
        path: The thread's key in its archive, stable from download to download:
            the official folder and the thread's own, ``inbox/ben_17``.
        section: Where it lies in the owner's inbox.
        title: The group's name, or the other's.
        participants: Display names, the owner's usually among them and last.
        is_still_participant: False once the owner has left.
        is_group: Whether it is a group.
        image: The group's picture.
        extras: A JSON object of keys the bridge does not know, or ``b""``.
    """

    path: str
    section: Section
    title: str
    participants: tuple[str, ...]
    is_still_participant: bool = True
    is_group: bool = False
    image: Media | None = None
    extras: bytes = b""


FOLDERS = {
    "inbox": Section.INBOX,
    "message_requests": Section.REQUESTS,
    "filtered_threads": Section.FILTERED,
    "archived_threads": Section.ARCHIVED,
    "e2ee_cutover": Section.E2EE,
    "broadcast": Section.BROADCAST,
}
"""The official folders and what they mean."""

_UNUSUAL = re.compile(r"[^\w.-]+")


def thread_path(section: Section, title: str, number: int | None = None) -> str:
    """Make a thread's key as the official archives do, ``inbox/ben_17``: folder, squashed title, number.

    Args:
        section: Where it lies.
        title: The other's user name or the group's name.
        number: What tells threads of one title apart; keep it the same from export to export.
    """
    folder = next(name for name, meant in FOLDERS.items() if meant is section)
    squashed = _UNUSUAL.sub("", title.casefold())[:60].strip(".") or "thread"
    return f"{folder}/{squashed}" if number is None else f"{folder}/{squashed}_{number}"
