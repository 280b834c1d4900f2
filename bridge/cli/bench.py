"""``isthmus bench``: the benchmarks, which are part of a clone and not of the installed product."""

import importlib.util
import subprocess
import sys
from typing import Annotated

from cyclopts import Parameter

from bridge.errors import SetupError


def bench(*arguments: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int:
    """Run the benchmarks.

    Args:
        arguments: Passed on; see ``python -m benchmarks --help``.
    """
    if (
        importlib.util.find_spec("benchmarks") is None
        or importlib.util.find_spec("benchmarks.__main__") is None
    ):
        raise SetupError("The benchmarks are not installed; in a clone of the project: python3 go.py bench")
    return subprocess.call([sys.executable, "-m", "benchmarks", *arguments])
