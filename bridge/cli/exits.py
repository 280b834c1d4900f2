"""Exit codes: what a script can tell without reading. They never change; see ``docs/operating.md``."""

import errno
from typing import Final

from bridge.errors import BridgeError, ConfigInvalid, Fault, Invalid, NotFound, StoreLocked

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
MISSING: Final = 3
UNAVAILABLE: Final = 69
BROKEN: Final = 70
TRY_AGAIN: Final = 75
INTERRUPTED: Final = 130

MEANINGS: Final = {
    OK: "It is done.",
    FAILED: "Refused or failed: an audit found problems, a rule said no, a file cannot be used.",
    USAGE: "The command line, a setting or a value is wrong; nothing was tried.",
    MISSING: "There is no such account, device or thing.",
    UNAVAILABLE: "Another process owns the database, or no hub answers.",
    BROKEN: "The hub had to stop: it was not known what is on disk. Start it again.",
    TRY_AGAIN: "Temporary: busy, too fast or the disk is full; the same command may succeed later.",
    INTERRUPTED: "Stopped by Ctrl-C.",
}

NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
"""What the system calls a full disk."""


def exit_code(error: BridgeError) -> int:
    """Choose the exit code for an error."""
    match error:
        case NotFound():
            return MISSING
        case Invalid() | ConfigInvalid():
            return USAGE
        case StoreLocked():
            return UNAVAILABLE
        case Fault():
            return BROKEN
        case _ if error.code == "unavailable":
            return UNAVAILABLE
        case _ if error.temporary:
            return TRY_AGAIN
        case _:
            return FAILED
