"""What is the memory store's own: it is a shared store, which checks what a batch read."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bridge.domain.keys import Key
from bridge.domain.model import Account, Thread
from bridge.domain.questions import HandleOwner, Question
from bridge.errors import Stale
from bridge.store.memory import MemoryStore
from bridge.wire.values import Network
from tests.builders import ANA, BEN, keep, keep_told, make_account, make_batch, make_pair_thread


async def test_a_fact_that_moved_keeps_the_batch_out_and_is_named() -> None:
    store = await MemoryStore.open()
    await keep(store, make_account(ANA), make_account(BEN))
    asked: Key = (HandleOwner, HandleOwner(Network.DIRECT, "ana"))
    versions: dict[Key, object] = {
        (Account, ANA): make_account(ANA),
        (Account, BEN): make_account(BEN),
        asked: ANA,
    }
    await keep(store, make_account(ANA, handle="ana-2"))

    with pytest.raises(Stale) as stale:
        await store.commit(make_batch([make_account(BEN, handle="ben-2")], (), versions))

    assert set(stale.value.keys) == {(Account, ANA), asked}
    assert (await store.load([(Account, BEN)]))[Account, BEN] == make_account(BEN)


async def test_a_fact_that_came_to_be_keeps_the_batch_out() -> None:
    store = await MemoryStore.open()
    talk = make_pair_thread()
    await keep(store, *talk.records)

    with pytest.raises(Stale) as stale:
        await store.commit(make_batch(talk.records, (), {(Thread, talk.id): None}))

    assert stale.value.keys == ((Thread, talk.id),)


async def test_an_audit_finds_messages_without_their_thread() -> None:
    store = await MemoryStore.open()
    talk = make_pair_thread()
    await keep(store, talk.say(ANA, "lost"))

    assert [(problem.kind, problem.where) for problem in (await store.audit()).problems] == [("tip", talk.id)]


async def test_an_audit_finds_a_gap() -> None:
    store = await MemoryStore.open()
    talk = make_pair_thread()
    talk.say(ANA, "never kept")
    await keep_told(store, talk, talk.say(ANA, "kept"))

    assert {problem.kind for problem in (await store.audit()).problems} == {"seq", "link", "tip", "sent"}


async def test_a_question_that_no_engine_knows_is_a_mistake_of_ours() -> None:
    store = await MemoryStore.open()

    with pytest.raises(TypeError, match="Question"):
        await store.load([(Question, Question())])


async def test_a_backup_of_a_restored_backup_rises_again(tmp_path: Path) -> None:
    store = await MemoryStore.open()
    await keep(store, replace(make_account(ANA), name="Ana 🧑‍🚀"))
    epochs = [store.epoch]

    for number in range(3):
        path = str(tmp_path / str(number))
        await store.backup(path)
        store = await MemoryStore.restored(path)
        epochs.append(store.epoch)

    assert epochs == sorted(set(epochs)), "each copy has an epoch of its own"
    assert [account.name for account in await store.accounts(limit=9)] == ["Ana 🧑‍🚀"]
