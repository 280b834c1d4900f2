#!/usr/bin/env python3
"""Set up what a command needs, then run it: ``python3 go.py demo``, ``python3 go.py test``.

Nothing but the standard library, and nothing before the look at the version that
an older Python could not parse, so that an older Python can say what it lacks.
"""

import difflib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent
LOCKS = {  # lock file: the extras of pyproject.toml it holds, on top of what the hub itself needs
    "runtime": (),
    "test": ("test", "cluster", "engines"),
    "lint": ("lint",),
    "bench": ("bench",),
    "cluster": ("cluster", "engines"),
    "lock": ("lock",),
}
HELP = """\
usage: python3 go.py COMMAND [arguments]

  demo [--once] [--archive DIR] ...   run the main job before your eyes
  cluster-demo                        the same over three hubs, PostgreSQL and NATS, some of which die
  test [pytest options]               run the tests; --long: those that take minutes;
                                      --release: all, with the long counts; --cover: with branch coverage
  check [--fix]                       format, lint, types, floors
  bench [options]                     run the benchmarks; --cluster: several hubs
  chat [options]                      join a hub from this terminal
  run COMMAND ...                     any other command of isthmus: run serve, run account ...
  lock                                compile requirements/*.txt anew from pyproject.toml

Each command first sets up what it needs and no more; a second run starts at once.
"""


def newer_python(seen: "tuple[int, int]") -> "str | None":
    """Return a new enough Python's path when this one is too old, else None; exit if there is none."""
    if seen >= OLDEST:
        return None
    for minor in (13, 12, 11, 14):
        found = shutil.which(f"python3.{minor}")
        # A version manager's shim may stand on the path and yet start nothing: ask it.
        if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return found
    raise SystemExit(
        f"Isthmus needs Python 3.11 or newer; this is Python {seen[0]}.{seen[1]}.\n"
        "Next step: install one (Debian: apt-get install python3.11 python3.11-venv)\n"
        "and run it by name: python3.11 go.py ..."
    )


if __name__ == "__main__":  # before the first line that an older Python would not take
    NEWER = newer_python(sys.version_info[:2])
    if NEWER:
        os.execv(NEWER, [NEWER, *sys.argv])

import go_setup  # noqa: E402 # an older Python could not read it
from go_setup import cache_of, prepare, python_in, say  # noqa: E402

Command = Callable[[list[str]], int]


def become(venv: Path, arguments: list[str], **more: str) -> int:
    """Turn into a Python of the environment, so that signals and exit codes are its own."""
    python = str(python_in(venv))
    os.execve(python, [python, *arguments], {**tool_environment(venv), **more})


def tool_environment(venv: Path) -> dict[str, str]:
    """Return this process's environment, with every tool's cache where this user may write."""
    caches = venv / "isthmus"
    if not os.access(caches, os.W_OK):
        caches = cache_of(ROOT, dict(os.environ)).with_suffix(".tools")
    pytest_cache = shlex.quote(f"cache_dir={caches / 'pytest'}")
    return {
        **os.environ,
        "PATH": os.pathsep.join((str(python_in(venv).parent), os.environ.get("PATH", os.defpath))),
        "COVERAGE_FILE": str(caches / "coverage"),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(caches / "hypothesis"),
        "MYPY_CACHE_DIR": str(caches / "mypy"),
        "PYTEST_ADDOPTS": f"{os.environ.get('PYTEST_ADDOPTS', '')} -o {pytest_cache}",
        "RUFF_CACHE_DIR": str(caches / "ruff"),
    }


def bridge(*words: str) -> Command:
    """Return the command that runs a part of ``isthmus`` in the caller's folder."""

    def run(arguments: list[str]) -> int:
        return become(prepare(ROOT, ("runtime",)), ["-P", "-m", "bridge", *words, *arguments])

    return run


def cluster_demo(arguments: list[str]) -> int:
    """Run the demonstration over three hubs with real servers between them."""
    venv = prepare(ROOT, ("test", "cluster"))
    os.chdir(ROOT)
    return become(venv, ["-m", "tests.cluster.demo", *arguments])


