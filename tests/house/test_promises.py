"""The house's own promises: the pages say what runs, the pure floors stay pure, a skip is said aloud."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import go

CI = (go.ROOT / ".ci" / "run").read_text("utf-8")
PURE = sorted([*(go.ROOT / "bridge" / "wire").rglob("*.py"), *(go.ROOT / "bridge" / "domain").rglob("*.py")])

SOURCES = [
    *go.ROOT.glob("go*.py"),
    *(path for folder in ("bridge", "clients", "benchmarks") for path in (go.ROOT / folder).rglob("*.py")),
]


def test_the_readme_and_ci_run_the_same_two_commands() -> None:
    readme = (go.ROOT / "README.md").read_text("utf-8")

    for command in ("python3 go.py demo", "python3 go.py test"):
        assert command in readme
        assert command in CI


def test_ci_stops_itself_and_is_a_program() -> None:
    assert "timeout --foreground --kill-after=30 1800" in CI
    assert (go.ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_ci_is_a_script_that_a_shell_can_read() -> None:
    done = subprocess.run(["bash", "-n", str(go.ROOT / ".ci" / "run")], capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("page", ["docs/setup.md", "CONTRIBUTING.md"])
def test_the_pages_on_setting_up_name_every_command(page: str) -> None:
    text = (go.ROOT / page).read_text("utf-8")

    assert [name for name in go.COMMANDS if f"`{name}" not in text and f"go.py {name}" not in text] == []


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(go.ROOT)))
def test_a_pure_module_never_asks_what_time_it_is(path: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]

    asked = {call.attr for call in calls if isinstance(call, ast.Attribute)}

    assert asked.isdisjoint({"now", "utcnow", "today"})


def test_every_module_says_what_it_is_for() -> None:
    folders = ("bridge", "clients", "benchmarks", "tests")
    modules = [path for folder in folders for path in (go.ROOT / folder).rglob("*.py")]

    silent = [str(path) for path in modules if not ast.get_docstring(ast.parse(path.read_bytes()))]

    assert silent == []


def test_no_source_file_outgrows_its_limit() -> None:
    too_long = {path.name for path in SOURCES if len(path.read_text("utf-8").splitlines()) > 400}

    assert too_long == set()


def test_no_function_outgrows_its_limit() -> None:
    too_long = {
        f"{path.relative_to(go.ROOT)}: {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines_of_code(node) > 40
    }

    assert too_long == set()


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, its docstring apart."""
    said = function.body[0] if ast.get_docstring(function) else None
    docstring = (said.end_lineno or 0) - said.lineno + 1 if said else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_a_skip_names_the_promise_that_this_machine_did_not_prove(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_bytes((go.ROOT / "tests" / "conftest.py").read_bytes())
    (tmp_path / "test_one.py").write_text("import pytest\ndef test_one():\n    pytest.skip('power cuts')\n")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert "NOT PROVEN HERE: power cuts" in done.stdout


def test_the_list_of_unproven_promises_is_sorted_and_has_no_doubles() -> None:
    lines = (go.ROOT / "tests" / "not_proven_here.txt").read_text("utf-8").splitlines()
    promises = [line for line in lines if not line.startswith("#")]

    assert promises == sorted(set(promises))
    assert all(line.strip() for line in promises)
