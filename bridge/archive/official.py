"""Records in the words of today's official files: the writer's half of the format."""

from collections.abc import Callable
from typing import Any

import orjson

from bridge.archive.errors import BadRecord
from bridge.archive.messages import MEDIA_KEYS, NO_JOINING, is_system_line
from bridge.archive.model import (
    ArchiveOwner,
    Edge,
    EdgeKind,
    LinkedAccount,
    Media,
    MediaKind,
    MessageKind,
    MessageRecord,
    Network,
    Section,
    Share,
    ThreadRecord,
    Upgrade,
)
from bridge.archive.text import encode

FOLLOWS = "connections/followers_and_following"
FRIENDS = "connections/friends"
MESSENGER = "your_facebook_activity/messages"

# Where each list lies, and the key that wraps it; "" is a bare list.
EDGE_FILES: dict[Network, dict[EdgeKind, tuple[str, str]]] = {
    "direct": {
        EdgeKind.FOLLOWING: (f"{FOLLOWS}/following.json", "relationships_following"),
        EdgeKind.FOLLOWER: (f"{FOLLOWS}/followers_1.json", ""),
        EdgeKind.CLOSE_FRIEND: (f"{FOLLOWS}/close_friends.json", "relationships_close_friends"),
        EdgeKind.BLOCKED: (f"{FOLLOWS}/blocked_profiles.json", "relationships_blocked_users"),
        EdgeKind.RESTRICTED: (f"{FOLLOWS}/restricted_profiles.json", "relationships_restricted_users"),
        EdgeKind.FOLLOW_REQUESTED: (
            f"{FOLLOWS}/pending_follow_requests.json",
            "relationships_follow_requests_sent",
        ),
        EdgeKind.FOLLOW_REQUEST_RECEIVED: (
            f"{FOLLOWS}/follow_requests_you've_received.json",
            "relationships_follow_requests_received",
        ),
        EdgeKind.STORY_HIDDEN: (f"{FOLLOWS}/hide_story_from.json", "relationships_hide_stories_from"),
    },
    "messenger": {
        EdgeKind.FRIEND: (f"{FRIENDS}/your_friends.json", "friends_v2"),
        EdgeKind.FRIEND_REQUEST_SENT: (f"{FRIENDS}/sent_friend_requests.json", "sent_requests_v2"),
        EdgeKind.FRIEND_REQUEST_RECEIVED: (
            f"{FRIENDS}/received_friend_requests.json",
            "received_requests_v2",
        ),
        EdgeKind.FRIEND_REQUEST_REJECTED: (
            f"{FRIENDS}/rejected_friend_requests.json",
            "rejected_requests_v2",
        ),
        EdgeKind.FOLLOWER: ("connections/followers/people_who_followed_you.json", "followers_v3"),
        EdgeKind.FOLLOWING: ("connections/followers/who_you've_followed.json", "following_v3"),
        EdgeKind.BLOCKED: (f"{MESSENGER}/messenger_contacts_you've_blocked.json", "blocked_contacts_v2"),
        EdgeKind.RESTRICTED: (
            f"{MESSENGER}/messenger_contacts_you've_restricted.json",
            "restricted_contacts_v2",
        ),
    },
}
LABELS: dict[Network, str] = {"direct": "Instagram", "messenger": "Facebook"}

_FORMS = {kind: key for key, kind in MEDIA_KEYS.items()}


def message_form(message: MessageRecord, is_group: bool) -> dict[str, Any]:
    """Give a message the form of a thread file's row."""
    form: dict[str, Any] = {"sender_name": message.sender_name, "timestamp_ms": message.at_ms}
    if message.text:
        form["content"] = message.text
    if message.kind is MessageKind.TEXT and not message.extras and not message.reactions and not is_group:
        form["is_geoblocked_for_viewer"] = False
        return form
    _add_parts(form, message)
    _add_kind(form, message, is_group)
    form["is_geoblocked_for_viewer"] = False
    if message.extras:
        form.update(_unpack(message.extras))
    return form


def _add_parts(form: dict[str, Any], message: MessageRecord) -> None:
    for media in message.media:
        if media.kind is MediaKind.STICKER and "sticker" in form:
            raise BadRecord("A message holds one sticker.")
        if media.kind is MediaKind.STICKER:
            form["sticker"] = {**media_form(media), "ai_stickers": []}
        else:
            form.setdefault(_FORMS[media.kind], []).append(media_form(media))
    if message.share is not None:
        form["share"] = _share_form(message.share)
    if message.reactions:
        form["reactions"] = [
            {"reaction": reaction.emoji, "actor": reaction.actor}
            | ({} if reaction.at_s is None else {"timestamp": reaction.at_s})
            for reaction in message.reactions
        ]
    if message.users:
        form["users"] = [{"name": name} for name in message.users]
    if message.call_s is not None:
        form["call_duration"] = message.call_s
    if message.missed:
        form["missed"] = True


