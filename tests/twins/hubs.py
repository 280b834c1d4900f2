"""Two hubs that differ in nothing but their engine: one clock, one chance, the same secrets, the same calls.

So everything that they say must be the same, byte for byte; ``Twins`` compares it after every step.
What may differ by nature, and only that, is left out:

- The place from which a search goes on, which only the engine understands (see ``Store.search``). Each
  hub's client goes on with its own.
- The order in which calls of several clients that are under way at once are decided: a call waits for what
  is not in memory, and the engines learn it in different steps. Where the order differs, the two have
  rightly parted, and nothing more happens in that life; it is counted, and must stay the exception.
- How the answers, the journals and what is told in passing fall between each other; each keeps its order.
- Where several calls are under way at once: how far a journal was told that the client loses or gains
  in the same moment, and whether it saw an account that was linked and unlinked within it. A session that
  catches up reads its journal beside the pipeline, as fast as its engine is; and it is shown accounts as
  they are by then, not as they were told.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import pytest
from argon2 import PasswordHasher
from msgspec.structs import replace

import bridge.app
import bridge.hub.authority
import bridge.hub.maintenance
import bridge.hub.services
from bridge.app import Hub, running_hub
from bridge.domain.deeds import CreateAccount, Deed, PutDevice
from bridge.domain.model import Device
from bridge.domain.views import SHOW_ACCOUNTS
from bridge.errors import BridgeError
from bridge.hub.auth import token_hash
from bridge.hub.maintenance import Maintenance
from bridge.hub.work import Decided
from bridge.ids import AccountId, DeviceId
from bridge.store.base import Places
from bridge.wire.calls import AnyCall
from bridge.wire.codec import JSON, Codec
from bridge.wire.queries import ListThreads, ListTies, Search
from bridge.wire.sign_in import SignIn
from tests.hub.house import PASSWORD, config
from tests.store.engines import ENGINES, Engine
from tests.twins.wires import Fields, Wire

SIDES: Final = ("sqlite", "postgres")
CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
NEVER_S: Final = 1e6
BEGUN_MS: Final = 1_700_000_000_000
_JOURNAL_DAYS: Final = 30


_SHOWN: Final = {kind.__struct_config__.tag: name for kind, name in SHOW_ACCOUNTS.items()}  # type: ignore[attr-defined]


class Clock:
    """The time of both, which stands until it is moved.

    Attributes:
        now: Milliseconds since 1970.
    """

    def __init__(self) -> None:
        self.now = BEGUN_MS

    def __call__(self) -> int:
        return self.now


class Call(NamedTuple):
    """A call on its way: who makes it."""

    line: str
    operation: AnyCall


class Side:
    """One of the hubs, and the clients at its wires.

    Attributes:
        name: Its engine's name.
        hub: The hub.
        wires: What is connected, by the client's name.
        order: The commands decided since this was last emptied: who made it, and the number of the call.
    """

    def __init__(self, name: str, hub: Hub, clock: Clock) -> None:
        self.name, self.hub = name, hub
        self.wires: dict[str, Wire] = {}
        self.upkeep = Maintenance(hub.pipeline, hub.store, clock, _JOURNAL_DAYS)
        self.order: list[tuple[AccountId, int]] = []
        telling = hub.pipeline._telling
        self._tell, telling.tell = telling.tell, self._note_order  # type: ignore[method-assign]

    def _note_order(self, decided: Decided, made: Sequence[Places]) -> None:
        self.order += [(work.account, work.call) for work, _ in decided.done if work.command is not None]
        self._tell(decided, made)

    def seed(self, seed: int) -> None:
        """Begin the chance of this hub anew."""
        self.hub.pipeline._scene.chance = random.Random(seed).randbytes

    async def keep_house(self) -> None:
        """Trim old journals and erase what is due, as a hub does by itself every hour."""
        await self.upkeep._trim()
        await self.upkeep._sweep()

    @property
    def is_busy(self) -> bool:
        """Whether anything waits for its decision or its commit."""
        return self.hub.pipeline._busy or bool(self.hub.pipeline._waiting)

    def forget(self) -> None:
        """Drop all facts from memory, as a start anew would."""
        self.hub.pipeline.facts.shrink(0)


class Twins:
    """Both, and what they are made to do at the same time.

    Attributes:
        clock: The time of both.
        sides: The hubs, the one that is compared with first.
        counts: What was answered, refused and told so far, by what it is.
        frames: How many frames were compared.
        findings: Where the two differ, in this life.
        has_parted: Whether this life ended because the two rightly differ.
    """

    def __init__(self, sides: Sequence[Side], clock: Clock) -> None:
        self.sides, self.clock = sides, clock
        self.counts: Counter[str] = Counter()
        self.frames = 0
        self.findings: list[str] = []
        self.has_parted = False
        self._own = asyncio.all_tasks()
        self._asked: dict[tuple[str, int], str] = {}
        self._together = False

    # --- what both do

    def seed(self, seed: int) -> None:
        """Begin the chance of both anew, for another life."""
        self.findings, self.has_parted = [], False
        for side in self.sides:
            side.seed(seed)

    async def add(self, account: AccountId, **more: Any) -> None:
        """Make an account with a device, whose token is its name."""
        deed = CreateAccount(account=account, password=CHEAP_HASH, **more)
        await self.operate(deed)
        await self.operate(PutDevice(device=device_of(account, "first", self.clock.now)[0]))

    async def operate(self, deed: Deed) -> None:
        """Do what an operator does."""

        async def do(side: Side) -> object:
            try:
                return await side.hub.pipeline.do(AccountId(""), deed)
            except BridgeError as refusal:
                return refusal.code

        await self.both(do)

    async def both(self, act: Callable[[Side], Coroutine[Any, Any, object]]) -> None:
        """Do something with both, whose answers must be equal, as must be what the clients hear of it."""
        first, *others = [await act(side) for side in self.sides]
        self.findings += [f"{first} and {other}" for other in others if other != first]
        await self.quiet()
        self.compare()

    async def connect(
        self, line: str, account: AccountId, codec: Codec = JSON, *, resume: bool = False
    ) -> Fields:
        """Sign a client in, with the cursors that it had, if it comes back."""
        before = self.sides[0].wires.get(line)
        cursors = tuple(before.cursors.values()) if before is not None and resume else ()
        await self.dial(line, codec)
        return await self.ask(line, SignIn(token=token_of(account, "first"), cursors=cursors))

    async def dial(self, line: str, codec: Codec = JSON) -> None:
        """Connect a client anew."""
        await self.cut(line)
        for side in self.sides:
            side.wires[line] = Wire(side.hub, codec)
        await self.quiet()

    async def cut(self, line: str) -> None:
        """Lose a client's connection, if it has one."""
        for side in self.sides:
            if (wire := side.wires.get(line)) is not None:
                wire.cut()
        await self.quiet()
        self.compare()

    async def dial_and_ask(self, line: str, codec: Codec, operation: AnyCall) -> Fields:
        """Connect a client anew, and make its first call."""
        await self.dial(line, codec)
        return await self.ask(line, operation)

    async def empty(self) -> None:
        """Have all clients leave."""
        for side in self.sides:
            for wire in side.wires.values():
                wire.cut()
            side.wires.clear()
        await self.quiet()

    async def leaf(self, line: str, query: ListThreads | ListTies | Search) -> None:
        """Go through all pages of a listing, at each side by its own cursors."""
        pages = [query] * len(self.sides)
        while pages:
            for side, page in zip(self.sides, pages, strict=False):  # one that ends sooner was found out
                self._asked[line, side.wires[line].call(page)] = query.op
            await self.quiet()
            nexts = [side.wires[line].next_page for side in self.sides]
            self.compare()
            pages = [replace(query, before=cursor) for cursor in nexts if cursor is not None]

    async def ask(self, line: str, operation: AnyCall) -> Fields:
        """Make a call at both, and give the frame that answers it, once all that follows from it was told."""
        return (await self.at_once(Call(line, operation)))[0]

    async def at_once(self, *calls: Call) -> list[Fields]:
        """Make calls within one turn of the loop; give the answers as the first side gave them.

        If the hubs decided them in different orders, they have parted, and nothing is comparable any more.
        """
        for side in self.sides:
            side.order.clear()
            for line, operation in calls:
                self._asked[line, side.wires[line].call(operation)] = operation.op
        await self.quiet()
        if any(side.order != self.sides[0].order for side in self.sides[1:]):
            self.has_parted = True
            self.counts["parted"] += 1
            return []
        self._together = len(calls) > 1
        answers = self.compare()
        self._together = False
        return answers

    async def quiet(self) -> None:
        """Wait until neither hub does anything any more, and all that they said was heard."""
        while (tasks := self._tasks()) or any(side.is_busy for side in self.sides):
            if tasks:
                await asyncio.wait(tasks)
            for side in self.sides:
                await side.hub.pipeline.consult(AccountId(""), lambda scene: None)
        await asyncio.sleep(0)  # sockets write at the end of a turn

    def _tasks(self) -> set[asyncio.Task[Any]]:
        """Give what runs for sessions: all but what the hubs themselves do as long as they live."""
        here = asyncio.current_task()
        return {task for task in asyncio.all_tasks() - self._own if task is not here}

    # --- comparing

    def compare(self) -> list[Fields]:
        """Compare what came since the last time; give the answers.

        Raises:
            AssertionError: If anything differs; nothing is compared any more in this life.
        """
        first, *others = self.sides
        answers: list[Fields] = []
        for line, wire in first.wires.items():
            heard = wire.taken()
            for other in others:
                self._same(line, wire, heard, other)
            self.frames += len(heard)
            frames = [cast(Fields, wire.codec.unpack(data)) for data in heard]
            answers += [frame for frame in frames if self._count(line, frame)]
        assert not self.findings, "\n".join(self.findings)
        return answers

    def _same(self, line: str, wire: Wire, heard: Sequence[bytes], other: Side) -> None:
        theirs = other.wires[line]
        found = theirs.taken()
        if heard != found:
            mine = self._seen(line, [wire.codec.unpack(data) for data in heard])
            seen = self._seen(line, [wire.codec.unpack(data) for data in found])
            if seen != mine:
                self.findings.append(
                    f"{line} hears\n  {mine}\nat {self.sides[0].name}\n  {seen}\nat {other.name}"
                )
        if theirs.close_code != wire.close_code:
            self.findings.append(f"{line} was closed with {wire.close_code} and {theirs.close_code}")
        if theirs.cursors != wire.cursors:
            self.findings.append(f"{line} has the cursors {wire.cursors} and {theirs.cursors}")

    def _seen(self, line: str, frames: Sequence[Any]) -> object:
        """Leave out what may differ by nature."""
        seen = [self._without_place(line, frame) for frame in frames]
        return sorted_out(seen) if self._together else in_sorts(seen)

    def _without_place(self, line: str, frame: Fields) -> Fields:
        """Leave out the place from which a search goes on."""
        if self._asked.get((line, frame.get("re", 0))) == Search.op and "next" in frame.get("ok", {}):
            return {**frame, "ok": {**frame["ok"], "next": "some place"}}
        return frame

    def _count(self, line: str, fields: Fields) -> bool:
        """Count a frame by its kind; say whether it is an answer."""
        if "event" in fields:
            self.counts[f"told {fields['event']['type']}"] += 1
            return False
        op = self._asked.pop((line, fields["re"]))
        self.counts[f"refused {fields['error']['code']}" if "error" in fields else f"answered {op}"] += 1
        return True


