"""History: a thread's messages in pages, from either end."""

import pytest

from bridge.ids import ThreadId
from bridge.store.base import Store
from tests.builders import ANA, BEN, CYD, Talk, keep, make_pair_thread, make_people


async def keep_ten(store: Store) -> Talk:
    talk, other = make_pair_thread(ANA, BEN), make_pair_thread(ANA, CYD)
    for number in range(1, 11):
        talk.say(ANA if number % 3 else BEN, f"number {number}")
        other.say(CYD, "elsewhere")
    await keep(store, *make_people(ANA, BEN, CYD), *talk.kept, *other.kept)
    return talk


@pytest.mark.parametrize(
    ("before", "after", "limit", "seqs"),
    [
        (None, None, 3, [10, 9, 8]),
        (None, None, 99, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (8, None, 3, [7, 6, 5]),
        (3, None, 3, [2, 1]),
        (1, None, 3, []),
        (99, None, 2, [10, 9]),
        (None, 0, 3, [1, 2, 3]),
        (None, 3, 3, [4, 5, 6]),
        (None, 9, 3, [10]),
        (None, 10, 3, []),
        (None, 99, 3, []),
    ],
)
async def test_history_reads_backwards_before_a_seq_and_forwards_after_one(
    store: Store, before: int | None, after: int | None, limit: int, seqs: list[int]
) -> None:
    talk = await keep_ten(store)

    page = await store.history(talk.id, before=before, after=after, limit=limit)

    assert list(page) == [talk.said[seq - 1] for seq in seqs]


async def test_a_thread_that_does_not_exist_has_no_history(store: Store) -> None:
    await keep_ten(store)

    assert list(await store.history(ThreadId("t-none"), limit=9)) == []


async def test_paging_backwards_meets_every_message_once(store: Store) -> None:
    talk = await keep_ten(store)
    read: list[int] = []

    while page := await store.history(talk.id, before=read[-1] if read else None, limit=4):
        read.extend(message.seq for message in page)

    assert read == list(range(10, 0, -1))
