"""``python -m bridge`` and ``isthmus``: the command line."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line with the process's arguments, and leave with its exit code."""
    try:
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:  # before there was a command to stop
        code = INTERRUPTED
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Load the command line, which takes a moment in which somebody may stop it, and run it."""
    from bridge.cli import run
    from bridge.cli.printing import open_streams
    from bridge.process import BULKY, collect_rarely, give_blocks_back

    open_streams(json="--json" in arguments)
    collect_rarely()
    if BULKY.intersection(arguments[:1]):
        give_blocks_back()
    return run(arguments)


if __name__ == "__main__":
    main()
