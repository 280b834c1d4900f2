"""Taking and leaving hybrid messaging: linked is not upgraded, and leaving is not unlinking."""

import pytest

from bridge.domain.policy import Policy
from bridge.ids import AccountId
from bridge.wire.commands import LeaveHybrid, Upgrade
from bridge.wire.events import ControlsChanged, HybridChanged
from bridge.wire.queries import PreviewLeaveHybrid
from bridge.wire.replies import Effects
from tests.domain.world import World

ANN, ANNM = AccountId("aann"), AccountId("aannm")


def test_an_upgrade_needs_a_link(world: World) -> None:
    assert world.refusal("ann", Upgrade(as_=ANN)) == "needs_link"
    assert world.say("annm", Upgrade(as_=ANNM)) == Effects()


def test_an_upgrade_needs_a_region_in_which_it_is_rolled_out(world: World) -> None:
    world.policy = Policy(link_from=None, upgrade_regions=frozenset({"here"}))
    world.link("ann", "annm")
    assert world.refusal("ann", Upgrade(as_=ANN)) == "not_available_in_region"

    world.change("ann", region="here")
    world.say("ann", Upgrade(as_=ANN))

    assert world.account("ann").hybrid == "on"
    assert world.audit[-1].detail == "never → on"


def test_upgrading_twice_changes_nothing_more(merged: World) -> None:
    assert not merged.upgrade("ann").changes


def test_leaving_closes_the_persons_crossings_and_upgrading_opens_them_again(merged: World) -> None:
    merged.send("bobm", "ann")
    merged.accept("ann", "bobm")
    merged.told.clear()

    left = merged.leave("annm").reply

    assert isinstance(left, Effects)
    assert (left.threads_closed, left.leaves_hybrid) == (1, True)
    assert {merged.account(name).hybrid for name in ("ann", "annm")} == {"off"}
    assert merged.sent("bobm", "ann") == "not_accepting"
    assert [event.hybrid for event in merged.heard("ann", HybridChanged)] == ["off"]
    assert merged.heard("bobm") == []  # nobody's settings are announced
    back = merged.upgrade("ann").reply
    assert isinstance(back, Effects)
    assert back.threads_opened == 1
    assert merged.sent("bobm", "ann") == "ok"


def test_a_preview_of_leaving_changes_nothing(merged: World) -> None:
    before = dict(merged.records)

    effects = merged.ask("ann", PreviewLeaveHybrid(as_=ANN))

    assert isinstance(effects, Effects)
    assert effects.leaves_hybrid
    assert merged.records == before


def test_leaving_twice_changes_nothing_more(merged: World) -> None:
    merged.leave("ann")

    assert not merged.leave("ann").changes


def test_who_never_took_part_cannot_leave(world: World) -> None:
    assert world.refusal("annm", LeaveHybrid(as_=ANNM)) == "needs_link"
    assert world.refusal("ann", LeaveHybrid(as_=ANN)) == "not_supported"


def test_refusing_the_other_networks_strangers_leaves_and_upgrading_asks_them_in_again(merged: World) -> None:
    changed = merged.set_controls("ann", None, others_on_messenger="none").reply
    assert merged.account("annm").hybrid == "off"
    merged.told.clear()

    back = merged.upgrade("ann").reply

    assert changed.effects.leaves_hybrid  # type: ignore[union-attr]
    assert isinstance(back, Effects)
    assert back.reset == ("others_on_messenger",)
    assert [event.version for event in merged.heard("ann", ControlsChanged)] == [2]
    assert merged.sent("bobm", "ann") == "ok"


def test_keeping_connections_refuses_strangers_only(merged: World) -> None:
    merged.send("bobm", "ann")
    merged.accept("ann", "bobm")
    merged.join("eve", "messenger")

    changed = merged.set_controls("ann", True, others_on_messenger="none").reply

    assert not changed.effects.leaves_hybrid  # type: ignore[union-attr]
    assert merged.account("ann").hybrid == "on"
    assert merged.sent("bobm", "ann") == "ok"
    assert merged.sent("eve", "ann") == "not_accepting"


@pytest.mark.parametrize("keep", [None, False])
def test_taking_back_keep_connected_leaves(merged: World, keep: bool | None) -> None:
    merged.set_controls("ann", True, others_on_messenger="none")

    merged.set_controls("ann", False)
    merged.set_controls("ann", keep, followers="none")

    assert merged.account("ann").hybrid == "off"


def test_a_person_that_never_upgraded_cannot_leave_by_a_control(world: World) -> None:
    world.set_controls("ann", None, others_on_messenger="none")

    assert world.account("ann").hybrid == "never"
    assert world.sent("bobm", "ann") == "not_accepting"


def test_who_left_and_then_unlinked_may_cross_again_where_the_network_asks_for_no_upgrade(
    merged: World,
) -> None:
    merged.leave("ann")
    merged.unlink("ann")
    assert merged.account("annm").hybrid == "off"

    merged.upgrade("annm")

    assert merged.account("annm").hybrid == "on"
    assert merged.refusal("ann", Upgrade(as_=ANN)) == "needs_link"