def _add_kind(form: dict[str, Any], message: MessageRecord, is_group: bool) -> None:
    """Say what the parts alone would not."""
    kind = message.kind
    if kind is MessageKind.UNSENT:
        form["is_unsent"] = True
    elif kind is MessageKind.TAKEN_DOWN:
        form["is_taken_down"] = True
    elif kind is MessageKind.CALL and message.call_s is None and not message.missed:
        form["call_duration"] = None
    elif kind in (MessageKind.SYSTEM, MessageKind.TEXT):
        looks_so = is_group and bool(message.text) and is_system_line(message.text or "", message.sender_name)
        if kind is MessageKind.SYSTEM and not looks_so:
            form["type"] = "Subscribe"
        elif kind is MessageKind.TEXT and looks_so:
            form["type"] = "Generic"  # somebody typed what reads like a group's own line


def _unpack(extras: bytes) -> dict[str, Any]:
    try:
        return dict(orjson.loads(extras))
    except (TypeError, ValueError) as error:
        raise BadRecord(f"Extras are a JSON object ({error}).") from error


def media_form(media: Media) -> dict[str, Any]:
    """Give a media reference its official form."""
    form: dict[str, Any] = {"uri": media.uri}
    if media.at_s is not None:
        form["creation_timestamp"] = media.at_s
    if media.extras:
        form.update(_unpack(media.extras))
    return form


def _share_form(share: Share) -> dict[str, Any]:
    parts = {"link": share.link, "share_text": share.text, "original_content_owner": share.owner}
    form: dict[str, Any] = {key: value for key, value in parts.items() if value is not None}
    if share.extras:
        form.update(_unpack(share.extras))
    return form


def head_form(thread: ThreadRecord) -> dict[str, Any]:
    """Give a thread's head the form of a thread file without its messages."""
    form: dict[str, Any] = {
        "participants": [{"name": name} for name in thread.participants],
        "title": thread.title,
        "is_still_participant": thread.is_still_participant,
        "thread_path": thread.path,
        "magic_words": [],
    }
    if thread.is_group:
        form["joinable_mode"] = NO_JOINING
    elif len(thread.participants) > 2:
        form["thread_type"] = "Regular"
    if thread.image is not None:
        form["image"] = media_form(thread.image)
    if thread.section is Section.REQUESTS:
        form["is_pending"] = True
    if thread.extras:
        form.update(_unpack(thread.extras))
    return form


def edge_file(kind: EdgeKind, edges: list[Edge], network: Network) -> tuple[str, bytes]:
    """Give a list of people its file.

    Raises:
        BadRecord: If the network has no such list.
    """
    if kind not in EDGE_FILES[network]:
        raise BadRecord(f"{LABELS[network]} archives have no list {kind.value}.")
    name, key = EDGE_FILES[network][kind]
    form: Callable[[Edge], dict[str, Any]] = _followed_form if network == "direct" else _friend_form
    entries = [form(edge) for edge in edges]
    return name, encode({key: entries} if key else entries)


def _followed_form(edge: Edge) -> dict[str, Any]:
    said: dict[str, Any] = {"href": f"https://www.instagram.com/{edge.name}", "value": edge.name}
    if edge.at_s is not None:
        said["timestamp"] = edge.at_s
    return {"title": "", "media_list_data": [], "string_list_data": [said]}


def _friend_form(edge: Edge) -> dict[str, Any]:
    return {"name": edge.name} if edge.at_s is None else {"name": edge.name, "timestamp": edge.at_s}


def link_form(account: LinkedAccount) -> dict[str, Any]:
    """Give a linked account its entry."""
    label = account.label or (LABELS[account.network] if account.network else "")
    fields: dict[str, Any] = {"Account Type": {"value": label}, "User Name": {"value": account.name}}
    if account.identifier is not None:
        fields["Identifier"] = {"value": account.identifier}
    return {"title": "", "media_map_data": {}, "string_map_data": fields}


def upgrade_file(upgrade: Upgrade, network: Network) -> tuple[str, bytes]:
    """Give the opt-in its file."""
    fields: dict[str, Any] = {
        "Upgraded To Cross-App Messaging": {"href": "", "value": str(upgrade.on), "timestamp": 0}
    }
    if upgrade.at_s is not None:
        fields["Time Upgraded"] = {"timestamp": upgrade.at_s}
    entry = {"title": "", "media_map_data": {}, "string_map_data": fields}
    name = (
        "preferences/media_settings/use_cross-app_messaging.json"
        if network == "direct"
        else f"{MESSENGER}/your_cross-app_messaging_settings.json"
    )
    return name, encode({"settings_upgraded_to_cross_app_messaging": [entry]})


def profile_file(owner: ArchiveOwner) -> tuple[str, bytes]:
    """Give the owner's profile its file."""
    if owner.network == "messenger":
        profile: dict[str, Any] = {"name": {"full_name": owner.name}}
        if owner.handle is not None:
            profile["username"] = owner.handle
        name = "personal_information/profile_information/profile_information.json"
        return name, encode({"profile_v2": profile})
    fields: dict[str, Any] = (
        {} if owner.handle is None else {"Username": {"href": "", "value": owner.handle, "timestamp": 0}}
    )
    fields["Name"] = {"href": "", "value": owner.name, "timestamp": 0}
    entry = {"title": "User Information", "media_map_data": {}, "string_map_data": fields}
    return "personal_information/personal_information/personal_information.json", encode(
        {"profile_user": [entry]}
    )
