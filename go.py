#!/usr/bin/env python3
"""Set up what a command needs, then run it: ``python3 go.py demo``, ``python3 go.py test``.

Only the standard library is used here, and nothing that an older Python could
not parse, so that an older Python can say what it lacks. What is set up stands
in ``.venv`` (or in the user's cache, where the folder cannot be written). A
stamp beside it remembers the lock files, so a second run goes straight on.
"""

import contextlib
import difflib
import fcntl
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent
LAYOUT = "1"  # raise it when what is set up changes in shape: everybody's set-up is made anew
LOCKS = {  # lock file: the extras of pyproject.toml it holds, on top of what the hub itself needs
    "runtime": (),
    "test": ("test",),
    "lint": ("lint",),
    "bench": ("bench",),
    "cluster": ("cluster", "engines"),
    "lock": ("lock",),
}
HELP = """\
usage: python3 go.py COMMAND [arguments]

  demo [--once] [--archive DIR] ...   run the main job before your eyes
  test [--release] [pytest options]   run the tests; --release takes the long counts
  check [--fix]                       format, lint, types, floors
  cover [pytest options]              run the tests with branch coverage and its limits
  bench [options]                     run the benchmarks
  chat [options]                      join a hub from this terminal
  run COMMAND ...                     any other command of isthmus: run serve, run account ...
  lock                                compile requirements/*.txt anew from pyproject.toml

Each command first sets up what it needs and no more; a second run starts at once.
"""


class CannotSetUp(Exception):
    """The machine lacks something; the text says what, and the next step."""


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


# --- where things stand ------------------------------------------------------------------------------


def python_in(venv: Path) -> Path:
    """Return the path of an environment's Python, there or not."""
    return venv / "bin" / "python"


def find_venv(root: Path, environ: dict[str, str]) -> Path:
    """Choose the folder of the environment: beside the code if we may, else in the user's cache."""
    beside = root / ".venv"
    if serves(beside, root) or (os.access(root, os.W_OK) and is_ours_to_make(beside)):
        return beside
    wanted = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or "~", ".cache")
    cache = Path(os.path.expanduser(wanted)) / "isthmus"
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:  # nobody's home
        cache = Path(tempfile.gettempdir()) / f"isthmus-{os.getuid()}"
        cache.mkdir(mode=0o700, exist_ok=True)
    if cache.is_symlink() or cache.stat().st_uid != os.getuid():
        raise CannotSetUp(f"{cache} is somebody else's.\nNext step: set XDG_CACHE_HOME to a folder of yours.")
    return cache / hashlib.sha256(str(root).encode()).hexdigest()[:12]


def is_ours_to_make(venv: Path) -> bool:
    """Whether the folder is absent, or was made by us and may be made anew."""
    return not venv.exists() or ((venv / "isthmus").is_dir() and os.access(venv / "isthmus", os.W_OK))


def identity(venv: Path, root: Path) -> str:
    """Return what an environment must not outlive: its layout, its code's place and its Python."""
    return "\n".join((LAYOUT, str(root), os.path.realpath(python_in(venv))))


def serves(venv: Path, root: Path) -> bool:
    """Whether the environment is whole, ours, of this place, and startable by this user."""
    mark = venv / "isthmus" / "made"
    try:
        return os.access(python_in(venv), os.X_OK) and mark.read_text("utf-8") == identity(venv, root)
    except OSError:
        return False


def stamp_of(root: Path, name: str) -> str:
    """Return the fingerprint of one lock file."""
    return hashlib.sha256((root / "requirements" / f"{name}.txt").read_bytes()).hexdigest()


def missing_locks(venv: Path, root: Path, names: tuple[str, ...]) -> list[str]:
    """Return those lock files whose present content is not installed yet."""
    missing = []
    for name in names:
        stamp = venv / "isthmus" / f"{name}.lock"
        if not stamp.exists() or stamp.read_text("utf-8") != stamp_of(root, name):
            missing.append(name)
    return missing


# --- setting up --------------------------------------------------------------------------------------


