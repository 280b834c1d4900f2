"""Official Instagram and Facebook archives, read and written as neutral records.

Pure file work: it knows nothing of the store, the hub or the rules. Read with
``open_archive``, write with ``ArchiveWriter``; ``model`` is the language.
"""

from bridge.archive.limits import Limits
from bridge.archive.reader import Archive, open_archive
from bridge.archive.report import ArchiveReport
from bridge.archive.writer import ArchiveWriter

__all__ = ["Archive", "ArchiveReport", "ArchiveWriter", "Limits", "open_archive"]
