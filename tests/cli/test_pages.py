"""The pages for operators: nothing that can be set, run, read or returned is missing."""

import re
import shlex

import pytest
from cyclopts import App

from bridge.cli import TOPICS, new_app
from bridge.cli.config import toml
from bridge.cli.exits import MEANINGS
from bridge.hub.metrics import METRICS
from bridge.settings import all_settings
from tests.cli.conftest import ROOT

OPERATING = (ROOT / "docs" / "operating.md").read_text("utf-8")
PAGES = ["README.md", "docs/operating.md", "docs/demo.md"]


def commands() -> dict[str, App]:
    """Give every command by its full name."""
    app = new_app()
    found: dict[str, App] = {}
    for topic in TOPICS:
        parts = [part for part in app[topic] if not part.startswith("-")]
        found |= {f"{topic} {part}": app[topic][part] for part in parts} or {topic: app[topic]}
    return found


def test_every_command_is_described() -> None:
    missing = [name for name in commands() if f"| `isthmus {name}` |" not in OPERATING]

    assert missing == []


def test_every_setting_is_described_with_its_default() -> None:
    rows = [
        f"| `{one.name}` | `{toml('' if one.default is None else one.default)}` | {one.meaning} |".replace(
            "``", "`"
        )
        for one in all_settings().values()
    ]

    assert [row for row in rows if row not in OPERATING] == []


def test_every_exit_code_is_described() -> None:
    assert [code for code, text in MEANINGS.items() if f"| {code} | {text} |" not in OPERATING] == []


def test_every_metric_is_described() -> None:
    rows = [f"| `{name}` | {row[1]} | {row[2]} |" for name, row in METRICS.items()]

    assert [row for row in rows if row not in OPERATING] == []


def test_nothing_is_described_that_is_not_there() -> None:
    named = set(re.findall(r"^\| `isthmus ([a-z -]+)` \|", OPERATING, re.MULTILINE))
    settings = set(
        re.findall(
            r"^\| `((?:bus|hub|limits|listen|log|policy|store)[._][a-z_.]+)` \|", OPERATING, re.MULTILINE
        )
    )
    metrics = set(re.findall(r"^\| `(isthmus_[a-z_]+)` \|", OPERATING, re.MULTILINE))

    assert named == set(commands())
    assert settings == set(all_settings())
    assert metrics == set(METRICS)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]

    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("page", [*PAGES, "docs/chat.md", "docs/import.md"])
def test_every_command_on_a_page_is_one(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    lines = re.findall(r"^ *(?:isthmus|python3 go\.py (?:run)?(?=demo|chat|run)) ?(.+)$", text, re.MULTILINE)
    known, wrong = commands(), []
    for line in lines:
        words = shlex.split(line, comments=True)
        name = words[0] if words[0] in known else " ".join(words[:2])
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        if name not in known:
            wrong.append(line)
            continue
        taken = {option for one in known[name].assemble_argument_collection() for option in one.names}
        wrong += [f"{line}: {option}" for option in options - taken]

    assert wrong == []
