"""What we stand on: each dependency has its reason, each lock its hashes and no address."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import go

PROJECT = tomllib.loads((go.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REQUIREMENT = re.compile(r"^([a-z0-9._-]+)(?:\[([a-z0-9._,-]+)\])?==([^\s;]+)(?: ; .*)? \\$")


def top_level(extras: tuple[str, ...]) -> set[str]:
    """Return the names that pyproject.toml asks for itself."""
    wanted = list(PROJECT["dependencies"])
    for extra in extras:
        wanted += PROJECT["optional-dependencies"][extra]
    return {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower() for requirement in wanted}


def pins(name: str) -> dict[str, str]:
    """Return package and version for each requirement of one lock file."""
    lines = (go.ROOT / "requirements" / f"{name}.txt").read_text("utf-8").splitlines()
    return {found[1]: found[3] for line in lines if (found := REQUIREMENT.match(line))}


def extras_of(name: str) -> dict[str, set[str]]:
    """Return package and the extras that it is pinned with, of one lock file."""
    lines = (go.ROOT / "requirements" / f"{name}.txt").read_text("utf-8").splitlines()
    found = [found for line in lines if (found := REQUIREMENT.match(line))]
    return {one[1]: set((one[2] or "").split(",")) - {""} for one in found}


@pytest.mark.parametrize("name", go.LOCKS)
def test_a_lock_holds_pins_hashes_and_comments_and_no_address(name: str) -> None:
    text = (go.ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    parts = re.split(r"^(?=[a-zA-Z])", re.sub(r"^ *#.*\n", "", text, flags=re.M), flags=re.M)

    assert "http" not in re.sub(r"^(httpx|httpcore)==.*$", "", text, flags=re.M)
    assert not re.search(r"index-url|find-links|trusted-host|file:/|(?<!= )(?<!\w)/\w", text)
    for part in filter(None, parts):
        first, *hashes = part.rstrip().split("\n")
        assert REQUIREMENT.match(first), first
        assert hashes, first
        assert all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?", line) for line in hashes), first


@pytest.mark.parametrize("name", go.LOCKS)
def test_a_lock_holds_all_that_its_purpose_asks_for(name: str) -> None:
    assert top_level(go.LOCKS[name]) <= set(pins(name))


def test_every_lock_agrees_on_every_version() -> None:
    versions: dict[str, set[str]] = {}
    for name in go.LOCKS:
        for package, version in pins(name).items():
            versions.setdefault(package, set()).add(version)

    assert {package: seen for package, seen in versions.items() if len(seen) > 1} == {}


@pytest.mark.parametrize("name", go.LOCKS)
def test_a_lock_pins_whatever_its_packages_ask_for_with_the_same_extras(name: str) -> None:
    locked = extras_of(name)
    seen = 0
    for package, extras in locked.items():
        try:
            asked = distribution(package).requires or []
        except PackageNotFoundError:
            continue  # another lock's; its turn comes where that one is set up
        seen += 1
        for requirement in map(Requirement, asked):
            applies = requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in (*extras, "")
            )
            if applies:
                wanted = canonicalize_name(requirement.name)
                assert wanted in locked, f"{package} asks for {requirement}"
                assert requirement.extras <= locked[wanted], f"{package} asks for {requirement}"

    assert seen == len(locked) or name != "test"


def test_what_is_installed_is_what_is_locked_and_nothing_is_looked_up() -> None:
    (options,) = re.findall(r"options = (\[.*\])", (go.ROOT / "go_setup.py").read_text("utf-8"))
    lines = [
        line for line in (go.ROOT / "deploy" / "Dockerfile").read_text("utf-8").splitlines() if "pip" in line
    ]

    assert {"--require-hashes", "--no-deps"} <= set(re.findall(r"--[a-z-]+", options))
    assert lines
    assert all("--no-deps" in line for line in lines)


def test_every_extra_has_its_lock() -> None:
    assert {extra for extras in go.LOCKS.values() for extra in extras} == set(
        PROJECT["optional-dependencies"]
    )


def test_every_dependency_has_its_reason_and_every_reason_its_dependency() -> None:
    page = (go.ROOT / "docs" / "dependencies.md").read_text("utf-8")
    rows = re.findall(r"^\| ([a-z0-9-]+) \| (.*?) \| (.*?) \|$", page, flags=re.M)
    reasoned = {package for package, purpose, _ in rows if purpose != "for" and purpose.strip("- ")}

    assert reasoned == top_level(tuple(PROJECT["optional-dependencies"]))


def test_the_lower_bounds_are_versions_we_tried() -> None:
    locked = {package: version for name in go.LOCKS for package, version in pins(name).items()}
    extras = PROJECT["optional-dependencies"].values()

    for bound in [*PROJECT["dependencies"], *(bound for extra in extras for bound in extra)]:
        package, least = re.match(r"([\w.-]+)>=([\d.]+)", bound.lower()).groups()  # type: ignore[union-attr] # fails if unbounded
        assert [int(n) for n in locked[package].split(".")] >= [int(n) for n in least.split(".")], bound
