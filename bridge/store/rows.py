"""Records as rows and rows as records: the one place that knows how a value is kept.

A record's fields, in their order, are its table's columns; what a column holds
follows from the field's type. Each row ends in a checksum over all the others,
so that a bit that flipped on disk is noticed before it is served. Engines keep
accounts and threads under small numbers in the tables that grow with every
message (``numbered``); they hand in how to number and how to name.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum, StrEnum
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
    WaitingLinks,
)
from bridge.domain.networks import handle_key
from bridge.domain.views import without_names
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
    """Write an event, without the names of the accounts that it shows."""
    return pack(without_names(event))


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
        row: Writes a record under an engine's numbers; the checksum is last.
    """

    def __init__(
        self,
        kind: type[R],
        name: str,
        key: tuple[str, ...],
        *,
        numbered: bool = False,
        derived: Mapping[str, Callable[[R], Scalar]] | None = None,
    ) -> None:
        """Derive the columns from the kind's fields."""
        self.kind, self.name, self.key, self.numbered = kind, name, key, numbered
        hints = get_type_hints(kind)
        self.fields: tuple[str, ...] = kind.__struct_fields__
        self.derived = dict(derived or {})
        self.columns = (*self.fields, *self.derived)
        self._ids = frozenset(key.index(field) for field in key if _is_id(hints[field])) if numbered else ()
        self.row, self._made_of = self._compiled(hints)

    def _compiled(
        self, hints: Mapping[str, Any]
    ) -> tuple[Callable[[R, Numbers], Row], Callable[[Row, Names], R]]:
        """Write both ways out, as ``dataclasses`` do: an expression for each column instead of a loop."""
        tools: dict[str, Any] = {"kind": self.kind, "pack": pack, "crc32": crc32, **self.derived}
        there: list[str] = []
        back: list[str] = []
        for place, field in enumerate(self.fields):
            write, read = self._ways(hints[field], f"record.{field}", f"row[{place}]", tools)
            there.append(write)
            back.append(f"{field}={read}")
        there += [f"{column}(record)" for column in self.derived]
        form = _FORM.format(there=", ".join(there), back=", ".join(back))
        exec(compile(form, f"<rows of {self.name}>", "exec"), tools)
        return tools["row"], tools["made_of"]

    def _ways(self, hint: Any, field: str, column: str, tools: dict[str, Any]) -> tuple[str, str]:
        """Give the expressions by which a field becomes a column, and a column the field."""
        inner, optional = _plain(hint)
        if self.numbered and _is_id(inner):
            ways = f"numbers[{field}]", f"names[{column}]"
        elif (codec := _codec(inner)) is not None:
            write, read = f"write_{len(tools)}", f"read_{len(tools)}"
            tools[write], tools[read] = codec
            ways = f"{write}({field})", f"{read}({column})"
        else:
            return field, column
        if not optional:
            return ways
        return f"None if {field} is None else {ways[0]}", f"None if {column} is None else {ways[1]}"

    def record(self, row: Row, names: Names) -> R:
        """Read a row.

        Raises:
            CorruptStore: If the row is not what was written.
        """
        check(row, self.name)
        try:
            return self._made_of(row, names)
        except (KeyError, ValueError) as error:
            raise CorruptStore(f"A row of {self.name!r} makes no sense: {row[:2]!r}.") from error

    def key_row(self, key: object, numbers: Numbers) -> Row:
        """Write a key as ``domain.facts.key_of`` gives it."""
        parts = key if isinstance(key, tuple) else (key,)
        return tuple(numbers[part] if place in self._ids else part for place, part in enumerate(parts))


_FORM: Final = """
def row(record, numbers):
    values = ({there},)
    return (*values, crc32(pack(values)))

def made_of(row, names):
    return kind({back})
"""


def _is_id(hint: Any) -> bool:
    return hint in (AccountId, ThreadId)


def _plain(hint: Any) -> tuple[Any, bool]:
    """Part a type from its ``| None``."""
    if get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
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
    if isinstance(kind, type) and issubclass(kind, StrEnum | IntEnum):
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


ACCOUNTS: Final = Table(
    Account, "accounts", ("id",), derived={"handle_key": lambda account: handle_key(account.handle)}
)
THREADS: Final = Table(Thread, "threads", ("id",), numbered=True)
MEMBERS: Final = Table(Member, "members", ("thread", "account"), numbered=True)
MESSAGES: Final = Table(Message, "messages", ("thread", "seq"), numbered=True)
VERDICTS: Final = Table(Verdict, "verdicts", ("account", "token"), numbered=True)
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
        Table(WaitingLinks, "waiting_links", ("account",)),
        Table(Unlinking, "unlinkings", ("account",)),
        Table(Credential, "credentials", ("account",)),
        DEVICES,
        AUDIT,
    )
}
"""How each kind is kept."""
