"""``python -m bridge`` and ``isthmus``: the command line."""

import sys

from bridge.cli import run
from bridge.cli.printing import open_streams
from bridge.process import BULKY, collect_rarely, give_blocks_back


def main() -> None:
    """Run the command line with the process's arguments, and leave with its exit code."""
    open_streams(json="--json" in sys.argv)
    collect_rarely()
    if BULKY.intersection(sys.argv[1:2]):
        give_blocks_back()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
