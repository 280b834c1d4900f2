"""``python -m bridge`` and ``isthmus``: the command line."""

import gc
import sys
from typing import Final

from bridge.cli import run

_YOUNG: Final = 50_000  # new objects before the collector looks at them


def collect_rarely() -> None:
    """Let the collector rest, for a process that is one command.

    Rows of archives and of the store make no cycles; looking for some took a sixth of an import's CPU.
    """
    gc.set_threshold(_YOUNG, 20, 50)


def main() -> None:
    """Run the command line with the process's arguments, and leave with its exit code."""
    collect_rarely()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