def prepare(root: Path, names: tuple[str, ...]) -> Path:
    """Make sure that the environment holds these lock files; return its folder."""
    venv = find_venv(root, dict(os.environ))
    if serves(venv, root) and not missing_locks(venv, root, names):
        return venv
    with one_at_a_time(venv.with_name(f"{venv.name}.lock")):
        if not serves(venv, root):
            make_venv(venv)
            link_project(venv, root)
            (venv / "isthmus" / "made").write_text(identity(venv, root), "utf-8")
        for name in missing_locks(venv, root, names):
            install(venv, root, name)
            (venv / "isthmus" / f"{name}.lock").write_text(stamp_of(root, name), "utf-8")
    return venv


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock file, so that two runs do not set up the same folder at once."""
    with path.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another run is setting up; waiting for it ...")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def make_venv(venv: Path) -> None:
    """Make an empty environment by whichever means this machine has."""
    say(f"Setting up {venv} ...")
    failures = []
    for attempt in ways_to_make(venv):
        if venv.exists():
            shutil.rmtree(venv)
        (venv / "isthmus").mkdir(parents=True)  # from now on it is ours, even if we are interrupted
        done = subprocess.run(attempt, capture_output=True, text=True)
        if done.returncode == 0 and pip_for(venv):
            return
        failures.append((done.stderr or done.stdout).strip())
    if install_debian_venv():
        make_venv(venv)
        return
    raise CannotSetUp(
        "\n".join(filter(None, failures))
        + "\nThis Python cannot make a virtual environment with pip in it.\n"
        + "Next step: apt-get install python3-venv (Debian, Ubuntu), or install uv; then run again."
    )


def ways_to_make(venv: Path) -> list[list[str]]:
    """Return the commands that may make an environment here, the plainest first."""
    ways = []
    if importlib.util.find_spec("ensurepip"):
        ways.append([sys.executable, "-m", "venv", str(venv)])
    if importlib.util.find_spec("virtualenv"):
        ways.append([sys.executable, "-m", "virtualenv", str(venv)])
    uv = shutil.which("uv")
    if uv:
        ways.append([uv, "venv", "--allow-existing", "--seed", "--python", sys.executable, str(venv)])
    if importlib.util.find_spec("pip"):
        ways.append([sys.executable, "-m", "venv", "--without-pip", str(venv)])
    return ways


def install_debian_venv() -> bool:
    """Install Debian's missing half of Python, where we are root and it is missing; whether we did."""
    lacking = not importlib.util.find_spec("ensurepip") and sys.executable.startswith("/usr/bin/")
    if not (lacking and os.getuid() == 0 and shutil.which("apt-get")):
        return False
    package = "python{}.{}-venv".format(*sys.version_info[:2])
    say(f"Installing {package} with apt-get ...")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", package]):
        subprocess.run(["apt-get", *words], env=environ, stdout=subprocess.DEVNULL)
    importlib.invalidate_caches()
    return importlib.util.find_spec("ensurepip") is not None


def link_project(venv: Path, root: Path) -> None:
    """Let the environment import the code where it stands, and give it the ``isthmus`` command."""
    (packages,) = venv.glob("lib/python3*/site-packages")
    (packages / "isthmus.pth").write_bytes(os.fsencode(root) + b"\n")
    command = python_in(venv).with_name("isthmus")
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python_in(venv)))} -P -m bridge "$@"\n', "utf-8")
    command.chmod(0o755)


def pip_for(venv: Path) -> list[str]:
    """Return the command that installs into the environment; empty if there is none."""
    own = [str(python_in(venv)), "-m", "pip"]
    if subprocess.run([*own, "--version"], capture_output=True).returncode == 0:
        return own
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "--python", str(python_in(venv))]
    return []


