"""What a test run starts ends with it, even if the run is killed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = """
import os, subprocess, sys
from pathlib import Path
from tests.guard import guarded
server = subprocess.Popen(["sleep", "100"], start_new_session=True)  # it holds our standard output
guarded(server.pid, Path(sys.argv[1]))
os.kill(os.getpid(), 9)
"""


def test_a_server_ends_with_the_run_that_started_it_even_if_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path / "data")]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=30, check=False)

    assert run.returncode == -9  # and its standard output has ended, which the server held until now
