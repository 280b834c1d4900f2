"""An archive into the store."""

from collections.abc import Sequence
from pathlib import Path

from bridge.store.base import Store
from bridge.transfer.model import Desk, ImportOptions, ImportReport, Progress


async def import_archives(
    store: Store,
    paths: Sequence[Path],
    *,
    options: ImportOptions = ImportOptions(),
    progress: Progress | None = None,
    desk: Desk | None = None,
) -> ImportReport:
    """Import the archive of one person on one network."""
    raise ImportError("in the making")
