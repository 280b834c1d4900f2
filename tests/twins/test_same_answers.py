"""SQLite and PostgreSQL give the same answers: every reply, push and page, whatever people do."""

import asyncio
import os
from collections.abc import Coroutine, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from hypothesis.strategies import SearchStrategy

from bridge.domain.deeds import ChangeAccount
from bridge.ids import AccountId, Seq
from bridge.wire.codec import CODECS
from bridge.wire.commands import Accept, AnswerTie, Link, OpenThread, Send, SetProfile, SetTie, Upgrade
from bridge.wire.queries import CountUnread, History, ListThreads, ListTies, Search
from bridge.wire.sign_in import Register, RevokeDevice, SignIn, SignOut
from bridge.wire.values import AccountState, Folder, TieKind
from tests.hub.house import PASSWORD
from tests.twins.calls import CALLS, COMMANDS, IDENTITY, NAMES, OTHERS, RELATIONS, SOUGHT, TALK, People
from tests.twins.hubs import Call, Twins, device_of, twins
from tests.twins.wires import Fields

RELEASE = os.environ.get("ISTHMUS_RELEASE") == "1"
RUNS = 1_000 if RELEASE else 140
HOUR_MS = 3_600_000
HOURS = {"an hour": 1, "a day": 24, "a week": 7 * 24, "a month": 31 * 24}
WIRES = sorted(CODECS.values(), key=lambda codec: codec.subprotocol)

AT_ONCE = [*sorted(COMMANDS.keys() - {"typing"}), *["send"] * 9]
"""Who is typing is told to those who do not catch up just then, which is chance."""

FOLDERS = (Folder.INBOX, Folder.REQUESTS, Folder.HIDDEN, Folder.ARCHIVED)

people = st.integers(0, len(NAMES) - 1)
number = st.integers(0, 255)
Asked = tuple[int, str, int, int, int]


def asked(kinds: Sequence[str]) -> SearchStrategy[list[Asked]]:
    """Choose who asks what, several times."""
    one = st.tuples(people, st.sampled_from(kinds), number, number, number)
    return st.lists(one, min_size=3, max_size=12)