def install(venv: Path, root: Path, name: str) -> None:
    """Install one lock file, each file of it checked against its hash."""
    lock = root / "requirements" / f"{name}.txt"
    total = sum("==" in line for line in lock.read_text("utf-8").splitlines())
    options = ["install", "--require-hashes", "--no-user", "--no-input", "--disable-pip-version-check"]
    environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    started = time.monotonic()
    lines = []
    with subprocess.Popen(
        [*pip_for(venv), *options, "--progress-bar", "off", "-r", str(lock)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as pip:
        assert pip.stdout is not None
        seen = 0
        for line in pip.stdout:
            lines.append(line)
            if line.startswith(("Collecting ", "Requirement already satisfied")):
                seen += 1
                progress(f"Installing {name}: {min(seen, total)} of {total} packages")
    progress("")
    if pip.returncode:
        raise CannotSetUp(
            "".join(lines[-15:])
            + f"\nInstalling {lock.relative_to(root)} failed.\n"
            + "Next step: see pip's words above; is the network there? Then run again: it goes on from here."
        )
    say(f"Installed {name}: {total} packages in {time.monotonic() - started:.0f} s")


def say(text: str) -> None:
    """Tell the person waiting; standard output belongs to the command."""
    print(text, file=sys.stderr, flush=True)


def progress(text: str) -> None:
    """Replace the progress line, where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


# --- the commands ------------------------------------------------------------------------------------


def become(venv: Path, arguments: list[str], **more: str) -> int:
    """Turn into a Python of the environment, so that signals and exit codes are its own."""
    python = str(python_in(venv))
    os.execve(python, [python, *arguments], {**tool_environment(venv), **more})


def tool_environment(venv: Path) -> dict[str, str]:
    """Return this process's environment, with every tool's cache where this user may write."""
    caches = venv / "isthmus"
    if not os.access(caches, os.W_OK):
        caches = Path(tempfile.mkdtemp(prefix="isthmus-"))
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


def bridge(*words: str) -> Callable[[list[str]], int]:
    """Return the command that runs a part of ``isthmus`` in the caller's folder."""

    def run(arguments: list[str]) -> int:
        return become(prepare(ROOT, ("runtime",)), ["-P", "-m", "bridge", *words, *arguments])

    return run


def test_command(arguments: list[str], cpus: int) -> tuple[list[str], dict[str, str]]:
    """Return pytest's arguments and what to add to its environment."""
    rest = [argument for argument in arguments if argument != "--release"]
    release = len(rest) < len(arguments)
    options = ["-m", "pytest", "--durations=10", *(["-o", "timeout=14400"] if release else [])]
    if not rest:  # somebody who chooses tests wants them here and now, not in two workers
        options += ["-n", str(max(2, min(4, cpus))), "--dist", "loadgroup"]
    return options + rest, {"ISTHMUS_RELEASE": "1"} if release else {}


def test(arguments: list[str]) -> int:
    """Run the tests."""
    venv = prepare(ROOT, ("test",))
    options, more = test_command(arguments, os.cpu_count() or 2)
    os.chdir(ROOT)
    return become(venv, options, **more)


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


def cover(arguments: list[str]) -> int:
    """Run the tests under branch coverage: all of the wire and the rules, nine tenths of the rest."""
    venv = prepare(ROOT, ("test",))
    pure = "bridge/wire/*,bridge/domain/*"
    options = ["-n", "2", "--dist", "loadgroup", "-m", "not slow", "--cov", "--cov-branch", "--cov-report="]
    return steps(
        venv,
        [
            ("tests", ["-m", "pytest", "-q", *options, *arguments]),
            ("wire and rules: 100 %", ["-m", "coverage", "report", f"--include={pure}", "--fail-under=100"]),
            ("the rest: 90 %", ["-m", "coverage", "report", f"--omit={pure}", "--fail-under=90"]),
        ],
    )


def bench(arguments: list[str]) -> int:
    """Run the benchmarks."""
    venv = prepare(ROOT, ("runtime", "bench"))
    os.chdir(ROOT)
    return become(venv, ["-m", "benchmarks", *arguments])


def lock(arguments: list[str]) -> int:
    """Compile the lock files anew: hashes, but no addresses and no machine's paths."""
    venv = prepare(ROOT, ("lock",))
    silent = "-q --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links"
    shape = "--generate-hashes --allow-unsafe --strip-extras"
    compile_one = ["-m", "piptools", "compile", *silent.split(), *shape.split()]
    commands = []
    for name, extras in LOCKS.items():
        wanted = [word for extra in extras for word in ("--extra", extra)]
        target = f"requirements/{name}.txt"
        commands.append((target, [*compile_one, *arguments, *wanted, "-o", target, "pyproject.toml"]))
    return steps(venv, commands, stop_early=True)


COMMANDS = {
    "demo": bridge("demo"),
    "test": test,
    "check": check,
    "cover": cover,
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
    except CannotSetUp as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Run it again: it goes on from here.")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
