"""Archives into the store and back: what an archive may testify, and what it may not.

    report = await import_archives(store, paths, options=ImportOptions(owner="direct/ana"))
    report = await export_person(store, account, Path("ana.zip"))

While a hub runs, hand ``import_archives`` the hub's store and its pipeline as ``desk``.
"""

from bridge.transfer.exporting import export_person
from bridge.transfer.importing import import_archives
from bridge.transfer.model import Desk, ExportReport, ImportOptions, ImportReport, LinkFound, Resolved

__all__ = [
    "Desk",
    "ExportReport",
    "ImportOptions",
    "ImportReport",
    "LinkFound",
    "Resolved",
    "export_person",
    "import_archives",
]
