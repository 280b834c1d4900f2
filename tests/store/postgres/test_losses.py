"""Losing the server, or the wire to it, at any moment: what was acknowledged stays, nothing is kept twice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bridge.domain.model import Account
from bridge.errors import Stale, Unavailable, Unresolved
from bridge.store.base import Store
from bridge.store.postgres import PostgresStore, commit, pool
from bridge.wire.events import LinkAttempted
from tests.builders import (
    ANA,
    BEN,
    Talk,
    keep,
    keep_told,
    make_pair_thread,
    make_people,
    make_verdict,
)
from tests.engines_postgres import PROMISE, PostgresServer, find_binaries, the_server
from tests.store.postgres.wire import Cut, Wire, wire_to

EVENT = LinkAttempted(leg=ANA)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """A wire to the server."""
    async with wire_to(the_server().folder) as laid:
        yield laid


@pytest.fixture
async def far(dsn: str, wire: Wire) -> AsyncIterator[PostgresStore]:
    """A node at the end of the wire, which has committed before."""
    store = await PostgresStore.open(dsn.replace(str(the_server().folder), str(wire.folder)), pool=2)
    await keep(store, *make_people())
    yield store
    wire.cut = Cut.NONE
    await store.close()


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER, Cut.LATE])
async def test_a_commit_whose_answer_is_lost_is_kept_once_and_answered(
    far: PostgresStore, wire: Wire, cut: Cut
) -> None:
    talk = make_pair_thread()
    wire.cut = cut

    heads = await keep_told(far, talk, talk.say(ANA, "once"))
    await wire.let_go()

    assert heads == {ANA: 1, BEN: 1}
    assert list(await far.history(talk.id, limit=9)) == talk.said
    assert (await far.heads([ANA]))[ANA].newest == 1
    assert (await far.audit()).problems == ()


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER, Cut.LATE])
async def test_an_event_without_a_name_of_its_own_is_told_once(
    far: PostgresStore, wire: Wire, cut: Cut
) -> None:
    wire.cut = cut

    heads = await keep(far, told=[(EVENT, (ANA, BEN)), (EVENT, (BEN,))])
    await wire.let_go()

    assert heads == {ANA: 1, BEN: 2}
    assert await keep(far, told=[(EVENT, (ANA, BEN))]) == {ANA: 2, BEN: 3}
    assert (await far.audit()).entries == 5


async def test_a_node_that_cannot_learn_the_outcome_says_so_and_a_retry_is_safe(
    far: PostgresStore, wire: Wire, one: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_pair_thread()
    message = talk.say(ANA, "perhaps")
    things = (*talk.records, message, make_verdict(ANA, "k1", thread=talk.id, seq=1))
    monkeypatch.setattr(commit, "SETTLE_S", -1.0)
    monkeypatch.setattr(wire, "_server", Path("/nonexistent"))
    wire.cut = Cut.AFTER

    with pytest.raises(Unresolved):
        await keep(far, *things, told=[(message, (ANA, BEN))])

    monkeypatch.undo()
    with pytest.raises(Stale):
        await keep(far, *things, told=[(message, (ANA, BEN))])
    assert list(await one.history(talk.id, limit=9)) == talk.said
    assert (await one.heads([ANA]))[ANA].newest == 1


@pytest.fixture
async def held(dsn: str) -> AsyncIterator[tuple[PostgresStore, int]]:
    """A node that has little patience, and the server's process that it speaks with, which was stopped."""
    store = await PostgresStore.open(dsn, pool=2, answer_s=0.5)
    await keep(store, *make_people())
    async with store._pool.use() as connection:
        process = await connection.fetchval("SELECT pg_backend_pid()")
    os.kill(process, signal.SIGSTOP)
    try:
        yield store, process
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)
        await store.close()


