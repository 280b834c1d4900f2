"""Where the terminal clients keep the tokens of their sign-ins: one file, readable by its owner only."""

import os
from pathlib import Path

import orjson


def state_folder() -> Path:
    """Name the folder for what is kept until next time, in the user's state directory."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "isthmus"


class TokenFile:
    """Tokens by hub and account."""

    def __init__(self, path: Path) -> None:
        """Keep them in ``path``."""
        self._path = path

    def find(self, url: str, account: str) -> str | None:
        """Give the token of an account (``network handle``) on a hub, if it is kept."""
        return self._read().get(f"{url} {account}")

    def keep(self, url: str, account: str, token: str) -> None:
        """Keep a token; the file is replaced whole.

        Raises:
            OSError: If it cannot be kept there.
        """
        self._write(self._read() | {f"{url} {account}": token})

    def forget(self, url: str, account: str) -> None:
        """Drop a token that is no longer good.

        Raises:
            OSError: If the file cannot be replaced.
        """
        tokens = self._read()
        if tokens.pop(f"{url} {account}", None) is not None:
            self._write(tokens)

    def _read(self) -> dict[str, str]:
        try:
            tokens = orjson.loads(self._path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return {}  # lost tokens cost a password, nothing else
        if not isinstance(tokens, dict):
            return {}
        return {str(key): str(token) for key, token in tokens.items()}

    def _write(self, tokens: dict[str, str]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._path.with_suffix(f".{os.getpid()}")
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(orjson.dumps(tokens, option=orjson.OPT_INDENT_2))
        new.replace(self._path)
