"""What crosses networks is translated honestly: only white space at cuts is lost, and all is told."""

import re
from itertools import product
from time import process_time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.networks import can_reply, carried, handle_key
from bridge.domain.translate import QUOTE_LENGTH, cut, fits, shows_alike, shows_as_said, translate
from bridge.wire.values import Hybrid, Level, Network

FAMILY = "👨‍👩‍👧‍👦"
ACCENTED = "é"
texts = st.lists(
    st.sampled_from(
        ["word", "a", " ", "  ", "\n", "\n\n", "\r\n", ". ", "! ", FAMILY, ACCENTED, "漢字", "。", "🇫🇷", "नि"]
    ),
    max_size=60,
).map("".join)


def _graphemes(text: str) -> list[str]:
    return regex.findall(r"\X", text)


@given(text=texts | st.text(max_size=120), limit=st.integers(1, 40))
def test_parts_rejoin_to_the_text_and_each_fits(text: str, limit: int) -> None:
    parts = list(cut(text, limit))

    assert [c for part in parts for c in part if not c.isspace()] == [c for c in text if not c.isspace()]
    place = 0
    for part in parts:
        assert len(_graphemes(part)) <= limit
        assert part
        at = text.index(part, place)
        assert text[place:at].strip() == ""  # only white space is lost between two parts
        place = at + len(part)
    assert text[place:].strip() == ""


@given(text=texts | st.text(min_size=1, max_size=120), limit=st.integers(1, 40))
def test_a_text_is_cut_only_if_it_has_more_characters_than_fit(text: str, limit: int) -> None:
    parts = list(cut(text, limit))

    if len(_graphemes(text)) <= limit:
        assert parts == [text] * bool(text)
    elif not any(map(str.isspace, text)):
        assert len(_graphemes(parts[0])) == limit, "as much as fits, where nothing tells where to cut"


@given(text=texts, limit=st.integers(1, 12))
def test_a_cut_never_parts_a_character(text: str, limit: int) -> None:
    whole = [one for one in _graphemes(text) if not one.isspace()]

    parts = [one for part in cut(text, limit) for one in _graphemes(part) if not one.isspace()]

    assert parts == whole


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("", 5, []),
        ("short", 5, ["short"]),
        ("one two three", 8, ["one two", "three"]),
        ("First it is. Then more", 16, ["First it is.", "Then more"]),
        ("head line\n\ntail is long", 14, ["head line", "tail is long"]),
        ("你好吗。我很好。谢谢", 4, ["你好吗。", "我很好。", "谢谢"]),
        (FAMILY * 3, 2, [FAMILY * 2, FAMILY]),
        (ACCENTED * 3, 2, [ACCENTED * 2, ACCENTED]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("a bcdefghijkl", 10, ["a bcdefghi", "jkl"]),
    ],
)
def test_cuts_fall_between_paragraphs_then_sentences_then_words_then_characters(
    text: str, limit: int, parts: list[str]
) -> None:
    assert list(cut(text, limit)) == parts


PLACES = [re.compile(place) for place in (r"\n{2,}", r"(?<=[.!?…。！？])\s+|\n", r"\s+")]


def first_part(text: str, limit: int) -> str:
    """Find the first part as one would put it: the last good place of the best kind there is."""
    for place in PLACES:
        good = [
            found
            for found in place.finditer(text[: limit + 2])
            if limit <= 2 * found.start() and 0 < found.start() <= limit and found.end() < len(text)
        ]
        if good:
            return text[: good[-1].start()]
    return text[:limit]


@given(text=st.text("ab. !\n。", max_size=40), limit=st.integers(1, 20))
def test_a_cut_is_at_the_last_good_place(text: str, limit: int) -> None:
    parts = list(cut(text, limit))

    assert parts[:1] == ([first_part(text, limit)] if len(text) > limit else [text] * bool(text))


def test_nothing_but_white_space_takes_no_longer_than_words() -> None:
    begun = process_time()
    parts = list(cut(" " * 16_000, 1_000))

    assert len(parts) == 16
    assert process_time() - begun < 0.5, (
        "a hundred times what it takes; each place tried from each other: more"
    )


@pytest.mark.parametrize(
    ("text", "count"), [("plain", 5), ("a\r\nb", 3), (FAMILY, 1), (ACCENTED, 1), ("🇫🇷🇩🇪", 2), ("漢字", 2)]
)
def test_what_people_see_as_one_counts_as_one(text: str, count: int) -> None:
    assert list(cut(text, count)) == [text]
    assert count == 1 or len(list(cut(text, count - 1))) > 1


def test_a_text_that_fits_in_characters_fits_whatever_its_code_points() -> None:
    assert fits(FAMILY * 1_000, Network.DIRECT)
    assert not fits(FAMILY * 1_001, Network.DIRECT)


