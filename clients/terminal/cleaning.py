"""Cleans text of others before it reaches a terminal: no escape sequences, controls or forged order.

The hub refuses most of this already; a client does not rely on that.
"""

import re

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # operating system commands, up to their end
    r"|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\|\x9c)?"  # device control, strings, private messages
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # control sequences
    r"|\x1b[ -/]*[0-~]?"  # the rest
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi marks and overrides: they forge names
    "\u2028\u2029\ufeff\ufff9-\ufffb"  # separators and annotations that break lines
    "\U000e0000-\U000e007f"  # invisible tags
    "\ud800-\udfff]"  # halves of surrogate pairs
)


def clean(text: str) -> str:
    """Keep what can be read, newlines and tabs included."""
    return _FORBIDDEN.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def clean_typed(text: str) -> str:
    """Drop what keys that are no letters, as the arrows, leave in a typed line; no network takes it."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def clean_line(text: str) -> str:
    """Keep what can be read, on one line."""
    return " ".join(clean(text).split())
