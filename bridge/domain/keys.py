"""What facts and stores call a thing by."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from bridge.domain.model import (
    Account,
    ContactList,
    Controls,
    Credential,
    Device,
    LinkAsk,
    Member,
    Message,
    Person,
    StoredRecord,
    Thread,
    Tie,
    Unlinking,
    Verdict,
    WaitingLinks,
)

Key = tuple[type, object]
"""A record's kind and key (``(Tie, (owner, other))``), or ``(Question's class, the question)``."""

NAMES: dict[type, Callable[[Any], object]] = {
    Account: attrgetter("id"),
    Person: attrgetter("id"),
    Thread: attrgetter("id"),
    Device: attrgetter("id"),
    Tie: attrgetter("owner", "other"),
    Member: attrgetter("thread", "account"),
    Message: attrgetter("thread", "seq"),
    Verdict: attrgetter("account", "token"),
    LinkAsk: attrgetter("asker", "other"),
    WaitingLinks: attrgetter("account"),
    Controls: attrgetter("account"),
    ContactList: attrgetter("account"),
    Unlinking: attrgetter("account"),
    Credential: attrgetter("account"),
}
"""How a record of each kind is told from others of it."""


def key_of(record: StoredRecord | Message) -> Key:
    """Give the key under which facts and stores keep a record."""
    kind = type(record)
    return kind, NAMES[kind](record)
