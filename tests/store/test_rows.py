"""Records as rows: the same record back, and no damaged row taken for one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.hold import Hold
from bridge.domain.keys import key_of
from bridge.domain.model import (
    AuditLine,
    ContactList,
    Controls,
    Decision,
    LinkAsk,
    Record,
    Unlinking,
    Verdict,
    WaitingLinks,
)
from bridge.errors import CorruptStore
from bridge.ids import AccountId, ThreadId
from bridge.store.rows import TABLES, check, event_of, event_row, seal
from bridge.wire.events import ControlsChanged
from bridge.wire.values import Hybrid, OutcomeOf
from tests.builders import (
    ANA,
    BEN,
    make_account,
    make_device,
    make_line,
    make_pair_thread,
    make_person,
    make_tie,
    make_verdict,
)

REFUSAL = Decision(outcome=OutcomeOf.NONE, rule="blocked", category="c", facts=("f", "sender:g"), version=2)


def records() -> list[Any]:
    talk = make_pair_thread()
    talk.say(ANA, "text")
    return [
        make_account(phone=b"\0\1", minor=True),
        make_person(ANA, BEN),
        Controls(account=ANA, version=3, outcomes={"followers": "none"}, keep_connected=True),
        make_tie(ANA, BEN, blocks=True, restricts=Hold.COPIED, claimed="friend"),
        ContactList(account=ANA, phones=frozenset({b"1", b"2"}), uploads=1, day=9),
        *talk.records,
        talk.said[0],
        make_verdict(ANA, "one"),
        make_verdict(ANA, "two", code="not_accepting", decision=REFUSAL, receiver=BEN),
        LinkAsk(asker=ANA, other=BEN, until=5),
        WaitingLinks(account=BEN, askers={ANA: 5}),
        Unlinking(account=ANA, others=(BEN,), until=6, hybrids={ANA: Hybrid.ON, BEN: Hybrid.OFF}),
        make_device("phone"),
        make_line("linked", detail="a: b"),
    ]


NUMBERS = {name: no for no, name in enumerate((ANA, BEN, make_pair_thread().id, ThreadId("t")), 1)}
NAMES: dict[int, str] = {no: name for name, no in NUMBERS.items()}


@pytest.mark.parametrize("record", records(), ids=lambda record: type(record).__name__)
def test_a_record_comes_back_from_its_row(record: Record) -> None:
    table = TABLES[type(record)]

    row = table.row(record, NUMBERS)

    assert all(value is None or type(value) in (str, int, bytes) for value in row)
    assert len(row) == len(table.columns) + 1
    assert table.record(row, NAMES) == record
    if not isinstance(record, AuditLine):
        assert row[: len(table.key)] == table.key_row(key_of(record)[1], NUMBERS)  # type: ignore[arg-type]  # one of the kinds


@pytest.mark.parametrize("record", records(), ids=lambda record: type(record).__name__)
def test_no_value_of_a_row_can_change_unnoticed(record: Record) -> None:
    table = TABLES[type(record)]
    row = table.row(record, NUMBERS)

    for place, value in enumerate(row):
        other = {str: "other", int: 1 if value == 0 else 0, bytes: b"x"}.get(type(value), 7)
        with pytest.raises(CorruptStore):
            table.record((*row[:place], other, *row[place + 1 :]), NAMES)


def test_a_number_without_a_name_is_damage() -> None:
    verdict = TABLES[Verdict]

    with pytest.raises(CorruptStore, match="no sense"):
        verdict.record(verdict.row(make_verdict(ANA, "one"), NUMBERS), {})


@given(values=st.lists(st.none() | st.integers(-(2**53), 2**53) | st.text() | st.binary()))
def test_a_seal_fits_its_values_only(values: list[Any]) -> None:
    check((*values, seal(values)), "any")

    with pytest.raises(CorruptStore):
        check((*values, seal([*values, 0])), "any")


def test_an_event_comes_back_from_its_bytes() -> None:
    event = ControlsChanged(account=AccountId("a"), version=7)

    assert event_of(event_row(event)) == event
