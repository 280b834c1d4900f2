"""The house rules of every test: no home but its own, no skip without its promise said aloud."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

RELEASE = os.environ.get("ISTHMUS_RELEASE") == "1"

# The same examples in every ordinary run, fresh ones before a release.
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.register_profile(
    "release",
    deadline=None,
    max_examples=2_000,
    database=DirectoryBasedExampleDatabase(
        Path(os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY", ".hypothesis")) / "examples"
    ),
)
settings.load_profile("release" if RELEASE else "ci")


@pytest.fixture(scope="session")
def release() -> bool:
    """Whether the long counts of a release are wanted."""
    return RELEASE


@pytest.fixture(scope="session", autouse=True)
def a_home_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's settings out of the tests, and the tests out of the user's files."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    for name in [name for name in os.environ if name.startswith("ISTHMUS_") and name != "ISTHMUS_RELEASE"]:
        del os.environ[name]
    os.environ["HOME"] = str(home)
    for kind in ("CACHE_HOME", "CONFIG_HOME", "DATA_HOME", "STATE_HOME", "RUNTIME_DIR"):
        os.environ[f"XDG_{kind}"] = str(home)


@pytest.fixture(autouse=True)
def a_slow_test_starts_its_processes_untraced(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have coverage leave alone what a test that does not count runs: it takes long enough."""
    # A patch of its own: ``monkeypatch``, asked for here, would be undone after the fixtures of each test.
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("slow") is not None:
            for name in [name for name in os.environ if name.startswith("COVERAGE_PROCESS_")]:
                patch.delenv(name)
        yield


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, lest a worker is left alone with one at the end; count no slow ones."""
    items.sort(key=lambda item: _length(item), reverse=True)
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker("no_cover")


def _length(item: pytest.Item) -> float:
    """Say how long a test may take: the timeouts of the longest say so, the others are slow or are not."""
    timeout = item.get_closest_marker("timeout")
    return (
        float(timeout.args[0])
        if timeout and timeout.args
        else float(item.get_closest_marker("slow") is not None)
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say of each skipped test which promise this machine did not prove."""
    reasons = {
        report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        for report in terminalreporter.stats.get("skipped", [])
    }
    for reason in sorted(reasons):
        promise = reason.removeprefix("Skipped: ").removeprefix("NOT PROVEN HERE: ")
        terminalreporter.write_line(f"NOT PROVEN HERE: {promise}")
