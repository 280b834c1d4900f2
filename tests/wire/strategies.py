"""Values of the wire's types, made from the types themselves, as plain values that both codecs can say."""

from enum import StrEnum
from functools import cache
from typing import Any, Final, Literal, TypeVar

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import inspect

from bridge.wire.values import MAX_INT, NAME, NO_CONTROLS

Kind = TypeVar("Kind", bound=msgspec.Struct)

FEWER: Final = settings(max_examples=(settings.default or settings()).max_examples // 4)
"""For what is tried with every operation: a quarter of the examples that the run gives a test."""

UNICODE: Final = st.characters(codec="utf-8")
CONTROLS: Final[tuple[Literal["Cc", "Cf"], ...]] = ("Cc", "Cf")
WRITTEN: Final = {
    NO_CONTROLS: st.characters(codec="utf-8", exclude_categories=CONTROLS[:1], include_characters="\n\t"),
    NAME: st.characters(codec="utf-8", exclude_categories=CONTROLS),
}
"""The letters of the patterns that a general search would be slow to satisfy."""

LEAF: Final = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(UNICODE, max_size=20)
)
ANYTHING: Final[st.SearchStrategy[Any]] = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(UNICODE, max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
"""Whatever JSON and MessagePack can both say."""


@cache
def plain(kind: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, Any]]:
    """Give the fields of a struct by their names on the wire, each within its bounds."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    required = {field.encode_name: value_of(field.type) for field in info.fields if field.required}
    optional = {field.encode_name: value_of(field.type) for field in info.fields if not field.required}
    if info.tag_field is not None:
        required[info.tag_field] = st.just(info.tag)
    return st.fixed_dictionaries(required, optional=optional)


def structs(kind: type[Kind]) -> st.SearchStrategy[Kind]:
    """Give instances of a struct."""
    return plain(kind).map(lambda members: msgspec.convert(members, kind))


def value_of(info: inspect.Type) -> st.SearchStrategy[Any]:
    """Give plain values of a field's type."""
    match info:
        case inspect.Metadata():
            return value_of(info.type)
        case inspect.UnionType():
            return st.one_of([value_of(option) for option in info.types])
        case inspect.StructType():
            return plain(info.cls)
        case inspect.EnumType():
            return st.sampled_from(_words(info.cls))
        case inspect.VarTupleType():
            return st.lists(value_of(info.item_type), min_size=info.min_length or 0, max_size=3)
        case inspect.DictType():
            return st.dictionaries(value_of(info.key_type), value_of(info.value_type), max_size=3)
        case inspect.StrType():
            return _text(info)
        case inspect.IntType():
            return st.integers(0 if info.ge is None else info.ge, info.le or MAX_INT)
        case inspect.FloatType():
            return st.floats(0, 1e9)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case _:
            return ANYTHING


def _words(kind: type[Any]) -> list[str]:
    assert issubclass(kind, StrEnum)
    return [word.value for word in kind]


def _text(info: inspect.StrType) -> st.SearchStrategy[str]:
    low, high = info.min_length or 0, min(info.max_length or 40, 80)
    if info.pattern is None:
        return st.text(UNICODE, min_size=low, max_size=high)
    if info.pattern in WRITTEN:
        return st.text(WRITTEN[info.pattern], min_size=low, max_size=high)
    return st.from_regex(info.pattern)
