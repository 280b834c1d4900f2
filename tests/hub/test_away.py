"""A shared store that is away for a while: writes are refused and said so, and the hub lives on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.domain.model import Thread
from bridge.errors import StorageFull, Unavailable, Unresolved
from bridge.store.base import Batch
from bridge.store.memory import MemoryStore
from bridge.wire.commands import Send, Typing
from bridge.wire.queries import CountUnread
from tests.hub.faulty import FaultyStore
from tests.hub.house import ANA, BEN, House, config, house

pytestmark = pytest.mark.one_hub  # see grounds.py


def codes(answers: list[dict[str, object]]) -> list[object]:
    return [answer["error"]["code"] if "error" in answer else "ok" for answer in answers]  # type: ignore[index]


async def over_faults(hub: House) -> FaultyStore:
    """Put a store that can fail under a running hub."""
    store = FaultyStore(hub.hub.store)
    hub.hub.pipeline._store = store
    return store


async def test_a_store_that_is_away_refuses_sends_and_takes_them_when_it_is_back(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ana, ben = await hub.join(ANA), await hub.join(BEN)
    store = await over_faults(hub)
    store.fails = Unavailable()

    refused = await ben.pipe(Send(thread=thread, text="hello?", token="t"), Typing(thread=thread))
    store.fails = None
    accepted = await ben.ask(Send(thread=thread, text="hello?", token="t"))
    await ana.event("message_sent")

    assert codes(refused) == ["unavailable", "ok"]
    assert refused[0]["error"]["temporary"] is True
    assert accepted["seq"] == 3
    assert hub.hub.counters.refusals_total["unavailable"] == 1


@pytest.mark.parametrize("stale", [False, True])
async def test_what_cannot_be_looked_up_while_the_store_is_away_is_refused(hub: House, stale: bool) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ben = await hub.join(BEN)
    store = await over_faults(hub)
    store.load_fails = Unavailable()
    if stale:
        store.stale = [((Thread, thread),)]
    else:
        hub.hub.pipeline.facts.forget([(Thread, thread)])

    refused = await ben.pipe(Send(thread=thread, text="x", token="x"))
    store.load_fails = None
    answers = await ben.pipe(Send(thread=thread, text="x", token="x"), CountUnread())

    assert codes(refused) == ["unavailable"]
    assert codes(answers) == ["ok", "ok"]


async def test_a_send_whose_outcome_is_unknown_is_found_again_by_its_token(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ben = await hub.join(BEN)
    store = await over_faults(hub)
    store.fails_after = Unresolved()

    unknown = await ben.pipe(Send(thread=thread, text="once", token="t"))
    store.fails_after = None
    again = await ben.ask(Send(thread=thread, text="once", token="t"))

    assert codes(unknown) == ["internal"]
    assert again["seq"] == 3
    assert [one.seq for one in await hub.hub.store.history(thread, limit=9)] == [3, 2, 1]
    assert (await hub.hub.store.audit()).problems == ()


@pytest.fixture
async def shared(password_hash: str, tmp_path: Path) -> AsyncIterator[House]:
    """A hub whose store others may write to."""
    store = await MemoryStore.open()
    store.shared = True
    async with house(password_hash, config(store={"keys": tmp_path / "keys"}), store) as made:
        yield made


async def test_what_rests_on_facts_that_nobody_could_compare_is_not_answered(shared: House) -> None:
    await shared.add(ANA, BEN)
    thread = await shared.acquaint(BEN, ANA)
    ben = await shared.join(BEN)
    store = await over_faults(shared)
    too_long, good = (Send(thread=thread, text="x" * size, token=f"{size}") for size in (30_000, 3))

    store.fails = Unavailable()
    refused = await ben.pipe(too_long, good, too_long)
    store.fails = None
    answers = await ben.pipe(too_long, good, too_long)

    assert codes(refused) == ["unavailable"] * 3
    assert codes(answers) == ["too_long", "ok", "too_long"]


async def test_what_changes_nothing_is_decided_anew_where_only_the_rest_cannot_be_kept(shared: House) -> None:
    await shared.add(ANA, BEN)
    thread = await shared.acquaint(BEN, ANA)
    ben = await shared.join(BEN)
    store = await over_faults(shared)
    too_long, good = (Send(thread=thread, text="x" * size, token=f"{size}") for size in (30_000, 3))

    def is_full(batch: Batch) -> None:
        if batch.changes:
            raise StorageFull

    store.before = is_full
    answers = await ben.pipe(too_long, good, too_long)

    assert codes(answers) == ["too_long", "storage_full", "too_long"]
