"""What devices of the soak hear is judged: gaps, repetitions, and two devices that differ show."""

from time import perf_counter

from benchmarks.load.ears import Ears, Register
from benchmarks.load.world import Living, World
from bridge.ids import AccountId, PersonId, Position, Seq, ThreadId
from bridge.wire.events import AnyEvent, Delivered, LegAdded
from bridge.wire.values import Hybrid, LegHead, Network, OwnAccountView
from clients.notices import Push

ANA = AccountId("a-ana")
THREAD = ThreadId("t-ana-ben")


def a_world() -> World:
    now = perf_counter()
    return World(order=Living(pairs=0, seconds=1.0, every_s=1.0, pause_s=0.0), pairs=[], begun=now, until=now)


def devices(world: World, count: int = 2) -> list[Ears]:
    """Make devices of Ana, each of which hears her journal from its beginning."""
    register = Register(world)
    made = [Ears(f"ana#{number}", world, register) for number in range(count)]
    view = OwnAccountView(
        id=ANA, network=Network.DIRECT, handle="ana", name="Ana", person=PersonId("p-ana"), hybrid=Hybrid.ON
    )
    for ears in made:
        ears.hear(Push(LegAdded(account=view, leg=LegHead(account=ANA, head=Position(0), cursor="c0"))))
    return made


def told(at: int, upto: int) -> Push:
    event: AnyEvent = Delivered(thread=THREAD, account=ANA, upto=Seq(upto))
    return Push(event, ANA, at, f"c{at}")


def test_devices_that_hear_the_same_in_order_are_believed() -> None:
    world = a_world()

    for ears in devices(world):
        for at in (1, 2, 3):
            ears.hear(told(at, upto=at))

    assert world.faults == []


def test_what_is_heard_twice_or_skipped_shows() -> None:
    world = a_world()
    one, other = devices(world)

    one.hear(told(1, upto=1))
    one.hear(told(1, upto=1))
    other.hear(told(2, upto=2))

    assert len(world.faults) == 2


def test_a_place_that_means_two_things_shows() -> None:
    world = a_world()
    one, other = devices(world)

    one.hear(told(1, upto=1))
    other.hear(told(1, upto=2))

    assert len(world.faults) == 1


def test_a_device_that_heard_less_than_another_shows() -> None:
    world = a_world()
    register = Register(world)

    register.stands("ana#0", ANA, 7)
    register.stands("ana#1", ANA, 6)

    assert len(world.faults) == 1
