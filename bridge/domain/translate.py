"""Crossing networks: what one network says and the other cannot show, translated and told.

One pure function over the capability records. Nothing is lost: the original is
kept whole, and shown whole where the reader's network can.
"""

from collections.abc import Iterator
from typing import Final

import regex
from msgspec import Struct

from bridge.domain.networks import NETWORKS, can_reply
from bridge.wire.values import Hybrid, Network, Translation

QUOTE_LENGTH: Final = 80  #: user-perceived characters of the quoted message that a reply shows

_LEAST: Final = min(network.text_limit for network in NETWORKS.values())
_GRAPHEME: Final = regex.compile(r"\X")  # extended grapheme clusters, Unicode Standard Annex #29
_JOINING: Final = regex.compile(  # without any of these each code point is one: rules GB3 to GB13 there
    r"[\r\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}\p{GCB=Prepend}\p{GCB=RI}\p{GCB=L}\p{GCB=V}\p{GCB=T}]"
)
_CUTS: Final = tuple(
    (marks, regex.compile(place, regex.REVERSE))  # the last one is wanted, so it is sought from the end
    for marks, place in (
        (("\n\n",), r"\n{2,}"),  # between paragraphs
        (tuple(".!?…。！？\n"), r"(?<=[.!?…。！？])\s+(?!\s)|\n"),  # between sentences; white space whole
        (("",), r"\s+"),  # between words
    )
)
"""Where to cut, the best first: what must be there for it, which is looked for in no time, and the place."""


class Shown(Struct, frozen=True):
    """What the reader's side shows of a message.

    Attributes:
        text: The whole text, if it fits.
        parts: The text cut to what fits, if it does not.
        is_reply: Whether the reader's side shows it as a reply.
        translation: What was done; None if it is shown as it was said.
    """

    text: str | None
    parts: tuple[str, ...]
    is_reply: bool
    translation: Translation | None


def fits(text: str, network: Network) -> bool:
    """Say whether a network shows a text whole."""
    limit = NETWORKS[network].text_limit
    return len(text) <= limit or len(_prefix(text, limit)) == len(text)


def shows_as_said(text: str | None, is_reply: bool, network: Network, hybrid: Hybrid) -> bool:
    """Say whether a reader sees a message as it was said: the common case, asked before translating."""
    return (text is None or fits(text, network)) and not (is_reply and not can_reply(network, hybrid))


def shows_alike(text: str | None, is_reply: bool) -> bool:
    """Say whether all readers see a message as it was said: most are short, and answer nothing."""
    return not is_reply and (text is None or len(text) <= _LEAST)


def translate(text: str | None, quoted: str | None, network: Network, hybrid: Hybrid) -> Shown:
    """Translate a message for a reader's network.

    Args:
        text: What was said.
        quoted: The text that it answers; None if it is no reply, empty if that had no text.
        network: The reader's network.
        hybrid: The reader's hybrid state.
    """
    if text is None or shows_as_said(text, quoted is not None, network, hybrid):
        return Shown(text, (), quoted is not None, None)
    converted: list[str] = []
    kept = ["text"]
    if quoted is not None and not can_reply(network, hybrid):
        text = f"> {_one_line(quoted)}\n{text}"
        converted.append("reply")
    elif quoted is not None:
        kept.append("reply")
    is_reply = quoted is not None and "reply" not in converted
    if fits(text, network):
        return Shown(text, (), is_reply, Translation(kept=tuple(kept), converted=tuple(converted)))
    converted.append("length")
    parts = tuple(cut(text, NETWORKS[network].text_limit))
    return Shown(None, parts, is_reply, Translation(kept=tuple(kept), converted=tuple(converted)))


def cut(text: str, limit: int) -> Iterator[str]:
    """Cut a text into parts of at most ``limit`` user-perceived characters; only white space at cuts is lost.

    Cuts between paragraphs where it can, else sentences, else words, else characters.
    """
    while True:
        head = _prefix(text, limit)
        if len(head) == len(text):
            if text:
                yield text
            return
        end, start = _best_cut(text, head)
        yield text[:end]
        text = text[start:]


def _best_cut(text: str, head: str) -> tuple[int, int]:
    """Find where the first part ends and the next begins."""
    half = text[max(0, (len(head) - 1) // 2) : len(head) + 2]
    for marks, pattern in _CUTS:
        if not any(mark in half for mark in marks):
            continue
        for found in pattern.finditer(text, endpos=min(len(text), len(head) + 2)):
            if found.start() * 2 < len(head):
                break  # a cut in the first half would leave a stub of a part; a finer cut is better then
            if 0 < found.start() <= len(head) and found.end() < len(text):
                return found.start(), found.end()
    return len(head), len(head)


def _prefix(text: str, limit: int) -> str:
    """Give the longest beginning of at most ``limit`` user-perceived characters."""
    if len(text) <= limit:
        return text
    if (text.isascii() and "\r" not in text) or not _JOINING.search(text, endpos=limit + 1):
        return text[:limit]
    end = 0
    for count, found in enumerate(_GRAPHEME.finditer(text), start=1):
        if count > limit:
            break
        end = found.end()
    return text[:end]


def _one_line(quoted: str) -> str:
    line = " ".join(quoted.split())
    head = _prefix(line, QUOTE_LENGTH)
    return head if len(head) == len(line) else head + "…"
