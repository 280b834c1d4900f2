"""Where these tests keep their database, and how they look into it behind the store's back."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.store.base import Store
from tests.builders import ANA, BEN, Talk, keep, make_pair_thread, make_people, make_taken

CANARY = "xylocanaryphone"


def place(folder: Path) -> Path:
    """Name the database."""
    return folder / "store.sqlite3"


@contextmanager
def behind(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the database without the store."""
    raw = sqlite3.connect(place(folder), isolation_level=None)
    try:
        yield raw
    finally:
        raw.close()


def names(folder: Path, pattern: str = "*") -> list[str]:
    """Name the files in a folder."""
    return sorted(path.name for path in folder.glob(pattern))


def read(path: Path) -> bytes | None:
    """Give what is in a file, if there is one."""
    return path.read_bytes() if path.exists() else None


def write(path: Path, content: bytes) -> None:
    """Put something into a file."""
    path.write_bytes(content)


def spoil(path: Path) -> None:
    """Damage every page but the first two."""
    data = bytearray(path.read_bytes())
    for at in range(8_192, len(data), 4_096):
        data[at] ^= 0xFF
    path.write_bytes(data)


async def keep_some(store: Store, messages: int = 5) -> Talk:
    """Keep people and a thread in which some messages were said and told."""
    talk = make_pair_thread()
    await keep(store, *make_people(), *talk.records)
    for number in range(messages):
        message = talk.say((ANA, BEN)[number % 2], f"{CANARY} number {number}")
        await keep(
            store,
            *talk.records,
            message,
            make_taken(message, f"token {number}"),
            told=[(message, talk.members)],
        )
    return talk
