"""Official-format archives of made-up people, in the mix of a real export.

``python -m benchmarks.archives --messages 100000 --out DIR`` writes them and
prints a manifest; ``write_sample`` does so from code, ``demo_people`` (in
``bridge.archive.cast``) writes the small cast of the demonstration.

Files are ``<out>/<handle>-facebook.zip`` and ``<out>/<handle>-instagram.zip``.
Person 0 has both, linked and upgraded; her Facebook archive holds ``messages``
messages, her Instagram archive a tenth of that. Whoever else has an archive
holds the other side of the chats with her and with their neighbours. Every
chat is generated anew, from its own seed, for each side: nothing is held.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from random import Random

from benchmarks.words import FIRST, LAST, WORDS
from bridge.archive.cast import SampleArchive, demo_people
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
from bridge.archive.writer import ROOTS, ArchiveWriter

__all__ = ["Sample", "SampleArchive", "demo_people", "write_sample"]

# Counts of one real export: 774,818 messages in 1,123 threads. What is missing of the sum is text.
REAL_MESSAGES = 774_818
KINDS: dict[str, int] = {
    "photo": 44_407,
    "url": 16_142,
    "sticker": 11_134,
    "empty": 10_501,
    "share": 7_111,
    "video": 1_689,
    "call": 1_733,
    "unsent": 1_393,
    "gif": 1_323,
    "audio": 982,
    "file": 617,
    "taken_down": 8,
}
SYSTEM_LINES = 5_623
REACTED = 62_000 / REAL_MESSAGES
MISSED = 284 / 1_733
MESSAGES_A_THREAD = REAL_MESSAGES // 1_123
SECTIONS = (
    (Section.INBOX, 884),
    (Section.E2EE, 113),
    (Section.FILTERED, 87),
    (Section.REQUESTS, 24),
    (Section.ARCHIVED, 15),
)
GROUPS = 263 / 1_123
START_MS = 1_400_000_000_000
MEDIA_KINDS = {kind.value for kind in MediaKind}
ENDINGS = {"photo": "jpg", "video": "mp4", "gif": "gif", "audio": "aac", "file": "pdf", "sticker": "png"}

GROUP_LINES = ("named the group Night Train.", "left the group.", "changed the group photo.")
BOTH: tuple[Network, ...] = ("messenger", "direct")
RESIDENCE: tuple[tuple[Network, ...], ...] = (BOTH, ("messenger",), ("direct",))
EMOJI = ("❤", "😆", "😮", "😢", "👍", "🙏")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the sample; the first ones have archives, the rest are only written to."""

    number: int
    name: str
    handle: str
    networks: tuple[Network, ...]
    is_upgraded: bool = False


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation; ``sections`` says where it lies for whom (the inbox unless told)."""

    number: int
    network: Network
    members: tuple[int, ...]
    size: int
    title: str | None = None
    section: Section = Section.INBOX
    first_text: str | None = None
    last_text: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What was written.

    Attributes:
        archives: One entry a file, person 0's Facebook archive first.
        last_text: What the last message of the longest thread says, and no other.
        namesakes: Two handles whose people bear one name.
        forger: The handle behind the archive that claims what nobody else does, if asked for.
    """

    archives: tuple[SampleArchive, ...]
    last_text: str
    namesakes: tuple[str, str]
    forger: str | None


