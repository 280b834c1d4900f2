"""The schema's steps: numbered SQL files, taken forward only, each remembered with its checksum.

Line 1 of a step says what it does: ``-- v3 → v4, readable by code ≥ v2: why``.
This module knows the files and what was taken; running SQL is the engine's business.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Final

from msgspec import Struct

from bridge.errors import CorruptStore, SetupError, StoreTooNew

_FILE: Final = re.compile(r"(?P<number>\d{4})_\w+\.sql")
_HEADING: Final = re.compile(r"-- v(?P<of>\d+) → v(?P<to>\d+), readable by code ≥ v(?P<reader>\d+): \S.*")


class Step(Struct, frozen=True):
    """One step from a version of the schema to the next.

    Attributes:
        to: The version that it leads to.
        reader: The oldest code, by its newest step, that can still use the database afterwards.
        sql: What to run.
    """

    to: int
    reader: int
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the step, in hex."""
        return sha256(self.sql.encode()).hexdigest()


def steps(engine: str = "") -> tuple[Step, ...]:
    """Read the steps that this code knows, oldest first: SQLite's, or those in another engine's folder."""
    folder = files("bridge.store").joinpath("schema", engine)
    found = sorted(
        (one for one in folder.iterdir() if _FILE.fullmatch(one.name)),
        key=lambda one: one.name,
    )
    return tuple(_read(one.name, one.read_text(encoding="utf-8")) for one in found)


def _read(name: str, sql: str) -> Step:
    heading = _HEADING.fullmatch(sql.partition("\n")[0])
    assert heading is not None, f"line 1 of {name} says what the step does"
    assert int(heading["to"]) == int(name[:4]) == int(heading["of"]) + 1, f"{name} leads on by one"
    return Step(int(heading["to"]), int(heading["reader"]), sql)


def missing(known: tuple[Step, ...], version: int, reader: int, taken: Mapping[int, str]) -> tuple[Step, ...]:
    """Say which steps a database still has to take.

    Args:
        known: The steps of this code.
        version: The newest step that the database has taken; 0: none.
        reader: The oldest code that can use it.
        taken: The checksums of the steps that it has taken.

    Raises:
        StoreTooNew: If this code cannot use the database.
        CorruptStore: If a step that was taken is not the one that this code knows.
    """
    if reader > len(known) or (version > len(known) and version not in taken):
        raise StoreTooNew
    if sorted(taken) != list(range(1, version + 1)):
        raise CorruptStore("The database does not say which steps of the schema it has taken.")
    for step in known[:version]:
        if taken[step.to] != step.checksum:
            raise CorruptStore(f"Step {step.to} of the schema was changed after this database took it.")
    return known[version:]


def be_current(known: tuple[Step, ...], version: int, reader: int, taken: Mapping[int, str]) -> None:
    """Make sure that whoever only reads finds the schema that it knows; see ``missing``.

    Raises:
        StoreTooNew: If a newer version wrote the database.
        CorruptStore: If a step was changed after it was taken.
        SetupError: If the database is empty, or an older version wrote it.
    """
    if version == 0:
        raise SetupError("This database is empty.")
    if missing(known, version, reader, taken):
        raise SetupError(
            "An older version wrote this database. Copy it with isthmus backup if you may want to go back; "
            "then start the hub once, or run isthmus migrate, which upgrades it."
        )
