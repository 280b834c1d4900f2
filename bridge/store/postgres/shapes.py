"""How records stand in PostgreSQL: a body, as ``bridge.store.rows`` writes rows, beside columns for queries.

A body is one value, so that "is it still what the decision read?" is one comparison,
and a record of a dozen fields costs no more to send than one of two.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from bridge.domain.hold import Hold
from bridge.domain.keys import Key, key_of
from bridge.domain.model import (
    Account,
    ContactList,
    Controls,
    Credential,
    Device,
    LinkAsk,
    Member,
    Person,
    Record,
    Thread,
    Tie,
    Unlinking,
    Verdict,
    WaitingLinks,
)
from bridge.domain.networks import handle_key
from bridge.errors import CorruptStore
from bridge.store.rows import TABLES, Row, event_of, event_row, pack, seal
from bridge.wire.events import JournalEvent

R = TypeVar("R", bound=Record)

FOLLOW, FRIENDLY, FRIEND, BLOCKS, RESTRICTS, HIDES = 1, 2, 4, 8, 16, 32
UNSEEN_BLOCK, UNSEEN_RESTRICT = 64, 128
"""The bits of ``ties.bonds``; the last stand beside ``BLOCKS`` and ``RESTRICTS`` that an unlink copied."""

_unpack: Final = msgspec.msgpack.Decoder(list[Any]).decode


class _Same(dict[Any, Any]):
    """Numbers nothing: ids stand in these tables as they are."""

    def __missing__(self, name: Any) -> Any:
        return name


_SAME: Final = _Same()


def body_of(record: Record) -> bytes:
    """Write a record."""
    return pack(TABLES[type(record)].row(record, _SAME))


def record_of(kind: type[R], body: bytes) -> R:
    """Read a record.

    Raises:
        CorruptStore: If it is not what was written.
    """
    try:
        row = tuple(_unpack(body))
    except msgspec.DecodeError as error:
        raise CorruptStore(f"A row of {TABLES[kind].name!r} cannot be read: {error}.") from error
    record: R = TABLES[kind].record(row, _SAME)
    return record


def event_body(event: JournalEvent) -> bytes:
    """Write an event."""
    body = event_row(event)
    return pack((body, seal((body,))))


def event_from(packed: bytes) -> JournalEvent:
    """Read an event.

    Raises:
        CorruptStore: If it is not what was written.
    """
    try:
        body, crc = _unpack(packed)
        if seal((body,)) == crc:
            return event_of(body)
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        raise CorruptStore(f"An event cannot be read: {error}.") from error
    raise CorruptStore("An event is damaged on disk.")


class Shape(Struct, frozen=True):
    """One table of records that replace by key.

    Attributes:
        name: The table.
        columns: Its columns but the body, key first.
        types: Their types.
        key: How many of them are the key.
        values: The columns' values of a record.
    """

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    key: int
    values: Callable[[Any], Row]


def bonds_of(tie: Tie) -> int:
    """Say what a tie is, in bits."""
    return (
        FOLLOW * (tie.follows or tie.follow_asked)
        | FRIENDLY * (tie.friend or tie.friend_asked)
        | FRIEND * tie.friend
        | BLOCKS * (tie.blocks > 0)
        | RESTRICTS * (tie.restricts > 0)
        | HIDES * (tie.hides > 0)
        | UNSEEN_BLOCK * (tie.blocks == Hold.COPIED)
        | UNSEEN_RESTRICT * (tie.restricts == Hold.COPIED)
    )


def _parts(key: Key) -> tuple[str, str, str]:
    """Write the key of a record in ``records``."""
    kind, name = key
    one, two = name if isinstance(name, tuple) else (name, "")
    return TABLES[kind].name, one, two


ACCOUNTS: Final = Shape(
    "accounts",
    ("id", "network", "handle_key"),
    ("text", "text", "text"),
    1,
    lambda account: (account.id, account.network.value, handle_key(account.handle)),
)
TIES: Final = Shape(
    "ties",
    ("owner", "other", "bonds"),
    ("text", "text", "integer"),
    2,
    lambda tie: (tie.owner, tie.other, bonds_of(tie)),
)
THREADS: Final = Shape(
    "threads",
    ("id", "kind", "tip", "last_at", "beside"),
    ("text", "text", "bigint", "bigint", "text"),
    1,
    lambda thread: (thread.id, thread.kind.value, thread.tip, thread.last_at, thread.beside),
)
MEMBERS: Final = Shape(
    "members",
    ("thread", "account", "folder", "seen"),
    ("text", "text", "text", "bigint"),
    2,
    lambda side: (side.thread, side.account, side.folder.value, side.read + side.sent - side.read_sent),
)
DEVICES: Final = Shape(
    "devices",
    ("id", "account", "token", "revoked"),
    ("text", "text", "bytea", "boolean"),
    1,
    lambda device: (device.id, device.account, device.token, device.revoked),
)
RECORDS: Final = Shape(
    "records", ("kind", "one", "two"), ("text", "text", "text"), 3, lambda record: _parts(key_of(record))
)
VERDICTS: Final = Shape(
    "verdicts",
    ("account", "token", "receiver", "at"),
    ("text", "text", "text", "bigint"),
    2,
    lambda one: (one.account, one.token, None if one.code == "ok" else one.receiver, one.at),
)

ORDER: Final = (ACCOUNTS, TIES, THREADS, MEMBERS, DEVICES, RECORDS, VERDICTS)
"""The tables in the order in which every transaction touches them, and ``keep_1`` takes them."""

SHAPES: Final[dict[type, Shape]] = {
    Account: ACCOUNTS,
    Tie: TIES,
    Thread: THREADS,
    Member: MEMBERS,
    Device: DEVICES,
    Verdict: VERDICTS,
    **dict.fromkeys((Person, Controls, ContactList, LinkAsk, WaitingLinks, Unlinking, Credential), RECORDS),
}
"""Where each kind is kept."""


def key_parts(key: Key) -> tuple[str, ...]:
    """Write a record's key as the key columns of its table."""
    kind, name = key
    if SHAPES[kind] is RECORDS:
        return _parts(key)
    return name if isinstance(name, tuple) else (str(name),)