def write_sample(
    folder: Path, *, people: int = 5, messages: int = 100_000, seed: int = 1, forged: bool = False
) -> Sample:
    """Write archives; the same arguments give the same bytes.

    Args:
        folder: Where to; made if missing. Nothing may be there under the archives' names.
        people: How many have archives, at least 5.
        messages: How many person 0's Facebook archive holds, at least 1,000.
        seed: For other people and other words.
        forged: Whether to add the archive of a liar.
    """
    if people < 5 or messages < 1_000:
        raise ValueError("a sample takes at least 5 people and 1,000 messages")
    folder.mkdir(parents=True, exist_ok=True)
    rng = Random(f"people {seed}")
    cast = _people(rng, people, contacts=max(40, messages // MESSAGES_A_THREAD))
    last_text = f"and that was the last one, {rng.getrandbits(48):012x}"
    chats = _chats(rng, cast, people, messages, last_text)
    written = [
        _write_archive(folder, person, network, cast, chats, seed)
        for person in cast[:people]
        for network in person.networks
    ]
    if forged:
        written.append(_write_forgery(folder, cast, seed))
    return Sample(
        archives=tuple(written),
        last_text=last_text,
        namesakes=(cast[1].handle, cast[4].handle),
        forger="mallory" if forged else None,
    )


def _people(rng: Random, archived: int, contacts: int) -> list[Person]:
    """Make people with distinct names and handles, save that persons 1 and 4 share a name."""
    made: list[Person] = []
    seen: set[str] = set()
    for number in range(archived + contacts):
        name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        while name in seen:
            name = f"{rng.choice(FIRST)} {rng.choice(FIRST)} {rng.choice(LAST)}"
        seen.add(name)
        networks = BOTH if number >= archived else RESIDENCE[number % len(RESIDENCE)]
        if number == 4:  # on Messenger like the namesake
            name, networks = made[1].name, ("messenger",)
        made.append(Person(number, name, f"p{number}.{rng.getrandbits(24):06x}", networks, number % 6 == 0))
    return made


def _chats(rng: Random, cast: list[Person], archived: int, messages: int, last_text: str) -> list[Chat]:
    chats: list[Chat] = []
    chats.extend(_chats_of_first(rng, cast, archived, "messenger", messages, last_text, 0))
    chats.extend(_chats_of_first(rng, cast, archived, "direct", messages // 10, None, len(chats)))
    for person in cast[1:archived]:  # everyone also has a chat with a neighbour, whom an import may recognise
        for network in person.networks:
            others = [
                p.number for p in cast[1:archived] if p.number > person.number and network in p.networks
            ]
            if others:
                chats.append(Chat(len(chats), network, (person.number, others[0]), rng.randint(20, 60)))
    return chats


def _chats_of_first(
    rng: Random,
    cast: list[Person],
    archived: int,
    network: Network,
    total: int,
    closing: str | None,
    number: int,
) -> Iterator[Chat]:
    """Give person 0's chats on a network: a few long, most short, sizes adding up to ``total``."""
    count = min(max(total // MESSAGES_A_THREAD, 12), total // 8)
    partners = [person.number for person in cast[1:] if network in person.networks]
    known = [number for number in partners if number < archived]
    rest = [number for number in partners if number >= archived]
    sections = rng.choices([s for s, _ in SECTIONS], weights=[n for _, n in SECTIONS], k=count)
    sections[: len(known)] = [Section.INBOX] * min(len(known), count)
    if network == "direct":  # Instagram has an inbox and requests
        sections = [s if s in (Section.INBOX, Section.REQUESTS) else Section.INBOX for s in sections]
    sections[-3:] = [Section.REQUESTS, Section.INBOX, Section.INBOX]
    sizes = _sizes(rng, total, sections)
    for index, (section, size) in enumerate(zip(sections, sizes, strict=True)):
        is_group = index >= len(known) and section is not Section.REQUESTS and rng.random() < GROUPS
        if is_group:
            members = (0, *rng.sample(partners, k=min(len(partners), rng.randint(2, 9))))
        else:
            other = known[index] if index < len(known) else rest[index % len(rest)]
            members = (0, other)
        title = " ".join(rng.choices(WORDS, k=2)).capitalize() if is_group else None
        said = closing if index == 0 else None
        yield Chat(number + index, network, members, size, title, section, last_text=said)


def _sizes(rng: Random, total: int, sections: Sequence[Section]) -> list[int]:
    """Share messages out with a heavy skew: the longest thread holds about a third."""
    small = (Section.REQUESTS, Section.FILTERED)
    sizes = [rng.randint(1, 4) if section in small else 1 for section in sections]
    large = [index for index, section in enumerate(sections) if section not in small]
    weights = [1 / (rank + 1) ** 1.3 for rank in range(len(large))]
    left = total - sum(sizes)
    for index, weight in zip(large, weights, strict=True):
        sizes[index] += int(left * weight / sum(weights))
    sizes[large[0]] += total - sum(sizes)
    return sizes


def _write_archive(
    folder: Path, person: Person, network: Network, cast: list[Person], chats: list[Chat], seed: int
) -> SampleArchive:
    path = folder / f"{person.handle}-{'facebook' if network == 'messenger' else 'instagram'}.zip"
    mine = [chat for chat in chats if chat.network == network and person.number in chat.members]
    count = 0
    with ArchiveWriter(path, network) as archive:
        archive.owner(ArchiveOwner(network, person.name, person.handle))
        if len(person.networks) == 2:
            other: Network = "direct" if network == "messenger" else "messenger"
            name = person.handle if other == "direct" else person.name
            archive.links([LinkedAccount(other, name, str(10**14 + person.number), _label(other))])
            archive.upgrade(Upgrade(person.is_upgraded, 1_650_000_000 + person.number))
        archive.edges(_edges(person, network, cast, mine))
        for chat in mine:
            count += archive.thread(_thread(chat, person, cast), _chat_messages(chat, cast, seed))
    return SampleArchive(path, person.handle, network, person.name, person.handle, len(mine), count)


def _label(network: Network) -> str:
    return "Instagram" if network == "direct" else "Facebook"


def _thread(chat: Chat, person: Person, cast: list[Person]) -> ThreadRecord:
    others = [cast[number] for number in chat.members if number != person.number]
    # Where a chat lies is the owner's own; for the other side of a request it is in the inbox.
    section = chat.section if person.number == 0 else Section.INBOX
    title = chat.title or others[0].name
    key = chat.title or (others[0].handle if chat.network == "direct" else others[0].name)
    return ThreadRecord(
        path=thread_path(section, key, 10**9 + chat.number),
        section=section,
        title=title,
        participants=(*(other.name for other in others), person.name),
        is_group=chat.title is not None,
    )


def _edges(person: Person, network: Network, cast: list[Person], mine: Iterable[Chat]) -> Iterator[Edge]:
    """Give lists that both sides agree on: who talks in the inbox, one to one, knows each other."""
    for chat in mine:
        if chat.title is not None:
            continue
        other = cast[next(number for number in chat.members if number != person.number)]
        since = 1_300_000_000 + chat.number
        if network == "messenger":
            if chat.section in (Section.INBOX, Section.ARCHIVED, Section.E2EE):
                yield Edge(EdgeKind.FRIEND, other.name, since)
            elif chat.section is Section.FILTERED and person.number == 0:
                yield Edge(EdgeKind.BLOCKED if chat.number % 2 else EdgeKind.RESTRICTED, other.name, since)
        elif chat.section is Section.INBOX:
            yield Edge(EdgeKind.FOLLOWING, other.handle, since)
            yield Edge(EdgeKind.FOLLOWER, other.handle, since + 60)
            if chat.number % 7 == 0:
                yield Edge(EdgeKind.CLOSE_FRIEND, other.handle, since + 90)


def _chat_messages(chat: Chat, cast: list[Person], seed: int) -> Iterator[MessageRecord]:
    """Say a chat, oldest first; the same for each side that tells it."""
    rng = Random(f"chat {seed} {chat.number}")
    names = [cast[number].name for number in chat.members]
    root = f"{ROOTS[chat.network]}/messages/inbox/{chat.number}"
    kinds = [*KINDS, "system"]
    # Only groups have lines of their own, and hold a quarter of the messages.
    weights = [*KINDS.values(), SYSTEM_LINES * 4 if chat.title else 0]
    bounds = list(accumulate(weight / REAL_MESSAGES for weight in weights))
    at_ms = START_MS + rng.randrange(10**10)
    speaker = 0
    for number in range(chat.size):
        at_ms += int(rng.expovariate(1 / 3_000_000)) + 1
        if rng.random() < 0.55:
            speaker = rng.randrange(len(names))
        drawn = rng.random()
        kind = (
            next((kinds[i] for i, b in enumerate(bounds) if drawn < b), "text")
            if drawn < bounds[-1]
            else "text"
        )
        reactions: tuple[Reaction, ...] = ()
        if rng.random() < REACTED:
            reactions = (Reaction(rng.choice(EMOJI), rng.choice(names), at_ms // 1000 + 30),)
        if number == chat.size - 1 and chat.last_text:
            yield MessageRecord(names[speaker], at_ms, chat.last_text)
        elif kind == "text":
            text = " ".join(rng.choices(WORDS, k=1 + int(rng.expovariate(0.14))))
            yield MessageRecord(names[speaker], at_ms, text, reactions=reactions)
        else:
            yield _other_message(rng, kind, names[speaker], at_ms, f"{root}/{kind}s/{number}", reactions)


def _other_message(
    rng: Random, kind: str, sender: str, at_ms: int, uri: str, reactions: tuple[Reaction, ...]
) -> MessageRecord:
    """Make a message that is no plain text."""
    text: str | None = None
    if kind in MEDIA_KINDS:
        media = Media(MediaKind(kind), f"{uri}.{ENDINGS[kind]}", None if kind == "sticker" else at_ms // 1000)
        return MessageRecord(sender, at_ms, None, MessageKind(kind), (media,), reactions=reactions)
    if kind == "url":
        return MessageRecord(
            sender, at_ms, f"https://example.org/{rng.getrandbits(40):x}", reactions=reactions
        )
    if kind == "share":
        share = Share(f"https://example.org/p/{rng.getrandbits(40):x}", " ".join(rng.choices(WORDS, k=6)))
        return MessageRecord(sender, at_ms, None, MessageKind.SHARE, share=share, reactions=reactions)
    if kind == "call":
        missed = rng.random() < MISSED
        call_s = 0 if missed else rng.randrange(1, 3600)
        return MessageRecord(sender, at_ms, None, MessageKind.CALL, call_s=call_s, missed=missed)
    if kind == "system":
        text = f"{sender} {rng.choice(GROUP_LINES)}"
    return MessageRecord(sender, at_ms, text, MessageKind(kind))


def _write_forgery(folder: Path, cast: list[Person], seed: int) -> SampleArchive:
    """Write what a liar would: friendships, a chat and a link to person 0 that nobody else knows of."""
    victim = cast[0]
    liar = Person(len(cast), "Mallory Grey", "mallory", ("messenger",))
    chat = Chat(10**6, "messenger", (victim.number, liar.number), 25)
    path = folder / "mallory-facebook.zip"
    with ArchiveWriter(path, "messenger") as archive:
        archive.owner(ArchiveOwner("messenger", liar.name, liar.handle))
        archive.links([LinkedAccount("direct", victim.handle, "1", "Instagram")])
        archive.edges(Edge(EdgeKind.FRIEND, person.name, 1_300_000_000) for person in cast[:5])
        both = [*cast, liar]
        count = archive.thread(_thread(chat, liar, both), _chat_messages(chat, both, seed))
    return SampleArchive(path, liar.handle, "messenger", liar.name, liar.handle, 1, count)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a sample and print its manifest."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.archives", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--messages", type=int, default=100_000, help="messages in the first archive (default 100000)"
    )
    parser.add_argument("--people", type=int, default=5, help="people with archives (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other people (default 1)")
    parser.add_argument("--forged", action="store_true", help="add the archive of a liar")
    parser.add_argument("--cast", action="store_true", help="write the demonstration's small cast instead")
    given = parser.parse_args(arguments)
    manifest: object
    if given.cast:
        manifest = [asdict(archive) for archive in demo_people(given.out)]
    else:
        manifest = asdict(
            write_sample(
                given.out, people=given.people, messages=given.messages, seed=given.seed, forged=given.forged
            )
        )
    sys.stdout.write(json.dumps(manifest, default=str, ensure_ascii=False, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
