"""What waits keeps its order within a lane, and lanes take turns."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bridge.hub.turns import ABOUT, PASSED, SPARE, TURN, Turns
from bridge.hub.work import Lane, Unheard, Work
from bridge.ids import AccountId


def works_of(lane: Lane, count: int, first: int = 0, weight: int = 1) -> list[Work]:
    """Make works, numbered."""
    numbers = range(first, first + count)
    return [Work(lane=lane, call=number, account=AccountId("a"), weight=weight) for number in numbers]


def turns_of(*works: Work) -> Turns:
    """Let these wait."""
    turns = Turns()
    for work in works:
        turns.append(work)
    return turns


def taken_of(turns: Turns, *lanes: Lane) -> list[int]:
    """Take a batch; count what it took of each lane."""
    taken = Counter(work.lane for work in turns.take(500))
    return [taken[lane] for lane in lanes]


def test_one_who_floods_waits_behind_himself_and_not_before_the_others() -> None:
    flood, talker, other = Unheard(), Unheard(), Unheard()
    turns = turns_of(*works_of(flood, 1_000), *works_of(talker, 8 * TURN), *works_of(other, 1))

    batches = [taken_of(turns, flood, talker, other) for _ in range(2 * PASSED + 2)]

    assert batches[0] == [0, TURN, 1]
    assert [flood for flood, _, _ in batches] == [*[0] * PASSED, 1] * 2, (
        "it is passed over, and never forgotten"
    )
    assert all(said == TURN for _, said, _ in batches)


def test_floods_stay_modest_a_while_after_somebody_else_waited() -> None:
    floods, talker = [Unheard() for _ in range(3)], Unheard()
    turns = turns_of(*works_of(talker, 1), *(work for one in floods for work in works_of(one, 2_000)))
    taken_of(turns, talker)

    modest = [taken_of(turns, *floods) for _ in range(ABOUT - 1)]
    alone = taken_of(turns, *floods)

    assert modest == [[1, 1, 1]] * (ABOUT - 1)
    assert alone == [TURN] * 3, "whom nobody waits beside"


def test_one_who_floods_alone_is_modest_too_while_others_are_about() -> None:
    flood, talker = Unheard(), Unheard()
    turns = turns_of(*works_of(talker, 1), *works_of(flood, 200))
    taken_of(turns, talker)

    assert taken_of(turns, flood) == [1]


def test_a_burst_of_one_who_is_alone_is_taken_whole_however_it_begins() -> None:
    burst = Unheard()
    turns = turns_of(*works_of(burst, 5))

    assert taken_of(turns, burst) == [5]
    for work in works_of(burst, 300, 5):
        turns.append(work)
    assert taken_of(turns, burst) == [300]


def test_long_works_count_for_several_in_a_turn_and_one_is_taken_always() -> None:
    one, other = Unheard(), Unheard()
    turns = turns_of(*works_of(one, 3, weight=TURN // 2), *works_of(other, 2, weight=3 * TURN))

    assert [taken_of(turns, one, other) for _ in range(2)] == [[2, 1], [1, 1]]


def beside_a_talker(turns: Turns, batches: int, *lanes: Lane) -> list[list[int]]:
    """Take batches while somebody else says one thing before each; count what each took of these lanes."""
    talker = Unheard()
    taken = []
    for work in works_of(talker, batches):
        turns.append(work)
        taken.append(taken_of(turns, *lanes))
    return taken


def test_few_long_works_are_a_flood_too_and_pay_back_what_they_took() -> None:
    flood, turn = Unheard(), PASSED + 1
    turns = turns_of(*works_of(flood, 100, weight=5))

    batches = [taken for (taken,) in beside_a_talker(turns, 60, flood)]

    assert batches == [int(number % (5 * turn) == PASSED) for number in range(60)], "one in five turns"


def test_floods_share_what_a_batch_has_to_spare_and_each_comes_in_its_time() -> None:
    floods, weight = [Unheard() for _ in range(4)], SPARE // 2
    turns = turns_of(*(work for one in floods for work in works_of(one, 100, weight=weight)))

    batches = beside_a_talker(turns, 20 * weight * (PASSED + 1), *floods)

    assert max(map(sum, batches)) == 2, "what there is to spare"
    assert {sum(taken) for taken in zip(*batches, strict=True)} == {20}, "as much of one as of the other"


def test_what_waits_weighs_what_its_works_do() -> None:
    one = Unheard()
    turns = turns_of(*works_of(one, 3), *works_of(one, 2, weight=10))
    assert turns.weight == 23

    turns.put_back(turns.take(4))
    assert turns.weight == 23
    assert [work.call for work in turns.take(4)] == [0, 1, 2, 0]
    turns.clear()
    assert turns.weight == 0


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
            turns.append(*works_of(name, 1, said[name], weight=data.draw(st.sampled_from([1, 1, 2, 70]))))
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
    assert len(turns) == turns.weight == 0
