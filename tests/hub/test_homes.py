"""Where a thread is at home, and that what is carried there keeps its order whatever is lost on the way."""

import asyncio
from collections import deque
from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.bus.local import LocalBus
from bridge.domain.model import Member, Message, Thread, Tie
from bridge.errors import BridgeError, Busy, NotAccepting
from bridge.hub import homes as homes_module
from bridge.hub.counters import Counters
from bridge.hub.homes import LASTS_S, Homes, home_among
from bridge.hub.plain import WEIGHT
from bridge.hub.post import Post
from bridge.hub.work import Work
from bridge.ids import AccountId, Seq, ThreadId
from bridge.wire.commands import Send, SetControls
from bridge.wire.replies import Reply, Sent

T = ThreadId("t1")
HUBS = st.lists(st.text("abcdef0123456789", min_size=4, max_size=8), min_size=1, max_size=8, unique=True)


# --- which hub


@given(HUBS, st.text(max_size=8), st.randoms())
def test_all_hubs_choose_the_same_home(hubs: list[str], thread: str, chance: Random) -> None:
    home = home_among(ThreadId(thread), hubs)
    chance.shuffle(hubs)

    assert home_among(ThreadId(thread), hubs) == home
    assert home in hubs


@given(HUBS, st.text(max_size=8))
def test_a_home_stays_when_others_go(hubs: list[str], thread: str) -> None:
    home = home_among(ThreadId(thread), hubs)

    for other in hubs:
        if other != home:
            assert home_among(ThreadId(thread), [hub for hub in hubs if hub != other]) == home


def test_threads_are_spread_over_the_hubs() -> None:
    at = [home_among(ThreadId(f"t{n}"), ("one", "two", "three")) for n in range(3_000)]

    assert all(800 < at.count(hub) < 1_200 for hub in ("one", "two", "three"))


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def the_other_way(thread: ThreadId, name: str) -> str:
    """Find a hub whose name wins the thread against this one."""
    return next(f"h{n}" for n in range(1_000) if home_among(thread, (name, f"h{n}")) != name)


def test_a_thread_has_a_home_only_once_it_was_moved_under_a_batch_and_for_a_while() -> None:
    clock, other = Clock(), the_other_way(T, "me")
    homes = Homes("me", {other}, clock)
    homes.wrote(other, [T])
    before = homes.home(T)

    homes.moved([(Tie, ("a", "b")), (Member, (T, "a"))])
    then = homes.home(T)
    clock.now = LASTS_S + 0.1
    homes.wrote(other, [T])

    assert (before, then, homes.home(T)) == (None, other, None)
    assert not homes


def test_threads_that_nobody_speaks_in_any_more_are_forgotten() -> None:
    clock = Clock()
    homes = Homes("me", {"other"}, clock)
    for n in range(100):
        homes.moved([(Thread, ThreadId(f"t{n}"))])
        clock.now += 1

    assert len(homes._moved) <= LASTS_S + 1
    clock.now += LASTS_S
    assert not homes


def test_only_hubs_that_write_to_a_thread_and_are_there_can_be_its_home() -> None:
    other = the_other_way(T, "me")
    there = {other}
    homes = Homes("me", there, Clock())
    homes.moved([(Thread, T), (Message, (T, 4))])
    nobody_wrote = homes.home(T)
    homes.wrote(other, [T])
    wrote = homes.home(T)
    there.clear()

    assert (nobody_wrote, wrote, homes.home(T)) == (None, other, None)


def test_nothing_is_carried_to_a_hub_that_did_not_answer_until_it_may_have_recovered() -> None:
    clock, other = Clock(), the_other_way(T, "me")
    homes = Homes("me", {other}, clock)
    homes.avoid(other)
    clock.now = homes_module.AVOIDED_S - 1
    homes.moved([(Thread, T)])
    homes.wrote(other, [T])
    avoided = homes.home(T)
    clock.now += 1

    assert (avoided, homes.home(T)) == (None, other)


def test_the_writers_of_threads_are_forgotten_from_the_oldest_on() -> None:
    homes = Homes("me", set(), Clock())

    homes.wrote("other", (ThreadId(f"t{n}") for n in range(50_000)))

    assert len(homes._writers) == homes_module._MOST
    assert ThreadId("t49999") in homes._writers


# --- carrying