def in_sorts(frames: Sequence[Fields]) -> dict[str, list[Fields]]:
    """Sort what a client hears into its answers, each of its journals, and the rest, each in its order.

    How these fall between each other is chance also after one call: a session may be catching up.
    """
    sorts: dict[str, list[Fields]] = {}
    for frame in frames:
        sorts.setdefault(frame.get("account", "answers" if "re" in frame else "rest"), []).append(frame)
    return sorts


def sorted_out(frames: Sequence[Fields]) -> dict[str, list[Fields]]:
    """Sort what a client hears into its answers, each of its journals, and the rest, each in its order.

    A journal that the client loses or gains in this step is left out: how much of it came before is chance.
    """
    sorts = in_sorts(frames)
    stays: list[Fields] = []
    for frame in sorts.get("rest", []):
        event = frame["event"]
        if event["type"] == "leg_removed":
            sorts.pop(event["account"], None)
            came = [one for one in stays if _added(one) == event["account"]]
            if came:  # linked and unlinked in one step: whether the client looked in between is chance
                stays.remove(came[0])
                continue
        elif event["type"] == "leg_added":
            sorts.pop(event["account"]["id"], None)
        stays.append(frame)
    sorts["rest"] = [_without_head(frame) for frame in stays]
    return {kind: [_by_ids(frame) for frame in sort] for kind, sort in sorts.items()}


