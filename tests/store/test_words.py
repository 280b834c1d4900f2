"""What search takes for a word, where engines do not show it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.store.words import BREAK, MOST_KNOWN, MOST_TOKENS, Documents, Term, document, fold, sought


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello World", "hello world"),
        ("Café", "cafe"),
        ("日本 語", f"日 本 {BREAK} 語 {BREAK}"),
        ("が", f"が {BREAK}"),
        ("ok👍🏽", f"ok 👍 {BREAK}"),
        ("«да» — нет", "да нет"),
        ("5 € net", f"5 € {BREAK} net"),
        (BREAK, ""),
    ],
)
def test_a_document_is_its_tokens(text: str, tokens: str) -> None:
    assert document(text).split() == tokens.split()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        (" .,;!? + $ ", ()),
        ("hello wor", (Term(("hello",)), Term(("wor",), True))),
        ("again again", (Term(("again",), True),)),
        ("日本語", (Term(("日", "本", "語"), True),)),
        ("👍👍 x", (Term(("👍", "👍")), Term(("x",), True))),
        ("a_b", (Term(("a",)), Term(("b",), True))),
    ],
)
def test_what_is_sought_is_words_and_runs_the_last_as_a_beginning(text: str, terms: tuple[Term, ...]) -> None:
    assert sought(text) == terms


def test_a_page_that_is_pasted_is_looked_at_so_far() -> None:
    words = [f"w{number}" for number in range(MOST_TOKENS * 2)]

    assert len(sought(" ".join(words))) == MOST_TOKENS
    assert len(sought("語" * MOST_TOKENS * 2)[0].tokens) == MOST_TOKENS


@given(text=st.text(max_size=40))
def test_every_token_that_is_sought_stands_in_the_same_texts_document(text: str) -> None:
    tokens = set(document(text).split())

    for term in sought(text):
        for token in term.tokens:
            assert token in tokens or any(token in other for other in tokens)


@given(text=st.text(max_size=40))
def test_folding_twice_is_folding_once_for_ascii_and_case(text: str) -> None:
    assert fold(text.upper().lower()) == fold(text.upper().lower().casefold()) or not text.isascii()


PARTS = ("é", "日本", "+5", "$", "か\u3099", "👍🏽", "\u0301", "«", "İ", "＋", "a\nb", "ﬁ", "각")
MIXED = st.lists(st.sampled_from(PARTS))


@given(text=st.text(max_size=40) | MIXED.map(" ".join) | MIXED.map("".join))
def test_documents_in_bulk_are_the_documents_one_by_one(text: str) -> None:
    documents = Documents()

    for _ in range(2):
        assert documents.write(text).split() == document(text).split()


def test_what_is_remembered_of_words_is_bounded() -> None:
    documents = Documents()

    for number in range(MOST_KNOWN + 9):
        assert documents.write(f"é{number}") == f"e{number}"
    documents.write("é" * 10_000)

    assert len(documents.known) == 9
