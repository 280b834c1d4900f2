"""What peers need before they start: tables, keys, a database of their own."""

import os
import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.peers.postgres import run_script, running_postgres

_LIBRARIES: Final = Path("/usr/lib")
_SCRIPTS: Final = ("share/ejabberd*/sql", "lib/ejabberd-*/priv/sql", "lib/*/ejabberd-*/priv/sql")


class Database(Struct, frozen=True):
    """A database beside a peer: its processes, and the port that it has."""

    pids: tuple[int, ...]
    place: str


NO_DATABASE: Final = Database((), "")


def ejabberd_modules() -> str | None:
    """Find the folder of ejabberd's modules: it is run without its wrapper, which would change users."""
    found = sorted(_LIBRARIES.glob("*/ejabberd-*/ebin")) if shutil.which("erl") else []
    return str(found[-1]) if found else None


def _script(name: str) -> Path:
    """Find a script of tables that ejabberd ships.

    Raises:
        FileNotFoundError: If there is none.
    """
    for pattern in _SCRIPTS:
        for found in sorted(Path("/usr").glob(f"{pattern}/{name}")):
            return found
    raise FileNotFoundError(f"ejabberd's {name}")


def lite_tables(folder: Path) -> None:
    """Make ejabberd's tables in SQLite."""
    with sqlite3.connect(folder / "ejabberd.sqlite") as database:
        database.executescript(_script("lite.sql").read_text())
    database.close()


@contextmanager
def ejabberd_postgres() -> Iterator[Database]:
    """Run a PostgreSQL that has ejabberd's tables.

    Raises:
        RuntimeError: If none is installed, or it does not start.
    """
    with running_postgres() as (pid, port, binaries):
        run_script(binaries, port, "postgres", "CREATE DATABASE ejabberd")
        run_script(binaries, port, "ejabberd", _script("pg.new.sql").read_text())
        yield Database((pid,), str(port))


def synapse_files(folder: Path) -> None:
    """Make Synapse's signing key, which it will not start without, and keep its log short."""
    seed = b64encode(os.urandom(32)).decode().rstrip("=")
    (folder / "signing.key").write_text(f"ed25519 a_load {seed}\n")
    (folder / "log.yaml").write_text(
        "version: 1\nhandlers: {console: {class: logging.StreamHandler}}\n"
        "root: {level: WARNING, handlers: [console]}\n"
    )
