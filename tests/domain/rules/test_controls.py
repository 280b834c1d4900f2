"""Setting message controls: one write, against a version; a preview that tells no names."""

from typing import Any

import pytest

from bridge.domain.controls import CATEGORIES
from bridge.errors import InvalidControl
from bridge.ids import AccountId
from bridge.wire.commands import SetControls
from bridge.wire.events import ControlsChanged
from bridge.wire.queries import GetControls, PreviewControls
from bridge.wire.replies import Controls, ControlsPreview
from bridge.wire.values import Network
from tests.domain.world import World

ANN, ANNM = AccountId("aann"), AccountId("aannm")


def test_a_change_is_one_write_with_a_new_version_told_to_the_owner(world: World) -> None:
    world.say("ann", SetControls(as_=ANN, if_version=0, controls={"followers": "none"}))

    shown = world.ask("ann", GetControls(as_=ANN))
    assert isinstance(shown, Controls)
    assert shown.version == 1
    assert {row.category: row.outcome for row in shown.controls}["followers"] == "none"
    assert [event.version for event in world.heard("ann", ControlsChanged)] == [1]
    assert world.audit[-1].detail == "followers: default → none"


def test_a_change_against_an_old_version_is_refused(world: World) -> None:
    world.say("ann", SetControls(as_=ANN, if_version=0, controls={"followers": "none"}, keep_connected=True))
    late = SetControls(as_=ANN, if_version=0, controls={"others_on_direct": "none"})

    assert world.refusal("ann", late) == "stale_version"
    assert "keep_connected" in world.audit[-1].detail


@pytest.mark.parametrize(
    ("controls", "code"),
    [
        ({"others_on_direct": "inbox"}, "invalid_control"),
        ({"nobody": "none"}, "invalid_control"),
        ({"friends_of_friends": "none"}, "invalid_control"),
        ({"messenger_friends": "inbox"}, "needs_link"),
        ({"group_adds": "friends"}, "invalid_control"),
    ],
)
def test_a_control_that_cannot_be_is_refused_with_its_path(
    world: World, controls: dict[str, Any], code: str
) -> None:
    assert world.refusal("ann", SetControls(as_=ANN, if_version=0, controls=controls)) == code
    assert world.refusal("ann", PreviewControls(as_=ANN, controls=controls)) == code
    assert not world.look(lambda: world.facts.controls(ANN)).outcomes


def test_more_categories_open_with_a_link(world: World) -> None:
    def available() -> set[str]:
        shown = world.ask("ann", GetControls(as_=ANN))
        assert isinstance(shown, Controls)
        return {row.category for row in shown.controls if row.available}

    assert available() == {"followers", "others_on_direct", "others_on_messenger", "group_adds"}
    world.link("ann", "annm")
    assert available() == {row.name for row in CATEGORIES[Network.DIRECT]} | {"group_adds"}


def test_a_preview_counts_by_category_and_names_nobody(world: World) -> None:
    for sender in ("eve", "fay"):
        world.join(sender, "direct")
        world.send(sender, "ann")
    world.join("gus", "direct")
    world.set_tie("follow", "ann", "gus")
    world.send("gus", "ann")  # no control decided
    world.set_tie("follow", "bob", "ann")
    world.send("bob", "ann")
    before = dict(world.records)

    preview = world.ask("ann", PreviewControls(as_=ANN, controls={"others_on_direct": "none"}))

    assert isinstance(preview, ControlsPreview)
    (moved,) = preview.moved
    assert (moved.category, moved.was, moved.would_be, moved.messages) == (
        "others_on_direct",
        "requests",
        "none",
        2,
    )
    assert world.records == before


def test_a_preview_tells_of_accepted_chats_that_the_change_would_close(merged: World) -> None:
    for name in ("eve", "fay"):
        merged.join(f"{name}m", "messenger")
        assert merged.sent("ann", f"{name}m") == "ok"
        assert merged.sent(f"{name}m", "ann") == "ok"
    merged.join("gus", "messenger")
    assert (merged.sent("gus", "evem"), merged.sent("evem", "gus")) == ("ok", "ok")  # crosses nothing
    assert merged.sent("ann", "evem") == "ok"
    own = AccountId("aevem")

    def moved(keep: bool | None = None, **controls: str) -> list[tuple[str, str, str, int]]:
        query = PreviewControls(as_=own, controls=controls, keep_connected=keep)
        preview = merged.ask("evem", query)
        assert isinstance(preview, ControlsPreview)
        return [(row.category, row.was, row.would_be, row.messages) for row in preview.moved]

    assert ("others_on_direct", "inbox", "none", 1) in moved(others_on_direct="none")
    assert ("others_on_direct", "requests", "none", 1) in moved(others_on_direct="none")
    assert [row for row in moved(others_on_direct="none", keep=True) if row[1] == "inbox"] == []
    assert moved(others_on_messenger="none") == [("others_on_messenger", "requests", "none", 1)]


def test_a_preview_tells_of_refused_messages_too(world: World) -> None:
    world.set_controls("ann", None, others_on_direct="none")
    world.send("bob", "ann")

    preview = world.ask("ann", PreviewControls(as_=ANN, controls={"others_on_direct": "requests"}))

    assert isinstance(preview, ControlsPreview)
    assert [(row.was, row.would_be) for row in preview.moved] == [("none", "requests")]


def test_a_preview_knows_that_what_the_operators_score_hid_would_be_hidden_again(world: World) -> None:
    world.change("bob", suspected=True)
    world.send("bob", "ann")

    def moved(**controls: str) -> list[tuple[str, str]]:
        preview = world.ask("ann", PreviewControls(as_=ANN, controls=controls))
        assert isinstance(preview, ControlsPreview)
        return [(row.was, row.would_be) for row in preview.moved]

    assert moved() == []
    assert moved(others_on_direct="none") == [("hidden", "none")]


def test_a_preview_tells_whether_it_would_leave_the_hybrid(merged: World) -> None:
    stays = merged.ask("ann", PreviewControls(as_=ANN, controls={"followers": "none"}))
    leaves = merged.ask("ann", PreviewControls(as_=ANN, controls={"others_on_messenger": "none"}))

    assert isinstance(stays, ControlsPreview)
    assert isinstance(leaves, ControlsPreview)
    assert (stays.effects.leaves_hybrid, leaves.effects.leaves_hybrid) == (False, True)
    assert merged.account("ann").hybrid == "on"


def test_a_category_that_an_account_has_not_is_answered_with_those_that_it_has(world: World) -> None:
    change = SetControls(as_=AccountId("aann"), if_version=0, controls={"friends_of_friends": "none"})

    with pytest.raises(InvalidControl) as refused:
        world.run("ann", change)

    assert refused.value.path == "$.controls[...]"  # as the wire writes a key that is not repeated
    assert "others_on_messenger, group_adds" in refused.value.text
    assert "friends_of_friends," not in refused.value.text.replace("messenger_friends_of_friends,", "")