def test_command(arguments: list[str], cpus: int) -> tuple[list[str], dict[str, str]]:
    """Return pytest's arguments and what to add to its environment.

    Without arguments the long tests are left out, ``--long`` runs these alone, ``--release`` all of them
    with the long counts. ``--cover`` counts what lines and branches the tests reach.
    """
    rest = [argument for argument in arguments if argument not in ("--release", "--long", "--cover")]
    release = "--release" in arguments
    options = ["-m", "pytest", "--durations=10", *(["-o", "timeout=14400"] if release else [])]
    if not rest:  # somebody who chooses tests wants them here and now, not in two workers
        options += ["-n", str(max(2, min(4, cpus))), "--dist", "loadgroup"]
    if "--cover" in arguments:
        options += ["--cov", "--cov-branch", "--cov-report="]
    if "--long" in arguments:
        options += ["-m", "long"]
    elif not rest and not release:
        say("Left out: what takes minutes (kills by the dozen, several hubs): python3 go.py test --long")
        options += ["-m", "not long"]
    return options + rest, {"ISTHMUS_RELEASE": "1"} if release else {}


def test(arguments: list[str]) -> int:
    """Run the tests."""
    venv = prepare(ROOT, ("test",))
    options, more = test_command(arguments, os.cpu_count() or 2)
    if "--cover" in arguments:
        return steps(venv, [("tests", options), *limits()])
    os.chdir(ROOT)
    return become(venv, options, **more)


def limits() -> list[tuple[str, list[str]]]:
    """Give the commands that hold coverage to its limits: all of wire and rules, nine tenths of the rest."""
    pure, report = "bridge/wire/*,bridge/domain/*", ["-m", "coverage", "report"]
    return [
        ("wire and rules: 100 %", [*report, f"--include={pure}", "--fail-under=100"]),
        ("the rest: 90 %", [*report, f"--omit={pure}", "--fail-under=90"]),
    ]


def steps(venv: Path, commands: list[tuple[str, list[str]]], stop_early: bool = False) -> int:
    """Run each command with the environment's Python; return 1 if any failed."""
    failed = []
    environ = tool_environment(venv)
    for name, command in commands:
        started = time.monotonic()
        code = subprocess.call([str(python_in(venv)), *command], cwd=ROOT, env=environ)
        say(f"{'ok    ' if code == 0 else 'FAILED'} {name} ({time.monotonic() - started:.1f} s)")
        if code:
            failed.append(name)
            if stop_early:
                break
    return 1 if failed else 0


def check(arguments: list[str]) -> int:
    """Check format, lint, types and floors; all of them, so that one look shows all."""
    venv = prepare(ROOT, ("test", "lint"))
    fix = "--fix" in arguments
    floors = "from importlinter.cli import lint_imports_command as c; c()"
    return steps(
        venv,
        [
            ("format", ["-m", "ruff", "format", *([] if fix else ["--check"]), "."]),
            ("lint", ["-m", "ruff", "check", *(["--fix"] if fix else []), "."]),
            ("types", ["-m", "mypy"]),
            ("floors", ["-c", floors, "--no-cache"]),
        ],
    )


def bench(arguments: list[str]) -> int:
    """Run the benchmarks; several hubs need the servers that the tests start."""
    venv = prepare(ROOT, ("bench", "test") if "--cluster" in arguments else ("bench",))
    os.chdir(ROOT)
    return become(venv, ["-m", "benchmarks", *arguments])


def lock(arguments: list[str]) -> int:
    """Compile the lock files anew: hashes, but no addresses and no machine's paths."""
    venv = prepare(ROOT, ("lock",))
    silent = "-q --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links"
    shape = "--generate-hashes --allow-unsafe --no-strip-extras"
    compile_one = ["-m", "piptools", "compile", *silent.split(), *shape.split()]
    commands = []
    for name, extras in LOCKS.items():
        wanted = [word for extra in extras for word in ("--extra", extra)]
        target = f"requirements/{name}.txt"
        commands.append((target, [*compile_one, *arguments, *wanted, "-o", target, "pyproject.toml"]))
    return steps(venv, commands, stop_early=True)


COMMANDS = {
    "demo": bridge("demo"),
    "cluster-demo": cluster_demo,
    "test": test,
    "check": check,
    "bench": bench,
    "chat": bridge("chat"),
    "run": bridge(),
    "lock": lock,
}


def main(arguments: list[str]) -> int:
    """Run one command; return its exit code."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0 if arguments else 2
    command = COMMANDS.get(arguments[0])
    if command is None:
        near = difflib.get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f" Did you mean: python3 go.py {near[0]}" if near else " See: python3 go.py --help"
        say(f"There is no command {arguments[0]!r}.{hint}")
        return 2
    try:
        return int(command(arguments[1:]))
    except go_setup.CannotSetUp as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Run it again: it goes on from here.")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
