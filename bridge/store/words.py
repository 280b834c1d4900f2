"""What search takes for a word: the same for what was said and for what is sought, on every engine.

Case, accents and width do not matter. Scripts that are written without spaces
count sign by sign, and so do emoji and other symbols: a run of them is found
by any part of it. The index then only needs to part at spaces and ASCII
punctuation; no Unicode tables but Python's take part.
"""

from typing import Final, NamedTuple
from unicodedata import normalize

import regex

BREAK: Final = "\ue000"
"""Stands behind each run of signs, so that no run is found across two; never sought."""

MOST_TOKENS: Final = 200
"""How much of what is sought is looked at; whoever pastes a page finds it by its beginning."""

MOST_KNOWN: Final = 8_192
LONGEST_KNOWN: Final = 32
"""How many words of at most how many characters ``Documents`` remembers, some 2 MiB."""

_SIGNS: Final = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー々〆"
)
_SYMBOLS: Final = r"\p{So}\p{Sc}\p{Sm}--[\x00-\x7f]"
_LETTERS: Final = r"\p{L}\p{N}\p{M}"
_RUN: Final = regex.compile(rf"[{_SIGNS}]+|[\p{{So}}\p{{Sc}}\p{{Sm}}]+")  # ASCII ones part words in any case
_PIECE: Final = regex.compile(
    rf"(?P<word>[[{_LETTERS}]--[{_SIGNS}]]+)|(?P<run>[{_SIGNS}]+|[{_SYMBOLS}]+)", regex.VERSION1
)
_NOISE: Final = regex.compile(rf"[^\x00-\x7f{_LETTERS}\p{{So}}\p{{Sc}}\p{{Sm}}]+")
# Accents go, but not what tells が from か; an emoji is found in any tone, and a family by its members.
_ACCENTS: Final = regex.compile(
    r"[\P{ccc=0}--[\u3099\u309a]]+|[\u200d\ufe0e\ufe0f\u20e3🏻🏼🏽🏾🏿]+", regex.VERSION1
)


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
    return normalize("NFC", _ACCENTS.sub("", normalize("NFKD", text).casefold()))


def document(text: str) -> str:
    """Write a text's tokens with spaces between, as the index takes them."""
    folded = fold(text)
    return folded if folded.isascii() else _parted(folded)


def _parted(folded: str) -> str:
    return _RUN.sub(_apart, _NOISE.sub(" ", folded))


def _apart(run: regex.Match[str]) -> str:
    return f" {' '.join(run[0])} {BREAK} "


class Documents:
    """Writes documents in bulk, as ``document`` does: nothing reaches over a space, and words come again.

    Attributes:
        known: Words outside ASCII that it remembers, ``MOST_KNOWN`` at most.
    """

    def __init__(self) -> None:
        """Know no word yet."""
        self.known: dict[str, str] = _Known()

    def write(self, text: str) -> str:
        """Write a text's tokens with spaces between."""
        if text.isascii():
            return text.lower()
        known = self.known
        parted = " ".join([known[word] for word in text.split(" ")])
        if not parted.isascii() and parted.replace(BREAK, "").isascii():
            return document(text)  # ASCII signs stand apart only beside others: no word alone can tell
        return parted


class _Known(dict[str, str]):
    def __missing__(self, word: str) -> str:
        made = _parted(fold(word))
        if len(word) <= LONGEST_KNOWN:
            if len(self) == MOST_KNOWN:
                self.clear()
            self[word] = made
        return made


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
