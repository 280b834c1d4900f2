"""Running commands: in this process, in a folder of the test's own; hubs in processes of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.cli import run

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The last line, as data."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def rows(self) -> list[Any]:
        """All lines, as data."""
        return [json.loads(line) for line in self.out.splitlines()]


Isthmus = Callable[..., Ran]


@pytest.fixture
def isthmus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Isthmus:
    """Run a command in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return command


@dataclass
class Served:
    """A hub in a process of its own."""

    process: "subprocess.Popen[str]"
    url: str

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop; give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Start hubs on databases in the test's own folder; they end with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> Served:
        process = started_with(tmp_path, "serve", "--port", "0", "--json", *arguments)
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=20)
        return Served(process, json.loads(line)["listening"])

    yield begin

    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def started_with(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start ``isthmus`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "bridge", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
