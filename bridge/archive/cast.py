"""The demonstration's cast: five people, their chats, and an archive of each on each network.

Ana is on both networks, linked and upgraded; Ben and Dan are on Messenger;
Cleo is on Direct; Emi is on both, linked but not upgraded. Dan has written to
Ana and waits for her consent. Ana follows Cleo and blocks nobody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    Reaction,
    Section,
    Share,
    ThreadRecord,
    Upgrade,
    thread_path,
)
from bridge.archive.writer import ArchiveWriter

NAMES = {
    "ana": "Ana Lima",
    "ben": "Ben Okafor",
    "cleo": "Cleo Marchetti",
    "dan": "Dan Novák",
    "emi": "Emi Tanaka",
}
ON: dict[str, tuple[Network, ...]] = {
    "ana": ("direct", "messenger"),
    "ben": ("messenger",),
    "cleo": ("direct",),
    "dan": ("messenger",),
    "emi": ("direct", "messenger"),
}
UPGRADED = {"ana": True, "emi": False}
IDENTIFIERS = {"ana": "100000000000001", "emi": "100000000000005"}
FILES: dict[Network, str] = {"direct": "instagram", "messenger": "facebook"}
LABELS: dict[Network, str] = {"direct": "Instagram", "messenger": "Facebook"}
START_MS = 1_760_000_000_000
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class SampleArchive:
    """An archive that was written.

    Attributes:
        path: The ZIP.
        person: A name for the person, the same for both of their archives.
        network: Whose format it has.
        owner_name: The owner's name in the threads.
        handle: The owner's user name.
        threads: How many it holds.
        messages: How many it holds.
    """

    path: Path
    person: str
    network: Network
    owner_name: str
    handle: str
    threads: int
    messages: int


@dataclass(frozen=True, slots=True)
class Line:
    """Something said; ``after`` minutes later than the line before."""

    who: str
    text: str | None
    after: int = 1
    loved_by: str | None = None
    emoji: str = "❤"
    photo: str | None = None
    link: str | None = None
    missed_call: bool = False
    unsent: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    """A chat; ``requests_for`` names those who have not accepted it."""

    number: int
    network: Network
    members: tuple[str, ...]
    lines: tuple[Line, ...]
    title: str | None = None
    requests_for: tuple[str, ...] = ()


TALKS = (
    Talk(
        101,
        "messenger",
        ("ana", "ben"),
        (
            Line("ben", "Are you still coming to the lake on Saturday?"),
            Line("ana", "Yes! Train at 9:12, I'll bring the bread from the corner bakery 🥖"),
            Line("ben", "Then I'm on cheese. Cleo said she might come too", after=2, loved_by="ana"),
            Line("ana", None, after=30, photo="lake.jpg"),
            Line("ana", "Last year's proof that it does not always rain", loved_by="ben", emoji="😆"),
            Line("ben", None, after=5, missed_call=True),
            Line("ana", "Sorry, in a meeting. Write me?", after=12),
            Line("ben", "Nothing urgent: which platform?"),
            Line("ana", "3. Under the clock, as always.", loved_by="ben", emoji="👍"),
        ),
    ),
    Talk(
        102,
        "direct",
        ("ana", "cleo"),
        (
            Line("cleo", "your story!! where is that café?"),
            Line("ana", "behind the market, the one with the blue door"),
            Line("cleo", None, link="https://example.org/blue-door"),
            Line("cleo", "this one? è bellissimo", loved_by="ana"),
            Line("ana", "exactly. thursday?"),
            Line("cleo", None, unsent=True),
            Line("cleo", "thursday ✨", after=3, loved_by="ana"),
        ),
    ),
    Talk(
        103,
        "messenger",
        ("dan", "ana"),
        (Line("dan", "Hello Ana, I think I found your scarf: green, left on the 9:12 to the lake?"),),
        requests_for=("ana",),
    ),
    Talk(
        104,
        "direct",
        ("emi", "cleo"),
        (
            Line("emi", "I finished the illustration for your zine 🎨"),
            Line("cleo", "ALREADY? you are unreal", loved_by="emi"),
            Line("emi", "今夜送るね。I'll send it tonight"),
            Line("cleo", "grazie grazie grazie"),
        ),
    ),
    Talk(
        105,
        "messenger",
        ("ana", "ben", "emi"),
        (
            Line("ana", "So: lake, Saturday, who brings the boat?"),
            Line("ben", "I know a man with a boat. The man is my uncle."),
            Line("emi", "I'll draw everyone. Badly, from a moving boat.", loved_by="ana", emoji="😆"),
            Line("ana", "Zażółć gęślą jaźń, as my grandmother would say before every trip", after=8),
            Line("ben", "She would not", loved_by="emi", emoji="😆"),
        ),
        title="Lake people",
    ),
    Talk(
        106,
        "messenger",
        ("ben", "dan"),
        (
            Line("ben", "Did you get your bike back?"),
            Line("dan", "Yes, with a better bell than before 🔔"),
            Line("ben", "Honest thieves these days"),
        ),
    ),
)


def demo_people(folder: Path) -> tuple[SampleArchive, ...]:
    """Write the cast's archives: ``<folder>/ana-instagram.zip``, ``ana-facebook.zip``, and so on.

    Args:
        folder: Where to; made if missing. Nothing may be there under these names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_write(folder, person, network) for person in NAMES for network in ON[person])


