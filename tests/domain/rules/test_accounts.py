"""Accounts as such: profiles, making, deleting and taking back."""

import pytest
from msgspec.structs import replace

from bridge.domain.deeds import ChangeAccount, CreateAccount, EraseAccount, PutDevice, SeeDevice, SetPassword
from bridge.domain.model import Account, Credential, Device
from bridge.domain.outcome import is_usable, legs_of
from bridge.ids import AccountId, DeviceId
from bridge.wire.commands import (
    AskLink,
    Command,
    DeleteAccount,
    Link,
    OpenThread,
    RestoreAccount,
    Send,
    SetLinkOptions,
    SetProfile,
    SetTie,
)
from bridge.wire.events import AccountStateChanged, LinkChanged, ProfileChanged
from bridge.wire.queries import FindAccount
from bridge.wire.replies import Found, Profile
from bridge.wire.values import AccountState, Network, TieKind
from tests.domain.world import World

ANN, ANNM, BOB = AccountId("aann"), AccountId("aannm"), AccountId("abob")
DELETE = DeleteAccount(as_=ANN, password="right")


def test_a_profile_changes_in_the_fields_that_are_named(world: World) -> None:
    reply = world.say("ann", SetProfile(as_=ANN, handle="Ann_of_Direct", private=True))

    assert isinstance(reply, Profile)
    assert (reply.account.handle, reply.account.name) == ("Ann_of_Direct", "Ann")
    assert [event.account.private for event in world.heard("ann", ProfileChanged)] == [True]
    assert not world.run("ann", SetProfile(as_=ANN, private=True)).changes


@pytest.mark.parametrize(
    ("handle", "code"),
    [("BOB", "handle_taken"), ("ｂｏｂ", "handle_taken"), ("two words", "invalid"), ("＠ann", "invalid")],
)
def test_a_handle_is_unique_however_it_is_written(world: World, handle: str, code: str) -> None:
    assert world.refusal("ann", SetProfile(as_=ANN, handle=handle)) == code


def test_a_handle_may_change_in_its_writing_and_is_taken_per_network(world: World) -> None:
    world.say("ann", SetProfile(as_=ANN, handle="ANN"))

    world.join("ANN", "messenger")

    assert world.account("ann").handle == "ANN"


def test_an_account_without_a_given_id_gets_a_fresh_one(world: World) -> None:
    world.run("ann", CreateAccount(network=Network.DIRECT, handle="eve", name="Eve", password="hash"))

    eve = next(account for account in world.all(Account) if account.handle == "eve")
    assert eve.id.startswith("a")
    assert eve.hybrid == "never"
    assert world.records[Credential, eve.id].password == "hash"


def test_deleting_needs_the_password_and_can_be_taken_back_in_time(world: World) -> None:
    assert world.refusal("ann", DELETE) == "proof_failed"
    assert world.refusal("ann", RestoreAccount(as_=ANN)) == "expired"

    world.say("ann", DELETE, proven=["ann"])
    assert world.sent("bob", "ann") == "not_accepting"
    world.now = world.account("ann").erase_at
    world.say("ann", RestoreAccount(as_=ANN))

    assert world.sent("bob", "ann") == "ok"
    states = [event.account.state for event in world.heard("ann", AccountStateChanged)]
    assert states == ["deactivated", "active"]


def test_a_deletion_cannot_be_taken_back_too_late(world: World) -> None:
    world.say("ann", DELETE, proven=["ann"])
    world.now = world.account("ann").erase_at + 1

    assert world.refusal("ann", RestoreAccount(as_=ANN)) == "expired"


def test_whom_the_operator_activates_is_not_erased_later(world: World) -> None:
    world.say("ann", DELETE, proven=["ann"])

    world.change("ann", state=AccountState.ACTIVE)

    assert (world.account("ann").state, world.account("ann").erase_at) == ("active", 0)


@pytest.mark.parametrize("first", ["deleted", "deactivated"])
def test_whom_the_operator_deactivates_does_not_come_back_by_a_deletion(merged: World, first: str) -> None:
    merged.say("ann", SetLinkOptions(as_=ANN, single_sign_on=True))
    if first == "deactivated":
        merged.change("ann", state=AccountState.DEACTIVATED)
    merged.say("ann", DELETE, proven=["ann"])
    merged.change("ann", state=AccountState.DEACTIVATED if first == "deleted" else None)

    account = merged.account("ann")
    assert not is_usable(account)
    assert merged.look(lambda: legs_of(merged.facts, ANNM)) == (ANNM,)
    assert merged.refusal("ann", RestoreAccount(as_=ANN)) == "expired"
    assert abs(account.erase_at) == merged.now + merged.policy.erase_grace_s * 1000  # it goes all the same

    merged.change("ann", state=AccountState.ACTIVE)
    assert (merged.account("ann").state, merged.account("ann").erase_at) == ("active", 0)


