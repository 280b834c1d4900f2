"""What was acknowledged stands: over restarts, races, full disks and failed commits."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bridge.app import running_hub
from bridge.domain.facts import Facts
from bridge.domain.model import Thread, Tie, Verdict
from bridge.errors import BridgeError, CommitFailed, StorageFull
from bridge.hub.work import Work
from bridge.ids import AccountId
from bridge.store.memory import MemoryStore
from bridge.wire.commands import Send, SetControls, SetTie, Typing, Unlink
from bridge.wire.queries import CountUnread, GetControls, GetThread, History, Search
from bridge.wire.replies import Reply, Sent
from bridge.wire.sign_in import SignIn
from bridge.wire.values import TieKind
from tests.hub.faulty import FaultyStore
from tests.hub.grounds import Ground
from tests.hub.house import ANA, BEN, CYD, House, config, house
from tests.hub.talker import Refused, Talker


def codes(answers: list[Any]) -> list[str]:
    """Say of each answer whether it is ok, or why not."""
    found = []
    for answer in answers:
        if isinstance(answer, dict):
            found.append(answer["error"]["code"] if "error" in answer else "ok")
        else:
            found.append(answer.code if isinstance(answer, BridgeError) else "ok")
    return found


# --- tokens


async def test_the_same_token_gives_the_same_reply_after_a_restart(ground: Ground) -> None:
    async with ground.house() as hub:
        await hub.add(ANA, BEN)
        thread = await hub.open(BEN, ANA)
        ben = await hub.join(BEN)
        calls = [
            Send(thread=thread, text="first", token="1"),
            Send(thread=thread, text="second", token="2"),
        ]
        before = await ben.pipe(*calls)
        tokens = hub.tokens

    async with ground.house() as hub:
        hub.tokens = tokens
        ben = await hub.join(BEN)
        again = await ben.pipe(*calls, *reversed(calls))
        reused = await ben.pipe(
            Send(thread=thread, text="other", token="1"), Send(thread=thread, text="other", token="2")
        )
        history = await ben.ask(History(thread=thread))

    assert codes(before) == ["ok", "request_pending"]
    assert [answer.get("ok") for answer in again] == [before[0]["ok"], None, None, before[0]["ok"]]
    assert codes(again) == ["ok", "request_pending", "request_pending", "ok"]
    assert codes(reused) == ["token_reused"] * 2
    assert [message["text"] for message in history["messages"]] == ["first"]


@pytest.mark.one_hub
async def test_a_token_that_comes_twice_in_one_batch_is_one_message(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    call = Send(thread=thread, text="once", token="t")

    answers = await hub.in_order((BEN, call), (BEN, call), (BEN, Send(thread=thread, text="2", token="t")))

    assert isinstance(answers[0], Sent)
    assert answers[0] == answers[1]
    assert codes([answers[2]]) == ["token_reused"]


@pytest.mark.one_hub
async def test_a_token_is_found_again_when_the_memory_has_forgotten_it(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    (first,) = await hub.in_order((BEN, Send(thread=thread, text="once", token="t")))
    hub.hub.pipeline.facts.forget([(Verdict, (BEN, "t"))])

    answers = await hub.in_order(
        (BEN, Send(thread=thread, text="new", token="n")),
        (BEN, Send(thread=thread, text="once", token="t")),
        (ANA, Send(thread=thread, text="neighbour", token="a")),
    )

    assert codes(answers) == ["ok"] * 3
    assert answers[1] == first
    assert [answer.seq for answer in answers if isinstance(answer, Sent)] == [4, 3, 5]
    assert hub.hub.counters.stale_total == 1


# --- races


@pytest.mark.one_hub
async def test_a_control_that_was_acknowledged_governs_every_later_send(hub: House) -> None:
    """A thousand times, behind a barrier: each verdict fits the order of the answers."""
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    pipeline, log = hub.hub.pipeline, []  # type: tuple[Any, list[tuple[str, str]]]

    class Lane:
        """Notes what was answered, in the order of the answers."""

        def __init__(self, name: str) -> None:
            self.name = name

        def answered(self, call: int, reply: Reply | BridgeError) -> None:
            log.append((self.name, codes([reply])[0]))

    chance = Random(1)
    for turn in range(1_000):
        log.append(("turn", ""))
        barrier = asyncio.Event()

        async def at_the_barrier(work: Work, barrier: asyncio.Event = barrier) -> None:
            await barrier.wait()
            pipeline.submit(work)

        outcome = "none" if turn % 2 == 0 else "requests"
        control = SetControls(as_=ANA, if_version=turn, controls={"others_on_messenger": outcome})
        works = [
            Work(lane=Lane(outcome), call=1, account=ANA, command=control),
            *[
                Work(
                    lane=Lane("send"),
                    call=1,
                    account=BEN,
                    command=Send(thread=thread, text="x", token=f"{turn}-{n}"),
                )
                for n in range(3)
            ],
        ]
        chance.shuffle(works)
        tasks = [asyncio.ensure_future(at_the_barrier(work)) for work in works]
        barrier.set()
        await asyncio.gather(*tasks)
        await pipeline.consult(ANA, lambda scene: None)

    expected = "ok"
    for name, code in log:
        if name == "send":
            assert code == expected
        elif name != "turn":
            assert code == "ok"
            expected = "not_accepting" if name == "none" else "ok"
    assert len(log) == 5_000
    assert {code for name, code in log if name == "send"} == {"ok", "not_accepting"}


async def test_an_unlink_raced_against_sends_leaves_each_with_one_verdict(hub: House) -> None:
    await hub.add(ANA, BEN, CYD)
    await hub.link(ANA, BEN)
    thread = await hub.open(BEN, CYD)
    await hub.send(BEN, thread, "hi")
    await hub.send(CYD, thread, "hi back")
    tokens = [f"race-{n}" for n in range(60)]
    ben, ana = await hub.join(BEN), await hub.join(ANA)

    sends = [await ben.begin(Send(thread=thread, text=token, token=token)) for token in tokens[:30]]
    unlink = await ana.begin(Unlink(as_=ANA))
    sends += [await ben.begin(Send(thread=thread, text=token, token=token)) for token in tokens[30:]]
    answers = [await answer for answer in sends]
    await unlink
    again = await ben.pipe(*[Send(thread=thread, text=token, token=token) for token in tokens])
    history = await ben.ask(History(thread=thread, limit=200))

    kept = {message["text"] for message in history["messages"]} & set(tokens)
    assert codes(answers) == codes(again)
    assert {token for token, code in zip(tokens, codes(answers), strict=True) if code == "ok"} == kept
    verdicts = {(verdict.token, verdict.code) for verdict in await verdicts_of(hub, BEN, tokens)}
    assert verdicts == set(zip(tokens, codes(answers), strict=True))
    assert [message["seq"] for message in history["messages"]] == list(range(2 + len(kept), 0, -1))


async def verdicts_of(hub: House, account: AccountId, tokens: list[str]) -> list[Verdict]:
    """Read from the store what became of tokens."""
    found = await hub.hub.store.load([(Verdict, (account, token)) for token in tokens])
    return [verdict for verdict in found.values() if isinstance(verdict, Verdict)]


# --- failing stores


async def faulty_house(hub: House) -> FaultyStore:
    """Put a store that can fail under a running hub."""
    store = FaultyStore(hub.hub.store)
    hub.hub.pipeline._store = store
    return store


async def test_a_failed_commit_acknowledges_nothing_and_stops_the_hub(
    password_hash: str, tmp_path: Path
) -> None:
    settings = config(store={"path": str(tmp_path / "isthmus.db")})
    async with house(password_hash, settings) as hub:
        await hub.add(ANA, BEN)
        thread = await hub.acquaint(BEN, ANA)
        tokens = hub.tokens
        ana, ben = await hub.join(ANA), await hub.join(BEN)
        store = await faulty_house(hub)
        store.fails = CommitFailed("fsync said EIO")

        answers = await ben.pipe(
            *[Send(thread=thread, text=f"{n}", token=f"{n}") for n in range(3)], CountUnread()
        )
        with pytest.raises(CommitFailed):
            await hub.hub.stopped
        later = await ben.pipe(Send(thread=thread, text="later", token="later"), CountUnread())

        assert codes(answers)[:3] == ["internal"] * 3
        assert codes(later) == ["unavailable"] * 2
        assert ana.messages() == []

    async with house(password_hash, settings) as hub:
        hub.tokens = tokens
        ben = await hub.join(BEN)
        answers = await ben.pipe(*[Send(thread=thread, text=f"{n}", token=f"{n}") for n in range(3)])
        assert codes(answers) == ["ok"] * 3
        assert [answer["ok"]["seq"] for answer in answers] == [3, 4, 5]
        assert (await hub.hub.store.audit()).problems == ()


async def test_a_commit_that_was_kept_but_failed_is_found_again_by_its_token(
    password_hash: str, tmp_path: Path
) -> None:
    settings = config(store={"path": str(tmp_path / "isthmus.db")})
    async with house(password_hash, settings) as hub:
        await hub.add(ANA, BEN)
        thread = await hub.acquaint(BEN, ANA)
        tokens = hub.tokens
        ben = await hub.join(BEN)
        (await faulty_house(hub)).fails_after = CommitFailed("who knows")
        assert codes(await ben.pipe(Send(thread=thread, text="x", token="x"))) == ["internal"]

    async with house(password_hash, settings) as hub:
        hub.tokens = tokens
        ben = await hub.join(BEN)
        (answer,) = await ben.pipe(Send(thread=thread, text="x", token="x"))
        assert answer["ok"]["seq"] == 3


@pytest.mark.one_hub
async def test_a_store_that_cannot_be_read_answers_everyone_and_stops_the_hub(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ben = await hub.join(BEN)
    store = await faulty_house(hub)
    store.load_fails = CommitFailed("the disk is gone")
    hub.hub.pipeline.facts.forget([(Thread, thread)])

    answers = await ben.pipe(Send(thread=thread, text="x", token="x"), CountUnread())
    with pytest.raises(CommitFailed):
        await hub.hub.stopped

    assert codes(answers) == ["unavailable", "unavailable"]


@pytest.mark.one_hub
async def test_a_stale_batch_whose_facts_cannot_be_read_is_answered(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ben = await hub.join(BEN)
    store = await faulty_house(hub)
    store.stale, store.load_fails = [((Thread, thread),)], CommitFailed("the disk is gone")

    assert codes(await ben.pipe(Send(thread=thread, text="x", token="x"))) == ["internal"]


@pytest.mark.one_hub
async def test_a_full_disk_refuses_sends_goes_on_reading_and_recovers(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ana, ben = await hub.join(ANA), await hub.join(BEN)
    store = await faulty_house(hub)
    store.fails = StorageFull()

    refused = await ben.pipe(Send(thread=thread, text="no room", token="t"), Typing(thread=thread))
    read = await ben.pipe(
        History(thread=thread), GetThread(thread=thread), Search(text="hello"), CountUnread()
    )
    back = await hub.join(ANA)
    store.fails = None
    accepted = await ben.ask(Send(thread=thread, text="no room", token="t"))
    await ana.event("message_sent")
    await back.event("message_sent")

    assert codes(refused) == ["storage_full", "ok"]
    assert refused[0]["error"]["temporary"] is True
    assert codes(read) == ["ok"] * 4
    assert len(read[0]["ok"]["messages"]) == 2
    assert read[1]["ok"]["thread"]["tip"] == 2
    assert accepted["seq"] == 3
    assert ana.positions(ANA) == list(range(ana.positions(ANA)[0], ana.positions(ANA)[0] + 1))


@pytest.mark.one_hub
async def test_nothing_that_a_full_disk_did_not_keep_is_answered_as_kept(hub: House) -> None:
    """A token sent twice in the batch that found no room: neither is told that it was kept."""
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    store = await faulty_house(hub)
    store.fails = StorageFull()
    call = Send(thread=thread, text="no room", token="t")

    answers = await hub.in_order(
        (ANA, Typing(thread=thread)), (BEN, call), (BEN, call), (ANA, Typing(thread=thread)), (BEN, call)
    )

    assert (
        codes(sorted(answers, key=lambda answer: isinstance(answer, BridgeError)))
        == ["ok"] * 2 + ["storage_full"] * 3
    )


@pytest.mark.one_hub
async def test_a_stale_command_never_fails_its_neighbours(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    store = await faulty_house(hub)
    store.stale = [((Tie, (ANA, BEN)),), ((Thread, thread),)]

    answers = await hub.in_order(
        (BEN, Send(thread=thread, text="one", token="1")),
        (ANA, SetControls(as_=ANA, if_version=7, controls={})),
        (ANA, Send(thread=thread, text="two", token="2")),
    )

    assert codes(answers) == ["ok", "stale_version", "ok"]
    assert hub.hub.counters.stale_total == 2
    assert [answer.seq for answer in answers if isinstance(answer, Sent)] == [3, 4]


@pytest.mark.one_hub
async def test_what_moves_again_and_again_is_decided_again_until_it_rests(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    (await faulty_house(hub)).stale = [((Tie, (ANA, BEN)),)] * 200

    assert codes(await hub.in_order((BEN, Send(thread=thread, text="one", token="1")))) == ["ok"]
    assert hub.hub.counters.stale_total == 200


@pytest.mark.one_hub
async def test_what_stays_stale_is_refused_for_now_and_the_hub_goes_on(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    await hub.tie(ANA, BEN, TieKind.BLOCK)
    store = await faulty_house(hub)
    store.stale = [((Tie, (ANA, BEN)),)] * 200
    call = Send(thread=thread, text="one", token="1")

    refused = await hub.in_order((BEN, call))
    store.stale = []

    assert codes(refused) == ["unavailable"]
    assert codes(await hub.in_order((BEN, call))) == ["not_accepting"]


@pytest.mark.one_hub
async def test_a_rule_that_fails_is_answered_internal_and_harms_nobody_else(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    controls = Facts.controls

    def broken(facts: Facts, account: AccountId) -> Any:
        raise RuntimeError("a bug") if account == ANA else AssertionError(controls)

    monkeypatch.setattr(Facts, "controls", broken)
    answers = await hub.in_order(
        (ANA, SetControls(as_=ANA, if_version=0)), (BEN, SetTie(as_=BEN, account=ANA, tie=TieKind.BLOCK))
    )

    assert codes(answers) == ["internal", "ok"]
    assert thread


async def test_a_hub_that_stops_finishes_what_waits(password_hash: str) -> None:
    store = await MemoryStore.open()
    async with house(password_hash, store=store) as hub:
        await hub.add(ANA, BEN)
        thread = await hub.acquaint(BEN, ANA)
        sends = [asyncio.ensure_future(hub.send(BEN, thread, f"{n}")) for n in range(5)]
        await asyncio.sleep(0)

    assert [await send for send in sends] == [3, 4, 5, 6, 7]
    async with running_hub(config(), store) as again:
        tip = await again.pipeline.consult(BEN, lambda scene: scene.seat(thread)[0].tip)
    assert tip == 7


async def test_too_many_waiting_commands_are_answered_busy(password_hash: str) -> None:
    async with house(password_hash, config(limits={"waiting_commands": 3})) as hub:
        await hub.add(ANA)
        ana: Talker = await hub.join(ANA)
        calls = [{"id": n, "op": "get_controls", "as": ANA} for n in range(1, 41)]
        for call in calls:
            await ana.send_raw(call)
        await ana.until(lambda: sum("re" in frame for frame in ana.frames) == 41)

        replies = [frame for frame in ana.frames if "re" in frame][1:]
        assert {code for code in codes(replies)} == {"ok", "busy"}
        assert await ana.ask(GetControls(as_=ANA))


@pytest.mark.one_hub
async def test_a_signed_in_hub_without_a_pipeline_signs_nobody_in(hub: House) -> None:
    await hub.add(ANA)
    hub.hub.pipeline.stop()
    talker = await hub.connect()

    with pytest.raises(Refused, match="unavailable"):
        await talker.ask(SignIn(token=hub.tokens[ANA]))
