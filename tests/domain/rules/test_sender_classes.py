"""What a sender learns has three classes; within one, nothing that he or a clock could see differs."""

from collections import Counter
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bridge.domain.facts import Facts
from bridge.domain.model import Member, Message
from bridge.domain.outcome import Outcome
from bridge.domain.policy import Policy
from bridge.errors import BridgeError
from bridge.ids import AccountId
from bridge.wire.commands import Send, UploadContacts
from bridge.wire.values import Hybrid, Network
from tests.domain.world import World, phone_of

ANN = AccountId("aann")
Setting = Callable[[World], object]

TAKEN: dict[str, Setting] = {
    "inbox": lambda world: (
        world.set_controls("bobm", None, phone_contacts="inbox"),
        world.run("ann", UploadContacts(as_=ANN, phones=(phone_of("bobm"),))),
    ),
    "requests": lambda world: None,
    "hidden by decline": lambda world: world.put(replace(world.tie("bobm", "ann"), hides=True)),
    "hidden as spam": lambda world: world.change("ann", suspected=True),
    "restricted": lambda world: world.set_tie("restrict", "bobm", "ann"),
}
NOT_TAKEN: dict[str, Setting] = {
    "not active": lambda world: world.change("bobm", state="deactivated"),
    "blocked by R": lambda world: world.set_tie("block", "bobm", "ann"),
    "blocked by S": lambda world: world.set_tie("block", "ann", "bobm"),
    "blocked on the other account": lambda world: world.set_tie("block", "bobm", "annm"),
    "floor": lambda world: setattr(world, "policy", Policy(shut_networks=frozenset({Network.MESSENGER}))),
    "crossings shut": lambda world: setattr(world, "policy", Policy(crossing_shut=True)),
    "age": lambda world: world.change("bobm", minor=True),
    "R left": lambda world: world.put(replace(world.account("bobm"), hybrid=Hybrid.OFF)),
    "S left": lambda world: world.leave("ann"),
    "closed": lambda world: world.set_controls("bobm", None, others_on_direct="none"),
    "refused": lambda world: world.set_controls("bobm", True, others_on_direct="none"),
}


def _sent(world: World, setting: Setting) -> Outcome:
    """Let Ann write to Bob's Messenger account after a setting was made."""
    setting(world)
    world.open("ann", "bobm")
    world.told.clear()
    return world.send("ann", "bobm")


@pytest.mark.parametrize("causes", [TAKEN, NOT_TAKEN], ids=["taken", "not taken"])
def test_the_same_is_loaded_whatever_the_cause(causes: dict[str, Setting]) -> None:
    loaded = {}
    for name, setting in {**causes, "blocked": NOT_TAKEN["blocked by R"]}.items():
        world = _fresh()
        setting(world)
        world.open("ann", "bobm")
        world.facts, world.loaded = Facts(), []
        command = Send(thread=world.thread("ann", "bobm"), text="hello", token="a-token")
        world.run("ann", command)
        loaded[name] = Counter(kind.__name__ for kind in world.loaded)

    assert len({repr(one) for one in loaded.values()}) == 1, loaded


def _what_s_sees(outcome: Outcome) -> object:
    """Strip ids and times of what a sender's devices get, and of the work that a clock could measure."""
    reply = outcome.reply
    told = [type(event).__name__ for event, hearers in outcome.told if ANN in hearers]
    own = Counter(
        type(record).__name__ for record in outcome.records if getattr(record, "account", ANN) == ANN
    )
    written = Counter(type(record).__name__ for record in [*outcome.records, *outcome.messages])
    code = (reply.code, reply.text, reply.path) if isinstance(reply, BridgeError) else type(reply).__name__
    return code, told, own, written, len(outcome.told), outcome.passing, len(outcome.audit)


def test_taken_is_taken_wherever_it_landed(merged: World) -> None:
    seen = {}
    for name, setting in TAKEN.items():
        world = _fresh()
        outcome = _sent(world, setting)
        (landed,) = [r for r in outcome.records if isinstance(r, Member) and r.account != ANN]
        assert landed.folder == name.partition(" ")[0].replace("restricted", "requests")
        seen[name] = _what_s_sees(outcome)

    assert len({repr(one) for one in seen.values()}) == 1
    assert "Sent" in repr(seen["inbox"])


def test_a_refusal_is_a_refusal_whatever_caused_it() -> None:
    seen = {name: _what_s_sees(_sent(_fresh(), setting)) for name, setting in NOT_TAKEN.items()}

    assert len({repr(one) for one in seen.values()}) == 1, seen
    assert "not_accepting" in repr(seen["closed"])


@pytest.mark.parametrize("setting", [*TAKEN.values(), *NOT_TAKEN.values()], ids=[*TAKEN, *NOT_TAKEN])
def test_a_second_message_waits_whatever_the_first_came_to_meanwhile(setting: Setting) -> None:
    world = _fresh()
    assert world.sent("ann", "bobm") == "ok"
    world.told.clear()
    baseline = _fresh()
    baseline.send("ann", "bobm")

    setting(world)

    assert _what_s_sees(world.send("ann", "bobm")) == _what_s_sees(baseline.send("ann", "bobm"))
    assert world.heard("ann", Message) == []
    assert world.sent("ann", "bobm") == "request_pending"


def _fresh() -> World:
    world = World()
    for name in ("ann", "bob"):
        world.join(name, "direct")
        world.join(f"{name}m", "messenger", phone=phone_of(f"{name}m"))
    world.link("ann", "annm")
    world.upgrade("ann")
    return world
