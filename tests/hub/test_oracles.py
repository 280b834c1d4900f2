"""What a sender may learn: three classes, alike within to the byte, by every call that there is.

Each scenario runs on a hub of its own with the same ids; so what its sender hears must be the same text, once
the few values that chance and the clock make are put to their length.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.domain.deeds import ChangeAccount
from bridge.domain.hold import Hold
from bridge.domain.model import Account, Controls, Tie
from bridge.ids import AccountId, Seq, ThreadId, thread_of_pair
from bridge.wire.codec import JSON, MSGPACK, Codec
from bridge.wire.commands import (
    AnswerTie,
    Archive,
    MarkDelivered,
    MarkRead,
    OpenThread,
    Send,
    SetControls,
    SetProfile,
    SetTie,
    Typing,
    UploadContacts,
)
from bridge.wire.queries import (
    CountUnread,
    Explain,
    FindAccount,
    GetThread,
    History,
    ListThreads,
    ListTies,
    PreviewSend,
    Search,
    WhoIsHere,
)
from bridge.wire.replies import Present
from bridge.wire.values import AccountState, Folder, Hybrid, Network, TieKind
from tests.hub.house import ANA, BEN, DAN, FAY, NETWORKS, House, config, house
from tests.hub.talker import Talker

PHONE = "+4915112345678"

CHANCE = re.compile(
    rb"[0-9a-f]{64}"  # digests and links
    rb"|\b1[0-9]{12}\b"  # times
    rb"|(?<=\.1\.1\.)[\w-]{12}(?=\.)"  # tags of cursors
    rb"|\xcf\x00\x00\x01[\x00-\xff]{5}",  # times in MessagePack
    re.DOTALL,
)

Deed = Callable[[House, AccountId, AccountId], Awaitable[object]]


def leveled(frame: bytes | str) -> bytes:
    """Put what chance and the clock made to its length."""
    data = frame.encode() if isinstance(frame, str) else frame
    return CHANCE.sub(lambda found: b"?" * len(found[0]), data)


# --- what may have happened before, on the receiver's side


async def nothing(hub: House, sender: AccountId, receiver: AccountId) -> None:
    """Leave everything as it is."""


async def let_contacts_in(hub: House, sender: AccountId, receiver: AccountId) -> None:
    await control(hub, receiver, phone_contacts="inbox")


async def suspect(hub: House, sender: AccountId, receiver: AccountId) -> None:
    account: Account = await hub.hub.pipeline.consult(sender, lambda scene: scene.facts.account(sender))
    await hub.put(replace(account, suspected=True))


async def restrict(hub: House, sender: AccountId, receiver: AccountId) -> None:
    await hub.tie(receiver, sender, TieKind.RESTRICT)


async def hide(hub: House, sender: AccountId, receiver: AccountId) -> None:
    await hub.put(Tie(owner=receiver, other=sender, hides=Hold.OWN))


async def block(hub: House, sender: AccountId, receiver: AccountId) -> None:
    await hub.tie(receiver, sender, TieKind.BLOCK)


async def deactivate(hub: House, sender: AccountId, receiver: AccountId) -> None:
    change = ChangeAccount(account=receiver, state=AccountState.DEACTIVATED)
    await hub.hub.pipeline.do(AccountId(""), change)


async def refuse_strangers(hub: House, sender: AccountId, receiver: AccountId) -> None:
    await control(hub, receiver, others_on_messenger="none", friends_of_friends="none", phone_contacts="none")


async def refuse_the_other_network(hub: House, sender: AccountId, receiver: AccountId) -> None:
    await hub.put(Controls(account=receiver, version=1, outcomes={"others_on_messenger": "none"}))


async def protect(hub: House, sender: AccountId, receiver: AccountId) -> None:
    account: Account = await hub.hub.pipeline.consult(receiver, lambda scene: scene.facts.account(receiver))
    await hub.put(replace(account, minor=True))


async def leave(hub: House, sender: AccountId, receiver: AccountId) -> None:
    account: Account = await hub.hub.pipeline.consult(receiver, lambda scene: scene.facts.account(receiver))
    await hub.put(replace(account, hybrid=Hybrid.OFF))


async def control(hub: House, account: AccountId, **outcomes: str) -> None:
    """Set controls of an account that set none before."""
    await hub.hub.pipeline.do(account, SetControls(as_=account, if_version=0, controls=outcomes))


# --- what a sender may try


async def try_everything(talker: Talker, sender: AccountId, receiver: AccountId) -> None:
    """Call whatever may tell of the other side, one call after the other."""
    thread = thread_of_pair(sender, receiver)
    calls: list[Any] = [
        FindAccount(account=receiver),
        Explain(as_=sender, account=receiver),
        OpenThread(as_=sender, account=receiver),
        PreviewSend(thread=thread, text="hello there " * 120),
        PreviewSend(thread=thread, text="hello there", reply_to=Seq(1)),
        WhoIsHere(accounts=(receiver,)),
        Send(thread=thread, text="hello there", token="first"),
        Typing(thread=thread),
        GetThread(thread=thread),
        Send(thread=thread, text="are you there?", token="second"),
        Send(thread=thread, text="hello there", token="first"),
        Send(thread=thread, text="another text", token="first"),
        Explain(as_=sender, account=receiver),
        PreviewSend(thread=thread, text="hello there", reply_to=Seq(1)),
        History(thread=thread),
        ListThreads(),
        ListThreads(folder=Folder.REQUESTS),
        Search(text="hello"),
        MarkDelivered(thread=thread, upto=Seq(9)),
        MarkRead(thread=thread, upto=Seq(9)),
        Archive(threads=(thread,)),
        OpenThread(as_=sender, account=receiver),
        SetTie(as_=sender, account=receiver, tie=TieKind.FRIEND),
        AnswerTie(as_=sender, account=receiver, tie=TieKind.FRIEND, accept=True),
        ListTies(as_=sender, tie=TieKind.FRIEND),
        WhoIsHere(accounts=(receiver,)),
        FindAccount(account=receiver),
        CountUnread(),
    ]
    for call in calls:
        await talker.pipe(call)


async def read_it_all(hub: House, receiver: AccountId, thread: ThreadId) -> None:
    """Let the receiver look at everything, and answer nothing."""
    await hub.in_order(
        (receiver, MarkDelivered(thread=thread, upto=Seq(1))),
        (receiver, MarkRead(thread=thread, upto=Seq(1))),
        (receiver, Typing(thread=thread)),
        (receiver, Archive(threads=(thread,))),
    )


@asynccontextmanager
async def two(
    password_hash: str, sender: AccountId, receiver: AccountId, **sections: Any
) -> AsyncIterator[House]:
    """Run a hub with a sender and a receiver, whose number the sender has."""
    async with house(password_hash, config(**sections)) as hub:
        await hub.add(sender)
        await hub.add(receiver, phone=PHONE)
        if NETWORKS[receiver] is Network.DIRECT:
            await hub.upgrade_alone(receiver)  # who left was there before
        await hub.hub.pipeline.do(sender, UploadContacts(as_=sender, phones=(PHONE,)))
        for account in (sender, receiver):  # both have heard something: where their journals end is known
            await hub.hub.pipeline.do(account, SetProfile(as_=account, name="Somebody"))
        yield hub


async def heard(
    password_hash: str,
    sender: AccountId,
    receiver: AccountId,
    before: Deed,
    codec: Codec = JSON,
    *,
    known: bool = False,
) -> list[bytes]:
    """Give what the sender hears while it tries everything; ``known``: the two wrote to each other before."""
    async with two(password_hash, sender, receiver) as hub:
        thread = thread_of_pair(sender, receiver)
        if known:
            await hub.acquaint(sender, receiver)
        await before(hub, sender, receiver)
        talker = await hub.join(sender, codec)
        await try_everything(talker, sender, receiver)
        await read_it_all(hub, receiver, thread)
        await talker.settled()
        return [leveled(frame) for frame in talker.bare[1:]]


TAKEN: dict[str, Deed] = {
    "requests": nothing,
    "inbox": let_contacts_in,
    "hidden by the operator": suspect,
    "hidden after a decline": hide,
    "restricted": restrict,
}
REFUSED: dict[str, Deed] = {
    "blocked": block,
    "not active": deactivate,
    "none": refuse_strangers,
    "floor": protect,
}
REFUSED_CROSSING: dict[str, Deed] = {
    "blocked": block,
    "not active": deactivate,
    "left": leave,
    "closed": refuse_the_other_network,
    "floor": protect,
}


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])
async def test_a_first_message_is_taken_alike_wherever_it_lands(password_hash: str, codec: Codec) -> None:
    heards = {name: await heard(password_hash, DAN, FAY, deed, codec) for name, deed in TAKEN.items()}

    first = heards["requests"]
    assert len(first) > 25
    for name, frames in heards.items():
        assert frames == first, name


async def test_the_scenarios_do_land_where_they_say(password_hash: str) -> None:
    landed = {}
    for name, deed in TAKEN.items():
        async with two(password_hash, DAN, FAY) as hub:
            await deed(hub, DAN, FAY)
            thread = await hub.open(DAN, FAY)
            await hub.send(DAN, thread, "hello")
            side = await hub.hub.pipeline.consult(FAY, lambda scene, thread=thread: scene.seat(thread)[1])  # type: ignore[misc]
            landed[name] = str(side.folder)

    assert landed == {
        "requests": "requests",
        "inbox": "inbox",
        "hidden by the operator": "hidden",
        "hidden after a decline": "hidden",
        "restricted": "requests",
    }


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])
async def test_a_first_message_is_refused_alike_whatever_the_cause(password_hash: str, codec: Codec) -> None:
    heards = {name: await heard(password_hash, DAN, FAY, deed, codec) for name, deed in REFUSED.items()}

    for name, frames in heards.items():
        assert frames == heards["blocked"], name
    assert sum(b"not_accepting" in frame for frame in heards["blocked"]) == 3


async def test_a_first_message_across_networks_is_refused_alike_whatever_the_cause(
    password_hash: str,
) -> None:
    heards = {name: await heard(password_hash, BEN, ANA, deed) for name, deed in REFUSED_CROSSING.items()}

    for name, frames in heards.items():
        assert frames == heards["blocked"], name
    assert sum(b"not_accepting" in frame for frame in heards["blocked"]) == 3


async def test_whoever_was_accepted_is_refused_alike_whatever_the_cause(password_hash: str) -> None:
    heards = {
        name: await heard(password_hash, BEN, ANA, deed, known=True)
        for name, deed in REFUSED_CROSSING.items()
    }

    for name, frames in heards.items():
        assert frames == heards["blocked"], name
    assert sum(b"not_accepting" in frame for frame in heards["blocked"]) == 3


async def test_nothing_is_told_to_the_sender_when_the_receiver_refuses(password_hash: str) -> None:
    """A block, a control or a departure is not announced: silence, while the sender is connected."""
    for name, deed in REFUSED_CROSSING.items():
        async with two(password_hash, BEN, ANA) as hub:
            await hub.acquaint(BEN, ANA)
            ben = await hub.join(BEN)
            await deed(hub, BEN, ANA)
            await ben.settled()

            assert ben.events() == [], name


async def test_a_sender_who_is_blocked_hears_no_receipts_typing_or_presence(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ben = await hub.join(BEN)
    assert await ben.ask(WhoIsHere(accounts=(ANA,))) == {"online": []}
    ana = await hub.join(ANA)
    assert (await ben.event("presence_changed"))["online"] is True
    assert await ben.ask(WhoIsHere(accounts=(ANA,))) == {"online": [ANA]}

    await ana.ask(SetTie(as_=ANA, account=BEN, tie=TieKind.BLOCK))
    before = len(ben.frames)
    await ana.pipe(
        Typing(thread=thread), MarkRead(thread=thread, upto=Seq(1)), MarkDelivered(thread=thread, upto=Seq(1))
    )
    await ana.close()
    await ben.settled()

    assert ben.frames[before:-1] == []
    assert await ben.ask(WhoIsHere(accounts=(ANA,))) == {"online": []}


async def test_a_block_by_one_account_ends_the_presence_of_its_linked_one(hub: House) -> None:
    await hub.add(ANA, BEN, DAN)
    await hub.acquaint(DAN, BEN)
    await hub.link(ANA, BEN, upgrade=False)
    dan, ben = await hub.join(DAN), await hub.join(BEN)
    assert await dan.ask(WhoIsHere(accounts=(BEN,))) == {"online": [BEN]}

    await hub.tie(ANA, DAN, TieKind.BLOCK)
    await ben.close()
    await dan.settled()

    assert dan.events("presence_changed") == []


@pytest.mark.one_hub
async def test_watching_begins_under_the_rules_of_that_very_moment(hub: House) -> None:
    """A block that is decided in the batch of the question holds when the watching begins."""
    await hub.add(ANA, BEN)
    await hub.acquaint(BEN, ANA)
    ana, ben = await hub.join(ANA), await hub.join(BEN)
    sessions = hub.hub.sessions
    (session,) = sessions.of_device(BEN)

    from bridge.hub.queries import Queries  # to ask without a socket between

    queries = Queries(hub.hub.pipeline, hub.hub.store, sessions)
    question = WhoIsHere(accounts=(ANA,))
    await hub.tie(ANA, BEN, TieKind.BLOCK)
    await hub.tie(ANA, BEN, TieKind.BLOCK, on=False)
    before = await queries.answer(session, question)  # so all that both need is in memory
    together = await asyncio.gather(queries.answer(session, question), hub.tie(ANA, BEN, TieKind.BLOCK))
    await ana.close()
    await ben.settled()

    assert (before, together[0]) == (Present(online=(ANA,)), Present(online=()))
    assert ben.events("presence_changed") == []


async def test_an_opening_shows_itself_to_nobody(hub: House) -> None:
    """Whoever computes the thread's name finds nothing there either, until something was delivered."""
    await hub.add(ANA, BEN, DAN)
    ana = await hub.join(ANA)
    thread = thread_of_pair(ANA, BEN)
    asked: list[Any] = [
        GetThread(thread=thread),
        History(thread=thread),
        MarkRead(thread=thread, upto=Seq(1)),
        Search(text="x", thread=thread),
        Send(thread=thread, text="who is there?", token="t"),
        ListThreads(folder=Folder.NONE),
        ListThreads(folder=Folder.NONE, limit=1),
        WhoIsHere(accounts=(BEN,)),
        CountUnread(),
    ]
    before = [{**answer, "re": 0} for answer in await ana.pipe(*asked)]
    await hub.open(BEN, ANA)
    await hub.open(DAN, ANA)
    opened = [{**answer, "re": 0} for answer in await ana.pipe(*asked)]
    await hub.tie(ANA, BEN, TieKind.BLOCK)
    await hub.in_order((BEN, Send(thread=thread, text="hello?", token="t")))
    refused = [{**answer, "re": 0} for answer in await ana.pipe(*asked)]

    assert opened == before
    assert refused == before


