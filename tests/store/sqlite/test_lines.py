"""Lines of journals: what they refer to, and the check that they still do."""

from bridge.ids import Position
from bridge.store.sqlite.journal import note, stamp
from bridge.store.sqlite.tails import Line
from tests.builders import ANA, BEN


def test_lines_of_journals_are_stamped_alike_one_by_one_and_together() -> None:
    numbers: dict[str, int] = {ANA: 1, BEN: 70_000}

    for ref in (-5, 1, 2**40):
        heads, lines = {1: Position(0), 70_000: Position(2)}, list[Line]()
        places = note(heads, numbers, [ANA, ANA, BEN], ref, lines)

        assert places == [(ANA, 1), (ANA, 2), (BEN, 3)]
        assert heads == {1: 2, 70_000: 3}
        assert lines == [(no, at, stamp(no, at, ref)) for no, at in [(1, 1), (1, 2), (70_000, 3)]]
