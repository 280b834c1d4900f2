"""Two versions of the hub side by side: ``python -m benchmarks.beside ../before``.

Runs ``benchmarks.hot_path`` of another checkout and of this one at the same time, each on a core of its
own, and swaps the cores each time; so what slows the machine down slows both. Prints CPU of a message in
both and their ratio, for each pair of runs and in the geometric mean. Runs one after the other differ by a
third on a machine that strangers share; this tells 3 % apart with twelve pairs.
"""

import argparse
import json
import os
import subprocess
import sys
from math import exp, log
from pathlib import Path
from statistics import fmean, stdev


def start(checkout: Path, core: int, rounds: int) -> "subprocess.Popen[str]":
    """Start ``hot_path`` of a checkout on one core, with this interpreter."""
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # a child begins where its parent is
    try:
        command = [sys.executable, "-m", "benchmarks.hot_path", "--rounds", str(rounds)]
        return subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True)
    finally:
        os.sched_setaffinity(0, all_cores)


def cost(process: "subprocess.Popen[str]") -> float:
    """Wait for a run; give all threads' microseconds for a message.

    Raises:
        SystemExit: If it failed.
    """
    out, _ = process.communicate(timeout=600)
    if process.returncode:
        raise SystemExit(f"{process.args!r} failed.")
    found = json.loads(out)
    return float(found["loop_us"]) + float(found["other_threads_us"])


def pairs(before: Path, after: Path, number: int, rounds: int) -> list[tuple[float, float]]:
    """Run so many pairs; print and give both costs of each."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("Two versions at once need two cores.")
    found = []
    for _ in range(number):
        runs = [start(checkout, core, rounds) for checkout, core in zip((before, after), cores, strict=True)]
        try:
            one, other = (cost(run) for run in runs)
        finally:
            for run in runs:  # where one failed, the other need not go on
                run.kill()
                run.wait()
        print(f"{one:7.1f} → {other:6.1f} µs   {other / one:.3f} ×", file=sys.stderr)
        found.append((one, other))
        cores.reverse()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, help="the other checkout")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if not (options.before / "benchmarks" / "hot_path.py").is_file():
        parser.error(
            f"{options.before} is no checkout of this repository: git clone or git worktree add makes one."
        )
    found = pairs(options.before, Path(__file__).parent.parent, max(2, options.pairs), options.rounds)
    logs = [log(other / one) for one, other in found]
    print(json.dumps({
        "before_us": round(fmean(one for one, _ in found), 1),
        "after_us": round(fmean(other for _, other in found), 1),
        "ratio": round(exp(fmean(logs)), 3),
        "standard_error": round(stdev(logs) / len(logs) ** 0.5, 3),
        "pairs": len(found),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
