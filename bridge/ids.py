"""Names of things: opaque, compared for equality only.

Nobody outside this module looks into an id. Ids of the two networks are never
merged or compared with each other.
"""

from hashlib import blake2b
from typing import NewType

AccountId = NewType("AccountId", str)
"""One identity on one network; unique over all networks and for ever, never reused."""

PersonId = NewType("PersonId", str)
"""The accounts that one human has linked; unique on the hub."""

ThreadId = NewType("ThreadId", str)
"""A conversation; unique on the hub and for ever. The same pair always has the same one."""

DeviceId = NewType("DeviceId", str)
"""A sign-in that can be revoked; unique on the hub."""

Seq = NewType("Seq", int)
"""A message's place in its thread: dense, from 1, the same for all members.

``(thread, seq)`` is the message's id, for ever.
"""

Position = NewType("Position", int)
"""An event's place in one account's journal: dense, from 1, within an epoch."""


def home_of(account: AccountId) -> PersonId:
    """Name the person that an account is when it is linked to no other."""
    return PersonId("p" + account[1:])


def thread_of_pair(one: AccountId, other: AccountId) -> ThreadId:
    """Name the thread of two accounts: the same name, whoever asks and on whichever node.

    So create-or-get needs no lock and no index: two people who open it at once
    mean the same thread.
    """
    low, high = sorted((one, other))
    return ThreadId("t" + blake2b(f"{low}/{high}".encode(), digest_size=10).hexdigest())


def segment_of(thread: ThreadId, source: str) -> ThreadId:
    """Name the closed segment that an archive's messages make beside a live thread.

    Args:
        thread: The thread in which the segment appears.
        source: What tells archives apart; the same source gives the same segment,
            so that a second import adds nothing.
    """
    return ThreadId("s" + blake2b(f"{thread}/{source}".encode(), digest_size=10).hexdigest())
