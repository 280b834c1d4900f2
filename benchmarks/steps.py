"""How many steps of the interpreter a message takes in the hub, and where: ``python -m benchmarks.steps``.

The whole hub runs as in ``benchmarks.hot_path``, and every bytecode instruction of both threads is counted
and put down to the stage of a message's road in which it was done. Nothing that goes on beside disturbs the
count, so that it tells a change of a hundredth, and a test can hold the hot path to a limit. It says nothing
of what compiled code takes: sqlite3, hashing, JSON, sockets. Versions of Python count differently.
"""

import argparse
import asyncio
import platform
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import msgspec
from msgspec import Struct

import benchmarks
from benchmarks.hot_path import Shape, measure
from benchmarks.load.processes import LOOP, ROOT
from bridge.hub.pipeline import Pipeline
from bridge.hub.sockets import Socket
from bridge.hub.telling import Telling
from bridge.store.sqlite.commit import Writer

Place = tuple[str, str, int]
"""A stage, a function's file and name, and its first line."""

STAGES: Final[dict[CodeType, str]] = {
    Socket.data_received.__code__: "reading",
    Pipeline._decide.__code__: "deciding",
    Writer.commit.__code__: "keeping",
    Telling.tell.__code__: "telling",
    Socket.flush.__code__: "writing",
}
"""Where a stage begins: what is called from there belongs to it, until another one begins."""

BETWEEN: Final = "between"
"""The stage of what belongs to none: batches, threads, the loop."""

_LOAD: Final = str(Path(benchmarks.__file__).parent)
_Tracer = Callable[[FrameType, str, Any], Any]


class Counted(Struct, kw_only=True):
    """What a message took.

    Attributes:
        python: Whose steps they are.
        messages: How many were counted.
        batch: How many of them came in one batch, in the mean.
        steps: Steps of a message.
        stages: … by stage.
        places: … by stage and function, most first.
    """

    python: str
    messages: int
    batch: float
    steps: float
    stages: dict[str, float]
    places: list[tuple[str, str, float]]


class Steps:
    """Counts while it is enabled; for ``hot_path.measure``."""

    def __init__(self) -> None:
        """Count nothing yet."""
        self.found: Counter[tuple[str, CodeType]] = Counter()
        self.batches = 0
        self._on = False
        self._tracers: dict[tuple[str, CodeType], _Tracer] = {}

    def enable(self) -> None:
        """Count from here on."""
        self._on = True

    def disable(self) -> None:
        """Count no more."""
        self._on = False

    @contextmanager
    def tracing(self) -> Iterator[None]:
        """Look at this thread and at those that begin within the block."""
        before = sys.gettrace()
        threading.settrace(self._called)
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)
            threading.settrace(before)

    def _called(self, frame: FrameType, event: str, argument: object) -> _Tracer | None:
        code = frame.f_code
        if code.co_filename.startswith(_LOAD):
            return None
        if self._on and code is Pipeline._decide.__code__:
            self.batches += 1
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        place = _stage(frame), code
        if place not in self._tracers:
            self._tracers[place] = self._tracer(place)
        return self._tracers[place]

    def _tracer(self, place: tuple[str, CodeType]) -> _Tracer:
        found = self.found

        def trace(frame: FrameType, event: str, argument: object) -> _Tracer:
            if self._on and event == "opcode":
                found[place] += 1
            return trace

        return trace


def _stage(frame: FrameType | None) -> str:
    while frame is not None:
        stage = STAGES.get(frame.f_code)
        if stage is not None:
            return stage
        frame = frame.f_back
    return BETWEEN


def count(shape: Shape, folder: Path, most: int) -> Counted:
    """Run a hub in that folder, let people talk over it, and count; name so many functions."""
    steps = Steps()
    with steps.tracing(), asyncio.Runner(loop_factory=LOOP) as runner:
        runner.run(measure(folder, shape, steps))
    messages = shape.counted
    stages: Counter[str] = Counter()
    for (stage, _), number in steps.found.items():
        stages[stage] += number
    return Counted(
        python=platform.python_version(),
        messages=messages,
        batch=round(messages / max(1, steps.batches), 1),
        steps=round(stages.total() / messages, 1),
        stages={name: round(stages[name] / messages, 1) for name in (*STAGES.values(), BETWEEN)},
        places=[
            (stage, _named(code), round(number / messages, 1))
            for (stage, code), number in steps.found.most_common(most)
        ],
    )


def _named(code: CodeType) -> str:
    path = Path(code.co_filename)
    file = path.relative_to(ROOT) if path.is_relative_to(ROOT / "bridge") else path.name
    return f"{file}:{code.co_firstlineno} {code.co_qualname}"


def rows(counted: Counted) -> Iterator[str]:
    """Write what was found, for people."""
    yield f"{counted.steps:,.0f} steps a message, {counted.batch:,.1f} messages a batch"
    for stage, steps in counted.stages.items():
        yield f"{steps:9,.0f}  {stage}"
    yield ""
    for stage, name, steps in counted.places:
        yield f"{steps:9.1f}  {stage:8}  {name}"


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=50, help="pairs of people (50)")
    parser.add_argument("--window", type=int, default=16, help="unanswered sends of each pair (16)")
    parser.add_argument("--sends", type=int, default=16, help="by each person, in each of two rounds (16)")
    parser.add_argument("--most", type=int, default=40, help="how many functions to list (40)")
    parser.add_argument("--json", action="store_true", help="print data")
    options = parser.parse_args()
    shape = Shape(rounds=3, pairs=options.pairs, window=options.window, sends=options.sends)
    with tempfile.TemporaryDirectory() as folder:
        counted = count(shape, Path(folder), options.most)
    print(msgspec.json.encode(counted).decode() if options.json else "\n".join(rows(counted)))


if __name__ == "__main__":
    main()
