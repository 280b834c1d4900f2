"""The bootstrap: what it says, when it sets up, and that a second run does not."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

import go
import go_setup


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with lock files, whose environment nobody has made yet."""
    root = tmp_path / "repository"
    (root / "requirements").mkdir(parents=True)
    for name in go.LOCKS:
        (root / "requirements" / f"{name}.txt").write_text(f"{name}==1 \\\n", "utf-8")
    return root


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Set up for pretence: an environment of one link, and a list of what would have been installed."""
    names: list[str] = []

    def make(venv: Path) -> None:
        names.append("venv")
        go_setup.claim(venv)
        (venv / "bin").mkdir()
        (venv / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
        go_setup.python_in(venv).symlink_to(sys.executable)

    monkeypatch.setattr(go_setup, "make_venv", make)
    monkeypatch.setattr(go_setup, "install", lambda venv, root, name: names.append(name))
    return names


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(go.ROOT / "go.py"), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
        timeout=60,
        check=False,
    )


def test_help_names_every_command() -> None:
    done = run("--help")

    assert done.returncode == 0
    assert all(f"\n  {name}" in done.stdout for name in go.COMMANDS)


def test_no_command_shows_the_help_and_counts_as_misuse() -> None:
    done = run()

    assert (done.returncode, done.stdout) == (2, go.HELP)


def test_a_mistyped_command_is_answered_with_the_nearest() -> None:
    done = run("tets")

    assert done.returncode == 2
    assert "Did you mean: python3 go.py test" in done.stderr


def test_an_unknown_command_points_to_the_help() -> None:
    done = run("xyzzy")

    assert done.returncode == 2
    assert "See: python3 go.py --help" in done.stderr


def test_an_old_python_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(SystemExit) as exit_:
        go.newer_python((3, 9))

    assert "needs Python 3.11 or newer; this is Python 3.9" in str(exit_.value)
    assert "Next step" in str(exit_.value)


def test_an_old_python_hands_over_to_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: sys.executable if name == "python3.12" else None)

    assert go.newer_python((3, 9)) == sys.executable


def test_a_version_managers_empty_shim_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\nexit 127\n", "utf-8")
    shim.chmod(0o755)
    found = {"python3.13": str(shim), "python3.11": sys.executable}
    monkeypatch.setattr(shutil, "which", found.get)

    assert go.newer_python((3, 9)) == sys.executable


def test_a_new_python_runs_as_it_is() -> None:
    assert go.newer_python((3, 11)) is None


def test_the_first_run_sets_up_and_the_second_does_not(root: Path, installed: list[str]) -> None:
    venv = go_setup.prepare(root, ("runtime",))
    first = list(installed)

    again = go_setup.prepare(root, ("runtime",))

    assert venv == again == root / ".venv"
    assert first == installed == ["venv", "runtime"]


def test_another_command_installs_only_what_it_adds(root: Path, installed: list[str]) -> None:
    go_setup.prepare(root, ("test",))

    go_setup.prepare(root, ("test", "lint"))

    assert installed == ["venv", "test", "lint"]


def test_a_changed_lock_is_installed_anew(root: Path, installed: list[str]) -> None:
    go_setup.prepare(root, ("runtime",))
    (root / "requirements" / "runtime.txt").write_text("runtime==2 \\\n", "utf-8")

    go_setup.prepare(root, ("runtime",))

    assert installed == ["venv", "runtime", "runtime"]


def test_a_moved_repository_is_set_up_anew(
    root: Path, installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_setup.prepare(root, ("runtime",))
    moved = root.rename(root.with_name("moved"))

    assert not go_setup.serves(moved / ".venv", moved)
    assert go_setup.is_ours_to_make(moved / ".venv")


def test_an_interrupted_setting_up_is_begun_again(
    root: Path, installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(venv: Path, root: Path, name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(go_setup, "install", fail)
        with pytest.raises(KeyboardInterrupt):
            go_setup.prepare(root, ("runtime",))

    go_setup.prepare(root, ("runtime",))

    assert installed == ["venv", "runtime"]


def test_an_environment_that_somebody_else_made_is_left_alone(
    root: Path, tmp_path: Path, installed: list[str]
) -> None:
    theirs = root / ".venv" / "theirs"
    theirs.mkdir(parents=True)

    venv = go_setup.find_venv(root, {"XDG_CACHE_HOME": str(tmp_path / "cache")}, ())

    assert theirs.exists()
    assert venv.is_relative_to(tmp_path / "cache" / "isthmus")


def test_a_folder_that_cannot_be_written_is_served_from_the_users_cache(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != root)

    venv = go_setup.find_venv(root, {"HOME": str(tmp_path / "home")}, ())

    assert venv.parent == tmp_path / "home" / ".cache" / "isthmus"


def test_somebody_elses_environment_serves_as_far_as_it_goes(
    root: Path, tmp_path: Path, installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = go_setup.prepare(root, ("runtime",))
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))
    home = {"HOME": str(tmp_path / "home")}

    enough, too_little = (go_setup.find_venv(root, home, (name,)) for name in ("runtime", "lint"))

    assert enough == shared
    assert too_little.is_relative_to(tmp_path / "home")


def test_somebody_without_a_home_is_set_up_in_a_private_folder(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != root)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))

    venv = go_setup.find_venv(root, {"HOME": "/dev/null/nowhere"}, ())

    assert venv.parent == tmp_path / f"isthmus-{os.getuid()}"
    assert venv.parent.stat().st_mode & 0o077 == 0


def test_two_repositories_do_not_share_a_cached_environment(tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path)}

    assert go_setup.find_venv(tmp_path / "one", cache, ()) != go_setup.find_venv(tmp_path / "two", cache, ())


def test_two_runs_at_once_set_up_once(root: Path, installed: list[str]) -> None:
    runs = [threading.Thread(target=go_setup.prepare, args=(root, ("runtime",))) for _ in range(4)]

    for one in runs:
        one.start()
    for one in runs:
        one.join()

    assert installed == ["venv", "runtime"]


def test_the_environment_imports_the_code_where_it_stands(root: Path, installed: list[str]) -> None:
    venv = go_setup.prepare(root, ("runtime",))

    command = (venv / "bin" / "isthmus").read_text("utf-8")

    (link,) = venv.glob("lib/*/site-packages/isthmus.pth")
    assert link.read_text("utf-8") == f"{root}\n"
    assert f"exec {venv}/bin/python -P -m bridge" in command


def test_all_tests_run_in_workers_and_chosen_ones_do_not() -> None:
    everything, _ = go.test_command([], cpus=2)
    chosen, _ = go.test_command(["tests/wire", "-x"], cpus=2)

    assert everything[-6:] == ["-n", "2", "--dist", "loadgroup", "-m", "not long"]
    assert chosen[-2:] == ["tests/wire", "-x"]
    assert "-n" not in chosen


def test_what_a_plain_run_leaves_out_is_said_and_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    go.test_command([], cpus=2)
    said = capsys.readouterr()
    long, _ = go.test_command(["--long"], cpus=2)
    release, _ = go.test_command(["--release"], cpus=2)

    assert "python3 go.py test --long" in said.out + said.err
    assert long[-2:] == ["-m", "long"]
    assert "-m" not in release[2:]


def test_coverage_is_counted_by_the_way_and_held_to_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, list[str]]] = []

    def steps(venv: Path, commands: list[tuple[str, list[str]]]) -> int:
        ran.extend(commands)
        return 0

    monkeypatch.setattr(go, "prepare", lambda root, locks: root)
    monkeypatch.setattr(go, "steps", steps)

    go.test(["--cover"])

    plain, _ = go.test_command([], os.cpu_count() or 2)
    assert [word for word in ran[0][1] if not word.startswith("--cov")] == plain
    assert "--cov-branch" in ran[0][1]
    assert [[word for word in command if "under" in word] for _, command in ran[1:]] == [
        ["--fail-under=100"],
        ["--fail-under=90"],
    ]


def test_a_release_run_tells_the_tests_to_count_long() -> None:
    options, environ = go.test_command(["--release"], cpus=2)

    assert environ == {"ISTHMUS_RELEASE": "1"}
    assert "--release" not in options


def test_a_machine_without_any_way_is_told_the_next_step(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(go_setup, "ways_to_make", lambda venv: [["false"]])
    monkeypatch.setattr(go_setup, "install_debian_venv", lambda: False)
    monkeypatch.setattr(go, "ROOT", root)

    code = go.main(["demo"])

    assert code == 1
    assert "Next step: apt-get install python3-venv" in capsys.readouterr().err