class Lives(RuleBasedStateMachine):
    """Six accounts of four people and their clients; each life begins anew, on hubs that live on."""

    twins: ClassVar[Twins]
    runner: ClassVar[asyncio.Runner]
    numbers: ClassVar[Iterator[int]]

    def __init__(self) -> None:
        super().__init__()
        self.people = People(next(self.numbers))
        self.twins.seed(self.people.number)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let time pass, and do it, unless the two have rightly parted in this life."""
        if self.twins.has_parted:
            return work.close()
        self.twins.clock.now += 1
        return self.runner.run(work)

    def line(self, own: int) -> str:
        """Name the client of an account."""
        return f"{self.people.number} {NAMES[own]}"

    def is_here(self, own: int) -> bool:
        """Say whether the client can say anything."""
        wire = self.twins.sides[0].wires.get(self.line(own))
        return wire is not None and wire.is_open

    @initialize(linked=st.sets(st.sampled_from([0, 1])), pairs=st.sets(st.tuples(people, people), max_size=3))
    def begin(self, linked: set[int], pairs: set[tuple[int, int]]) -> None:
        self.run(self._begin(sorted(linked), sorted(pairs)))

    async def _begin(self, linked: list[int], pairs: list[tuple[int, int]]) -> None:
        p = self.people
        for at, name in enumerate(NAMES):
            more = {
                "network": p.network(at),
                "handle": p.handle(at),
                "name": name.title(),
                "phone": p.phone(at),
            }
            await self.twins.add(p.account(at), **more)
        for at in range(len(NAMES)):
            await self.twins.connect(self.line(at), p.account(at), WIRES[at % 2])
        for own in linked:
            twin = own + 3
            await self._ask(
                own,
                Link(as_=p.account(own), network=p.network(twin), handle=p.handle(twin), password=PASSWORD),
            )
            await self._ask(own, Upgrade(as_=p.account(own)))
        for one, other in pairs:
            await self._write(one, other, True)

    async def _ask(self, own: int, operation: Any) -> Fields:
        answer = await self.twins.ask(self.line(own), operation)
        told = answer.get("ok", {})
        if "version" in told:
            self.people.versions[operation.as_] = told["version"]
        if isinstance(operation, OpenThread) and "thread" in told:
            self.people.opened(told["thread"]["id"])
        return answer

    # --- what people do

    @rule(asked=asked(CALLS))
    def ask_anything(self, asked: list[Asked]) -> None:
        for own, kind, *numbers in asked:
            if self.is_here(own):
                make = COMMANDS.get(kind) or OTHERS[kind]
                self.run(self._ask(own, make(self.people, own, *numbers)))

    @rule(asked=asked(TALK))
    def talk(self, asked: list[Asked]) -> None:
        self.ask_anything(asked)

    @rule(asked=asked(RELATIONS))
    def have_to_do_with_each_other(self, asked: list[Asked]) -> None:
        self.ask_anything(asked)

    @rule(asked=asked(IDENTITY))
    def change_who_one_is(self, asked: list[Asked]) -> None:
        self.ask_anything(asked)

    @rule(own=people, other=people, answers=st.booleans())
    def write_to(self, own: int, other: int, answers: bool) -> None:
        self.run(self._write(own, other, answers))

    async def _write(self, own: int, other: int, answers: bool) -> None:
        p, thread = self.people, self.people.thread(own, other)
        if self.is_here(own):
            opened = OpenThread(as_=p.account(own), account=p.account(other), confirm=True)
            await self._ask(own, opened)
            await self._ask(own, Send(thread=thread, text="hello over there", token=p.token(1)))
        if answers and self.is_here(other):
            await self._ask(other, Accept(threads=(thread,)))
            await self._ask(other, Send(thread=thread, text="hello back", token=p.token(1), reply_to=Seq(1)))

    @rule(own=people, one=number, accept=st.booleans())
    def ask_to_be_let_near(self, own: int, one: int, accept: bool) -> None:
        """Ask to follow or befriend somebody of the same network, who keeps to himself, and answers."""
        other = own // 3 * 3 + (own + 1 + one % 2) % 3
        tie = TieKind.FOLLOW if own < 3 else TieKind.FRIEND
        mine, theirs = self.people.account(own), self.people.account(other)
        if self.is_here(own) and self.is_here(other):
            self.run(self._ask(other, SetProfile(as_=theirs, private=True)))
            self.run(self._ask(own, SetTie(as_=mine, account=theirs, tie=tie)))
            self.run(self._ask(other, AnswerTie(as_=theirs, account=mine, tie=tie, accept=accept)))

    @rule(asked=asked(AT_ONCE))
    def ask_at_once(self, asked: list[Asked]) -> None:
        calls = [
            Call(self.line(own), COMMANDS[kind](self.people, own, *numbers))
            for own, kind, *numbers in asked
            if self.is_here(own)
        ]
        self.run(self.twins.at_once(*calls))

    @rule(own=people, other=people)
    def write_to_each_other_at_once(self, own: int, other: int) -> None:
        thread = self.people.thread(own, other)
        calls = [
            Call(self.line(who), Send(thread=thread, text=f"hello {turn}", token=self.people.token(1)))
            for turn in range(3)
            for who in {own, other}
            if self.is_here(who)
        ]
        self.run(self.twins.at_once(*calls))

    # --- coming and going

    @rule(
        own=people, how=st.sampled_from(["resume", "resume", "anew", "go", "other", "out", "new"]), two=number
    )
    def come_and_go(self, own: int, how: str, two: int) -> None:
        p, line, wire = self.people, self.line(own), WIRES[two % 2]
        match how:
            case "resume" | "anew":
                self.run(self.twins.connect(line, p.account(own), wire, resume=how == "resume"))
            case "go":
                self.run(self.twins.cut(line))
            case "other":
                self.run(self._with_a_password(own, two))
            case "new":
                self.run(self._register(own, two))
            case "out" if self.is_here(own):
                device = device_of(p.account(two if two % 3 else own), "first", 0)[0].id
                self.run(self._ask(own, RevokeDevice(device=device) if two % 2 else SignOut()))

    async def _with_a_password(self, own: int, two: int) -> None:
        p, line = self.people, f"{self.line(own)} {two % 2}"
        call = SignIn(
            network=p.network(own),
            handle=p.handle(own),
            password=PASSWORD if two % 8 else "guessed it",
            device=f"{line} {self.twins.clock.now}",
        )
        await self.twins.dial_and_ask(line, WIRES[two % 2], call)

    async def _register(self, own: int, two: int) -> None:
        p, line = self.people, f"{self.people.number} new {own % 2}"
        call = Register(
            network=p.network(two),
            handle=f"new{two % 4}of{p.number}",
            name="New",
            password=PASSWORD,
            device=f"{line} {self.twins.clock.now}",
        )
        await self.twins.dial_and_ask(line, WIRES[two % 2], call)

    # --- what goes on around them

    @rule(
        what=st.sampled_from(["an hour", "a day", "a week", "a month", "forget", "keep house", "operate"]),
        own=people,
        three=number,
    )
    def go_on(self, what: str, own: int, three: int) -> None:
        match what:
            case "forget":
                for side in self.twins.sides:
                    side.forget()
            case "keep house":
                self.run(self.twins.both(lambda side: side.keep_house()))
            case "operate":
                self.run(self.twins.operate(_change(self.people.account(own), three)))
            case _:
                self.twins.clock.now += HOURS[what] * HOUR_MS

    # --- looking at everything

    @rule(own=people, limit=st.integers(1, 4), at=number)
    def leaf_through(self, own: int, limit: int, at: int) -> None:
        account = self.people.account(own)
        listings: list[ListThreads | ListTies | Search] = [
            *(ListThreads(folder=folder, limit=limit) for folder in FOLDERS),
            *(ListTies(as_=account, tie=tie, limit=limit) for tie in TieKind),
            *(Search(text=sought, limit=limit) for sought in SOUGHT),
        ]
        if self.is_here(own):
            self.run(self.twins.leaf(self.line(own), listings[at % len(listings)]))

    def teardown(self) -> None:
        """Have everybody look at everything once more, and leave; after a finding, just leave."""
        for own in range(len(NAMES)):
            if self.is_here(own) and not self.twins.findings:
                self.run(self._look(own))
        self.runner.run(self.twins.empty())

    async def _look(self, own: int) -> None:
        await self._ask(own, CountUnread())
        for folder in FOLDERS:
            await self._ask(own, ListThreads(folder=folder))
        await self._ask(own, Search(text="hello"))
        for other in self.people.partners[own]:
            await self._ask(own, History(thread=self.people.thread(own, other), after=0, limit=200))


def _change(account: AccountId, three: int) -> ChangeAccount:
    """Change what only an operator may."""
    changes: list[dict[str, Any]] = [
        {"suspected": three % 2 == 0},
        {"minor": three % 2 == 0},
        {"professional": three % 2 == 0},
        {"state": (AccountState.ACTIVE, AccountState.DEACTIVATED)[three % 2]},
        {"region": "EU"},
    ]
    return ChangeAccount(account=account, **changes[three % len(changes)])


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """A loop that outlives the steps of the machine."""
    with asyncio.Runner() as made:
        yield made


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(14_400 if RELEASE else 600)
def test_sqlite_and_postgresql_give_the_same_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: asyncio.Runner
) -> None:
    running = twins(tmp_path, monkeypatch)
    made = runner.run(running.__aenter__())
    try:
        Lives.twins, Lives.runner, Lives.numbers = made, runner, count(1)
        run_state_machine_as_test(
            Lives,
            settings=settings(
                max_examples=RUNS,
                stateful_step_count=30,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            ),
        )
        problems = [runner.run(side.hub.store.audit()).problems for side in made.sides]
    finally:
        runner.run(running.__aexit__(None, None, None))

    answered = {kind.removeprefix("answered ") for kind in made.counts if kind.startswith("answered ")}
    assert {*COMMANDS, *OTHERS, "sign_in", "register", "revoke_device", "sign_out"} - answered == set()
    assert made.frames > 100 * RUNS
    assert made.counts["parted"] <= 0.2 * RUNS
    assert problems == [(), ()]
