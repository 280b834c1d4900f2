"""``isthmus version``."""

import platform
import sqlite3

from bridge import __version__
from bridge.cli.options import NO_OPTIONS, Common


def version(*, common: Common = NO_OPTIONS) -> None:
    """Tell the version, and those of what matters underneath."""
    python, sqlite = platform.python_version(), sqlite3.sqlite_version
    common.printer.data({"isthmus": __version__, "python": python, "sqlite": sqlite})
    common.printer.line(f"isthmus {__version__} (Python {python}, SQLite {sqlite})")
