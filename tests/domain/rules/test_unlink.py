"""Unlinking: a preview, then the deed; what was shut stays shut, and two weeks to undo it."""

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.domain.deeds import EraseAccount
from bridge.domain.facts import UNKNOWN, Facts
from bridge.domain.hold import Hold
from bridge.domain.model import Person, Thread, ThreadKind
from bridge.domain.outcome import legs_of
from bridge.domain.rules import unlink
from bridge.domain.views import thread_changed
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.commands import Accept, Link, SetControls, SetLinkOptions, UndoUnlink
from bridge.wire.events import HybridChanged, LinkChanged, ProfileChanged, ThreadChanged, TieChanged
from bridge.wire.queries import Explain, PreviewUnlink
from bridge.wire.replies import Effects, Explained, Tied
from bridge.wire.values import AccountState, Network, TieState
from tests.domain.world import World

ANN, ANNM = AccountId("aann"), AccountId("aannm")
UNDO = UndoUnlink(as_=ANN, network=Network.MESSENGER, handle="annm", password="right")


def test_a_preview_tells_the_effects_and_changes_nothing(merged: World) -> None:
    merged.send("bobm", "ann")
    merged.join("evem", "messenger")
    merged.send("evem", "ann")
    merged.accept("ann", "evem")
    merged.put(Thread(id=ThreadId("g1"), kind=ThreadKind.GROUP, members=(ANN,), link=b""))
    before = dict(merged.records)

    effects = merged.ask("ann", PreviewUnlink(as_=ANN))

    assert isinstance(effects, Effects)
    assert (effects.threads_closed, effects.requests_lapsed, effects.groups_left) == (1, 1, 1)
    assert effects.leaves_hybrid
    assert "messenger_friends" in effects.categories_removed
    assert effects.undo_until is None
    assert merged.records == before


def test_the_deed_does_what_the_preview_told_and_counts_messages_in_flight(merged: World) -> None:
    merged.send("bobm", "ann")
    told = merged.ask("ann", PreviewUnlink(as_=ANN))
    scene_of = merged.scene("ann", in_flight=3)
    assert scene_of.in_flight == 3

    done = merged.unlink("ann").reply

    assert isinstance(done, Effects)
    assert isinstance(told, Effects)
    assert replace(done, undo_until=None) == told
    assert done.undo_until == merged.now + 14 * 86_400_000


def test_a_preview_looks_at_no_thread_however_many_requests_wait(merged: World) -> None:
    for number in range(5):
        merged.join(f"writer{number}", "messenger")
        merged.send(f"writer{number}", "ann")
    merged.facts = Facts()

    effects = merged.ask("ann", PreviewUnlink(as_=ANN))

    assert isinstance(effects, Effects)
    assert effects.requests_lapsed == 5
    threads = [merged.thread("ann", f"writer{number}") for number in range(5)]
    assert [merged.facts.known((Thread, thread)) for thread in threads] == [UNKNOWN] * 5


