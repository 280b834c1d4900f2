"""Records as rows and rows as records: the one place that knows how a value is kept.

A record's fields, in their order, are its table's columns; what a column holds
follows from the field's type. Each row ends in a checksum over all the others,
so that a bit that flipped on disk is noticed before it is served. Engines keep
accounts and threads under small numbers in the tables that grow with every
message (``numbered``); they hand in how to number and how to name.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final, Generic, TypeVar, Union, get_args, get_origin, get_type_hints
from zlib import crc32

import msgspec
from msgspec.structs import astuple

from bridge.domain.model import (
    Account,
    AuditLine,
    ContactList,
    Controls,
    Credential,
    Device,
    LinkAsk,
    Member,
    Message,
    Person,
    Record,
    Thread,
    Tie,
    Unlinking,
    Verdict,
)
from bridge.domain.networks import handle_key
from bridge.errors import CorruptStore
from bridge.ids import AccountId, ThreadId
from bridge.wire.events import JournalEvent

Scalar = str | int | bytes | None
Row = tuple[Scalar, ...]
Numbers = Mapping[str, int]
"""How an engine numbers an id."""
Names = Mapping[int, str]
"""How an engine names a number."""

R = TypeVar("R", bound=Record)
Write = Callable[[Any], Scalar]
Read = Callable[[Any], Any]

pack: Final = msgspec.msgpack.Encoder(order="deterministic").encode
_events: Final[msgspec.msgpack.Decoder[JournalEvent]] = msgspec.msgpack.Decoder(JournalEvent)


def seal(values: tuple[Scalar, ...] | list[Scalar]) -> int:
    """Compute the checksum of a row's values."""
    return crc32(pack(values))


def check(row: Row, table: str) -> None:
    """Raise ``CorruptStore`` if the last value is not the checksum of those before it."""
    if crc32(pack(row[:-1])) != row[-1]:
        raise CorruptStore(f"A row of {table!r} is damaged on disk: {row[:2]!r}.")


def event_row(event: JournalEvent) -> bytes:
    """Write an event."""
    return pack(event)


def event_of(body: bytes) -> JournalEvent:
    """Read what ``event_row`` wrote."""
    return _events.decode(body)


class Table(Generic[R]):
    """How one kind of record is kept.

    Attributes:
        kind: The record's class.
        name: The table's name.
        key: The columns that tell its rows apart; none for a log.
        columns: All columns but the checksum: the record's fields, then what is derived from them.
        numbered: Whether accounts and threads stand here under their numbers.
        order: The columns by which its rows lie on disk, where that is not the key.
    """

    def __init__(
        self,
        kind: type[R],
        name: str,
        key: tuple[str, ...],
        *,
        numbered: bool = False,
        order: tuple[str, ...] | None = None,
        derived: Mapping[str, Callable[[R], Scalar]] | None = None,
    ) -> None:
        """Derive the columns from the kind's fields."""
        self.kind, self.name, self.key, self.numbered = kind, name, key, numbered
        hints = get_type_hints(kind)
        self.fields: tuple[str, ...] = kind.__struct_fields__
        self.order = order or key
        self.derived = dict(derived or {})
        self.columns = (*self.fields, *self.derived)
        self._ids: list[int] = []
        self._maybe_ids: list[int] = []
        self._writes: list[tuple[int, Write]] = []
        self._reads: list[tuple[int, Read]] = []
        for place, field in enumerate(self.fields):
            self._place(place, hints[field])
        self._key_places = tuple(self.fields.index(field) for field in key)

    def _place(self, place: int, hint: Any) -> None:
        inner, optional = _plain(hint)
        if inner in (AccountId, ThreadId) and self.numbered:
            (self._maybe_ids if optional else self._ids).append(place)
            return
        codec = _codec(inner)
        if codec is not None:
            write, read = codec
            self._writes.append((place, _or_none(write) if optional else write))
            self._reads.append((place, _or_none(read) if optional else read))

    def row(self, record: R, numbers: Numbers) -> Row:
        """Write a record; the checksum is last."""
        values: list[Any] = list(astuple(record))
        for place in self._ids:
            values[place] = numbers[values[place]]
        for place in self._maybe_ids:
            if values[place] is not None:
                values[place] = numbers[values[place]]
        for place, write in self._writes:
            values[place] = write(values[place])
        for derive in self.derived.values():
            values.append(derive(record))
        values.append(crc32(pack(values)))
        return tuple(values)

    def record(self, row: Row, names: Names) -> R:
        """Read a row.

        Raises:
            CorruptStore: If the row is not what was written.
        """
        check(row, self.name)
        values: list[Any] = list(row[: len(self.fields)])
        try:
            for place in self._ids:
                values[place] = names[values[place]]
            for place in self._maybe_ids:
                if values[place] is not None:
                    values[place] = names[values[place]]
            for place, read in self._reads:
                values[place] = read(values[place])
        except (KeyError, ValueError) as error:
            raise CorruptStore(f"A row of {self.name!r} makes no sense: {row[:2]!r}.") from error
        return self.kind(**dict(zip(self.fields, values, strict=True)))

    def key_row(self, key: object, numbers: Numbers) -> Row:
        """Write a key as ``domain.facts.key_of`` gives it."""
        parts = key if isinstance(key, tuple) else (key,)
        return tuple(
            numbers[part] if place in self._ids else part
            for place, part in zip(self._key_places, parts, strict=True)
        )


