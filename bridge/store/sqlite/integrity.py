"""What SQLite proves by itself, in long calls: its pages and indexes, and the index of words."""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Final

from bridge.errors import Fault
from bridge.store.base import Problem
from bridge.store.sqlite.connection import primary
from bridge.store.sqlite.names import Names
from bridge.store.sqlite.reader import Reader

_FILE: Final = "SELECT CAST(file AS BLOB) FROM pragma_database_list WHERE name = 'main'"  # it need be no text
_SHADOWS: Final = ("words_data", "words_idx", "words_config")


async def problems_of_engine(reader: Reader) -> list[Problem]:
    """Have everything proven that SQLite can prove; return what is wrong."""
    problems: list[Problem] = []
    for proof in (_structure, _index):
        try:
            problems += await reader.run(_collected(proof))
        except Fault as error:
            problems.append(Problem("structure", "database", error.text))
    return problems


def _collected(
    proof: Callable[[sqlite3.Connection], Iterator[Problem]],
) -> Callable[[sqlite3.Connection, Names], list[Problem]]:
    return lambda raw, names: list(proof(raw))


def _structure(raw: sqlite3.Connection) -> Iterator[Problem]:
    """Let SQLite prove its pages and indexes."""
    try:
        for (text,) in raw.execute("PRAGMA integrity_check(100)"):
            if text != "ok":
                yield Problem("structure", "database", str(text))
    except sqlite3.DatabaseError as error:
        yield Problem("structure", "database", str(error))


def _index(raw: sqlite3.Connection) -> Iterator[Problem]:
    """Let FTS5 prove the index of words, on a copy: on the spot it would hold up the writer."""
    copy = sqlite3.connect("", isolation_level=None)
    try:
        (path,) = raw.execute(_FILE).fetchone()
        copy.execute("ATTACH ? AS kept", (path,))
        (made,) = copy.execute("SELECT sql FROM kept.sqlite_schema WHERE name = 'words'").fetchone()
        copy.execute(made)
        copy.execute("BEGIN")
        for shadow in _SHADOWS:
            copy.execute(f"DELETE FROM main.{shadow}")
            copy.execute(f"INSERT INTO main.{shadow} SELECT * FROM kept.{shadow}")
        copy.execute("COMMIT")
        copy.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        if primary(error) == sqlite3.SQLITE_FULL:  # there is no room for the copy
            raise
        yield Problem("index", "words", str(error))
    finally:
        copy.close()