def test_requests_that_end_are_gone_through_once_whatever_else_is_asked(
    merged: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = []

    def told(*given: Any, **more: Any) -> ThreadChanged:
        ended.append(thread_changed(*given, **more))
        return ended[-1]

    for number in range(5):
        merged.join(f"writer{number}", "messenger")
        merged.send(f"writer{number}", "ann")
    merged.set_tie("block", "ann", "bob")
    merged.facts = Facts()
    monkeypatch.setattr(unlink, "thread_changed", told)

    merged.unlink("ann")

    assert len(ended) == 5


def test_the_account_leaves_the_person_and_both_hear_of_it(merged: World) -> None:
    merged.unlink("ann")

    assert merged.person("ann").accounts == (ANN,)
    assert merged.person("annm").accounts == (ANNM,)
    assert [event.linked_to for event in merged.heard("annm", LinkChanged)] == [()]
    assert [event.hybrid for event in merged.heard("ann", HybridChanged)] == ["off"]
    assert merged.look(lambda: legs_of(merged.facts, ANN)) == (ANN,)
    assert merged.audit[-1].deed == "unlink"


def test_single_sign_on_ends(world: World) -> None:
    world.link("ann", "annm")
    world.say("ann", SetLinkOptions(as_=ANN, single_sign_on=True))

    world.unlink("annm")

    assert world.look(lambda: legs_of(world.facts, ANN)) == (ANN,)
    assert not world.person("ann").single_sign_on


def test_the_accounts_are_told_what_they_share_no_more_and_again_after_an_undo(merged: World) -> None:
    merged.say("ann", SetLinkOptions(as_=ANN, single_sign_on=True, sync_name=True))
    merged.told.clear()

    merged.unlink("annm")

    for name in ("ann", "annm"):
        (event,) = merged.heard(name, ProfileChanged)
        view = event.account
        assert (view.single_sign_on, view.synced, view.linked_to) == (False, (), ())

    merged.say("ann", UNDO, proven=["annm"])

    for name, hybrid in (("ann", "on"), ("annm", "on")):
        (event,) = merged.heard(name, ProfileChanged)
        assert (event.account.single_sign_on, event.account.hybrid) == (True, hybrid)


def test_unlinking_an_account_alone_is_refused(world: World) -> None:
    assert world.refusal("ann", PreviewUnlink(as_=ANN)) == "needs_link"


@pytest.mark.parametrize("kind", ["block", "restrict"])
def test_what_the_person_shut_out_stays_shut_out_at_each_account(merged: World, kind: str) -> None:
    merged.set_tie(kind, "ann", "bob")

    merged.unlink("ann")

    word = f"{kind}s"
    assert getattr(merged.tie("ann", "bob"), word)
    assert getattr(merged.tie("annm", "bob"), word)


@pytest.mark.parametrize("kind", ["block", "restrict"])
def test_each_account_is_told_of_what_its_person_shut_out_at_the_other(merged: World, kind: str) -> None:
    merged.set_tie(kind, "ann", "bob")
    merged.told.clear()

    merged.unlink("ann")

    assert merged.heard("ann", TieChanged) == []
    told = [
        (event.leg, event.account.handle, event.tie, event.state)
        for event in merged.heard("annm", TieChanged)
    ]
    assert told == [(ANNM, "bob", kind, "on")]
    assert merged.heard("bob") == []


def test_a_hiding_decline_is_copied_to_each_account(merged: World) -> None:
    merged.send("bob", "ann")
    merged.decline("ann", "bob", hide=True)

    merged.unlink("ann")

    assert merged.tie("annm", "bob").hides


def test_others_blocks_still_cover_the_account_that_left(merged: World) -> None:
    merged.set_tie("block", "bob", "ann")

    merged.unlink("ann")

    assert merged.tie("bob", "annm").blocks
    assert merged.heard("bob")[1:] == []  # but for its own deed, it heard nothing


@pytest.mark.parametrize("kind", ["block", "restrict"])
def test_whoever_shut_out_one_account_is_not_shown_the_other_that_left(merged: World, kind: str) -> None:
    before = merged.explain("bob", "annm")
    merged.set_tie(kind, "bob", "ann")

    merged.unlink("ann")

    word = f"{kind}s"
    assert (getattr(merged.tie("bob", "ann"), word), getattr(merged.tie("bob", "annm"), word)) == (
        Hold.OWN,
        Hold.COPIED,
    )
    assert merged.explain("bob", "annm") == before


def test_a_message_that_lies_in_requests_by_a_copied_restriction_does_not_tell_of_it(merged: World) -> None:
    merged.set_tie("restrict", "bobm", "ann")
    merged.unlink("ann")
    merged.send("annm", "bobm")

    told = merged.ask(
        "bobm", Explain(as_=AccountId("abobm"), thread=merged.thread("annm", "bobm"), seq=Seq(1))
    )

    assert isinstance(told, Explained)
    assert (told.decision.outcome, told.decision.rule) == ("requests", "not_delivered")


def test_a_copy_is_copied_on_as_unseen_and_what_was_seen_stays_so(merged: World) -> None:
    merged.set_tie("block", "bob", "ann")
    merged.unlink("ann")
    merged.link("bob", "bobm")
    merged.unlink("bob")

    assert merged.tie("bobm", "ann").blocks == Hold.OWN
    assert merged.tie("bobm", "annm").blocks == Hold.COPIED

    merged.link("ann", "annm")
    merged.unlink("annm")

    assert merged.tie("bob", "ann").blocks == merged.tie("bobm", "ann").blocks == Hold.OWN
    assert merged.tie("bob", "annm").blocks == Hold.COPIED


@pytest.mark.parametrize("kind", ["block", "restrict"])
def test_what_was_copied_falls_with_what_it_was_copied_from(merged: World, kind: str) -> None:
    merged.send("annm", "bob")
    merged.accept("bob", "annm")
    merged.set_tie(kind, "bob", "ann")
    merged.unlink("annm")
    merged.heard("bob")

    merged.set_tie(kind, "bob", "ann", False)

    assert not getattr(merged.tie("bob", "annm"), f"{kind}s")
    assert [event.account.id for event in merged.heard("bob", TieChanged)] == [ANN]
    assert merged.side("bob", "annm").folder == "inbox"


def _part_again(world: World, one: str, other: str) -> None:
    world.link(one, other)
    world.unlink(other)


@pytest.mark.parametrize("kind", ["block", "restrict"])
def test_copies_fall_with_what_they_were_copied_from_however_many_unlinks_ago(
    merged: World, kind: str
) -> None:
    merged.join("evem", "messenger")
    merged.join("eve", "direct")
    merged.set_tie(kind, "bob", "ann")
    merged.unlink("annm")
    _part_again(merged, "ann", "evem")
    _part_again(merged, "eve", "evem")  # a copy is copied on
    shut_out = [merged.tie("bob", name) for name in ("annm", "evem", "eve")]
    assert [getattr(tie, f"{kind}s") for tie in shut_out] == [Hold.COPIED] * 3

    merged.set_tie(kind, "bob", "ann", False)

    assert not any(getattr(merged.tie("bob", tie.other[1:]), f"{kind}s") for tie in shut_out)


def test_a_copy_stays_while_its_owner_shuts_out_another_whom_it_covered(merged: World) -> None:
    merged.join("eve", "direct")
    merged.set_tie("block", "bob", "ann")
    merged.unlink("annm")
    merged.set_tie("block", "bob", "eve")
    _part_again(merged, "eve", "annm")

    merged.set_tie("block", "bob", "ann", False)
    assert merged.tie("bob", "annm").blocks == Hold.COPIED

    merged.set_tie("block", "bob", "eve", False)
    assert not merged.tie("bob", "annm").blocks


@pytest.mark.parametrize("takes_up", ["accept", "send"])
def test_a_copied_decline_falls_when_the_thread_is_taken_up(merged: World, takes_up: str) -> None:
    merged.send("ann", "bob")
    merged.decline("bob", "ann", hide=True)
    merged.unlink("annm")
    assert merged.tie("bob", "annm").hides == Hold.COPIED

    if takes_up == "send":
        merged.send("bob", "ann")
    else:
        merged.set_tie("follow", "bob", "ann")  # so that she may say more
        merged.send("ann", "bob")
        merged.accept("bob", "ann")

    assert not merged.tie("bob", "annm").hides


def test_a_copy_is_lifted_unsaid_and_set_as_anything_new(merged: World) -> None:
    merged.set_tie("block", "bob", "ann")
    merged.unlink("annm")
    merged.heard("bob")
    lines = len(merged.audit)

    assert merged.set_tie("block", "bob", "annm", False).reply == Tied(state=TieState.ABSENT)
    assert (merged.heard("bob"), len(merged.audit)) == ([], lines)
    assert not merged.tie("bob", "annm").blocks
    assert merged.tie("bob", "ann").blocks

    merged.put(replace(merged.tie("bob", "annm"), blocks=Hold.COPIED))
    merged.set_tie("block", "bob", "annm")
    assert merged.tie("bob", "annm").blocks == Hold.OWN
    assert [event.state for event in merged.heard("bob", TieChanged)] == ["on"]


def test_what_stood_between_the_two_accounts_wakes_as_it_was(world: World) -> None:
    world.set_tie("block", "ann", "annm")
    world.link("ann", "annm")

    world.unlink("ann")

    assert world.tie("ann", "annm").blocks
    assert not world.tie("annm", "ann").blocks


def test_requests_from_the_other_network_lapse_and_their_sender_notices_nothing(merged: World) -> None:
    merged.send("bobm", "ann")
    merged.send("bob", "ann")
    merged.told.clear()

    merged.unlink("ann")

    assert (merged.side("ann", "bobm").folder, merged.side("ann", "bobm").consent) == ("none", "lapsed")
    assert merged.side("ann", "bob").folder == "requests"
    assert merged.heard("bobm") == []
    assert merged.sent("bobm", "ann") == "request_pending"
    assert merged.refusal("ann", Accept(threads=(merged.thread("ann", "bobm"),))) == "not_allowed"


def test_an_accepted_crossing_becomes_read_only_and_keeps_its_history(merged: World) -> None:
    merged.send("bobm", "ann")
    merged.accept("ann", "bobm")

    merged.unlink("annm")

    assert merged.side("ann", "bobm").folder == "inbox"
    assert merged.sent("bobm", "ann") == "not_accepting"
    assert merged.sent("ann", "bobm") == "not_accepting"


def test_an_undo_gives_back_the_link_the_hybrid_and_single_sign_on(merged: World) -> None:
    merged.say("ann", SetLinkOptions(as_=ANN, single_sign_on=True))
    merged.unlink("annm")

    merged.say("ann", UNDO, proven=["annm"])

    assert merged.person("ann").accounts == (ANN, ANNM)
    assert merged.person("ann").single_sign_on
    assert merged.account("ann").hybrid == "on"
    assert merged.audit[-1].deed == "undo_unlink"


def test_an_undo_needs_the_proof_of_the_other_account(merged: World) -> None:
    merged.unlink("ann")

    assert merged.refusal("ann", UNDO) == "proof_failed"
    assert merged.person("ann").accounts == (ANN,)


def test_an_account_that_the_operator_closed_is_proven_by_no_password(merged: World) -> None:
    merged.unlink("ann")
    merged.change("annm", state=AccountState.DEACTIVATED)

    assert merged.refusal("ann", UNDO, proven=["annm"]) == "proof_failed"
    link = Link(as_=ANN, network=Network.MESSENGER, handle="annm", password="right")
    assert merged.refusal("ann", link, proven=["annm"]) == "proof_failed"
    assert merged.person("ann").accounts == (ANN,)


def test_an_undo_comes_too_late_after_two_weeks_and_only_once(merged: World) -> None:
    merged.unlink("ann")
    left = merged.now
    merged.now = left + 14 * 86_400_000 + 1
    assert merged.refusal("ann", UNDO, proven=["annm"]) == "expired"
    merged.now = left + 14 * 86_400_000

    merged.say("ann", UNDO, proven=["annm"])
    merged.put(
        replace(merged.person("ann"), accounts=(ANN,)), Person(id=merged.person("annm").id, accounts=())
    )

    assert merged.refusal("ann", UNDO, proven=["annm"]) == "expired"


def test_without_an_unlink_there_is_nothing_to_undo(world: World) -> None:
    assert world.refusal("ann", UNDO, proven=["annm"]) == "expired"


def test_an_undo_fails_if_either_account_is_linked_elsewhere(merged: World) -> None:
    merged.unlink("ann")
    merged.link("bob", "annm")

    assert merged.refusal("ann", UNDO, proven=["annm"]) == "already_linked"


def test_an_undo_never_loosens_what_was_tightened_since(merged: World) -> None:
    merged.unlink("ann")
    merged.set_controls("ann", None, others_on_messenger="none")
    merged.set_tie("block", "annm", "bob")

    merged.say("ann", UNDO, proven=["annm"])

    assert merged.account("ann").hybrid == "off"
    assert merged.sent("bob", "ann") == "not_accepting"


def test_an_undo_leaves_the_hybrid_shut_that_was_left_while_linked_in_between(merged: World) -> None:
    merged.unlink("ann")
    merged.link("ann", "annm")
    merged.upgrade("ann")
    merged.leave("ann")
    merged.unlink("annm")

    merged.say("ann", UNDO, proven=["annm"])

    assert merged.account("ann").hybrid == "off"


def test_an_undo_leaves_the_hybrid_shut_that_was_left_in_another_link_since(merged: World) -> None:
    merged.join("evem", "messenger")
    merged.unlink("annm")
    merged.link("ann", "evem")
    merged.upgrade("ann")
    merged.leave("ann")
    merged.unlink("evem")

    merged.say("ann", UNDO, proven=["annm"])

    assert merged.account("ann").hybrid == "off"
    assert merged.account("annm").hybrid == "on"


def test_an_erasure_of_whom_one_was_linked_to_since_leaves_nothing_to_restore(merged: World) -> None:
    merged.join("evem", "messenger")
    merged.unlink("annm")
    merged.link("ann", "evem")
    merged.upgrade("ann")
    merged.leave("ann")
    merged.run("", EraseAccount(account=AccountId("aevem")))

    merged.say("ann", UNDO, proven=["annm"])

    assert merged.account("ann").hybrid == "off"


def test_the_last_unlink_is_undone_whoever_left_whom_before(merged: World) -> None:
    merged.unlink("ann")
    merged.say("ann", UNDO, proven=["annm"])
    merged.unlink("annm")

    merged.say("ann", UNDO, proven=["annm"])

    assert merged.person("ann").accounts == (ANN, ANNM)


def test_an_undo_keeps_who_had_kept_connected_in_the_hybrid(merged: World) -> None:
    merged.say(
        "ann",
        SetControls(as_=ANN, if_version=0, controls={"others_on_messenger": "none"}, keep_connected=True),
    )
    merged.unlink("annm")

    merged.say("ann", UNDO, proven=["annm"])

    assert merged.account("ann").hybrid == "on"
