"""Ends a server that a test run started, should the run itself be killed before it could."""

import subprocess
from pathlib import Path
from typing import Final

_WATCH: Final = """
read -r _  # returns when the other end of the pipe is gone, however that went
kill -QUIT "$0"
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$0" && sleep 0.2; done
kill -KILL "$0"
rm -rf "$1"
"""


def guarded(pid: int, folder: Path) -> "subprocess.Popen[bytes]":
    """Watch over a server and its folder while this process lives; who ends it lets the guard go first."""
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCH, str(pid), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def let_go(guard: "subprocess.Popen[bytes]") -> None:
    """End a guard that has nothing to do any more."""
    guard.kill()
    guard.wait()
    assert guard.stdin is not None
    guard.stdin.close()
