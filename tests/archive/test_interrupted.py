"""Exports that somebody interrupts."""

from io import BytesIO
from pathlib import Path
from threading import Event, Thread

import pytest

from bridge.archive.writer import ArchiveWriter


@pytest.mark.parametrize("name", ["whole.zip", "whole"])
def test_an_export_interrupted_as_its_thread_starts_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    held = Event()
    threads: list[Thread] = []

    class Slow(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            held.wait()
            return super().read(size)

    def interrupted(thread: Thread) -> None:
        monkeypatch.undo()
        thread.start()
        threads.append(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(Thread, "start", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt) as kept, ArchiveWriter(tmp_path / name, "direct") as archive:
            archive.media("media/one.jpg", Slow(b"bytes"))
    finally:
        held.set()
    (thread,) = threads
    thread.join(5)

    assert list(tmp_path.iterdir()) == []
    assert not thread.is_alive(), kept  # else the process would wait for it for ever