def _by_ids(frame: Fields) -> Fields:
    """Leave of the accounts that an event of a journal shows their ids: as what they are shown is chance."""
    event = frame.get("event", {})
    name = _SHOWN.get(event.get("type")) if "at" in frame else None
    if name is None or name not in event:
        return frame
    shown = event[name]
    ids = [one["id"] for one in shown] if isinstance(shown, list) else shown["id"]
    return {**frame, "event": {**event, name: ids}}


def _added(frame: Fields) -> str | None:
    event = frame["event"]
    return event["account"]["id"] if event["type"] == "leg_added" else None


def _without_head(frame: Fields) -> Fields:
    """Leave out where a journal stands that begins for the client just then."""
    event = frame["event"]
    if event["type"] != "leg_added":
        return frame
    return {**frame, "event": {**event, "leg": {**event["leg"], "head": 0, "cursor": ""}}}


CHEAP_HASH: Final = CHEAP.hash(PASSWORD)


def token_of(account: AccountId, name: str) -> str:
    """Give the token of a device; a test's tokens are no secrets."""
    return sha256(f"{account} {name}".encode()).hexdigest()


def device_of(account: AccountId, name: str, now: int) -> tuple[Device, str]:
    """Make a device whose id and token are no chance, so that both hubs make the same."""
    token = token_of(account, name)
    device = Device(
        id=DeviceId(f"d{token[:16]}"),
        account=account,
        name=name,
        token=token_hash(token),
        created_at=now,
        seen_at=now,
    )
    return device, token


