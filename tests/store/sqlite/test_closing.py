"""Closing and opening that somebody gives up: no lock stays, and no thread, which would keep the process."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bridge.store.sqlite import SqliteStore
from bridge.store.sqlite.connection import Connection
from tests.store.sqlite.places import keep_some, place

T = TypeVar("T")


async def given_up(work: Coroutine[Any, Any, T], verb: str, at: int) -> asyncio.Task[T]:
    """Start a work, cancel it as it comes to a hop to a thread, if it comes so far; give its ended task."""
    original = getattr(Connection, verb)
    hops = 0

    async def hop(*args: Any, **more: Any) -> Any:
        nonlocal hops
        if hops == at:
            task.cancel()
        hops += 1
        return await original(*args, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Connection, verb, hop)
        task = asyncio.create_task(work)
        await asyncio.wait([task])
    assert task.cancelled() is (hops > at)
    return task


async def left_of(before: set[threading.Thread]) -> list[threading.Thread]:
    """Give the threads that are still there, once those that end have ended."""
    mine = [thread for thread in threading.enumerate() if thread not in before and "worker" in thread.name]
    for thread in mine:
        await asyncio.to_thread(thread.join, 5)
    return [thread for thread in mine if thread.is_alive()]


@pytest.mark.parametrize("verb", ["run", "close"])
async def test_a_close_that_is_given_up_closes_all_the_same(tmp_path: Path, verb: str) -> None:
    at, cut = 0, True
    while cut:
        before = set(threading.enumerate())
        store = await SqliteStore.open(place(tmp_path))
        if at == 0:
            await keep_some(store)
        cut = (await given_up(store.close(), verb, at)).cancelled()
        assert await left_of(before) == []
        at += 1
    await (await SqliteStore.open(place(tmp_path))).close()

    assert at > 2


async def test_an_opening_that_is_given_up_leaves_no_lock_and_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    at = 0
    while (opening := await given_up(SqliteStore.open(place(tmp_path)), "run", at)).cancelled():
        assert await left_of(before) == []
        at += 1
    await opening.result().close()

    assert at > 3