def _plain(hint: Any) -> tuple[Any, bool]:
    """Part a type from its ``| None``."""
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (arm for arm in get_args(hint) if arm is not NoneType)
        return inner, True
    return hint, False


def _codec(hint: Any) -> tuple[Write, Read] | None:
    """Say how values of a type are kept; None: as they are."""
    kind = getattr(hint, "__supertype__", hint)  # an id is its text
    if kind in (str, int, bytes):
        return None
    if kind is bool:
        return int, bool
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        words = {member: member.value for member in kind}
        members = {member.value: member for member in kind}
        return words.__getitem__, members.__getitem__
    if isinstance(kind, type) and issubclass(kind, Record):
        fields = msgspec.structs.fields(kind)
        inner = msgspec.msgpack.Decoder(tuple[tuple(field.type for field in fields)])  # type: ignore[misc]  # made at run time
        names = tuple(field.name for field in fields)
        return (
            lambda record: pack(astuple(record)),
            lambda packed: kind(**dict(zip(names, inner.decode(packed), strict=True))),
        )
    return pack, msgspec.msgpack.Decoder(hint).decode


def _or_none(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


ACCOUNTS: Final = Table(
    Account, "accounts", ("id",), derived={"handle_key": lambda account: handle_key(account.handle)}
)
THREADS: Final = Table(Thread, "threads", ("id",), numbered=True)
MEMBERS: Final = Table(Member, "members", ("thread", "account"), numbered=True)
MESSAGES: Final = Table(Message, "messages", ("thread", "seq"), numbered=True)
VERDICTS: Final = Table(Verdict, "verdicts", ("account", "token"), numbered=True, order=("token", "account"))
TIES: Final = Table(Tie, "ties", ("owner", "other"))
DEVICES: Final = Table(Device, "devices", ("id",))
AUDIT: Final = Table(AuditLine, "audit", ())

TABLES: Final[dict[type, Table[Any]]] = {
    table.kind: table
    for table in (
        ACCOUNTS,
        Table(Person, "persons", ("id",)),
        Table(Controls, "controls", ("account",)),
        TIES,
        Table(ContactList, "contacts", ("account",)),
        THREADS,
        MEMBERS,
        MESSAGES,
        VERDICTS,
        Table(LinkAsk, "link_asks", ("asker", "other")),
        Table(Unlinking, "unlinkings", ("account",)),
        Table(Credential, "credentials", ("account",)),
        DEVICES,
        AUDIT,
    )
}
"""How each kind is kept."""

_read_decision: Final = next(read for place, read in MESSAGES._reads if MESSAGES.fields[place] == "decision")


def messages_of(rows: Sequence[Row], names: Names) -> list[Message]:
    """Read many rows of messages, in half the time of ``MESSAGES.record`` for each.

    Raises:
        CorruptStore: If a row is not what was written.
    """
    if [crc32(pack(row[:-1])) for row in rows] != [row[-1] for row in rows]:
        return [MESSAGES.record(row, names) for row in rows]  # raises at the first that is damaged
    found: list[Any] = list(rows)
    return [
        Message(
            thread=ThreadId(names[thread]), seq=seq, sender=AccountId(names[sender]), at=at, content=content,
            salt=salt, digest=digest, link=link,
            decision=None if decision is None else _read_decision(decision),
        )
        for thread, seq, sender, at, content, salt, digest, link, decision, _ in found
    ]  # fmt: skip
