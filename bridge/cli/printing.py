"""What a command prints: sentences for people, or one JSON value a line with ``--json``."""

import io
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from json import dumps
from typing import Any, Final

import msgspec

HIDDEN: Final = "(hidden)"
_SECRETS: Final = re.compile(r"(?<=://)([^/@:,]*:)[^/@,]*(?=@)|([?&](?:ssl)?password=)[^&]*")


def shown(address: str) -> str:
    """Write an address without the password that may stand in it."""
    return _SECRETS.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}", address)


_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor, colours or reading direction; names from archives may hold it."""


def open_streams(*, json: bool) -> None:
    """See that there is something to read from and to write to, whatever the process was started with.

    What the terminal's encoding lacks is shown as ``?``; data is UTF-8, wherever it goes.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 -- open to the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8" if json else None, errors="replace")


class Printer:
    """Prints answers to stdout and everything else to stderr."""

    def __init__(self, *, json: bool) -> None:
        """Choose for whom to print."""
        self.json = json
        self._shown = 0.0

    def data(self, value: object) -> None:
        """Print a value as one line of JSON; people are told by ``line`` and ``table``."""
        if not self.json:
            return
        try:
            text = msgspec.json.encode(value, enc_hook=str).decode()
        except UnicodeEncodeError:  # a file's name that is no text
            text = dumps(msgspec.to_builtins(value, enc_hook=str))
        print(text, flush=True)

    def line(self, text: str = "") -> None:
        """Print a line for people."""
        if not self.json:
            print(_plain(text), flush=True)

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print aligned columns for people."""
        if self.json:
            return
        cells = [titles, *([_shown(cell) for cell in row] for row in rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
        for row in cells:
            print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())

    def error(self, code: str, text: str, path: str | None = None) -> None:
        """Tell what went wrong: as data on stdout, or in a sentence on stderr."""
        if self.json:
            self.data({"error": {"code": code, "text": text, "path": path}})
            return
        where = f" ({path})" if path and path not in text else ""
        print(_plain(f"isthmus: {text}{where}"), file=sys.stderr, flush=True)

    def progress(self, done: int, total: int) -> None:
        """Show how far a long work has come, where somebody watches: at most ten times a second."""
        if not sys.stderr.isatty():
            return
        now = time.monotonic()
        if done < total and now - self._shown < 0.1:
            return
        self._shown = now
        share = min(1.0, done / total) if total else 0.0
        bar = "#" * int(share * 30)
        end = "\n" if done >= total else ""
        print(f"\r[{bar:<30}] {share:4.0%}  {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)


def count(number: int, noun: str) -> str:
    """Write a number and its noun: 1 chat, 2 chats, 3 entries."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def when(milliseconds: int) -> str:
    """Write a time of the wire as local time."""
    if not milliseconds:
        return "-"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(milliseconds / 1000))


def _plain(text: str) -> str:
    return _CONTROLS.sub("?", text)


def _shown(cell: Any) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, list | tuple):
        return ", ".join(map(str, cell)) or "-"
    text = "-" if cell is None or cell == "" else str(cell)
    return "".join(character if character.isprintable() else "?" for character in text)
