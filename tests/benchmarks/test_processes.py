"""Processes of a benchmark."""

import pytest

from benchmarks.load.generator import Load
from benchmarks.load.hub_process import Running
from benchmarks.load.people import Person
from benchmarks.load.processes import started


def crowd(pairs: int) -> Running:
    """So many pairs of people."""
    one, two = Person("an-account", "a-token", "a-handle", "a name"), Person("b", "c", "d", "e")
    return Running(url="ws://127.0.0.1:1", pairs=[(one, two)] * pairs)


def test_an_order_may_name_more_people_than_a_command_line_has_room_for() -> None:
    with started("tests.benchmarks.echo", order=crowd(5_000)) as (_, line):
        assert line == "5000\n"


def test_a_process_that_cannot_do_what_it_is_told_is_told_of(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(RuntimeError, match="ended with 1"),
        started("tests.benchmarks.echo", order=Load(pid=1, target=crowd(1))),
    ):
        raise AssertionError("it served")
    assert "missing required field" in capfd.readouterr().err
