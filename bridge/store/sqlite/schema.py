"""The database file: whose it is, which version of the schema it has, and how it gets the newest."""

import sqlite3
from pathlib import Path
from typing import Final

from bridge.errors import CorruptStore, SetupError, StorageFull
from bridge.store.migrate import Step, be_current, missing, steps

APPLICATION: Final = 0x49737468  # "Isth" in the file's header, where `file` finds it

_TAKEN: Final = "SELECT number, checksum, reader FROM steps ORDER BY number"

_NO_FILES_BESIDE: Final = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)

_STEPS: Final = (
    "CREATE TABLE steps (number INTEGER PRIMARY KEY, checksum TEXT NOT NULL, reader INTEGER NOT NULL)"
)

_IS_USED: Final = "SELECT EXISTS (SELECT 1 FROM marks WHERE name = 'keys') OR EXISTS (SELECT 1 FROM accounts)"
_SEAL: Final = "SELECT value FROM marks WHERE name = 'keys'"
_RESEAL: Final = "INSERT OR REPLACE INTO marks VALUES ('keys', ?)"


def identify(raw: sqlite3.Connection, path: Path) -> None:
    """Make sure that the file is ours, or empty, before anything is set in it.

    Raises:
        SetupError: If it is another program's, or no database.
        CorruptStore: If it is ours, but damaged.
        StorageFull: If there is no room for what SQLite keeps beside it, even to read it.
    """
    owner = 0
    try:
        (owner,) = raw.execute("PRAGMA application_id").fetchone()
        (tables,) = raw.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.DatabaseError as error:
        code = int(getattr(error, "sqlite_errorcode", 0))
        if code == sqlite3.SQLITE_IOERR_SHMSIZE:
            raise StorageFull(
                f"{path} cannot be opened: SQLite keeps files beside it, and there is no room for them."
            ) from error
        if code & 0xFF in _NO_FILES_BESIDE:
            raise SetupError(
                f"{path} cannot be read: SQLite keeps files beside it, and its folder takes none. Make the "
                "folder writable, or copy the database and its -wal to one that is."
            ) from error
        if code & 0xFF == sqlite3.SQLITE_IOERR:
            raise SetupError(f"{path} cannot be read: {error}.") from error
        if owner == APPLICATION:
            raise CorruptStore(f"{path} is damaged on disk: {error}.") from error
        raise SetupError(f"{path} is not an isthmus database: {error}.") from error
    if owner != APPLICATION and (owner != 0 or tables != 0):
        raise SetupError(f"{path} is another program's database; name another file.")


def _state(raw: sqlite3.Connection) -> tuple[int, int, dict[int, str]]:
    """Read the version, the oldest code that can use it, and the checksums of the steps taken."""
    (version,) = raw.execute("PRAGMA user_version").fetchone()
    if version == 0:
        return 0, 0, {}
    try:
        rows = raw.execute(_TAKEN).fetchall()
    except sqlite3.OperationalError as error:
        raise CorruptStore("The database does not say which steps of the schema it has taken.") from error
    return (
        version,
        max((reader for _, _, reader in rows), default=0),
        {no: checksum for no, checksum, _ in rows},
    )


def upgrade(raw: sqlite3.Connection, known: tuple[Step, ...] | None = None) -> None:
    """Take the steps that are missing, each in its transaction.

    Raises:
        StoreTooNew: If a newer version wrote the database.
        CorruptStore: If a step was changed after it was taken.
    """
    for step in missing(steps() if known is None else known, *_state(raw)):
        try:
            raw.executescript(_script(step))
        except sqlite3.Error:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            raise


def _script(step: Step) -> str:
    begin = f"PRAGMA application_id = {APPLICATION};\n{_STEPS};" if step.to == 1 else ""
    return (
        f"BEGIN IMMEDIATE;\n{begin}\n{step.sql}\n;"
        f"INSERT INTO steps VALUES ({step.to}, '{step.checksum}', {step.reader});"
        f"PRAGMA user_version = {step.to};\nCOMMIT;"
    )


def look(raw: sqlite3.Connection) -> None:
    """Make sure that a reader finds the schema that it knows; see ``be_current``."""
    be_current(steps(), *_state(raw))


def version_of(raw: sqlite3.Connection) -> int:
    """Read which version a database has, making sure that this code can use it.

    Raises:
        SetupError: If it is empty.
        StoreTooNew: If a newer version wrote it.
        CorruptStore: If a step was changed after it was taken.
    """
    state = _state(raw)
    missing(steps(), *state)
    if state[0] == 0:
        raise SetupError("This database is empty.")
    return state[0]


def epoch(raw: sqlite3.Connection) -> int:
    """Read the store's epoch."""
    return int(raw.execute("SELECT value FROM marks WHERE name = 'epoch'").fetchone()[0])


def is_used(raw: sqlite3.Connection) -> bool:
    """Say whether secrets are known, or there are accounts."""
    return bool(raw.execute(_IS_USED).fetchone()[0])


def seal(raw: sqlite3.Connection, own: int, *, anew: bool) -> int:
    """Keep by what the hub's secrets are known, unless others' are kept already; give what is kept."""
    row = raw.execute(_SEAL).fetchone()
    if row is None or anew:
        raw.execute(_RESEAL, (own,))
        return own
    return int(row[0])
