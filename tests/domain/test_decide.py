"""The door to the rules is open to every command and deed, and to nothing else."""

from typing import get_args, get_type_hints

from bridge.domain.decide import RULES
from bridge.domain.deeds import Deed
from bridge.wire.commands import Command


def test_every_command_and_deed_has_the_rule_that_takes_it() -> None:
    commands = get_args(Command)
    takes = {
        kind: get_type_hints(rule)["command" if kind in commands else "deed"] for kind, rule in RULES.items()
    }

    assert set(RULES) == {*commands, *get_args(Deed)}
    assert all(kind is taken for kind, taken in takes.items())
