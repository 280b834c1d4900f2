"""From a message's outcome to the folder of its thread: a request is a state of the thread for one member."""

from typing import Final

from msgspec.structs import replace

from bridge.domain.model import Member
from bridge.wire.values import Consent, Folder, OutcomeOf

_UNANSWERED: Final = {OutcomeOf.REQUESTS: Folder.REQUESTS, OutcomeOf.HIDDEN: Folder.HIDDEN}


def place(side: Member, outcome: OutcomeOf) -> Member:
    """Move a member's side of a thread by where a new message landed.

    An unaccepted inbox thread falls to requests at the next message that is
    decided so; an accepted one only moves while a restriction lasts, and keeps
    where it came from; an archived one rises to the inbox with a message for
    the inbox; a hidden one rises only by its owner.
    """
    assert outcome is not OutcomeOf.NONE, "a refused message has no place"
    if outcome is OutcomeOf.INBOX:
        if side.folder in (Folder.INBOX, Folder.HIDDEN):
            return side
        consent = side.consent if side.consent is Consent.ACCEPTED else Consent.NONE
        return replace(side, folder=Folder.INBOX, consent=consent, displaced=Folder.NONE)
    if side.has_accepted:
        return displace(side)
    if side.folder is Folder.HIDDEN:
        return side
    return replace(side, folder=_UNANSWERED[outcome], consent=Consent.PENDING)


def displace(side: Member) -> Member:
    """Move an accepted thread to requests while its other member is restricted."""
    if side.folder not in (Folder.INBOX, Folder.ARCHIVED):
        return side
    return replace(side, folder=Folder.REQUESTS, displaced=side.folder)


def restore(side: Member) -> Member:
    """Put a displaced thread back where it was, when the restriction is lifted."""
    if side.displaced is Folder.NONE:
        return side
    return replace(side, folder=side.displaced, displaced=Folder.NONE)
