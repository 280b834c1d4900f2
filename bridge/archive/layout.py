"""Where things lie in an archive: every layout met in the wild, found by path alone.

A file is known by the end of its path, so a wrapping folder and all of the
networks' roots (``messages/``, ``your_facebook_activity/messages/`` and the
like) need no cases of their own.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.archive.model import FOLDERS, EdgeKind, Network, Section

SIGNS: tuple[tuple[str, Network], ...] = (
    ("your_facebook_activity/", "messenger"),
    ("your_activity_across_facebook/", "messenger"),
    ("connections/friends/", "messenger"),
    ("friends_and_followers/friends.json", "messenger"),
    ("profile_information/profile_information.json", "messenger"),
    ("your_instagram_activity/", "direct"),
    ("followers_and_following/", "direct"),
    ("personal_information/personal_information.json", "direct"),
)
"""What a path of one network's archives holds, and no other's."""

FAINT_SIGNS: tuple[tuple[str, Network], ...] = (
    ("messages/stickers_used/", "messenger"),
    ("messages/archived_threads/", "messenger"),
    ("messages/filtered_threads/", "messenger"),
    ("messages/e2ee_cutover/", "messenger"),
    ("messages/broadcast/", "direct"),
)
"""The same, but looked at only where nothing else tells: a bridge's exports may hold them too."""

_THREAD = re.compile(
    r"(?:^|/)(?P<folder>" + "|".join(FOLDERS) + r")/(?P<dir>[^/]+)/(?P<file>[^/]+)\.(?P<ext>json|html)$"
)
_NUMBERED = re.compile(r"message_(\d{1,9})")
_SECURE = re.compile(r"(?:^|/)messages/(?P<name>[^/]+_\d+)\.json$")
_SINGLE = re.compile(r"(?:^|/)messages(?:_\d+)?\.json$")

_EDGE_FILES: tuple[tuple[str, EdgeKind], ...] = (
    (r"followers_and_following/following(_\d+)?", EdgeKind.FOLLOWING),
    (r"followers_and_following/followers(_\d+)?", EdgeKind.FOLLOWER),
    (r"followers_and_following/close_friends", EdgeKind.CLOSE_FRIEND),
    (r"followers_and_following/blocked_(profiles|accounts)", EdgeKind.BLOCKED),
    (r"followers_and_following/restricted_(profiles|accounts)", EdgeKind.RESTRICTED),
    (r"followers_and_following/pending_follow_requests", EdgeKind.FOLLOW_REQUESTED),
    (r"followers_and_following/follow_requests_you've_received", EdgeKind.FOLLOW_REQUEST_RECEIVED),
    (r"followers_and_following/hide_story_from", EdgeKind.STORY_HIDDEN),
    (r"(friends|friends_and_followers)/(your_friends|friends)", EdgeKind.FRIEND),
    (r"(friends|friends_and_followers)/sent_friend_requests", EdgeKind.FRIEND_REQUEST_SENT),
    (r"(friends|friends_and_followers)/received_friend_requests", EdgeKind.FRIEND_REQUEST_RECEIVED),
    (r"(friends|friends_and_followers)/rejected_friend_requests", EdgeKind.FRIEND_REQUEST_REJECTED),
    (r"connections/followers/people_who_followed_you", EdgeKind.FOLLOWER),
    (r"connections/followers/who_you've_followed", EdgeKind.FOLLOWING),
    (r"messages/messenger_contacts_you've_blocked", EdgeKind.BLOCKED),
    (r"messages/messenger_contacts_you've_restricted", EdgeKind.RESTRICTED),
)
_EDGES = tuple((re.compile(rf"(?:^|/){pattern}\.json$"), kind) for pattern, kind in _EDGE_FILES)
_LINKS = re.compile(r"(?:^|/)linked_meta_accounts\.json$")
_UPGRADE = re.compile(r"(?:^|/)(?:use|your)_cross-app_messaging(?:_settings)?\.json$")
_PROFILE = re.compile(r"(?:^|/)(?:personal_information|account_information|profile_information)\.json$")


@dataclass(slots=True)
class ThreadFiles:
    """The message files of one thread.

    Attributes:
        section: Told by the folder.
        files: Path by number, in no order; number 1 is the newest.
    """

    section: Section
    files: dict[int, str] = field(default_factory=dict)

    def oldest_first(self) -> list[str]:
        """Give the paths; the numbers are compared as numbers, so that 10 comes before 2."""
        return [name for _, name in sorted(self.files.items(), reverse=True)]


@dataclass(slots=True)
class Layout:
    """What an archive holds, by path.

    Attributes:
        threads: Threads in folders, by key.
        secure: Threads of Messenger's secure storage, each a file.
        single: Instagram before 2021: all conversations in a file.
        edges: Lists of people.
        links, upgrades, profiles: Files about the owner.
        siblings: Files beside a thread's numbered ones.
        copies: Message files of a thread that lies somewhere else with the same number.
        html: A page of the HTML variant, if there is one.
    """

    threads: dict[str, ThreadFiles] = field(default_factory=dict)
    secure: dict[str, str] = field(default_factory=dict)
    single: list[str] = field(default_factory=list)
    edges: list[tuple[EdgeKind, str]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    upgrades: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    siblings: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    html: str | None = None

    def is_empty(self) -> bool:
        """Say whether nothing that the bridge reads was found."""
        return not (self.threads or self.secure or self.single or self.edges or self.links or self.profiles)

    def message_files(self) -> list[str]:
        """Give every file with messages in it."""
        numbered = [name for thread in self.threads.values() for name in thread.files.values()]
        return [*numbered, *self.secure.values(), *self.single]


def lay_out(names: Iterable[str]) -> Layout:
    """Sort an archive's files by what they are."""
    layout = Layout()
    for name in names:
        plain = name.replace("’", "'").replace("â\x80\x99", "'")
        if thread := _THREAD.search(plain):
            _add_thread_file(layout, name, thread)
        elif plain.endswith(".json"):
            _add_json(layout, name, plain)
        elif plain.endswith((".html", ".htm")):
            layout.html = layout.html or name
    return layout


def _add_thread_file(layout: Layout, name: str, match: re.Match[str]) -> None:
    number = _NUMBERED.fullmatch(match["file"])
    if match["ext"] == "html":
        layout.html = layout.html or name
    elif number is None:
        layout.siblings.append(name)
    else:
        key = f"{match['folder']}/{match['dir']}"
        thread = layout.threads.setdefault(key, ThreadFiles(FOLDERS[match["folder"]]))
        if thread.files.setdefault(int(number[1]), name) != name:
            layout.copies.append(name)


def _add_json(layout: Layout, name: str, plain: str) -> None:
    for pattern, kind in _EDGES:
        if pattern.search(plain):
            layout.edges.append((kind, name))
            return
    if _LINKS.search(plain):
        layout.links.append(name)
    elif _UPGRADE.search(plain):
        layout.upgrades.append(name)
    elif _PROFILE.search(plain):
        layout.profiles.append(name)
    elif secure := _SECURE.search(plain):
        layout.secure[f"e2ee_cutover/{secure['name']}"] = name
    elif _SINGLE.search(plain):
        layout.single.append(name)


def networks_of(names: Iterable[str]) -> set[Network]:
    """Tell from the paths which networks an archive comes from; none if they do not tell."""
    paths = [f"/{name}" for name in names]
    for signs in (SIGNS, FAINT_SIGNS):
        found = {network for path in paths for sign, network in signs if f"/{sign}" in path}
        if found:
            return found
    return set()
