"""Restoring: a dump becomes a database, in a new epoch."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from bridge.store.base import Progress, next_epoch
from bridge.store.dump import Beginning, Item, heard, read
from bridge.store.postgres import PostgresStore


async def restored(
    dsn: str, backup: Path, progress: Progress | None = None, *, pool: int = 8
) -> PostgresStore:
    """Fill an empty database with a dump and open it, in a new epoch: no cursor given out before holds.

    Args:
        dsn: The database; see ``PostgresStore.open``.
        backup: What ``backup`` of any engine with a ``dump`` wrote.
        progress: Hears how far it has come.
        pool: The most connections at once.

    Raises:
        StoreNotEmpty: If there is anything in the database.
        CorruptStore: If the dump is damaged.
        SetupError: If there is none, or the database cannot be opened.
    """
    store = await PostgresStore.open(dsn, pool=pool)
    try:
        await store.fill(_in_a_new_epoch(heard(read(backup), progress)))
    except BaseException:
        await store.close()
        raise
    return store


async def _in_a_new_epoch(pieces: AsyncIterator[Sequence[Item]]) -> AsyncIterator[Sequence[Item]]:
    async for piece in pieces:
        yield [
            replace(item, epoch=next_epoch(item.epoch)) if isinstance(item, Beginning) else item
            for item in piece
        ]
