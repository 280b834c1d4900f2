"""People for the tests of the rules."""

import pytest

from tests.domain.world import World, phone_of


@pytest.fixture
def world() -> World:
    """Ann and Bob, each with a Direct and a Messenger account (ann, annm), nobody linked as yet."""
    made = World()
    for name in ("ann", "bob"):
        made.join(name, "direct", phone=phone_of(name))
        made.join(f"{name}m", "messenger", phone=phone_of(f"{name}m"))
    return made


@pytest.fixture
def merged(world: World) -> World:
    """The same; Ann's two accounts are linked and upgraded."""
    world.link("ann", "annm")
    world.upgrade("ann")
    world.told.clear()
    return world
