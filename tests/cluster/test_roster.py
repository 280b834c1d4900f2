"""Who counts as there, and who as gone."""

from bridge.bus.roster import BEAT_S, SILENT_S, Roster


def test_a_node_is_there_once_it_was_heard_and_until_it_says_goodbye() -> None:
    roster = Roster()

    assert roster.heard("one", 0.0)
    assert not roster.heard("one", 1.0)
    assert "one" in roster
    assert roster.left("one")
    assert not roster.left("one")
    assert len(roster) == 0


def test_who_is_silent_for_too_long_is_gone_and_named_once() -> None:
    roster = Roster()
    roster.heard("silent", 0.0)
    roster.heard("lively", 0.0)
    for beat in range(1, 6):
        roster.heard("lively", beat * BEAT_S)

    assert roster.silent(SILENT_S) == []
    assert roster.silent(SILENT_S + 0.1) == ["silent"]
    assert roster.silent(SILENT_S + 0.2) == []
    assert "lively" in roster


def test_nobody_is_gone_for_what_this_node_could_not_hear() -> None:
    roster = Roster()
    roster.heard("one", 0.0)

    roster.spare(100.0)

    assert roster.silent(100.0 + SILENT_S) == []
