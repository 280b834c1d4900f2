"""What a reading found, skipped and could not understand: the import's report."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

NAMED = 200
"""How many single findings of a kind are named; the rest are counted only."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was not read.

    Attributes:
        path: The file, and where known the place in it: ``inbox/x_1/message_1.json messages[3].content``.
        reason: For people.
    """

    path: str
    reason: str


@dataclass(slots=True)
class Findings:
    """A count, and the first of what was counted."""

    count: int = 0
    named: list[Finding] = field(default_factory=list)

    def add(self, path: str, reason: str) -> None:
        """Count one, and name it while there is room."""
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append(Finding(path.encode("utf-8", "replace").decode(), reason))

    def as_dict(self) -> dict[str, Any]:
        """Give the plain form."""
        return {"count": self.count, "first": [{"path": f.path, "reason": f.reason} for f in self.named]}


@dataclass(slots=True)
class ArchiveReport:
    """Grows while an archive is read; whole once all was read.

    Attributes:
        files: Message files read.
        bytes_read: Their unpacked size; compare it with ``Archive.message_bytes`` for progress.
        threads: Threads read, by section.
        messages: Messages read, by kind.
        reactions: Reactions read.
        media: Media references read, by kind.
        edges: Entries of the lists of people, by kind.
        siblings: Files beside the numbered ones that are no message file (``message_final.json``).
        repeated: Files that a second part holds in another version; the first part's was read.
        broken_files: Files that could not be read; the rest was.
        skipped_rows: Messages and list entries that could not be understood.
        skipped_parts: Pieces of a message (a reaction, a photo) not understood; the message was kept.
        unknown_keys: Keys that the bridge does not know; kept with the message, and exported again.
        unknown_values: Settings whose value the bridge could not interpret.
    """

    files: int = 0
    bytes_read: int = 0
    threads: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    reactions: int = 0
    media: Counter[str] = field(default_factory=Counter)
    edges: Counter[str] = field(default_factory=Counter)
    siblings: Findings = field(default_factory=Findings)
    repeated: Findings = field(default_factory=Findings)
    broken_files: Findings = field(default_factory=Findings)
    skipped_rows: Findings = field(default_factory=Findings)
    skipped_parts: Findings = field(default_factory=Findings)
    unknown_keys: Counter[str] = field(default_factory=Counter)
    unknown_values: Findings = field(default_factory=Findings)

    def unknown_key(self, key: str) -> None:
        """Count a key; of new ones only so many are named."""
        key = key[:80]
        if key not in self.unknown_keys and len(self.unknown_keys) >= NAMED:
            key = "…"
        self.unknown_keys[key] += 1

    def as_dict(self) -> dict[str, Any]:
        """Give the plain form, for ``--json``."""
        return {
            "files": self.files,
            "bytes_read": self.bytes_read,
            "threads": dict(self.threads),
            "messages": dict(self.messages),
            "reactions": self.reactions,
            "media": dict(self.media),
            "edges": dict(self.edges),
            "siblings": self.siblings.as_dict(),
            "repeated": self.repeated.as_dict(),
            "broken_files": self.broken_files.as_dict(),
            "skipped_rows": self.skipped_rows.as_dict(),
            "skipped_parts": self.skipped_parts.as_dict(),
            "unknown_keys": dict(self.unknown_keys),
            "unknown_values": self.unknown_values.as_dict(),
        }
