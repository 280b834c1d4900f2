"""A command's memory: what it asks for is in force, and harmless where it is unknown."""

import ctypes
import gc
import subprocess
import sys

import pytest

from bridge import process

PEAK = """
import sys
from bridge.process import give_blocks_back
if sys.argv[1:]:
    give_blocks_back()
kept = []
for _ in range(20):
    bytes(2 * 2**20)        # freed at once: left alone, glibc now takes such blocks from its pool
    kept.append(bytes(99_000))
    bytes(3 * 2**20)
for line in open("/proc/self/smaps"):
    heap = line.endswith("[heap]\\n") if "-" in line.split()[0] else heap
    if heap and line.startswith("Size"):
        print(int(line.split()[1]))
"""


def _heap(*arguments: str) -> int:
    ran = subprocess.run([sys.executable, "-c", PEAK, *arguments], check=True, stdout=subprocess.PIPE)
    return sum(map(int, ran.stdout.split()))


def test_large_blocks_leave_no_holes_in_the_heap() -> None:
    assert _heap("asked") < _heap() - 2 * 1024  # KiB


def test_where_there_is_no_glibc_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_in: list[object] = []

    def library_without_it(name: object) -> object:
        looked_in.append(name)
        return object()

    monkeypatch.setattr(ctypes, "CDLL", library_without_it)

    process.give_blocks_back()

    assert looked_in == [None]


def test_the_collector_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []
    monkeypatch.setattr(gc, "set_threshold", lambda *thresholds: asked.append(thresholds))

    process.collect_rarely()

    assert asked == [(50_000, 20, 50)]
