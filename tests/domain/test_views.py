"""What journals keep of events that show accounts, and what is shown of them when they are read."""

from typing import get_args

import pytest
from msgspec.structs import fields

from bridge.domain.deeds import EraseAccount
from bridge.domain.views import SHOW_ACCOUNTS, account_view, own_account_view, with_names, without_names
from bridge.ids import AccountId
from bridge.wire.commands import SetProfile, SetTie
from bridge.wire.events import JournalEvent, LinkChanged, ProfileChanged, TieChanged
from bridge.wire.values import AccountView, OwnAccountView, TieKind, TieState
from tests.domain.world import World

ANN, ANNM, BOB = AccountId("aann"), AccountId("aannm"), AccountId("abob")


@pytest.mark.parametrize("event", get_args(JournalEvent))
def test_each_event_that_shows_an_account_is_known_for_it(event: type[JournalEvent]) -> None:
    views = (AccountView, OwnAccountView, tuple[AccountView, ...])
    shown = [field.name for field in fields(event) if field.type in views]

    assert shown == [SHOW_ACCOUNTS[event]] if event in SHOW_ACCOUNTS else shown == []


def test_names_are_shown_as_they_are_when_an_event_is_read(world: World) -> None:
    view = account_view(world.account("ann"))
    event = TieChanged(leg=BOB, account=view, tie=TieKind.FOLLOW, state=TieState.ON)
    kept = without_names(event)
    assert isinstance(kept, TieChanged)
    assert (kept.account.id, kept.account.name, kept.account.handle) == (ANN, "", "")

    assert world.look(lambda: with_names(world.facts, kept)) == event
    world.say("ann", SetProfile(as_=ANN, name="Anna"))
    read = world.look(lambda: with_names(world.facts, kept))

    assert isinstance(read, TieChanged)
    assert read.account.name == "Anna"


def test_an_own_account_and_several_are_shown_as_they_are_now(merged: World) -> None:
    ann, annm = merged.account("ann"), merged.account("annm")
    own = ProfileChanged(account=own_account_view(ann, merged.person("ann")))
    linked = LinkChanged(leg=ANN, linked_to=(account_view(annm),))

    for event in (own, linked):
        kept = without_names(event)
        assert kept != event
        assert merged.look(lambda kept=kept: with_names(merged.facts, kept)) == event


def test_an_erased_account_has_no_name_in_what_was_told_of_it(world: World) -> None:
    world.say("ann", SetTie(as_=ANN, account=BOB, tie=TieKind.FOLLOW))
    (told,) = world.heard("bob", TieChanged)
    assert told.account.name

    world.run("", EraseAccount(account=ANN))
    read = world.look(lambda: with_names(world.facts, told))

    assert isinstance(read, TieChanged)
    assert (read.account.handle, read.account.name) == ("", "deleted account")


def test_an_account_that_nobody_knows_stays_as_it_was_told(world: World) -> None:
    view = AccountView(id=AccountId("anobody"), network=world.account("ann").network, handle="x", name="X")
    event = TieChanged(leg=BOB, account=view, tie=TieKind.FOLLOW, state=TieState.ON)

    assert world.look(lambda: with_names(world.facts, event)) == event
