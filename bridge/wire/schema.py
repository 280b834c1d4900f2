"""The wire as JSON Schema: one schema per call, reply and push, made from the types and their docstrings."""

import re
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any, Final, get_args

import msgspec

from bridge.wire.codec import EVENTS, OPERATIONS
from bridge.wire.events import JournalEvent
from bridge.wire.frames import CallId, ErrorBody, PushFrame
from bridge.wire.operation import Operation

Schema = dict[str, Any]  # JSON values; what is in them is JSON Schema's business

JOURNAL: Final[frozenset[str]] = frozenset(event.__struct_config__.tag for event in get_args(JournalEvent))
"""The types of the events that a journal keeps."""

ATTRIBUTE: Final = re.compile(r"^    (\w+): ((?:.|\n(?=        ))+)", re.MULTILINE)  # with its further lines
MODULE: Final = re.compile(r"\bbridge\.wire\.(\w)\w*\.(\w+)")  # before names that two modules have


def summary(kind: type) -> str:
    """Give what a class's docstring says before its sections, on one line."""
    return _one_line(cleandoc(kind.__doc__ or "").partition("\n\nAttributes:")[0])


def meanings(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Give what the docstrings of a class and its bases say of its fields, by their names on the wire."""
    said: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        section = cleandoc(base.__doc__ or "").partition("\nAttributes:\n")[2]
        said |= {name: _one_line(text) for name, text in ATTRIBUTE.findall(section)}
    return {
        field.encode_name: said[field.name] for field in msgspec.structs.fields(kind) if field.name in said
    }


def definitions(ref: str) -> dict[str, Schema]:
    """Describe every frame and everything in them.

    Args:
        ref: Where the definitions stand in their document, as ``#/$defs/``.

    Returns:
        ``call_<op>``, ``reply_<op>``, ``push_<type>``, ``refusal``, and the values in them by class names.
    """
    calls = list(OPERATIONS.values())
    kinds: list[type[msgspec.Struct]] = [*calls, *(call.reply for call in calls), *EVENTS.values()]
    kinds += [ErrorBody, PushFrame]
    made, parts = _components(kinds, ref)
    where = dict(zip(kinds, made, strict=True))
    frames = {f"call_{call.op}": _call(call, parts.pop(_name(where[call]))) for call in calls}
    frames |= {f"reply_{call.op}": _reply(call.op, where[call.reply]) for call in calls}
    frames["refusal"] = _refusal(where[ErrorBody])
    push = parts.pop(_name(where[PushFrame]))["properties"]
    frames |= {f"push_{tag}": _push(tag, where[event], push) for tag, event in EVENTS.items()}
    return frames | dict(sorted(parts.items()))


def json_schema() -> Schema:
    """Build the JSON Schema document of all frames."""
    ref = "#/$defs/"
    found = definitions(ref)
    groups = {
        "Call": [name for name in found if name.startswith("call_")],
        "Reply": [*(name for name in found if name.startswith("reply_")), "refusal"],
        "Push": [name for name in found if name.startswith("push_")],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:isthmus:v1",
        "title": "The frames of isthmus.v1",
        "description": "Clients write calls and read replies and pushes.",
        "anyOf": [{"$ref": ref + group} for group in groups],
        "$defs": {group: {"anyOf": _refs(names, ref)} for group, names in groups.items()} | found,
    }


def _components(kinds: Iterable[type], ref: str) -> tuple[list[Schema], dict[str, Schema]]:
    """Have the types described, with their fields' docstrings; a name of two modules says which it is."""
    made, parts = msgspec.json.schema_components(kinds, ref_template=ref + "{name}", schema_hook=_anything)
    classes = {_name(schema): kind for schema, kind in zip(made, kinds, strict=True)}
    classes |= {kind.__name__: kind for kind in _inside(classes.values())}
    for name, kind in classes.items():
        parts[name]["description"] = summary(kind)
        for field, meaning in meanings(kind).items():
            parts[name]["properties"][field]["description"] = meaning
    text = MODULE.sub(lambda found: found[2] + {"e": "Event", "r": "Reply"}[found[1]], _dump([made, parts]))
    short: tuple[list[Schema], dict[str, Schema]] = msgspec.json.decode(text, type=tuple)
    return short


def _inside(kinds: Iterable[type]) -> Iterable[type[msgspec.Struct]]:
    """Find the structs that stand in fields of these, however deep."""
    for kind in kinds:
        for field in msgspec.structs.fields(kind):
            for part in (field.type, *get_args(field.type)):
                if isinstance(part, type) and issubclass(part, msgspec.Struct):
                    yield part
                    yield from _inside([part])


def _anything(kind: type) -> Schema:
    """Describe what a frame leaves open: the codec fills it with the reply or the event."""
    return {"description": f"Any {kind.__name__}"}


def _call(call: type[Operation], fields: Schema) -> Schema:
    return {
        "title": call.op,
        "description": fields["description"],
        "type": "object",
        "properties": {"id": _call_id("Chosen by the client, another one for each call of a connection.")}
        | {"op": {"const": call.op}}
        | fields["properties"],
        "required": ["id", "op", *fields["required"]],
        "additionalProperties": False,
    }


def _reply(op: str, ok: Schema) -> Schema:
    return {
        "title": f"{op}: done",
        "type": "object",
        "properties": {"re": _call_id("The call that this answers."), "ok": ok},
        "required": ["re", "ok"],
    }


def _refusal(error: Schema) -> Schema:
    return {
        "title": "refused",
        "type": "object",
        "properties": {"re": _call_id("The call that this answers."), "error": error},
        "required": ["re", "error"],
    }


def _push(tag: str, event: Schema, fields: Mapping[str, Schema]) -> Schema:
    place = {name: fields[name] for name in ("account", "at", "cursor")} if tag in JOURNAL else {}
    required = {name: _never_null(schema) for name, schema in place.items()}
    return {
        "title": tag,
        "type": "object",
        "properties": {**required, "event": event},
        "required": [*required, "event"],
    }


def _never_null(field: Schema) -> Schema:
    kind = next(option for option in field["anyOf"] if option != {"type": "null"})
    return {**kind, "description": field["description"]}


def _call_id(meaning: str) -> Schema:
    return {**msgspec.json.schema(CallId), "description": meaning}


def _refs(names: Iterable[str], ref: str) -> list[Schema]:
    return [{"$ref": ref + name} for name in names]


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _dump(value: object) -> str:
    return msgspec.json.encode(value).decode()
