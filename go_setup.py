"""What a command needs, set up once: an environment, and in it the files whose hashes are locked.

It stands in ``.venv`` beside the code, or in the user's cache where that cannot
be written. A stamp in it remembers each lock file, so a second run goes straight
on. Used by ``go.py`` alone, and like it on the standard library alone.
"""

import contextlib
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
from collections.abc import Iterator
from pathlib import Path

LAYOUT = "1"  # raise it when what is set up changes in shape: everybody's set-up is made anew


class CannotSetUp(Exception):
    """The machine lacks something; the text says what, and the next step."""


def python_in(venv: Path) -> Path:
    """Return the path of an environment's Python, there or not."""
    return venv / "bin" / "python"


def find_venv(root: Path, environ: dict[str, str], names: tuple[str, ...]) -> Path:
    """Choose the folder of the environment: beside the code if we may, else in the user's cache."""
    beside = root / ".venv"
    if serves(beside, root) and not missing_locks(beside, root, names):
        return beside  # whoever made it: nothing needs to be written
    if os.access(root, os.W_OK) and is_ours_to_make(beside):
        return beside
    return cache_of(root, environ)


def cache_of(root: Path, environ: dict[str, str]) -> Path:
    """Return the folder in this user's cache that belongs to this copy of the code."""
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


def prepare(root: Path, names: tuple[str, ...]) -> Path:
    """Make sure that the environment holds these lock files; return its folder."""
    venv = find_venv(root, dict(os.environ), names)
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


def claim(venv: Path) -> None:
    """Leave the folder empty but for our mark, which it bears from its first moment on."""
    if not venv.exists():
        new = Path(tempfile.mkdtemp(dir=venv.parent, prefix=f"{venv.name}.new"))
        (new / "isthmus").mkdir()
        new.chmod(0o755)
        new.rename(venv)  # at once, so that a run beside us never takes it for somebody else's
    for child in (*(venv / "isthmus").iterdir(), *venv.iterdir()):
        if child.is_dir() and not child.is_symlink():
            if child.name != "isthmus":
                shutil.rmtree(child)
        else:
            child.unlink()


def make_venv(venv: Path) -> None:
    """Make an empty environment by whichever means this machine has."""
    say(f"Setting up {venv} ...")
    failures = []
    for attempt in ways_to_make(venv):
        claim(venv)
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
    # The lock holds all there is to install: nothing is looked up, so that no new release can get in the way.
    options = ["install", "--require-hashes", "--no-deps", "--no-user", "--no-input"]
    environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    started = time.monotonic()
    lines = []
    with subprocess.Popen(
        [*pip_for(venv), *options, "--disable-pip-version-check", "--progress-bar", "off", "-r", str(lock)],
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