@asynccontextmanager
async def twins(
    folder: Path, patch: pytest.MonkeyPatch, sides: Mapping[str, Engine] = ENGINES
) -> AsyncIterator[Twins]:
    """Run both hubs."""
    clock = Clock()
    for module in (bridge.app, bridge.hub.services):
        patch.setitem(vars(module), "now_ms", clock)
    patch.setitem(vars(bridge.hub.authority), "new_device", device_of)
    patch.setitem(vars(bridge.hub.maintenance), "_EVERY_S", NEVER_S)  # it is done when a step says so
    settings = config(
        store={"keys": folder / "keys"},
        hub={"heartbeat_s": NEVER_S},
        limits={
            **{name: 10**9 for name in ("calls_burst", "look_ups_per_minute", "sign_ins_per_minute")},
            "connections": 10**6,
            "connections_per_address": 10**6,
        },
        policy={"register": True},
    )
    async with AsyncExitStack() as stack:
        made = []
        for name in SIDES:
            store = await sides[name].open(folder, clock)
            stack.push_async_callback(store.close)
            hub = await stack.enter_async_context(running_hub(settings, store))
            hub.passwords._hasher, hub.passwords._nobody = CHEAP, CHEAP_HASH
            made.append(Side(name, hub, clock))
        for _ in range(3):  # what hubs do as long as they live begins within their first turns
            await asyncio.sleep(0)
        yield Twins(made, clock)
