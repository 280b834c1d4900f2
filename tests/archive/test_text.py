"""The encoding bug, undone and reproduced."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.archive.text import decode, encode, is_sound, scrub, undo, undo_all
from tests.archive.making import misencoded

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=10,
)


@given(TEXTS)
def test_undoing_gives_the_text_that_was_broken(text: str) -> None:
    assert undo(text.encode().decode("latin-1")) == text


@given(VALUES)
def test_a_file_written_with_the_bug_reads_as_it_was_meant(value: Any) -> None:
    data = encode(value)

    assert data.isascii()
    assert decode(data) == (value, True)


@given(VALUES, st.booleans())
def test_mending_a_file_equals_undoing_each_string(value: Any, is_ascii: bool) -> None:
    for said in (value, misencoded(value), [value, misencoded(value)]):
        data = json.dumps(said, ensure_ascii=is_ascii).encode()

        assert decode(data)[0] == undo_all(orjson.loads(data))


@pytest.mark.parametrize(
    "text", ["Radosław", "zrobić xD", "😢", "👨‍👩‍👧", "Привет", "مرحبا", "明日", "plain"]
)
def test_undoing_twice_harms_nothing(text: str) -> None:
    once = undo(text.encode().decode("latin-1"))

    assert undo(once) == once == text


@pytest.mark.parametrize(
    "written",
    [
        r'"a\u000ab\u0022c\u005cd\u00c5\u0082"',
        r'"\\u00c5"',
        r'"ana\u0040example.org \u00c5\u0082 \\u0041"',
        r'"ana\u0040example.org \u00c5\u0082"',
        r'"C:\\Users \u00c5\u0082"',
        r'"\u4e2d\u00c5\u0082"',
        r'"\u00e9"',
        r'"\u00C5\u0082"',
        r'"\\\u00c5\u0082"',
        r'"\\x41\u00c5\u0082"',
        r'"\ud83d\ude00"',
        r'["\u00c5\u0082", "\u00e9"]',
        '"\ufeff"',
    ],
)
def test_every_way_to_escape_reads_as_string_by_string(written: str) -> None:
    assert decode(written.encode())[0] == undo_all(json.loads(written))


@pytest.mark.parametrize(
    "data", [b"", b"{", b'"\\x41"', b'"\\u00zz"', b"nonsense", b"\xff", b'{"a":1}trailing']
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(data)


@pytest.mark.parametrize("tail", [b"", b'"\\ud800"'])
def test_deep_nesting_is_refused_and_not_a_crash(tail: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(b"[" * 100_000 + tail + b"]" * 100_000)


def test_a_byte_order_mark_is_overlooked() -> None:
    assert decode(b'\xef\xbb\xbf{"a": 1}') == ({"a": 1}, True)


def test_a_lone_surrogate_spoils_its_string_alone() -> None:
    value, sound = decode(rb'{"a": "\ud800", "b": "\u00c5\u0082", "c": ["x\ud800"]}')

    assert not sound
    assert value["b"] == "ł"
    assert not is_sound(value["a"])
    assert scrub(value) == {"a": "?", "b": "ł", "c": ["x?"]}
