"""``isthmus link`` and ``isthmus controls``: what an operator does for people, and what the log tells."""

import pytest

from bridge.cli import exits
from tests.cli.conftest import Isthmus


@pytest.fixture
def people(isthmus: Isthmus) -> Isthmus:
    """Ana on both networks, Ben on Messenger."""
    for account in ("direct/ana", "messenger/ana", "messenger/ben"):
        assert isthmus("account", "create", account, "--no-password").code == 0
    return isthmus


def test_a_link_is_made_upgraded_previewed_undone_and_made_again(people: Isthmus) -> None:
    made = people("link", "make", "direct/ana", "messenger/ana", "--json")
    shown = people("link", "show", "direct/ana", "--json").data
    upgraded = people("link", "upgrade", "direct/ana", "--json")
    preview = people("link", "preview", "direct/ana", "--json")
    still = people("link", "show", "direct/ana", "--json").data
    gone = people("link", "unlink", "direct/ana", "--json")
    alone = people("link", "show", "direct/ana", "--json").data
    again = people("link", "undo", "direct/ana", "messenger/ana", "--json")

    assert [ran.code for ran in (made, upgraded, preview, gone, again)] == [0] * 5
    assert shown["linked_to"] == ["messenger/ana"]
    assert still["hybrid"] == "on"
    assert preview.data["leaves_hybrid"] is True
    assert alone["linked_to"] == []
    assert len(again.data["accounts"]) == 2


def test_leaving_is_previewed_without_doing_it(people: Isthmus) -> None:
    people("link", "make", "direct/ana", "messenger/ana")
    people("link", "upgrade", "direct/ana")

    preview = people("link", "leave", "direct/ana", "--preview")
    still = people("link", "show", "direct/ana", "--json").data["hybrid"]
    left = people("link", "leave", "direct/ana")

    assert "would leave" in preview.out
    assert still == "on"
    assert left.code == 0
    assert people("link", "show", "direct/ana", "--json").data["hybrid"] == "off"


def test_what_an_operator_does_stands_in_the_audit_log_as_his(people: Isthmus) -> None:
    people("link", "make", "direct/ana", "messenger/ana")
    people("controls", "explain", "direct/ana", "messenger/ben")

    links = people("link", "audit", "--json").rows
    lines = people("audit-log", "direct/ana", "--json").rows

    assert {"link"} == {line["deed"] for line in links}
    assert "" in {line["actor"] for line in links}
    assert "explain" in {line["deed"] for line in lines}


def test_a_version_of_the_controls_is_told_where_a_control_had_a_say(people: Isthmus) -> None:
    people("controls", "set", "direct/ana", "others_on_messenger=none")

    by_control = people("controls", "explain", "direct/ana", "messenger/ben").out
    people("account", "deactivate", "direct/ana")
    by_state = people("controls", "explain", "direct/ana", "messenger/ben").out

    assert "category: others_on_messenger, in version 1 of the controls" in by_control
    assert "version" not in by_state


def test_controls_are_shown_set_and_explained(people: Isthmus) -> None:
    before = people("controls", "explain", "direct/ana", "messenger/ben", "--json").data
    preview = people("controls", "preview", "direct/ana", "others_on_messenger=none")
    changed = people("controls", "set", "direct/ana", "others_on_messenger=none", "--json").data
    after = people("controls", "explain", "direct/ana", "messenger/ben", "--json").data
    shown = people("controls", "show", "direct/ana", "--json").data

    assert before["outcome"] == "requests"
    assert preview.out.startswith("It would do this:")
    assert changed["version"] == 1
    assert (after["outcome"], after["rule"]) == ("none", "closed:others_on_messenger")
    outcomes = {control["category"]: control["outcome"] for control in shown["controls"]}
    assert outcomes["others_on_messenger"] == "none"


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["link", "make", "direct/ana", "direct/ana"], exits.FAILED, "one account per network"),
        (["link", "make", "messenger/ana", "direct/ana"], exits.FAILED, "other network"),
        (["link", "make", "direct/ana", "messenger/nobody"], exits.MISSING, "isthmus account list"),
        (["link", "upgrade", "direct/ana"], exits.FAILED, "Link"),
        (["link", "undo", "direct/ana", "messenger/ana"], exits.FAILED, ""),
        (["link", "frob", "direct/ana"], exits.USAGE, "frob"),
        (["controls", "set", "direct/ana"], exits.USAGE, "others_on_messenger=none"),
        (["controls", "set", "direct/ana", "followers"], exits.USAGE, "others_on_messenger=none"),
        (["controls", "set", "direct/ana", "followers=maybe"], exits.FAILED, "$.controls.followers"),
        (["controls", "set", "direct/ana", "fans=none"], exits.FAILED, "$.controls"),
        (["controls", "set", "direct/ana", "F=none"], exits.USAGE, "$.controls"),
        (
            ["controls", "set", "direct/ana", "followers=none", "--if-version", "7"],
            exits.FAILED,
            "$.if_version",
        ),
        (
            ["controls", "set", "direct/ana", "followers=none", "--if-version", "-1"],
            exits.USAGE,
            "$.if_version",
        ),
        (["controls", "set", "direct/ana", "phone_contacts=none"], exits.FAILED, "Link"),
        (["controls", "preview", "direct/ana", "followers=maybe"], exits.FAILED, "$.controls.followers"),
        (["controls", "explain", "direct/ana", "messenger/nobody"], exits.MISSING, "nobody"),
        (["audit-log", "--limit", "0"], exits.USAGE, "$.limit"),
        (["audit-log", "--limit", "many"], exits.USAGE, "many"),
    ],
)
def test_what_is_broken_changes_nothing(people: Isthmus, arguments: list[str], code: int, hint: str) -> None:
    ran = people(*arguments)

    assert ran.code == code, ran.err
    assert hint in ran.err
    assert people("controls", "show", "direct/ana", "--json").data["version"] == 0
    assert people("link", "show", "direct/ana", "--json").data["linked_to"] == []
