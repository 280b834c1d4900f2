"""``python -m bridge`` and ``isthmus``: the command line."""

import sys

from bridge.cli import run


def main() -> None:
    """Run the command line with the process's arguments, and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
