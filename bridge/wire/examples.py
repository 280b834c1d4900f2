"""One example of each call, reply and event: what the published documents show.

Made from the types, with plausible words by the name of the field, so that a new
operation has an example from its first day.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import inspect

HEX: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

TEXTS: Final[Mapping[str, str]] = {
    "AccountView.id": "a7k2m",
    "OwnAccountView.id": "a7k2m",
    "ThreadView.id": "t5d2c9",
    "DeviceView.id": "d3f8",
    "DeviceView.name": "Ana's phone",
    "SetProfile.name": "Ana Lima",
    "account": "a7k2m",
    "accounts": "a7k2m",
    "as": "a7k2m",
    "category": "others_on_messenger",
    "controls": "requests",
    "cursor": "c1.AAAB",
    "device": "d3f8",
    "Register.device": "Ana's phone",
    "SignIn.device": "Ana's phone",
    "digest": HEX,
    "handle": "ana",
    "hub": "1.0.0",
    "leg": "a7k2m",
    "linked_to": "a9x4q",
    "name": "Ana Lima",
    "new": "a better password",
    "next": "c1.AAAC",
    "old": "correct horse",
    "online": "a7k2m",
    "options": "requests",
    "outcome": "requests",
    "password": "correct horse",
    "person": "p7k2m",
    "phones": "+351912345678",
    "propose": "a7k2m",
    "rule": "control:others_on_messenger",
    "sender": "a7k2m",
    "text": "See you at nine",
    "thread": "t5d2c9",
    "threads": "t5d2c9",
    "token": "0198c2d4-7f3a-7c11-9d0e-5b8a6f2e1c47",
}
"""What a text field says in an example: by class and field where that differs, else by field."""

NUMBERS: Final[Mapping[str, int]] = {
    "at": 1_767_225_600_000,
    "created_at": 1_767_225_600_000,
    "heartbeat_s": 30,
    "max_frame": 65_536,
    "seen_at": 1_767_225_600_000,
    "undo_until": 1_768_435_200_000,
    "until": 1_767_226_200_000,
}

SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "ErrorBody": ("path",),
    "Explain": ("account",),
    "FindAccount": ("network", "handle"),
    "History": ("limit",),
    "MessageView": ("text", "digest", "link"),
    "OpenThread": ("as", "network", "handle"),
    "Opened": ("thread",),
    "Present": ("online",),
    "SetControls": ("controls",),
    "PreviewControls": ("controls",),
    "SetLinkOptions": ("single_sign_on",),
    "SetProfile": ("name",),
    "SignIn": ("network", "handle", "password", "device"),
    "SignedIn": ("token",),
    "ThreadView": ("tip", "link"),
}
"""The optional fields that an example shows, by class."""


def example(kind: type[msgspec.Struct]) -> dict[str, object]:
    """Build plain values that the type takes."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    members: dict[str, object] = {info.tag_field: info.tag} if info.tag_field else {}
    for field in info.fields:
        if field.required or field.encode_name in SHOWN.get(kind.__name__, ()):
            members[field.encode_name] = _value(field.type, kind.__name__, field.encode_name)
    return members


def _value(info: inspect.Type, owner: str, name: str) -> object:
    """Choose a value for a field; of a union the first member, which is never the null."""
    match info:
        case inspect.UnionType():
            return _value(info.types[0], owner, name)
        case inspect.StructType():
            return example(info.cls)
        case inspect.VarTupleType():
            return [_value(info.item_type, owner, name)]
        case inspect.DictType():
            return {TEXTS["category"]: _value(info.value_type, owner, name)}
        case inspect.EnumType():
            return next(iter(info.cls)).value
        case inspect.BoolType():
            return True
        case inspect.StrType():
            return _text(owner, name)
        case _:
            return NUMBERS.get(name, 1)


def _text(owner: str, name: str) -> str:
    return TEXTS.get(f"{owner}.{name}", HEX if name == "link" else TEXTS.get(name, name))
