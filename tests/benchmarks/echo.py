"""A process that says how many people its order names: ``python -m tests.benchmarks.echo FILE``."""

from benchmarks.load.hub_process import Running
from benchmarks.load.processes import ordered

if __name__ == "__main__":
    print(len(ordered(Running).pairs))  # noqa: T201 -- it is what it is for
