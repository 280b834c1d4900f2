"""From a message's outcome to the folder of its thread: a request is a state of the thread for one member."""

from typing import Final

from msgspec.structs import replace

from bridge.domain.model import Member
from bridge.wire.values import Consent, Folder, OutcomeOf

# Each send looks at these; Python before 3.12 takes 70 ns to look a member of an enum up.
_TO_INBOX: Final = OutcomeOf.INBOX
_INBOX: Final = Folder.INBOX
_FOLDERS: Final = {
    OutcomeOf.INBOX: Folder.INBOX,
    OutcomeOf.REQUESTS: Folder.REQUESTS,
    OutcomeOf.HIDDEN: Folder.HIDDEN,
}


def place(side: Member, outcome: OutcomeOf) -> Member:
    """Move a member's side of a thread by where a new message landed.

    The thread goes to the folder of the outcome, out of the archive too; a
    hidden one rises only by its owner. What was accepted stays accepted, and
    returns to the inbox when the restriction that moved it is lifted; what was
    not is a request again, unless it came to the inbox unasked.
    """
    if outcome is _TO_INBOX and side.folder is _INBOX and side.has_accepted:
        return side  # as nearly all do
    folder = Folder.HIDDEN if _is_hidden(side) else _FOLDERS[outcome]
    if side.has_accepted:
        consent = side.consent
        displaced = Folder.INBOX if folder is Folder.REQUESTS else Folder.NONE
    else:
        consent = Consent.NONE if folder is Folder.INBOX else Consent.PENDING
        displaced = Folder.NONE
    if folder is side.folder and consent is side.consent and displaced is side.displaced:
        return side
    return replace(side, folder=folder, consent=consent, displaced=displaced)


def put_back(side: Member, restricts: bool) -> Member:
    """Bring a thread to its owner's inbox, which a restriction of the other member covers while it lasts."""
    if restricts:
        return replace(side, folder=Folder.REQUESTS, displaced=Folder.INBOX)
    return replace(side, folder=Folder.INBOX, displaced=Folder.NONE)


def cover(side: Member) -> Member:
    """Move a thread out of the inbox when its owner begins to restrict the other member."""
    return put_back(side, True) if side.folder is Folder.INBOX else side


def uncover(side: Member) -> Member:
    """Put a covered thread back, and let an acceptance be seen, when the restriction is lifted."""
    after = (
        put_back(side, False) if side.folder is Folder.REQUESTS and side.displaced is Folder.INBOX else side
    )
    return replace(after, unseen=False) if after.unseen else after


def turn_away(side: Member, consent: Consent) -> Member:
    """Take a request that ended out of every list; one that was hidden remembers it."""
    displaced = Folder.HIDDEN if _is_hidden(side) else Folder.NONE
    return replace(side, folder=Folder.NONE, consent=consent, displaced=displaced)


def _is_hidden(side: Member) -> bool:
    return side.folder is Folder.HIDDEN or side.displaced is Folder.HIDDEN