class Wire(LocalBus):
    """Letters between two hubs, which a test delivers or loses."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.letters: deque[bytes] = deque()

    def write(self, node: str, letter: bytes) -> None:
        self.letters.append(letter)


class Asker:
    """A lane: what it was answered, by call."""

    def __init__(self) -> None:
        self.answers: dict[int, Reply | BridgeError] = {}

    def answered(self, call: int, reply: Reply | BridgeError) -> None:
        assert call not in self.answers, "answered twice"
        self.answers[call] = reply


class Pairing:
    """A hub that carries to another, both of which decide in the simplest way: in the order of their queues.

    Attributes:
        said: Texts in the order in which they were first decided, by whichever hub; later ones are repeats.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.here, self.there = Wire("me"), Wire(the_other_way(T, "me"))
        self.waiting: list[Work] = []
        self.guests: deque[Work] = deque()
        self.full = False
        homes = Homes("me", {self.there.name}, Clock())
        self.post = Post(self.here, homes, Counters(), submit=self.waiting.append, take_back=self.take_back)
        self.home = Post(
            self.there,
            Homes(self.there.name, {"me"}, Clock()),
            Counters(),
            submit=self.take,
            take_back=lambda works: None,
        )
        self.contend()

    def contend(self) -> None:
        """Have the thread at home at the other hub."""
        self.post.homes.moved([(Thread, T)])
        self.post.homes.wrote(self.there.name, [T])

    def take(self, work: Work) -> None:
        if self.full:
            raise Busy
        self.guests.append(work)

    def take_back(self, works: Sequence[Work]) -> None:
        self.waiting[:0] = works

    def decide(self, work: Work) -> None:
        if isinstance(work.command, Send):
            if work.command.text == "no":
                work.lane.answered(work.call, NotAccepting())
                return
            if work.command.text not in self.said:
                self.said.append(work.command.text)
            work.lane.answered(work.call, Sent(thread=T, seq=Seq(self.said.index(work.command.text)), at=1))
        else:
            self.said.append(f"other {work.call}")
            work.lane.answered(work.call, NotAccepting())

    def turn_here(self, *, stops: bool = False) -> None:
        """Decide a batch at the hub that carries."""
        works, self.waiting[:] = list(self.waiting), []
        for work in self.post.carry(works, stops=stops):
            self.decide(work)

    def turn_there(self) -> None:
        """Decide one letter at the home."""
        if self.guests:
            self.decide(self.guests.popleft())

    def deliver(self, *, lose: bool = False) -> None:
        """Bring the oldest packet of each direction."""
        for wire, post in ((self.here, self.home), (self.there, self.post)):
            if wire.letters:
                letter = wire.letters.popleft()
                if not lose:
                    post.wrote(wire.name, letter)


def say(lane: Asker, call: int, text: str = "") -> Work:
    """Make a send."""
    command = Send(thread=T, text=text or f"{call}", token=f"{call}")
    return Work(lane=lane, call=call, account=AccountId("a"), command=command)


def other(lane: Asker, call: int) -> Work:
    """Make a command that is never carried."""
    command = SetControls(as_=AccountId("a"), if_version=0, controls={})
    return Work(lane=lane, call=call, account=AccountId("a"), command=command)


async def test_what_is_carried_is_decided_at_home_and_answered() -> None:
    pair, lane = Pairing(), Asker()
    pair.waiting += [say(lane, 0), say(lane, 1, "no"), say(lane, 2)]

    pair.turn_here()
    await asyncio.sleep(0)
    pair.deliver()
    for _ in range(3):
        pair.turn_there()
    await asyncio.sleep(0)
    pair.deliver()

    assert pair.said == ["0", "2"]
    assert lane.answers[2] == Sent(thread=T, seq=Seq(1), at=1)
    assert isinstance(lane.answers[1], NotAccepting)
    assert len(pair.post) == 0


async def test_what_is_carried_weighs_at_home_what_it_is_long() -> None:
    pair, lane = Pairing(), Asker()
    pair.waiting += [say(lane, 0), say(lane, 1, "x" * 3 * WEIGHT)]

    pair.turn_here()
    await asyncio.sleep(0)
    pair.deliver()

    assert [work.weight for work in pair.guests] == [1, 4]


async def test_what_is_not_carried_waits_for_what_is_out() -> None:
    pair, lane = Pairing(), Asker()
    pair.waiting += [say(lane, 0), other(lane, 1), say(lane, 2)]

    pair.turn_here()
    held = list(pair.said)
    await asyncio.sleep(0)
    pair.deliver()
    pair.turn_there()
    await asyncio.sleep(0)
    pair.deliver()
    pair.turn_here()

    assert held == []
    assert pair.said == ["0", "other 1", "2"]  # after what is decided here in a batch nothing is carried


async def test_a_home_that_is_full_or_gone_leaves_it_to_whoever_carried() -> None:
    pair, lane = Pairing(), Asker()
    pair.full = True
    pair.waiting += [say(lane, 0), say(lane, 1)]
    pair.turn_here()
    await asyncio.sleep(0)
    pair.deliver()
    await asyncio.sleep(0)
    pair.deliver()
    pair.turn_here()
    full = list(pair.said)

    pair.contend()
    pair.waiting += [say(lane, 2)]
    pair.turn_here()
    pair.post.gone(pair.there.name)
    pair.turn_here()

    assert full == ["0", "1"]
    assert pair.said == ["0", "1", "2"]
    assert sorted(lane.answers) == [0, 1, 2]


STEPS = st.sampled_from(("say", "say", "other", "here", "there", "bring", "bring", "lose", "give up", "full"))


@given(st.lists(STEPS, max_size=80))
@settings(max_examples=300, deadline=None)
def test_whatever_is_lost_every_call_is_answered_once_and_decided_in_order(steps: list[str]) -> None:
    asyncio.run(run(steps))


async def run(steps: list[str]) -> None:
    """Take these steps, then let all come to an end."""
    pair, lane, calls = Pairing(), Asker(), 0
    for step in steps:
        match step:
            case "say" | "other":
                pair.waiting.append((say if step == "say" else other)(lane, calls))
                calls += 1
            case "here":
                pair.contend()
                pair.turn_here()
            case "there":
                pair.turn_there()
            case "bring" | "lose":
                pair.deliver(lose=step == "lose")
            case "give up":
                pair.post.gone(pair.there.name)
            case "full":
                pair.full = not pair.full
        await asyncio.sleep(0)
    pair.post.gone(pair.there.name)
    pair.turn_here(stops=True)
    while pair.here.letters or pair.guests:  # letters that come too late are decided, too
        pair.deliver()
        pair.turn_there()
        await asyncio.sleep(0)

    assert sorted(lane.answers) == list(range(calls))
    numbers = [int(text.removeprefix("other ")) for text in pair.said]
    assert numbers == list(range(calls))
