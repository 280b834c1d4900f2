"""However a sequence of commands is cut into batches, it gives the same replies, news and journals."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins

from bridge.app import policy_of
from bridge.bus.base import News
from bridge.bus.local import LocalBus
from bridge.config import PolicySettings
from bridge.domain.deeds import CreateAccount
from bridge.errors import BridgeError
from bridge.hub.counters import Counters
from bridge.hub.pipeline import Pipeline
from bridge.hub.work import Work
from bridge.ids import AccountId, Position, Seq, thread_of_pair
from bridge.store.memory import MemoryStore
from bridge.wire.commands import (
    Accept,
    AnswerLink,
    Archive,
    AskLink,
    Command,
    Decline,
    DeleteAccount,
    LeaveHybrid,
    Link,
    MarkRead,
    OpenThread,
    RestoreAccount,
    Send,
    SetControls,
    SetLinkOptions,
    SetProfile,
    SetTie,
    UndoUnlink,
    Unlink,
    Upgrade,
    UploadContacts,
)
from bridge.wire.replies import Reply
from bridge.wire.values import TieKind
from tests.hub.house import ANA, BEN, CYD, DAN, NETWORKS, PASSWORD

PEOPLE = (ANA, BEN, CYD, DAN)
BATCHES = (1, 2, 512)
Choice = tuple[str, tuple[AccountId, AccountId], int]


def command_of(what: str, who: AccountId, whom: AccountId, number: int) -> Command:
    """Make a command, sensible or not."""
    thread, on = thread_of_pair(who, whom), number % 2 == 0
    outcome = ("none", "requests", "inbox")[number % 3]
    made: dict[str, Command] = {
        "open": OpenThread(as_=who, account=whom, confirm=on),
        "send": Send(thread=thread, text=f"text {number}", token=f"token {number % 7}"[:6] + str(number % 9)),
        "accept": Accept(threads=(thread,)),
        "decline": Decline(threads=(thread,), hide=on),
        "archive": Archive(threads=(thread,), on=on),
        "read": MarkRead(thread=thread, upto=Seq(number % 4 + 1)),
        "block": SetTie(as_=who, account=whom, tie=TieKind.BLOCK, on=on),
        "restrict": SetTie(as_=who, account=whom, tie=TieKind.RESTRICT, on=on),
        "follow": SetTie(as_=who, account=whom, tie=TieKind.FOLLOW, on=on),
        "control": SetControls(as_=who, if_version=number % 2, controls={"others_on_messenger": outcome}),
        "link": Link(as_=who, network=NETWORKS[whom], handle=whom[2:], password=PASSWORD),
        "upgrade": Upgrade(as_=who),
        "leave": LeaveHybrid(as_=who),
        "unlink": Unlink(as_=who),
        "undo": UndoUnlink(as_=who, network=NETWORKS[whom], handle=whom[2:], password=PASSWORD),
        "ask": AskLink(as_=who, network=NETWORKS[whom], handle=whom[2:]),
        "answer": AnswerLink(as_=who, account=whom, accept=number > 3),
        "sign_on": SetLinkOptions(as_=who, single_sign_on=on, sync_name=not on),
        "friend": SetTie(as_=who, account=whom, tie=TieKind.FRIEND, on=number > 3),
        "contacts": UploadContacts(as_=who, phones=(f"+4915{PEOPLE.index(whom)}0000000",)),
        "rename": SetProfile(as_=who, handle=PEOPLE[number % len(PEOPLE)][2:] if on else whom[2:] + "x"),
        "by_handle": OpenThread(as_=who, network=NETWORKS[whom], handle=whom[2:], confirm=True),
        "delete": DeleteAccount(as_=who, password=PASSWORD),
        "restore": RestoreAccount(as_=who),
    }
    return made[what]


KINDS = ("open", "send", "accept", "decline", "archive", "read", "block", "restrict", "follow", "control")
SELDOM = (
    *("link", "upgrade", "leave", "unlink", "undo", "ask", "answer", "sign_on", "friend", "contacts"),
    *("rename", "rename", "by_handle", "delete", "restore"),
)
COMMANDS = st.lists(
    st.tuples(
        st.sampled_from((*KINDS, "send", "send", "send", *SELDOM)),
        st.sampled_from([(who, whom) for who in PEOPLE for whom in PEOPLE if who != whom]),
        st.integers(0, 20),
    ),
    min_size=10,
    max_size=40,
)


class Lane:
    """Keeps the answers."""

    def __init__(self) -> None:
        self.answers: dict[int, object] = {}

    def answered(self, call: int, reply: Reply | BridgeError) -> None:
        assert call not in self.answers, "one answer per call"
        self.answers[call] = (
            (reply.code, reply.path) if isinstance(reply, BridgeError) else to_builtins(reply)
        )


async def run(commands: Sequence[Choice], batch: int) -> dict[str, Any]:
    """Run commands through a pipeline with a clock and a chance of its own; give all that came of it."""
    chance = Random(7)
    store, bus, told = await MemoryStore.open(clock=lambda: 0), LocalBus(), []  # type: tuple[Any, Any, list[Any]]

    def hear(news: News) -> None:
        told.extend((to_builtins(event), list(places)) for event, places in news.told)

    bus.subscribe(hear)
    pipeline = Pipeline(
        store, bus, policy_of(PolicySettings(link_from="either")), Counters(), clock=lambda: 1_000_000,
        chance=chance.randbytes, batch=batch,
    )  # fmt: skip
    work = asyncio.ensure_future(pipeline.run())
    lane = Lane()
    for account in PEOPLE:
        deed = CreateAccount(account=account, network=NETWORKS[account], handle=account[2:], name=account[2:])
        pipeline.submit(Work(lane=lane, call=-1 - PEOPLE.index(account), account=AccountId(""), command=deed))
    for at, (who, whom) in enumerate((who, whom) for who in PEOPLE for whom in PEOPLE if who != whom):
        opening = OpenThread(as_=who, account=whom)
        pipeline.submit(Work(lane=lane, call=-100 - at, account=who, command=opening))
    for call, (what, (who, whom), number) in enumerate(commands):
        command = command_of(what, who, whom, number)
        proven = {"link": frozenset({whom}), "undo": frozenset({whom}), "delete": frozenset({who})}.get(
            what, frozenset()
        )
        pipeline.submit(Work(lane=lane, call=call, account=who, command=command, proven=proven))
    pipeline.stop()
    await work
    assert (await store.audit()).problems == ()
    journals = {
        account: [
            (entry.position, to_builtins(entry.told))
            for entry in await store.replay(account, Position(0), 10_000)
        ]
        for account in PEOPLE
    }
    return {"answers": lane.answers, "told": told, "journals": journals}


@settings(max_examples=60)
@given(commands=COMMANDS)
def test_any_split_into_batches_gives_the_same(commands: list[Choice]) -> None:
    first, *others = [asyncio.run(run(commands, batch)) for batch in BATCHES]

    for other in others:
        assert other["answers"] == first["answers"]
        assert other["told"] == first["told"]
        assert other["journals"] == first["journals"]
    for journal in first["journals"].values():
        assert [at for at, _ in journal] == list(range(1, len(journal) + 1))
