"""The table of engines: how to open each in an empty folder, and how to open what it backed up."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.store.base import Store
from bridge.store.memory import MemoryStore


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to keep things.

    Attributes:
        open: Opens a store in a folder; what was kept there before is there again, if the engine lasts.
        restored: Opens a backup (its file, then an empty folder to restore it into).
        lasts: Whether what was committed survives ``close``.
    """

    open: Callable[[Path], Awaitable[Store]]
    restored: Callable[[Path, Path], Awaitable[Store]]
    lasts: bool


async def _open_memory(folder: Path) -> Store:
    return await MemoryStore.open()


async def _restored_memory(backup: Path, folder: Path) -> Store:
    return await MemoryStore.restored(str(backup))


ENGINES: Final[Mapping[str, Engine]] = {
    "memory": Engine(open=_open_memory, restored=_restored_memory, lasts=False),
}
