"""Looks take their places: few at once, fewer of each account, and accounts take turns."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.hub.asking import AT_ONCE, Places
from bridge.ids import AccountId
from bridge.wire.queries import GetThread
from tests.hub.house import ANA, BEN, CYD, config, house
from tests.hub.test_pressure import signed_in

pytestmark = pytest.mark.one_hub  # see grounds.py


class Looks:
    """Looks from some places, each of which goes on until it is ended."""

    def __init__(self, each: int, at_once: int) -> None:
        self.here: list[AccountId] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.places = Places(each, at_once)
        self._ends: dict[AccountId, list[asyncio.Event]] = {}

    def begin(self, *accounts: AccountId) -> None:
        self.tasks += [asyncio.get_running_loop().create_task(self._look(account)) for account in accounts]

    async def _look(self, account: AccountId) -> None:
        end = asyncio.Event()
        async with self.places.place(account):
            self.here.append(account)
            self._ends.setdefault(account, []).append(end)
            try:
                await end.wait()
            finally:
                self.here.remove(account)
                self._ends[account].remove(end)

    async def end(self, account: AccountId) -> None:
        self._ends[account][0].set()
        await self.rest()

    async def rest(self) -> None:
        """Let everything happen that can."""
        for _ in range(5):
            await asyncio.sleep(0)


async def test_who_asks_for_much_waits_behind_himself_and_accounts_take_turns() -> None:
    looks = Looks(each=2, at_once=3)
    looks.begin(*[ANA] * 5, *[BEN] * 3, CYD)
    await looks.rest()
    seen = [list(looks.here)]
    for account in (ANA, BEN, ANA, CYD, BEN):
        await looks.end(account)
        seen.append(sorted(looks.here))
    for task in looks.tasks:
        task.cancel()
    await asyncio.wait(looks.tasks)

    assert seen == [
        [ANA, ANA, BEN],
        [ANA, ANA, BEN],
        [ANA, ANA, BEN],
        [ANA, BEN, CYD],
        [ANA, ANA, BEN],
        [ANA, ANA, BEN],
    ]


STEPS = st.lists(st.tuples(st.sampled_from(("come", "end", "go")), st.integers(0, 20)), max_size=60)


@given(steps=STEPS)
def test_no_place_is_lost_or_taken_twice_whoever_goes_whenever(steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        looks = Looks(each=2, at_once=3)
        for step, number in steps:
            if step == "come":
                looks.begin((ANA, BEN, CYD)[number % 3])
            elif step == "end" and looks.here:
                await looks.end(looks.here[number % len(looks.here)])
            elif step == "go":  # as connections end: several at once, some of which have just had a place
                for task in looks.tasks[number % 4 :: 3]:
                    task.cancel()
            if number % 2:
                await looks.rest()
            assert len(looks.here) <= 3
            assert max(Counter(looks.here).values(), default=0) <= 2
        await looks.rest()
        while looks.here:
            await looks.end(looks.here[0])
        assert all(task.done() for task in looks.tasks), "nobody waits while there are places"
        assert (looks.places._free, looks.places._taken) == (3, {})
        assert not looks.places._waiting

    asyncio.run(run())


@pytest.mark.parametrize(
    ("verb", "call", "answer"),
    [
        ("tally", {"op": "count_unread"}, "ok"),
        ("devices", {"op": "list_devices"}, "ok"),
        ("devices", {"op": "revoke_device", "device": "d0"}, "error"),
    ],
)
async def test_a_flood_of_queries_holds_few_places_and_others_are_answered(
    verb: str, call: dict[str, Any], answer: str, password_hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(password_hash, config(limits={"queries_at_once": 2})) as hub:
        await hub.add(ANA, BEN)
        thread = await hub.acquaint(BEN, ANA)
        ben, ana = await signed_in(hub, BEN), await hub.join(ANA)
        store, gate, begun = hub.hub.store, asyncio.Event(), 0
        read: Callable[[Any], Any] = getattr(store, verb)

        async def gated(accounts: Any) -> Any:
            nonlocal begun
            begun += 1
            await gate.wait()
            return await read(accounts)

        monkeypatch.setattr(store, verb, gated)
        for number in range(100):
            ben.say({"id": number + 10, **call})
        for _ in range(20):
            await ana.ask(GetThread(thread=thread))
        waiting = begun
        gate.set()
        await ben.until(lambda: sum(answer in frame for frame in ben.calls()) >= 100)
        await ana.ask(GetThread(thread=thread))

    assert waiting == 2
    assert begun == 100
    assert AT_ONCE > 2
