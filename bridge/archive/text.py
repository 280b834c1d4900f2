r"""The archives' encoding bug, undone and reproduced.

Meta writes every UTF-8 *byte* of a text as its own ``\u00XX``, so ``ł`` reads
as two characters. ``undo`` mends one string, ``decode`` a whole file, and
``encode`` writes a file with the bug, as the official archives have it.

The one known ambiguity: a text that truly was ``Â°`` in a file without the bug
becomes ``°``. Files that ``encode`` writes are free of it.
"""

import json
import re
from contextlib import suppress
from typing import Any

import orjson

from bridge.archive.errors import BadRecord

BOM = b"\xef\xbb\xbf"
_ASCII = bytes(range(128))
_ASCII_ESCAPE = re.compile(rb"\\u(?=00[0-7])")


def undo(text: str) -> str:
    """Give the text that was meant; a text without the bug stays as it is."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


def undo_all(value: Any) -> Any:
    """Undo every string of a decoded JSON value, keys too."""
    if isinstance(value, str):
        return undo(value)
    if isinstance(value, list):
        return [undo_all(item) for item in value]
    if isinstance(value, dict):
        return {undo(key): undo_all(item) for key, item in value.items()}
    return value


def decode(data: bytes) -> tuple[Any, bool]:
    """Decode a JSON file and undo the bug in all of its strings.

    Returns:
        The value, and whether its strings are all sound; if not, some may hold
        lone surrogates, and each row wants a look by ``is_sound``.

    Raises:
        ValueError: If it is no JSON, or nested too deeply.
    """
    data = data.removeprefix(BOM)
    mended = _mend(data)
    if mended is not None:
        # One string that is not UTF-8 below the bug fails the file; string by string, the rest is right.
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(mended), True
    try:
        return _decode_strings(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _decode_strings(data: bytes) -> tuple[Any, bool]:
    try:
        return undo_all(orjson.loads(data)), True
    except orjson.JSONDecodeError:
        # orjson refuses a file for one lone surrogate; the standard library reads it, only the row is lost.
        if b"\\ud" not in data and b"\\uD" not in data:
            raise
        return undo_all(json.loads(data)), False


def is_sound(value: Any) -> bool:
    """Say whether a decoded value can be written as UTF-8 again."""
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def scrub(value: Any) -> Any:
    """Put a question mark for every lone surrogate in a decoded value."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [scrub(item) for item in value]
    if isinstance(value, dict):
        return {scrub(key): scrub(item) for key, item in value.items()}
    return value


def _mend(data: bytes) -> bytes | None:
    r"""Undo the bug in the file's bytes, or say with ``None`` that this would not equal undoing each string.

    It is equal when every byte is ASCII and every escape is below U+0100:
    strings end at an ASCII quote, so no character spans two. Python's own
    codec does the work in C; it knows no escapes but ``\u`` and ``\U`` and
    leaves doubled backslashes alone. Measured twenty times faster than string
    by string in Cyrillic.
    """
    if not data.isascii() or b"\\U" in data:
        return None
    if b"\\u" not in data:
        return data
    try:
        mended = _unescaped(data)
        # What is ASCII, a quote for one, must stay escaped. Each escape lost five of its six bytes.
        escapes = (len(data) - len(mended)) // 5
        if len(mended.translate(None, _ASCII)) == escapes:
            return mended
        if b"\0" in data or b"\\\\u" in data:
            return None
        return _unescaped(_ASCII_ESCAPE.sub(b"\0", data)).replace(b"\0", b"\\u")
    except UnicodeError:
        return None


def _unescaped(data: bytes) -> bytes:
    return data.decode("raw_unicode_escape").encode("latin-1")


def encode(value: Any) -> bytes:
    """Write a value as JSON with the bug in it.

    Raises:
        BadRecord: If it holds what JSON cannot say, a lone surrogate for one.
    """
    try:
        data = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except TypeError as error:
        raise BadRecord(f"JSON cannot say this ({error}).") from error
    if data.isascii():
        return data
    if b"\\x" in data:  # only an escaped backslash before an x; then the replacement below would be ambiguous
        return "".join(
            char if char < "\x80" else f"\\u{ord(char):04x}" for char in data.decode("latin-1")
        ).encode()
    return data.decode("latin-1").encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")
