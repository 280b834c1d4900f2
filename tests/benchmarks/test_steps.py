"""The hot path keeps to a limit that no neighbour of the machine can blur: steps of the interpreter."""

import subprocess
import sys

import msgspec
import pytest

from benchmarks.load.processes import ROOT
from benchmarks.steps import Counted, rows

MOST = 2_850 if sys.version_info[:2] == (3, 11) else 3_700  # newer ones count otherwise; 2,792 on 3.11
STAGES = ["reading", "deciding", "keeping", "telling", "writing", "between"]


def test_a_message_takes_no_more_steps_than_it_did() -> None:
    """In a process of its own: what counts coverage looks at every step, too."""
    command = [sys.executable, "-m", "benchmarks.steps", "--pairs", "8", "--most", "3", "--json"]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60).stdout
    counted = msgspec.json.decode(out, type=Counted)
    assert counted.messages == 8 * 2 * 16 * 2
    assert list(counted.stages) == STAGES
    assert all(counted.stages.values())
    assert sum(counted.stages.values()) == pytest.approx(counted.steps, abs=1)
    assert counted.steps <= MOST, "the hot path grew: see `python -m benchmarks.steps`"


def test_steps_are_listed_by_stage_and_by_function() -> None:
    counted = Counted(
        python="3.11.2",
        messages=10,
        batch=5.0,
        steps=30.0,
        stages={"reading": 20.0, "deciding": 10.0},
        places=[("reading", "bridge/hub/plain.py:45 read_plain", 20.0)],
    )
    assert list(rows(counted)) == [
        "30 steps a message, 5.0 messages a batch",
        "       20  reading",
        "       10  deciding",
        "",
        "     20.0  reading   bridge/hub/plain.py:45 read_plain",
    ]
