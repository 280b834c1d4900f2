"""The tables of ``docs/protocol.md``, made from the types."""

import inspect as source
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, get_args

import msgspec
from msgspec import inspect

from bridge.errors import BridgeError, CloseCode, Refusal, SignInFailed, all_errors
from bridge.wire import commands, events, queries, sign_in
from bridge.wire.codec import EVENTS, OPERATIONS
from bridge.wire.events import Event
from bridge.wire.frames import ErrorBody, PushFrame
from bridge.wire.operation import Operation
from bridge.wire.schema import meanings, summary
from bridge.wire.values import END, NAME, NO_CONTROLS, View

CLOSE: Final = re.compile(r"([A-Z_]+) = (\d+)  #: (.+)")  # a line of ``CloseCode``

FORMS: Final = {
    NAME: "one line, no marks that turn its direction",
    NO_CONTROLS: "no control characters but newline and tab",
}
"""Patterns that say more in words."""

HEAD: Final = {
    "operations": ("op", "what it does", "fields (`?`: may be absent)", "answer"),
    "events": ("type", "what happened", "fields (`?`: absent when default)"),
    "fields": ("field", "of", "type", "meaning"),
    "words": ("name", "what it says", "words"),
    "errors": ("code", "temporary", "meaning", "text (may change)"),
    "closes": ("code", "come back?", "meaning"),
}


def tables() -> dict[str, str]:
    """Make every table, by the name that its place in the page bears."""
    asked = list(OPERATIONS.values())
    told: list[type[msgspec.Struct]] = list(EVENTS.values())
    views = [kind for view in View.__subclasses__() for kind in (view, *view.__subclasses__())]
    shown: list[type[msgspec.Struct]] = [
        ErrorBody,
        PushFrame,
        *dict.fromkeys(call.reply for call in asked),
        *views,
    ]
    return {
        "session calls": _table("operations", _operations(sign_in.SessionCall)),
        "commands": _table("operations", _operations(commands.Command)),
        "queries": _table("operations", _operations(queries.Query)),
        "journal events": _table("events", _events(events.JournalEvent)),
        "passing events": _table("events", _events(events.PassingEvent)),
        "call fields": _table("fields", _fields(asked)),
        "event fields": _table("fields", _fields(told)),
        "answer fields": _table("fields", _fields(shown)),
        "words": _table("words", _words([*asked, *told, *shown])),
        "error codes": _table("errors", _errors()),
        "close codes": _table("closes", _closes()),
    }


def error_classes() -> list[type[BridgeError]]:
    """List the errors that a reply may carry: every refusal, and the sign-in that failed."""
    refusals = [error for error in all_errors(Refusal) if error is not Refusal]
    return sorted([*refusals, SignInFailed], key=lambda error: error.code)


def close_codes() -> list[tuple[int, str, str]]:
    """List the close codes with their names and what stands beside them in the source."""
    return [(int(code), name, meaning) for name, code, meaning in CLOSE.findall(source.getsource(CloseCode))]


def type_name(info: inspect.Type) -> str:
    """Say a field's type and bounds in the words of the page."""
    match info:
        case inspect.UnionType():
            return type_name(info.types[0])
        case inspect.StructType() | inspect.EnumType():
            return f"`{info.cls.__name__}`"
        case inspect.VarTupleType():
            return f"list of {type_name(info.item_type)}{_bounds(info.min_length, info.max_length)}"
        case inspect.DictType():
            return f"map of text to {type_name(info.value_type)}{_bounds(None, info.max_length)}"
        case inspect.StrType():
            return f"text{_bounds(info.min_length, info.max_length)}{_form(info.pattern)}"
        case inspect.IntType():
            return f"whole number{_bounds(info.ge, info.le)}"
        case inspect.BoolType():
            return "true or false"
        case _:
            return "number" if isinstance(info, inspect.FloatType) else "object"


def _bounds(low: int | None, high: int | None) -> str:
    if low is None and high is None:
        return ""
    return f" ({'' if low is None else low}…{'' if high is None else _power(high)})"


def _form(pattern: str | None) -> str:
    if pattern is None:
        return ""
    return ", " + FORMS.get(pattern, f"`{pattern.removesuffix(END)}`")


def _power(number: int) -> str:
    return "2^53 - 1" if number == 2**53 - 1 else f"{number}"


def _operations(group: object) -> Iterator[tuple[str, ...]]:
    for call in get_args(group):
        yield f"`{call.op}`", summary(call), _names(call), f"`{call.reply.__name__}`"


def _events(group: object) -> Iterator[tuple[str, ...]]:
    for event in get_args(group):
        yield f"`{_tag(event)}`", summary(event), _names(event)


def _names(kind: type[msgspec.Struct]) -> str:
    fields = msgspec.structs.fields(kind)
    return " ".join(f"`{field.encode_name}{'' if field.required else '?'}`" for field in fields)


def _fields(kinds: Iterable[type[msgspec.Struct]]) -> Iterator[tuple[str, ...]]:
    """Give a row per field; those of one name, type and meaning share theirs."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for kind in kinds:
        said = meanings(kind)
        for field in _info(kind).fields:
            name = field.encode_name
            rows.setdefault((name, type_name(field.type), said.get(name, "")), []).append(_title(kind))
    for (name, form, meaning), owners in sorted(rows.items()):
        yield f"`{name}`", " ".join(f"`{owner}`" for owner in owners), form, meaning


def _words(kinds: Iterable[type[msgspec.Struct]]) -> Iterator[tuple[str, ...]]:
    """Give a row per closed set of words that the fields of these take."""
    found: dict[str, type[StrEnum]] = {}
    for kind in kinds:
        for field in msgspec.structs.fields(kind):
            for part in (field.type, *get_args(field.type)):
                if isinstance(part, type) and issubclass(part, StrEnum):
                    found[part.__name__] = part
    for name, words in sorted(found.items()):
        yield f"`{name}`", summary(words), " ".join(f"`{word}`" for word in words)


def _errors() -> Iterator[tuple[str, ...]]:
    for error in error_classes():
        yield f"`{error.code}`", "yes" if error.temporary else "no", summary(error), error.default


def _closes() -> Iterator[tuple[str, ...]]:
    for code, name, meaning in close_codes():
        yield f"{code} `{name}`", "yes" if CloseCode.may_come_back(code) else "no", meaning


def _title(kind: type[msgspec.Struct]) -> str:
    """Name a struct as the wire does, or as the page does where the wire has no name for it."""
    if issubclass(kind, Operation):
        return kind.op
    return _tag(kind) if issubclass(kind, Event) else kind.__name__


def _tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


def _info(kind: type[msgspec.Struct]) -> inspect.StructType:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info


def _table(kind: str, rows: Iterable[tuple[str, ...]]) -> str:
    head = HEAD[kind]
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