def who_is_whom(archive: SampleArchive) -> dict[str, str]:
    """Tell whom the names in an archive's chats belong to, as ``network/handle``."""
    pairs = [talk.members for talk in TALKS if talk.network == archive.network and talk.title is None]
    others = [set(pair) - {archive.person} for pair in pairs if archive.person in pair]
    return {NAMES[other]: f"{archive.network}/{other}" for (other,) in others}


def _write(folder: Path, person: str, network: Network) -> SampleArchive:
    path = folder / f"{person}-{FILES[network]}.zip"
    mine = [talk for talk in TALKS if talk.network == network and person in talk.members]
    count = 0
    with ArchiveWriter(path, network) as archive:
        archive.owner(ArchiveOwner(network, NAMES[person], person))
        if person in UPGRADED:
            other: Network = "direct" if network == "messenger" else "messenger"
            name = person if other == "direct" else NAMES[person]
            archive.links([LinkedAccount(other, name, IDENTIFIERS[person], LABELS[other])])
            archive.upgrade(Upgrade(UPGRADED[person], 1_650_000_000))
        archive.edges(_edges(person, network, mine))
        for talk in mine:
            count += archive.thread(_thread(talk, person), _messages(talk))
    return SampleArchive(path, person, network, NAMES[person], person, len(mine), count)


def _edges(person: str, network: Network, mine: list[Talk]) -> Iterator[Edge]:
    for talk in mine:
        if talk.title is None and not talk.requests_for:
            other = next(member for member in talk.members if member != person)
            since = 1_600_000_000 + talk.number
            if network == "messenger":
                yield Edge(EdgeKind.FRIEND, NAMES[other], since)
            else:
                yield Edge(EdgeKind.FOLLOWING, other, since)
                yield Edge(EdgeKind.FOLLOWER, other, since)


def _thread(talk: Talk, person: str) -> ThreadRecord:
    others = [member for member in talk.members if member != person]
    section = Section.REQUESTS if person in talk.requests_for else Section.INBOX
    return ThreadRecord(
        path=thread_path(section, talk.title or others[0], talk.number),
        section=section,
        title=talk.title or NAMES[others[0]],
        participants=(*(NAMES[other] for other in others), NAMES[person]),
        is_group=talk.title is not None,
    )


def _messages(talk: Talk) -> Iterator[MessageRecord]:
    at_ms = START_MS + talk.number * 1000 * MINUTE_MS
    for line in talk.lines:
        at_ms += line.after * MINUTE_MS
        yield _message(talk, line, at_ms)


def _message(talk: Talk, line: Line, at_ms: int) -> MessageRecord:
    kind = MessageKind.TEXT
    media: tuple[Media, ...] = ()
    if line.photo:
        kind = MessageKind.PHOTO
        media = (
            Media(MediaKind.PHOTO, f"your_facebook_activity/messages/photos/{line.photo}", at_ms // 1000),
        )
    elif line.link:
        kind = MessageKind.SHARE
    elif line.missed_call:
        kind = MessageKind.CALL
    elif line.unsent:
        kind = MessageKind.UNSENT
    reactions: tuple[Reaction, ...] = ()
    if line.loved_by:
        reactions = (Reaction(line.emoji, NAMES[line.loved_by], at_ms // 1000 + 20),)
    return MessageRecord(
        sender_name=NAMES[line.who],
        at_ms=at_ms,
        text=line.text,
        kind=kind,
        media=media,
        share=Share(line.link) if line.link else None,
        call_s=0 if line.missed_call else None,
        missed=line.missed_call,
        reactions=reactions,
    )
