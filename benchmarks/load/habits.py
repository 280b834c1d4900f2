"""What people under load say, and what they do beside: known by number, so that readers can verify it.

Texts begin with their number, eight digits. ``mixed`` follows one real export of
774,818 messages: 85 % plain text, the rest addresses (of pictures, videos, shared
pages), a sticker or call as one sign, and 8 % reactions, which this wire does not
have yet: they are answers of one sign. Beside their sends people type, read
receipts, page back, list their threads and search.
"""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

FILLER: Final = " See you at nine by the boat house; bring the old papers."
_DIGITS: Final = 8
_KINDS: Final = 1_024
_WIDE: Final = "\U0001d538"  # a letter of four bytes: for texts that are long in bytes only
_FEW: Final = 20_000  # characters that the longest network takes
_WORDS: Final = (
    *("ok", "see", "you", "tonight", "at", "the", "old", "harbour", "thanks", "for", "asking", "call", "me"),
    *("when", "there", "haha", "no", "yes"),
)


class Habits:
    """How people talk: always the same text.

    Attributes:
        reads: Whether they do more than send: ``asides``.
    """

    reads = False

    def __init__(self, text: str = FILLER) -> None:
        """Say this each time."""
        self._text = text

    def text(self, number: int) -> str:
        """Give the text of a side's message number so-and-so."""
        return f"{number:08d}{self._text}"

    def is_answer(self, number: int) -> bool:
        """Say whether that message answers the one before."""
        return False

    def asides(self, number: int, thread: str, seq: int) -> Iterator[dict[str, Any]]:
        """Give what a reader does after it heard the partner's message number so-and-so."""
        return iter(())


class MixedHabits(Habits):
    """What a real export holds; see above."""

    reads = True

    def __init__(self) -> None:
        """Draw a thousand messages, always the same."""
        chance = Random(774_818)
        self._texts = [_drawn(chance) for _ in range(_KINDS)]

    def text(self, number: int) -> str:
        """Give one of the thousand behind its number."""
        return f"{number:08d}{self._texts[number % _KINDS][0]}"

    def is_answer(self, number: int) -> bool:
        """Say whether it stands for a reaction."""
        return self._texts[number % _KINDS][1]

    def asides(self, number: int, thread: str, seq: int) -> Iterator[dict[str, Any]]:
        """Type before every third answer, read every fourth message, look around now and then."""
        if number % 3 == 0:
            yield {"op": "typing", "thread": thread}
        if number % 4 == 0:
            yield {"op": "mark_read", "thread": thread, "upto": seq}
        if number % 100 == 50:
            yield {"op": "history", "thread": thread, "limit": 50}
        if number % 200 == 100:
            yield {"op": "list_threads", "limit": 50}
        if number % 1_000 == 500:
            yield {"op": "search", "text": "harbour", "limit": 20}


def _drawn(chance: Random) -> tuple[str, bool]:
    """Draw what follows the number, and whether it is an answer."""
    place = chance.random()
    if place < 0.08:
        return " 👍", True
    if place < 0.86:
        length = min(400, max(1, round(chance.lognormvariate(1.7, 0.9))))
        return " " + " ".join(chance.choices(_WORDS, k=length)), False
    if place < 0.95:
        return f" https://pictures.example/{chance.getrandbits(160):040x}?width=1024&height=768", False
    if place < 0.98:
        return f" https://news.example/{chance.getrandbits(64):016x} look at this", False
    return " 🎉", False


def habits_of(name: str) -> Habits:
    """Make the habits that a load names: ``plain``, ``mixed``, or a text's length in bytes."""
    if name == "plain":
        return Habits()
    if name == "mixed":
        return MixedHabits()
    rest = int(name) - _DIGITS
    wide = max(0, rest + _DIGITS - _FEW + 2) // 3
    return Habits(_WIDE * wide + "x" * (rest - 4 * wide))
