"""The table of commands: all are explained, found and documented."""

from pathlib import Path

import pytest

from bridge.wire.replies import Effects
from bridge.wire.values import ControlView, DecisionView, OutcomeOf
from clients.terminal import words
from clients.terminal.commands import COMMANDS, find, help_lines, similar

DOCS = Path(__file__).parents[3] / "docs" / "chat.md"


def test_the_help_names_every_command_once() -> None:
    lines = list(help_lines())

    for command in COMMANDS:
        assert (
            sum(
                line.startswith(f"/{command.name} ") or line.startswith(f"/{command.name}:") for line in lines
            )
            == 1
        )


def test_the_page_in_the_docs_is_made_from_the_same_table() -> None:
    page = DOCS.read_text()

    for command in COMMANDS:
        usage = f"/{command.name} {command.arguments}".rstrip().replace("|", "\\|")
        assert f"| `{usage}` | {command.help} |" in page


def test_names_are_unique_and_found_in_any_case() -> None:
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)
    assert all(find(command.name.upper()) is command for command in COMMANDS)
    assert find("sing") is None


def test_a_mistyped_command_is_guessed() -> None:
    assert similar("acept") == "accept"
    assert similar("xyzzy") is None
    assert list(help_lines("xyzzy")) == ["There is no command /xyzzy."]


def test_controls_read_as_people_say_them() -> None:
    view = ControlView(category="phone_contacts", outcome="requests", options=("requests", "none"))

    assert words.control(view) == "people who have my phone number in their contacts: requests"
    assert "once you link" in words.control(
        ControlView(category="x", outcome="", options=(), available=False)
    )


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("none", "none"),
        ("Don't receive", "none"),
        ("don’t receive requests", "none"),
        ("requests", "requests"),
        ("inbox", None),
        ("", None),
    ],
)
def test_an_outcome_may_be_said_in_words(said: str, meant: str | None) -> None:
    view = ControlView(category="followers", outcome="requests", options=("requests", "none"))

    assert words.outcome_word(said, view) == meant


def test_effects_are_counted_in_words_and_nothing_is_no_line() -> None:
    all_of_it = Effects(
        threads_closed=12, threads_opened=1, groups_left=2, requests_lapsed=1, in_flight=3,
        categories_added=("followers",), categories_removed=("direct_followers",), leaves_hybrid=True,
        reset=("others_on_direct",),
    )  # fmt: skip

    assert list(words.effects(Effects())) == []
    lines = list(words.effects(all_of_it))
    assert lines[:3] == [
        "12 threads become read-only.",
        "1 thread can be written to again.",
        "2 groups lose a member.",
    ]
    assert len(lines) == 9


def test_a_decision_is_explained_with_its_category_and_the_spam_filter() -> None:
    refused = DecisionView(outcome=OutcomeOf.NONE, rule="closed:followers")
    hidden = DecisionView(
        outcome=OutcomeOf.HIDDEN, rule="control:followers", category="followers", facts=("spam",)
    )

    (line,) = words.decision(refused)
    assert line.startswith("It lands nowhere")
    assert "accounts that follow me" in line
    assert "spam filter" in list(words.decision(hidden))[1]


def test_reasons_for_closed_threads_are_said_in_words() -> None:
    assert words.closed("left_hybrid").startswith("you left")
    assert words.closed("something_new") == "something new"