def test_the_audit_log_names_accounts_by_their_ids_alone(world: World) -> None:
    """It is never changed: what it holds outlives an erasure."""
    world.join("mallory", "direct")
    world.link("ann", "annm")
    world.say("ann", SetProfile(as_=ANN, handle="annabel", name="Annabel"))
    world.say("ann", DELETE, proven=["ann"])

    told = " ".join(line.detail for line in world.audit).split()

    assert not {"mallory", "ann", "annm", "annabel"} & {word.lower() for word in told}


def test_erasing_leaves_the_id_alone_and_frees_the_handle(world: World) -> None:
    world.run("ann", EraseAccount(account=ANN))

    erased = world.account("ann")
    assert (erased.state, erased.name, erased.phone, erased.handle) == ("deleted", "", b"", ANN)
    assert world.records[Credential, ANN].password == ""
    assert world.refusal("bob", FindAccount(network=Network.DIRECT, handle="ann")) == "not_found"
    world.say("bob", SetProfile(as_=BOB, handle="ann"))


def test_devices_that_are_signed_out_lose_their_names_and_an_erasure_signs_all_out(world: World) -> None:
    phone, laptop = (
        Device(
            id=DeviceId(name), account=ANN, name=f"Ann's {name}", token=name.encode(), created_at=1, seen_at=1
        )
        for name in ("phone", "laptop")
    )
    world.put(phone, laptop)

    world.run("ann", PutDevice(device=replace(phone, revoked=True)))
    world.run("", EraseAccount(account=ANN))

    assert [(device.name, device.revoked) for device in world.all(Device)] == [("", True), ("", True)]


@pytest.mark.parametrize("command", [SetProfile(as_=ANN, name="Ann again"), DELETE, RestoreAccount(as_=ANN)])
def test_nothing_that_waited_behind_an_erasure_brings_an_account_back(
    world: World, command: SetProfile | DeleteAccount | RestoreAccount
) -> None:
    world.run("ann", EraseAccount(account=ANN))
    erased = world.account("ann")

    assert world.refusal("ann", command, proven=["ann"]) == "not_found"

    assert world.account("ann") == erased


def test_the_operator_changes_what_only_the_operator_may(world: World) -> None:
    world.change("ann", region="here", phone="", professional=True)

    ann = world.account("ann")
    assert (ann.region, ann.phone, ann.professional) == ("here", b"", True)
    assert world.audit[-1].detail == "region, phone, professional"


@pytest.mark.parametrize(
    "deed",
    [
        ChangeAccount(account=AccountId("anobody"), minor=True),
        EraseAccount(account=AccountId("anobody")),
        SetPassword(account=AccountId("anobody"), password="hash"),
    ],
)
def test_deeds_on_nobody_are_refused(world: World, deed: ChangeAccount | EraseAccount | SetPassword) -> None:
    assert world.refusal("ann", deed) == "not_found"


def test_the_operator_does_not_bring_an_erased_account_back(world: World) -> None:
    world.run("ann", EraseAccount(account=ANN))
    erased = world.account("ann")

    assert world.refusal("", ChangeAccount(account=ANN, state=AccountState.ACTIVE)) == "not_supported"

    assert world.account("ann") == erased


def test_a_new_password_signs_all_other_devices_out(world: World) -> None:
    devices = tuple(
        Device(id=DeviceId(f"d{n}"), account=ANN, name="", token=b"", created_at=0, seen_at=0) for n in (1, 2)
    )

    for device in devices:
        world.run("ann", PutDevice(device=device))
    world.run("ann", SetPassword(account=ANN, password="new", keep=DeviceId("d1")))

    assert [device.revoked for device in world.all(Device)] == [False, True]
    assert world.records[Credential, ANN].password == "new"
    assert [line.deed for line in world.audit[-3:]] == ["sign_in", "sign_in", "set_password"]


def test_nothing_rests_on_a_password_that_is_the_accounts_no_more(world: World) -> None:
    device = Device(id=DeviceId("d1"), account=ANN, name="", token=b"", created_at=0, seen_at=0)
    world.run("ann", SetPassword(account=ANN, password="new"))

    assert world.refusal("ann", PutDevice(device=device, proven="old")) == "proof_failed"
    assert world.refusal("ann", SetPassword(account=ANN, password="newer", proven="old")) == "proof_failed"
    world.run("ann", PutDevice(device=device, proven="new"))
    world.run("ann", SetPassword(account=ANN, password="newest", proven="new"))

    assert world.records[Credential, ANN].password == "newest"


