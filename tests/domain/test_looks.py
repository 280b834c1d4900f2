"""What a command needs of many records it asks for at once: each look into the store takes its time."""

from collections.abc import Callable

import pytest

from bridge.domain.facts import Facts, Missing, for_each
from bridge.domain.model import Account
from bridge.errors import NotAllowed, NotFound
from bridge.ids import AccountId
from bridge.wire.commands import Accept, Archive, Decline, LeaveHybrid, Link, Unlink
from bridge.wire.queries import PreviewUnlink
from bridge.wire.values import Network
from tests.domain.world import World

ANN = AccountId("aann")


def looks(many: int, act: Callable[[World, tuple[str, ...]], object], *, linked: bool) -> int:
    """Let so many write to Ann, who blocks and restricts as many; count the looks of what follows."""
    world = World()
    world.join("ann", "direct")
    world.join("annm", "messenger")
    if linked:
        world.link("ann", "annm")
        world.upgrade("ann")
    writers = tuple(f"writer{number}" for number in range(many))
    for number, writer in enumerate(writers):
        world.join(writer, "messenger")
        world.send(writer, "ann")
        for tie in ("block", "restrict"):
            world.join(f"{tie}{number}", "direct")
            world.set_tie(tie, "ann", f"{tie}{number}")
    world.facts, world.looks = Facts(), 0
    act(world, writers)
    return world.looks


def _threads(world: World, writers: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(world.thread("ann", writer) for writer in writers)


ACTS: dict[str, tuple[bool, Callable[[World, tuple[str, ...]], object]]] = {
    "unlink": (True, lambda world, _: world.run("ann", Unlink(as_=ANN))),
    "preview_unlink": (True, lambda world, _: world.ask("ann", PreviewUnlink(as_=ANN))),
    "link": (
        False,
        lambda world, _: world.run(
            "ann",
            Link(as_=ANN, network=Network.MESSENGER, handle="annm", password="right"),
            proven=("annm",),
        ),
    ),
    "leave_hybrid": (True, lambda world, _: world.run("ann", LeaveHybrid(as_=ANN))),
    "don't receive": (True, lambda world, _: world.set_controls("ann", others_on_messenger="none")),
    "unlink and undo": (True, lambda world, _: (world.unlink("ann"), world.undo_unlink("ann", "annm"))),
    "accept": (
        True,
        lambda world, writers: world.run("ann", Accept(threads=_threads(world, writers))),  # type: ignore[arg-type]
    ),
    "decline": (
        True,
        lambda world, writers: world.run("ann", Decline(threads=_threads(world, writers), hide=True)),  # type: ignore[arg-type]
    ),
    "archive": (
        True,
        lambda world, writers: world.run("ann", Archive(threads=_threads(world, writers))),  # type: ignore[arg-type]
    ),
}


@pytest.mark.parametrize("what", ACTS)
def test_many_take_no_more_looks_than_a_few(what: str) -> None:
    linked, act = ACTS[what]
    assert looks(9, act, linked=linked) == looks(2, act, linked=linked)


def test_who_is_refused_first_is_refused_whatever_is_in_memory() -> None:
    known: set[str] = set()

    def act(thing: str) -> None:
        if thing not in known:
            raise Missing((Account, thing))
        raise NotAllowed if thing == "first" else NotFound

    known.add("second")
    with pytest.raises(Missing) as missing:
        for_each(["first", "second", "third"], act)
    known.add("first")
    with pytest.raises(NotAllowed):
        for_each(["first", "second", "third"], act)

    assert missing.value.keys == ((Account, "first"),)
