"""A person's data out of the store."""

from pathlib import Path

from bridge.ids import AccountId
from bridge.store.base import Store
from bridge.transfer.model import ExportReport, Progress


async def export_person(
    store: Store, account: AccountId, path: Path, *, progress: Progress | None = None
) -> ExportReport:
    """Write a person's data on the account's network in the official shape."""
    raise ImportError("in the making")