def test_a_device_that_comes_back_is_seen_unless_it_was_revoked(world: World) -> None:
    here, gone = (
        Device(id=DeviceId(f"d{n}"), account=ANN, name="", token=b"", created_at=0, seen_at=0, revoked=n == 2)
        for n in (1, 2)
    )
    for device in (here, gone):
        world.run("ann", PutDevice(device=device))

    for name in ("d1", "d2", "d3"):
        world.run("ann", SeeDevice(device=DeviceId(name), at=7))
    world.run("ann", SeeDevice(device=DeviceId("d1"), at=5))

    assert [(device.seen_at, device.revoked) for device in world.all(Device)] == [(7, False), (0, True)]


def test_a_minor_is_written_to_by_adults_whom_it_follows_only(world: World) -> None:
    world.change("ann", minor=True)
    assert world.sent("bob", "ann") == "not_accepting"

    world.set_tie("follow", "ann", "bob")
    assert world.sent("bob", "ann") == "ok"

    world.join("eve", "direct", minor=True)
    assert world.sent("eve", "ann") == "ok"


def test_a_found_account_shows_what_anyone_may_know(world: World) -> None:
    found = world.ask("bob", FindAccount(network=Network.DIRECT, handle="ANN"))

    assert isinstance(found, Found)
    assert (found.account.id, found.account.name) == (ANN, "Ann")
    assert world.refusal("bob", FindAccount(network=Network.DIRECT)) == "invalid"
    assert world.refusal("bob", FindAccount(account=AccountId("anobody"))) == "not_found"
    world.change("ann", state=AccountState.DEACTIVATED)
    world.ask("bob", FindAccount(account=ANN))


def test_who_was_linked_to_an_erased_account_is_alone_and_may_link_anew(merged: World) -> None:
    merged.set_tie("block", "bob", "ann")
    merged.send("annm", "bobm")  # the block covers both: nothing comes of it
    merged.run("ann", EraseAccount(account=ANN))

    assert merged.person("annm").accounts == (AccountId("aannm"),)
    assert [event.linked_to for event in merged.heard("annm", LinkChanged)] == [()]
    assert merged.tie("bob", "annm").blocks, "what covered both covers each"
    assert (merged.account("ann").state, merged.person("ann").accounts) == ("deleted", (ANN,))
    merged.join("ann2", "direct")
    merged.link("annm", "ann2")


def test_a_direct_account_crosses_no_more_when_the_one_it_was_linked_to_is_erased(merged: World) -> None:
    merged.run("annm", EraseAccount(account=AccountId("aannm")))

    assert merged.account("ann").hybrid == "off"
    assert merged.sent("ann", "bobm") == "not_accepting"


def _legs(world: World) -> object:
    return world.look(lambda: world.scene("annm").legs)


def test_nobody_uses_a_linked_account_that_is_closed(merged: World) -> None:
    merged.send("ann", "bob")
    say = Send(thread=merged.thread("ann", "bob"), text="still me", token="the-token")
    assert _legs(merged) == (AccountId("aannm"), ANN)

    merged.change("ann", state=AccountState.DEACTIVATED)

    assert _legs(merged) == (AccountId("aannm"),)
    assert merged.refusal("annm", say) == "not_found"
    assert merged.refusal("ann", say) == "not_allowed"
    merged.change("ann", state=AccountState.ACTIVE)
    assert _legs(merged) == (AccountId("aannm"), ANN)


def test_a_deleted_account_says_nothing_until_it_is_restored(merged: World) -> None:
    merged.say("ann", DELETE, proven=["ann"])
    merged.say("annm", OpenThread(as_=ANN, account=BOB, confirm=True))
    say = Send(thread=merged.thread("ann", "bob"), text="still me", token="the-token")

    assert merged.refusal("annm", say) == "not_allowed"
    merged.say("annm", RestoreAccount(as_=ANN))
    merged.say("annm", say)


@pytest.mark.parametrize(
    "approach",
    [
        SetTie(as_=ANN, account=BOB, tie=TieKind.FOLLOW, on=True),
        AskLink(as_=ANN, network=Network.MESSENGER, handle="bobm"),
        Link(as_=ANN, network=Network.MESSENGER, handle="bobm", password="right"),
    ],
)
def test_a_deleted_account_approaches_nobody_until_it_is_restored(world: World, approach: Command) -> None:
    world.say("ann", DELETE, proven=["ann"])

    assert world.refusal("ann", approach, proven=["bobm"]) == "not_allowed"
    assert world.heard("bob") == world.heard("bobm") == []
    world.say("ann", SetTie(as_=ANN, account=BOB, tie=TieKind.BLOCK, on=True))
    world.say("ann", RestoreAccount(as_=ANN))
    world.say("ann", approach, proven=["bobm"])
