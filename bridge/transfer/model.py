"""What an import and an export are asked, and what they report: plain values, ready for ``--json``."""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct, field

from bridge.archive.limits import Limits
from bridge.domain.outcome import Outcome, Scene
from bridge.wire.replies import Reply

NAMED = 200
"""How many findings of a kind a report names; the rest are only counted."""


class Desk(Protocol):
    """Where everything that live people may touch is decided and kept: a hub's pipeline, or a store alone."""

    async def decide(self, run: Callable[[Scene], Outcome]) -> Reply:
        """Decide upon the facts, keep the outcome on disk, and return its reply.

        ``run`` is pure, and is run again when a fact that it asked for was loaded.
        """


class Progress(Protocol):
    """Hears how far an import or export has come."""

    def __call__(self, done: int, total: int) -> None:
        """Take in how many of how many bytes (imports) or threads (exports) are done."""


class ImportOptions(Struct, frozen=True, kw_only=True):
    """How to import.

    Attributes:
        owner: Whose archive it is, as ``network/handle``; made if absent. Not said: as the archive tells.
        owner_name: The owner's name as it stands in the threads, for an archive that does not tell.
        region: The region of an account that is made.
        maps: Who is whom by the operator's word: a name or a thread's path there, to ``network/handle``.
        trust_links: Whether a link that only one of two accounts names is made all the same.
        dry_run: Whether to read and report only.
        limits: What to refuse as too large; absent: the reader's own.
    """

    owner: str = ""
    owner_name: str = ""
    region: str = ""
    maps: Mapping[str, str] = {}
    trust_links: bool = False
    dry_run: bool = False
    limits: Limits | None = None


class LinkFound(Struct, frozen=True):
    """An account that the archive calls the same person's.

    Attributes:
        network: Its network, empty if unknown.
        name: How the archive names it.
        state: ``linked`` (now or before), ``claimed`` (only this archive says so) or ``ambiguous``.
        account: Which account that is, where it is known.
        handle: Its handle.
    """

    network: str
    name: str
    state: str
    account: str = ""
    handle: str = ""


class Resolved(Struct, frozen=True):
    """Somebody in the archive who was found to be an account.

    Attributes:
        name: The name in the archive.
        path: The thread in the archive.
        account: Who it is, on the archive's network.
        handle: That account's handle.
        thread: Where the two write to each other.
        agreed: On how many messages the two archives agree; 0 by the operator's word alone.
        messages: How many both archives together tell.
    """

    name: str
    path: str
    account: str
    handle: str
    thread: str
    agreed: int
    messages: int


class ImportReport(Struct, kw_only=True):
    """What an import did, or in a dry run would do.

    Attributes:
        network: Where the archive is from.
        account: The owner's account; empty in a dry run that would make it.
        handle: Its handle.
        name: The owner's name.
        created: Whether the account was made.
        dry_run: Whether nothing was kept.
        threads: 1:1 threads in the archive.
        groups: Groups in the archive.
        messages: Messages in the archive.
        added: Messages that were not there before.
        placeholders: Accounts that stand for people of whom only the archive speaks, made now.
        follows: The owner's follows that are kept as such.
        blocks: Likewise.
        restricts: Likewise.
        claimed: Friendships, and edges towards the owner, that nobody else confirmed.
        confirmed: Friendships that both sides' archives tell.
        links: Accounts that the archive calls the same person's.
        resolved: People who were found to be accounts.
        problems: What could not be done, for people; the first ``NAMED``.
        archive: What the reader found and skipped.
    """

    network: str = ""
    account: str = ""
    handle: str = ""
    name: str = ""
    created: bool = False
    dry_run: bool = False
    threads: int = 0
    groups: int = 0
    messages: int = 0
    added: int = 0
    placeholders: int = 0
    follows: int = 0
    blocks: int = 0
    restricts: int = 0
    claimed: int = 0
    confirmed: int = 0
    links: list[LinkFound] = field(default_factory=list)
    resolved: list[Resolved] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    archive: dict[str, object] = field(default_factory=dict)

    def problem(self, text: str) -> None:
        """Note a problem, while there is room."""
        if len(self.problems) < NAMED:
            self.problems.append(text)


class ExportReport(Struct, kw_only=True):
    """What an export wrote: where, whose, and how many threads, messages and entries of lists."""

    path: str
    network: str
    account: str
    handle: str
    threads: int = 0
    messages: int = 0
    edges: int = 0
