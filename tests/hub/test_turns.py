"""What waits keeps its order within a lane, and lanes take turns."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bridge.hub.turns import FLOOD, LONG_S, TURN, Turns
from bridge.hub.work import Lane, Unheard, Work
from bridge.ids import AccountId


def works_of(lane: Lane, count: int, first: int = 0) -> list[Work]:
    """Make works, numbered."""
    return [Work(lane=lane, call=number, account=AccountId("a")) for number in range(first, first + count)]


def turns_of(*works: Work) -> Turns:
    """Let these wait."""
    turns = Turns()
    for work in works:
        turns.append(work)
    return turns


def test_one_who_floods_waits_behind_himself_and_not_before_the_others() -> None:
    flood, others = Unheard(), [Unheard() for _ in range(3)]
    turns = turns_of(*works_of(flood, 1_000), *(work for one in others for work in works_of(one, 1)))

    taken = turns.take(500)

    assert {work.lane for work in taken} == {flood, *others}
    assert len(taken) == TURN + 3, "however much more a batch would hold: the others wait for all of it"
    assert len(turns) == 1_003 - len(taken)


def test_floods_get_shorter_turns_while_batches_take_long_and_nobody_else_does() -> None:
    floods, talker, other = [Unheard() for _ in range(10)], Unheard(), Unheard()

    def taken_after(*seconds: float, talks: bool = True) -> list[int]:
        turns = turns_of(*(work for flood in floods for work in works_of(flood, 4 * FLOOD)))
        for work in (*works_of(talker, FLOOD), *works_of(other, 1)) if talks else ():
            turns.append(work)
        for one in seconds:
            turns.took(one)
        taken = Counter(work.lane for work in turns.take(500))
        return [taken[floods[0]], taken[floods[9]], taken[talker], taken[other]]

    long, short = 2 * LONG_S, LONG_S / 4

    assert taken_after() == [TURN, TURN, TURN, 1]
    assert taken_after(long) == [TURN // 2, TURN // 2, TURN, 1]
    assert taken_after(*[long] * 9) == [1, 1, TURN, 1]
    assert taken_after(*[long] * 9, LONG_S * 3 / 4) == [1, 1, TURN, 1], "it stays where it is right"
    assert taken_after(*[long] * 9, *[short] * 9) == [TURN, TURN, TURN, 1]
    assert taken_after(*[long] * 9, talks=False) == [TURN, TURN, 0, 0], "nobody waits who would gain"


def test_one_who_is_alone_gets_as_much_as_a_batch_holds() -> None:
    turns = turns_of(*works_of(Unheard(), 1_000))

    assert len(turns.take(500)) == 500


def test_everybody_comes_again_before_anybody_comes_twice_more() -> None:
    one, other = Unheard(), Unheard()
    turns = turns_of(*works_of(one, 3 * TURN), *works_of(other, 3 * TURN))

    first, second = turns.take(2 * TURN), turns.take(2 * TURN)

    assert [work.lane for work in first + second] == ([one] * TURN + [other] * TURN) * 2


def test_what_is_put_back_comes_first_again() -> None:
    one, other = Unheard(), Unheard()
    turns = turns_of(*works_of(one, 4), *works_of(other, 1))
    taken = turns.take(3)

    turns.put_back(taken)

    assert turns.take(3) == taken


@given(data=st.data(), lanes=st.integers(1, 4))
def test_no_work_is_lost_or_doubled_and_each_lane_keeps_its_order(data: st.DataObject, lanes: int) -> None:
    names = [Unheard() for _ in range(lanes)]
    said = dict.fromkeys(names, 0)
    heard: dict[Lane, list[int]] = {name: [] for name in names}
    turns = Turns()
    for _ in range(data.draw(st.integers(0, 40))):
        if data.draw(st.booleans()):
            name = data.draw(st.sampled_from(names))
            turns.append(*works_of(name, 1, said[name]))
            said[name] += 1
            continue
        taken = turns.take(data.draw(st.integers(1, 5)))
        keep = data.draw(st.integers(0, len(taken)))
        turns.put_back(taken[keep:])
        for work in taken[:keep]:
            heard[work.lane].append(work.call)

    for work in turns.clear():
        heard[work.lane].append(work.call)

    assert heard == {name: list(range(count)) for name, count in said.items()}
    assert len(turns) == 0