async def test_the_operators_suspicion_is_not_told_to_the_suspect(hub: House) -> None:
    await hub.add(ANA)
    ana = await hub.join(ANA)
    await hub.hub.pipeline.do(AccountId(""), ChangeAccount(account=ANA, suspected=True, minor=True))
    await ana.settled()
    silent = ana.events()
    await hub.hub.pipeline.do(AccountId(""), ChangeAccount(account=ANA, region="pt"))

    assert silent == []
    assert (await ana.event("account_state_changed"))["account"]["region"] == "pt"


async def test_reading_a_request_leaves_no_trace_until_it_is_accepted(hub: House) -> None:
    from bridge.wire.commands import Accept

    await hub.add(ANA, BEN)
    thread = await hub.open(BEN, ANA)
    await hub.send(BEN, thread, "hello")
    ben, ana = await hub.join(BEN), await hub.join(ANA)
    before = await ben.ask(GetThread(thread=thread))

    await ana.pipe(
        History(thread=thread),
        MarkDelivered(thread=thread, upto=Seq(1)),
        MarkRead(thread=thread, upto=Seq(1)),
        Typing(thread=thread),
    )
    unseen = await ben.ask(GetThread(thread=thread))
    await ben.settled()
    silent = ben.events()
    await ana.ask(Accept(threads=(thread,)))
    read = await ben.event("read")

    assert unseen == before
    assert silent == []
    assert read["upto"] == 1
    assert (await ben.event("thread_changed"))["answered"] is True


