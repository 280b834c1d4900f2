"""Two testimonies side by side, compared with a slow way of doing the same."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.content import Content, pack
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Store
from bridge.transfer import agreement
from bridge.transfer.agreement import TOLERANCE_MS, Row, Said, aligned
from bridge.wire.values import Network

NO_STORE = cast("Store", None)  # what was told comes from the tests
ANA, BEN = AccountId("ana"), AccountId("ben")
ONE = agreement.Testimony(ThreadId("one"), 0, ANA, BEN)
TWO = agreement.Testimony(ThreadId("two"), 0, BEN, ANA)


def said(at: int, speaker: AccountId = ANA, text: str = "x") -> Said:
    content = Content(text, Network.MESSENGER)
    return Said(at, speaker, content, pack(content))


def side_by_side(one: list[Said], two: list[Said], patch: pytest.MonkeyPatch) -> list[Row]:
    async def told(_store: object, testimony: agreement.Testimony) -> AsyncIterator[Said]:
        for each in one if testimony is ONE else two:
            yield each

    async def gathered() -> list[Row]:
        return [row async for row in aligned(NO_STORE, ONE, TWO)]

    patch.setattr(agreement, "told", told)
    return asyncio.run(gathered())


def slowly(one: list[Said], two: list[Said]) -> list[Row]:
    rows = [Row(each.at, each, None) for each in one]
    for each in two:
        for row in rows:
            if row.one is not None and row.two is None and row.one.equals(each):
                row.two = each
                break
        else:
            rows.insert(sum(row.at <= each.at for row in rows), Row(each.at, None, each))
    return rows


TOLD = st.lists(
    st.builds(said, st.integers(0, 8 * TOLERANCE_MS), st.sampled_from([ANA, BEN]), st.sampled_from("abc")),
    max_size=25,
).map(lambda told: sorted(told, key=lambda each: each.at))


@given(one=TOLD, two=TOLD)
def test_rows_are_those_of_the_slow_way(one: list[Said], two: list[Said]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        found = side_by_side(one, two, patch)

    assert [(row.at, row.one, row.two) for row in found] == [
        (row.at, row.one, row.two) for row in slowly(one, two)
    ]


@pytest.mark.parametrize("texts", [["x"], [f"line {n}" for n in range(3_000)]])
def test_messages_of_one_time_cost_no_more_than_others(
    texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [said(5, text=texts[n % len(texts)]) for n in range(3_000)]
    looks = 0
    equals = Said.equals

    def counted(self: Said, other: Said) -> bool:
        nonlocal looks
        looks += 1
        return equals(self, other)

    monkeypatch.setattr(Said, "equals", counted)
    monkeypatch.setattr(agreement, "MOST", 100)

    rows = side_by_side(told, list(told), monkeypatch)

    assert len(rows) == len(told)
    assert all(row.one is row.two for row in rows)
    assert looks == len(told)