def test_what_fits_is_shown_as_it_was_said() -> None:
    shown = translate("hello", None, Network.DIRECT, Hybrid.NEVER)

    assert (shown.text, shown.parts, shown.is_reply, shown.translation) == ("hello", (), False, None)
    assert translate(None, None, Network.DIRECT, Hybrid.NEVER).text is None
    assert shows_as_said("hi", True, Network.DIRECT, Hybrid.ON)


def test_a_long_text_arrives_in_parts_and_says_so() -> None:
    shown = translate("word " * 300, None, Network.DIRECT, Hybrid.ON)

    assert shown.text is None
    assert len(shown.parts) == 2
    assert shown.translation is not None
    assert (shown.translation.kept, shown.translation.converted) == (("text",), ("length",))


def test_a_reply_that_cannot_be_shown_becomes_one_quoted_line() -> None:
    shown = translate("yes", "is it\n\ntrue?", Network.DIRECT, Hybrid.NEVER)

    assert shown.text == "> is it true?\nyes"
    assert not shown.is_reply
    assert shown.translation is not None
    assert shown.translation.converted == ("reply",)
    long = translate("yes", "x" * 200, Network.DIRECT, Hybrid.NEVER)
    assert long.text == f"> {'x' * QUOTE_LENGTH}…\nyes"


def test_a_long_reply_keeps_being_a_reply_where_replies_show() -> None:
    shown = translate("y" * 1_500, "what?", Network.DIRECT, Hybrid.ON)

    assert shown.is_reply
    assert shown.translation is not None
    assert shown.translation.kept == ("text", "reply")
    both = translate("y" * 1_500, "what?", Network.DIRECT, Hybrid.NEVER)
    assert both.translation is not None
    assert both.translation.converted == ("reply", "length")


@pytest.mark.parametrize(
    ("own", "other", "levels"),
    [
        ((Network.DIRECT, Hybrid.NEVER), (Network.DIRECT, Hybrid.ON), {"text": "full", "reply": "rejected"}),
        ((Network.DIRECT, Hybrid.ON), (Network.DIRECT, Hybrid.NEVER), {"text": "full", "reply": "fallback"}),
        ((Network.MESSENGER, Hybrid.ON), (Network.DIRECT, Hybrid.ON), {"text": "partial", "reply": "full"}),
        ((Network.MESSENGER, Hybrid.ON), (Network.DIRECT, Hybrid.OFF), {"text": "partial", "reply": "full"}),
        ((Network.DIRECT, Hybrid.ON), (Network.DIRECT, Hybrid.OFF), {"text": "full", "reply": "fallback"}),
        ((Network.MESSENGER, Hybrid.ON), (Network.MESSENGER, Hybrid.OFF), {"text": "full", "reply": "full"}),
    ],
)
def test_a_thread_says_how_well_it_carries_what(
    own: tuple[Network, Hybrid], other: tuple[Network, Hybrid], levels: dict[str, str]
) -> None:
    assert carried(*own, *other) == levels


@pytest.mark.parametrize("own", list(product(Network, Hybrid)))
def test_what_the_other_side_does_unsaid_greys_out_no_button(own: tuple[Network, Hybrid]) -> None:
    for network in Network:
        rejected = {
            tuple(name for name, level in carried(*own, network, hybrid).items() if level is Level.REJECTED)
            for hybrid in Hybrid
        }
        assert len(rejected) == 1


def test_replies_show_on_messenger_and_after_the_upgrade() -> None:
    assert can_reply(Network.MESSENGER, Hybrid.OFF)
    assert can_reply(Network.DIRECT, Hybrid.ON)
    assert not can_reply(Network.DIRECT, Hybrid.OFF)


@pytest.mark.parametrize(
    ("one", "other"), [("Ann", "ann"), ("ｂｏｂ", "BOB"), ("Straße", "STRASSE"), ("ﬁnn", "FINN"), ("Å", "å")]
)
def test_handles_are_one_however_they_are_written(one: str, other: str) -> None:
    assert handle_key(one) == handle_key(other)


@given(handle=st.text(min_size=1, max_size=30))
def test_a_handle_key_is_its_own_key(handle: str) -> None:
    key = handle_key(handle)

    assert handle_key(key) == key


@given(text=st.none() | st.text() | st.integers(900, 1_100).map("x".__mul__), is_reply=st.booleans())
def test_what_all_see_alike_each_sees_as_it_was_said(text: str | None, is_reply: bool) -> None:
    if shows_alike(text, is_reply):
        for network in Network:
            assert all(shows_as_said(text, is_reply, network, hybrid) for hybrid in Hybrid)


def test_a_short_text_is_seen_alike_by_all_and_a_reply_or_a_long_one_is_not() -> None:
    assert shows_alike("x" * 1_000, False)
    assert shows_alike(None, False)
    assert not shows_alike("x" * 1_001, False)
    assert not shows_alike("x", True)