async def test_a_commit_that_a_stopped_server_does_not_answer_is_asked_for_again_elsewhere(
    held: tuple[PostgresStore, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pool, "SLOW_S", 0.1)
    store, process = held
    talk = make_pair_thread()

    async with asyncio.timeout(10):
        heads = await keep_told(store, talk, talk.say(ANA, "once"))
    os.kill(process, signal.SIGCONT)  # it finds the commit, and that nobody waits for it any more

    assert heads == {ANA: 1, BEN: 1}
    assert "PostgreSQL has not answered a commit for 0.1 s: nothing is acknowledged" in caplog.text
    assert list(await store.history(talk.id, limit=9)) == talk.said
    assert (await store.audit()).problems == ()


async def test_a_question_that_a_stopped_server_does_not_answer_says_that_it_is_away(
    held: tuple[PostgresStore, int],
) -> None:
    store, _ = held

    async with asyncio.timeout(10):
        with pytest.raises(Unavailable, match=r"no answer to a question within 0\.5 s"):
            await store.load([(Account, ANA)])
        found = await store.load([(Account, ANA)])

    assert found[Account, ANA] is not None


async def test_connections_that_the_server_ends_are_lost_and_no_fault(dsn: str, one: PostgresStore) -> None:
    await keep(one, *make_people())
    far = await PostgresStore.open(dsn, pool=1)
    key, found = (Account, ANA), {"away": 0, "there": 0}
    try:
        for _ in range(30):  # what the server says last may come long before the end, or with it
            async with far._pool.use() as connection:
                ended = await connection.fetchval("SELECT pg_backend_pid()")
            async with one._pool.use() as connection:
                await connection.execute(f"SELECT pg_terminate_backend({ended})")
            for _ in range(20):
                try:
                    await far.load([key])
                    found["there"] += 1
                except Unavailable:
                    found["away"] += 1
    finally:
        await far.close()

    assert found["there"] > found["away"]


async def test_a_server_that_lets_nobody_in_for_a_while_is_away(dsn: str, one: PostgresStore) -> None:
    async def say(statement: str) -> None:
        async with one._pool.use() as connection:
            await connection.execute(statement)

    await keep(one, *make_people())
    await say("CREATE ROLE guest LOGIN SUPERUSER")
    far = await PostgresStore.open(dsn.replace("isthmus@", "guest@"), pool=1)
    try:
        await say("ALTER ROLE guest NOLOGIN")
        await say("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guest'")
        for _ in range(3):
            with pytest.raises(Unavailable):
                await far.load([(Account, ANA)])
        await say("ALTER ROLE guest LOGIN")

        assert await far.load([(Account, ANA)])
    finally:
        await far.close()
        await say("DROP ROLE guest")


async def test_a_look_whose_answer_is_lost_is_simply_not_answered(far: PostgresStore, wire: Wire) -> None:
    wire.cut = Cut.AFTER

    with pytest.raises(Unavailable):
        await far.heads([ANA])

    assert (await far.heads([ANA]))[ANA].newest == 0


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of this test's own, which syncs as in earnest."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(PROMISE)
    made = PostgresServer(binaries)
    made.start()
    yield made
    made.stop()


async def say(store: Store, talk: Talk, text: str) -> None:
    await keep_told(store, talk, talk.say(ANA, text))


async def test_a_server_that_is_killed_and_comes_back_has_all_that_was_acknowledged(
    server: PostgresServer,
) -> None:
    store = await PostgresStore.open(server.dsn("isthmus"), pool=2)
    talk = make_pair_thread()
    await keep(store, *make_people(), *talk.records)
    for number in range(5):
        await say(store, talk, f"before {number}")
    server.kill()

    with pytest.raises(Unavailable):
        await store.heads([ANA])
    with pytest.raises(Unavailable):
        await keep(store, told=[(EVENT, (ANA,))])
    server.start()

    await say(store, talk, "after")
    assert list(await store.history(talk.id, after=0, limit=9)) == talk.said
    assert (await store.audit()).problems == ()
    await store.close()