async def test_refused_messages_leave_no_hole_in_any_numbering(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ana, ben = await hub.join(ANA), await hub.join(BEN)
    for turn in range(3):
        await hub.tie(ANA, BEN, TieKind.BLOCK)
        refused = await ben.pipe(*[Send(thread=thread, text="x", token=f"no-{turn}-{n}") for n in range(4)])
        assert {answer["error"]["code"] for answer in refused} == {"not_accepting"}
        await hub.tie(ANA, BEN, TieKind.BLOCK, on=False)
        await ben.ask(Send(thread=thread, text="x", token=f"yes-{turn}"))
    await ana.until(lambda: len(ana.messages()) == 3)
    await ben.until(lambda: len(ben.messages()) == 3)

    assert [message["seq"] for message in ana.messages()] == [3, 4, 5]
    for talker, account in ((ana, ANA), (ben, BEN)):
        at = talker.positions(account)
        assert at == list(range(at[0], at[0] + len(at)))
    assert len(ben.positions(BEN)) == 3, "nothing of the refused ones"


# --- the same work


async def statements_of(
    password_hash: str, path: Path, sender: AccountId, receiver: AccountId, before: Deed
) -> list[Counter[str]]:
    """Count what SQLite is asked to do for a first and a second message, statement by statement."""
    async with two(password_hash, sender, receiver, store={"path": str(path)}) as hub:
        await before(hub, sender, receiver)
        thread = await hub.open(sender, receiver)
        talker = await hub.join(sender)
        asked: list[str] = []
        await hub.hub.store._writing.run(lambda raw: raw.set_trace_callback(asked.append))  # type: ignore[attr-defined]
        counts = []
        for token in ("first", "second"):
            hub.hub.pipeline.facts.shrink(0)
            asked.clear()
            await talker.pipe(Send(thread=thread, text="hello there", token=token))
            await hub.hub.pipeline.consult(sender, lambda scene: None)
            counts.append(Counter(" ".join(statement.split()[:3]) for statement in asked))
        await hub.hub.store._writing.run(lambda raw: raw.set_trace_callback(None))  # type: ignore[attr-defined]
        return counts


@pytest.mark.parametrize("causes", [TAKEN, REFUSED], ids=["taken", "refused"])
async def test_within_a_class_the_disk_does_the_same_work(
    password_hash: str, tmp_path: Path, causes: dict[str, Deed]
) -> None:
    work = {
        name: await statements_of(password_hash, tmp_path / f"{place}.db", DAN, FAY, deed)
        for place, (name, deed) in enumerate(causes.items())
    }

    first = next(iter(work.values()))
    assert any("COMMIT" in statement for statement in first[0])
    for name, counts in work.items():
        assert counts == first, (
            name,
            [(mine - its, its - mine) for mine, its in zip(counts, first, strict=True)],
        )
