"""What others wrote cannot move the cursor, ring, change the title or forge the order of letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.terminal.cleaning import clean, clean_line


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain ✨ 👨‍👩‍👧 नमस्ते", "plain ✨ 👨‍👩‍👧 नमस्ते"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;new title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\picture", "picture"),
        ("\x9b2Jgone", "gone"),
        ("a\x08\x7fb\x00", "ab"),
        ("one\r\ntwo\ttab", "one\ntwo\ttab"),
        ("over\rwritten", "overwritten"),
        ("safe\u202egpj.exe", "safegpj.exe"),
        ("\u2066x\u2069\u200f", "x"),
        ("line\u2028break", "linebreak"),
        ("half \ud83d", "half "),
        ("\x1b", ""),
        ("\x1b[", ""),
    ],
)
def test_what_can_be_read_stays_and_nothing_else(said: str, shown: str) -> None:
    assert clean(said) == shown


@given(st.text(alphabet=st.characters() | st.sampled_from("\x1b[]\x9b\u202e\x07m;")))
def test_nothing_that_a_terminal_obeys_gets_through(text: str) -> None:
    cleaned = clean(text)

    assert not set(cleaned) & {
        *map(chr, range(9)),
        *map(chr, range(11, 32)),
        *map(chr, range(127, 160)),
        "\u202e",
    }
    assert clean(cleaned) == cleaned
    assert "\n" not in clean_line(text)
