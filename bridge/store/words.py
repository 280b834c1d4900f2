"""What search takes for a word: the same for what was said and for what is sought, on every engine.

Case, accents and width do not matter. Scripts that are written without spaces
count sign by sign, and so do emoji and other symbols: a run of them is found
by any part of it. The index then only needs to part at spaces and ASCII
punctuation; no Unicode tables but Python's take part.
"""

from typing import Final, NamedTuple
from unicodedata import combining, normalize

import regex

BREAK: Final = "\ue000"
"""Stands between two runs of signs, so that no run is found across them; never sought."""

MOST_TOKENS: Final = 200
"""How much of what is sought is looked at; whoever pastes a page finds it by its beginning."""

_SIGNS: Final = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー々〆"
)
_PIECE: Final = regex.compile(
    rf"(?P<word>[[\p{{L}}\p{{N}}\p{{M}}]--[{_SIGNS}]--[\p{{Variation_Selector}}]]+)"
    rf"|(?P<run>[{_SIGNS}]+|[\p{{So}}\p{{Sc}}\p{{Sm}}]+)",
    regex.VERSION1,
)
_JOINERS: Final = str.maketrans("", "", "\u200d\ufe0e\ufe0f\u20e3🏻🏼🏽🏾🏿")  # an emoji is found in any tone
_VOICED: Final = ("\u3099", "\u309a")  # part of the sign: か is not が


class Term(NamedTuple):
    """One thing to find: a word, or a run of signs that stand side by side.

    Attributes:
        tokens: The word, or the signs.
        begins: Whether the last token may be the beginning of a longer one.
    """

    tokens: tuple[str, ...]
    begins: bool = False


def fold(text: str) -> str:
    """Give the form in which texts are compared."""
    if text.isascii():
        return text.lower()
    apart = normalize("NFKD", text.translate(_JOINERS)).casefold()
    plain = "".join(sign for sign in apart if not combining(sign) or sign in _VOICED)
    return normalize("NFC", normalize("NFKC", plain).casefold())


def document(text: str) -> str:
    """Write a text's tokens with spaces between, as the index takes them."""
    folded = fold(text)
    if folded.isascii():
        return folded
    pieces: list[str] = []
    after_run = False
    for found in _PIECE.finditer(folded):
        run = found["run"]
        if run is None:
            pieces.append(found["word"])
        else:
            if after_run:
                pieces.append(BREAK)
            pieces.extend(run)
        after_run = run is not None
    return " ".join(pieces)


def sought(text: str) -> tuple[Term, ...]:
    """Read what somebody seeks: all of these must be there; none: nothing is found."""
    terms: dict[Term, None] = {}
    last: Term | None = None
    left = MOST_TOKENS
    for found in _PIECE.finditer(fold(text)):
        tokens = tuple(found["run"] or (found["word"],))[:left]
        left -= len(tokens)
        if last is not None:
            terms[last] = None
        last = Term(tokens)
        if left == 0:
            break
    if last is None:
        return ()
    return (*(term for term in terms if term != last), last._replace(begins=True))
