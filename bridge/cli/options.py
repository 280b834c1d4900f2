"""Options that every command takes, and passwords, which are never an option's value."""

import getpass
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bridge.cli.printing import Printer
from bridge.config import Config
from bridge.errors import ConfigInvalid, SetupError
from bridge.settings import Settings, load

_LONGEST_PASSWORD_FILE = 4_096


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """Options of every command."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print data, one JSON value a line."""

    config: Path | None = None
    """The settings' file; else $ISTHMUS_CONFIG, else isthmus.toml here."""

    db: Annotated[str | None, Parameter(name=["--db"])] = None
    """The database: short for --set store.path=FILE."""

    set: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    """Any setting, as limits.frame_bytes=1MiB; may be given often."""

    def settings(self, **given: object) -> Settings:
        """Read the settings.

        Args:
            given: Settings for which the command has options of its own, with ``__`` for the dot.
        """
        named: dict[str, str] = {} if self.db is None else {"store.path": self.db}
        for text in self.set:
            name, equals, value = text.partition("=")
            if not equals:
                raise ConfigInvalid(f"--set takes name=value, as limits.batch=100, not {text!r}.")
            named[name.strip()] = value
        for option, chosen in given.items():
            if chosen is not None:
                named[option.replace("__", ".", 1)] = str(chosen)
        return load(file=self.config, environ=os.environ, given=named)

    def read(self, **given: object) -> Config:
        """Read the settings' record; see ``settings``."""
        return self.settings(**given).config

    @property
    def printer(self) -> Printer:
        """Print for whom the options say."""
        return Printer(json=self.json)


NO_OPTIONS = Common()


def new_password(file: Path | None, *, generate: bool = False) -> tuple[str, bool]:
    """Get a password for an account: from a file (``-``: stdin), made up, or typed twice.

    Returns:
        The password, and whether it was made up and must be shown.

    Raises:
        SetupError: If there is nobody to ask.
    """
    if generate:
        return secrets.token_urlsafe(12), True
    if file is not None:
        return _password_in(file), False
    if not sys.stdin.isatty():
        raise SetupError(
            "Nobody is here to type a password: use --password-file FILE (- for stdin) or --generate."
        )
    try:
        password = getpass.getpass("New password: ")
        again = getpass.getpass("The same again: ")
    except EOFError:
        raise SetupError("No password was typed; nothing was changed.") from None
    if again != password:
        raise SetupError("These were two different passwords; nothing was changed.")
    return password, False


def _password_in(file: Path) -> str:
    try:
        if str(file) == "-":
            text = sys.stdin.readline(_LONGEST_PASSWORD_FILE)
        else:
            with file.open(encoding="utf-8") as opened:
                text = opened.read(_LONGEST_PASSWORD_FILE)
    except (OSError, UnicodeDecodeError) as wrong:
        raise SetupError(f"The password in {file} can't be read: {wrong}") from wrong
    password = text.rstrip("\r\n")
    if not password:
        raise SetupError(f"There is no password in {file}.")
    return password
