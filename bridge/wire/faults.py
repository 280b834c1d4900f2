"""What is wrong with a call, and where: in the protocol's words, never in the sender's."""

import re
from enum import StrEnum
from typing import Final, get_args

import msgspec

from bridge.errors import Invalid

UNKNOWN: Final = "Object contains unknown field `"
MISSING: Final = "Object missing required field `"
LENGTH: Final = re.compile(r"Expected `(?P<kind>str|array|object)` of length (?P<side>[<>]=) (?P<length>\d+)")
COUNTED: Final = {
    "str": ("character", "characters"),
    "array": ("entry", "entries"),
    "object": ("entry", "entries"),
}
FIELD_NAME: Final = re.compile(r"[a-z_]{1,32}")  # what a field is called; anything else is the sender's text


def invalid(wrong: msgspec.ValidationError, kind: type[msgspec.Struct]) -> Invalid:
    """Turn the validator's finding into an error with the path of the fault.

    The validator quotes unknown keys and unknown words, and keys may hold anything,
    its own punctuation too: such messages are told apart by how they begin.

    Args:
        wrong: What the validator found.
        kind: The call that it was reading.
    """
    finding = str(wrong)
    if finding.startswith(UNKNOWN):
        name = finding.removeprefix(UNKNOWN).removesuffix("`")
        return Invalid("There is no such field.", path=f"$.{name}" if FIELD_NAME.fullmatch(name) else "$")
    if finding.startswith(MISSING):
        return Invalid("This field is required.", path="$." + finding.removeprefix(MISSING).removesuffix("`"))
    text, _, where = finding.rpartition(" - at `")
    path = where.removesuffix("`").removeprefix("key` in `")
    if text.startswith("Invalid enum value"):
        text = f"Expected one of: {', '.join(_words(kind, path))}"
    elif of_length := LENGTH.fullmatch(text):
        most = "at most" if of_length["side"] == "<=" else "at least"
        length, (one, many) = int(of_length["length"]), COUNTED[of_length["kind"]]
        text = f"This takes {most} {length:,} {one if length == 1 else many}"
    elif " matching regex " in text:
        text = "This has characters or a form that the field does not take; see the protocol page"
    return Invalid(f"{text}.", path=path)


def _words(kind: type[msgspec.Struct], path: str) -> list[str]:
    return [
        member.value
        for field in msgspec.structs.fields(kind)
        if path == f"$.{field.encode_name}"
        for part in (field.type, *get_args(field.type))
        if isinstance(part, type) and issubclass(part, StrEnum)
        for member in part
    ]
