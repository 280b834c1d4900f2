"""Where a thread of an archive comes to lie for its owner, by the section that it has there."""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.archive.model import Section
from bridge.domain.model import Member, Thread
from bridge.wire.values import Consent, Folder


class Landing(Struct, frozen=True):
    """Where a section's threads come to lie for the owner."""

    folder: Folder
    is_request: bool


LANDINGS: Final[dict[Section, Landing]] = {
    Section.INBOX: Landing(Folder.INBOX, False),
    Section.E2EE: Landing(Folder.INBOX, False),
    Section.BROADCAST: Landing(Folder.INBOX, False),
    Section.ARCHIVED: Landing(Folder.ARCHIVED, False),
    Section.REQUESTS: Landing(Folder.REQUESTS, True),
    Section.FILTERED: Landing(Folder.HIDDEN, True),
}


def landed(side: Member, section: Section, *, wrote: bool) -> Member:
    """Put a member's side where the section of his own archive has it."""
    landing = LANDINGS[section]
    if landing.is_request:
        return replace(side, folder=landing.folder, consent=Consent.PENDING)
    return replace(side, folder=landing.folder, consent=Consent.ACCEPTED if wrote else Consent.NONE)


def moved(side: Member, before: Section, after: Section) -> Member:
    """Move a member's side as his archive did, if it still lies where the archive had put it."""
    put = landed(side, before, wrote=side.sent > 0)
    lies = (side.folder, side.consent)
    return landed(side, after, wrote=side.sent > 0) if lies == (put.folder, put.consent) else side


def all_seen(side: Member, thread: Thread) -> Member:
    """Say that a member has seen a thread of history to its end; what is asked of him stays unread."""
    if side.consent is not Consent.PENDING:
        side = replace(side, read=thread.tip, read_sent=side.sent)
    return replace(side, delivered=thread.tip)
