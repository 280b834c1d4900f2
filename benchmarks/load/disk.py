"""What the disk itself takes: an append of a page and fdatasync, again and again."""

import os
import tempfile
from array import array
from pathlib import Path
from time import perf_counter

from benchmarks.load.generator import Percentiles

_PAGE = bytes(4096)


def fsync_times(folder: Path, times: int = 300) -> Percentiles:
    """Wait for the disk so often; give how long each took."""
    spans = array("d")
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(times):
            file.write(_PAGE)
            begun = perf_counter()
            os.fdatasync(file.fileno())
            spans.append(perf_counter() - begun)
    return Percentiles.of(spans)


def name_of(folder: Path) -> str:
    """Name the disk that a folder lies on: device, file system."""
    place, best = folder.resolve(), ("", "unknown")
    try:
        lines = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return str(place)
    for device, mount, kind, *_ in (line.split() for line in lines):
        if place.is_relative_to(mount) and len(mount) >= len(best[0]):
            best = (mount, f"{device} ({kind})")
    return f"{best[1]} under {place}"
