"""A client that comes back with its cursors gets exactly what it missed, once, in order, then live events."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.domain.deeds import EraseAccount
from bridge.domain.model import Account
from bridge.hub.operator import erase_content
from bridge.ids import AccountId, Position, Seq
from bridge.wire.codec import CODECS, Codec
from bridge.wire.commands import Archive, MarkRead, Send, SetProfile, Typing
from bridge.wire.values import TieKind
from tests.hub.grounds import GROUNDS, Ground
from tests.hub.house import ANA, BEN, CYD, DAN, FAY, House, config, house
from tests.hub.talker import Frame, Talker, leg_of


async def journal_of(hub: House, account: str) -> list[int]:
    """Give the positions that the store has of a journal."""
    entries = await hub.hub.store.replay(AccountId(account), Position(0), 1_000_000)
    return [entry.position for entry in entries]


async def test_what_was_missed_comes_once_in_order_and_live_events_follow(hub: House, codec: Codec) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ana, first = await hub.sign_in(ANA, codec)
    cursor = leg_of(first, ANA)["cursor"]
    await ana.close()
    for n in range(20):
        await hub.send(BEN, thread, f"missed-{n}")

    back, signed_in = await hub.sign_in(ANA, codec, cursors=(cursor,))
    for n in range(20):
        await hub.send(BEN, thread, f"live-{n}")
    await back.until(lambda: len(back.messages()) == 40)

    leg = leg_of(signed_in, ANA)
    assert "state" not in leg, "resumed is the default"
    assert leg["head"] == leg_of(first, ANA)["head"] + 20
    assert [message["text"] for message in back.messages()] == [
        *[f"missed-{n}" for n in range(20)],
        *[f"live-{n}" for n in range(20)],
    ]
    start = leg_of(first, ANA)["head"] + 1
    assert back.positions(ANA) == list(range(start, start + 40))


@pytest.mark.one_hub
async def test_events_that_come_while_a_client_catches_up_follow_without_a_seam(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ana, first = await hub.sign_in(ANA)
    await ana.close()
    for n in range(10):
        await hub.send(BEN, thread, f"{n}")
    replay, left = hub.hub.store.replay, [3]

    async def busy_replay(account: Any, after: Any, limit: int) -> Any:
        """Read little at once, while more is said."""
        if left[0]:
            left[0] -= 1
            await hub.send(BEN, thread, f"meanwhile-{left[0]}")
        return await replay(account, after, 4)

    monkeypatch.setattr(hub.hub.store, "replay", busy_replay)
    back, _ = await hub.sign_in(ANA, cursors=(leg_of(first, ANA)["cursor"],))
    await back.until(lambda: len(back.messages()) == 13)
    await hub.send(BEN, thread, "live")
    await back.until(lambda: len(back.messages()) == 14)

    start = leg_of(first, ANA)["head"] + 1
    assert back.positions(ANA) == list(range(start, start + 14))
    assert back.messages()[-1]["text"] == "live"


async def test_a_long_resume_is_no_slow_reading(ground: Ground) -> None:
    """More than the send queue holds was missed, in large messages: it comes as the client reads."""
    async with ground.house(limits={"send_queue_bytes": 64 * 1024}) as hub:
        await hub.add(ANA, BEN)
        thread = await hub.acquaint(BEN, ANA)
        ana, first = await hub.sign_in(ANA)
        await ana.close()
        for n in range(300):
            await hub.send(BEN, thread, f"{n:03}" + "x" * 5_000, token=f"t{n}")

        back, _ = await hub.sign_in(ANA, cursors=(leg_of(first, ANA)["cursor"],))
        await back.until(lambda: len(back.messages()) == 300)

        assert [one.counters.slow_readers_total for one in hub.hubs] == [0] * len(hub.hubs)
        texts = [message.get("text") or message["parts"][0] for message in back.messages()]
        assert [text[:3] for text in texts] == [f"{n:03}" for n in range(300)]


@pytest.mark.one_hub
async def test_nothing_more_is_read_for_a_client_that_is_sent_away(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ana, first = await hub.sign_in(ANA)
    await ana.close()
    for n in range(250):
        await hub.send(BEN, thread, f"{n:03}")
    store, gate, begun, reads = hub.hub.store, asyncio.Event(), asyncio.Event(), 0
    replay = store.replay

    async def gated(account: AccountId, after: Position, limit: int) -> Any:
        nonlocal reads
        reads += 1
        begun.set()
        await gate.wait()
        return await replay(account, after, limit)

    monkeypatch.setattr(store, "replay", gated)
    back = await hub.line()  # which does not answer a close
    cursor = leg_of(first, ANA)["cursor"]
    back.say({"id": 1, "op": "sign_in", "token": hub.tokens[ANA], "cursors": [cursor]})
    await begun.wait()
    session: Any = hub.hub.sessions.everyone()[0]
    session.close(4000, "reading too slowly")
    gate.set()
    await asyncio.wait([*session._errands._tasks], timeout=5)

    assert reads == 1


async def test_a_cursor_cannot_be_forged_borrowed_or_moved_beyond_its_journal(hub: House) -> None:
    await hub.add(ANA, BEN)
    await hub.acquaint(BEN, ANA)
    _, first = await hub.sign_in(ANA)
    _, bens = await hub.sign_in(BEN)
    good, foreign = leg_of(first, ANA)["cursor"], leg_of(bens, BEN)["cursor"]
    parts = good.split(".")
    forged = [
        "nonsense",
        "....",
        ".".join(["a-ana", *foreign.split(".")[1:]]),
        ".".join([*parts[:3], "AAAAAAAAAAAA", parts[4]]),
        ".".join([*parts[:4], "99"]),
        ".".join([*parts[:4], "99999999999999999999"]),
        ".".join([*parts[:4], "-1"]),
        ".".join([*parts[:2], "7", *parts[3:]]),
    ]

    for cursor in forged:
        talker, signed_in = await hub.sign_in(ANA, cursors=(cursor,))
        assert leg_of(signed_in, ANA)["state"] == "snapshot", cursor
        assert signed_in.get("removed", []) == []
        await talker.close()
    _, signed_in = await hub.sign_in(ANA, cursors=(good, foreign))

    assert "state" not in leg_of(signed_in, ANA)
    assert signed_in["removed"] == [BEN]
    assert [leg["account"] for leg in signed_in["legs"]] == [ANA]


async def test_a_trimmed_journal_comes_as_a_snapshot(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ana, first = await hub.sign_in(ANA)
    await ana.close()
    for n in range(5):
        await hub.send(BEN, thread, f"{n}")
    _, newer = await hub.sign_in(ANA)
    await hub.hub.store.trim(2**50, 1_000)

    _, too_late = await hub.sign_in(ANA, cursors=(leg_of(first, ANA)["cursor"],))
    _, in_time = await hub.sign_in(ANA, cursors=(leg_of(newer, ANA)["cursor"],))

    assert leg_of(too_late, ANA)["state"] == "snapshot"
    assert leg_of(too_late, ANA)["head"] == leg_of(newer, ANA)["head"]
    assert "state" not in leg_of(in_time, ANA)


async def test_a_new_epoch_comes_as_a_snapshot(hub: House) -> None:
    await hub.add(ANA, BEN)
    await hub.acquaint(BEN, ANA)
    _, first = await hub.sign_in(ANA)
    record: Account = await hub.hub.pipeline.consult(ANA, lambda scene: scene.facts.account(ANA))
    await hub.put(replace(record, epoch=record.epoch + 1))

    _, again = await hub.sign_in(ANA, cursors=(leg_of(first, ANA)["cursor"],))

    assert leg_of(again, ANA)["state"] == "snapshot"
    assert leg_of(again, ANA)["cursor"] != leg_of(first, ANA)["cursor"]


async def test_heartbeats_tell_every_head_and_a_cursor_to_come_back_with(ground: Ground) -> None:
    async with ground.house(hub={"heartbeat_s": 0.1}) as hub:
        await hub.add(ANA, BEN, CYD)
        thread = await hub.acquaint(CYD, ANA)
        await hub.link(ANA, BEN)
        ana = await hub.join(ANA)
        await hub.send(CYD, thread, "one")
        await ana.event("message_sent")
        seen = len(ana.heartbeats)
        await ana.until(lambda: len(ana.heartbeats) > seen + 1)

        heads = {leg["account"]: leg for leg in ana.heartbeats[-1]["legs"]}
        assert sorted(heads) == [ANA, BEN]
        assert heads[ANA]["head"] == ana.positions(ANA)[-1] == (await journal_of(hub, ANA))[-1]
        assert heads[ANA]["cursor"] == ana.cursors[ANA]
        assert heads[BEN]["head"] == (await journal_of(hub, BEN))[-1]


async def test_no_heartbeat_comes_before_the_answer_to_the_sign_in(
    password_hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(password_hash, config(hub={"heartbeat_s": 60.0})) as hub:
        await hub.add(ANA)
        heads = hub.hub.store.heads

        async def slow_heads(accounts: Any) -> Any:
            for connection in hub.hub.sessions.everyone():
                connection.heartbeat(1)  # type: ignore[attr-defined]  # a Connection
            return await heads(accounts)

        monkeypatch.setattr(hub.hub.store, "heads", slow_heads)
        ana = await hub.join(ANA)

        assert ana.heartbeats == []
        assert "re" in ana.frames[0]


@pytest.mark.one_hub
@pytest.mark.parametrize("fails", [True, False])
async def test_news_that_were_lost_are_read_from_the_journal(
    hub: House, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ana = await hub.join(ANA)
    bus, lost = hub.hub.pipeline._bus, list[Any]()
    publish = bus.publish

    def losing(news: Any) -> None:
        if len(lost) < 2:
            lost.append(news)
            if fails:
                raise RuntimeError("telling failed")
        else:
            publish(news)

    monkeypatch.setattr(bus, "publish", losing)
    for n in range(4):
        await hub.send(BEN, thread, f"{n}")
    await ana.until(lambda: len(ana.messages()) == 4)

    assert [message["text"] for message in ana.messages()] == ["0", "1", "2", "3"]
    at = ana.positions(ANA)
    assert at == list(range(at[0], at[0] + 4))
    assert hub.hub.counters.replayed_total > 0


async def test_two_devices_and_both_sides_see_one_order(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    talkers = [await hub.join(ANA, CODECS[name]) for name in CODECS] + [await hub.join(BEN)]
    sends = [
        talker.ask(Send(thread=thread, text=f"{who}-{n}", token=f"{who}-{n}"))
        for n in range(15)
        for who, talker in enumerate(talkers)
    ]
    await asyncio.gather(*sends)

    async def everything(talker: Talker) -> None:
        await talker.until(lambda: len(talker.messages()) == 45)

    for talker in talkers:
        await everything(talker)

    first, *others = [[(m["seq"], m["text"], m["link"]) for m in talker.messages()] for talker in talkers]
    assert [seq for seq, _, _ in first] == list(range(3, 48))
    assert all(other == first for other in others)
    for talker in talkers:
        for positions in (talker.positions(account) for account in talker.journals):
            assert positions == list(range(positions[0], positions[0] + len(positions)))


# --- any interleaving

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from([BEN, CYD, DAN]), st.integers(1, 4)),
        st.tuples(st.just("own"), st.sampled_from([ANA, BEN]), st.integers(1, 2)),
        st.tuples(st.just("cut"), st.integers(0, 1), st.booleans()),
        st.tuples(st.just("back"), st.integers(0, 1), st.booleans()),
        st.tuples(st.just("read"), st.just(0), st.just(0)),
        st.tuples(st.just("flood"), st.sampled_from([CYD, DAN]), st.integers(5, 30)),
    ),
    max_size=25,
)


class Diary:
    """What a device of Ana's has seen, over all of its connections."""

    def __init__(self, hub: House, codec: Codec, device: str) -> None:
        self.codec = codec
        self.talker: Talker | None = None
        self.seen: dict[str, list[tuple[int, Frame]]] = {}
        self.cursors: dict[str, str] = {}
        self._hub = hub
        self._device = device

    async def come(self) -> None:
        """Come back with what is known."""
        if self.talker is not None:
            return
        self._hub.tokens[ANA] = self._device
        self.talker, signed_in = await self._hub.sign_in(
            ANA, self.codec, cursors=tuple(self.cursors.values())
        )
        for leg in signed_in["legs"]:
            if leg.get("state") == "snapshot":
                assert leg["account"] not in self.cursors, "a good cursor resumes"
                self.seen[leg["account"]] = [(leg["head"], {})]
                self.cursors[leg["account"]] = leg["cursor"]

    async def go(self, *, cut: bool) -> None:
        """Leave, or lose the line; what came is kept."""
        if self.talker is None:
            return
        talker, self.talker = self.talker, None
        if cut:
            talker.cut()
            await talker.gone()
        else:
            await talker.close()
        for account, entries in talker.journals.items():
            self.seen[account] += entries
        self.cursors |= talker.cursors

    async def whole(self, heads: Mapping[AccountId, int]) -> None:
        """Wait until every journal came to its head."""
        await self.come()
        talker = self.talker
        assert talker is not None
        await talker.until(
            lambda: all(
                (talker.positions(account) or [self.seen[account][-1][0]])[-1] >= head
                for account, head in heads.items()
            )
        )
        await self.go(cut=False)


async def _live_through(hub: House, steps: Sequence[tuple[str, Any, Any]]) -> None:
    await hub.add(ANA, BEN, CYD, DAN)
    await hub.link(ANA, BEN)
    threads = {
        CYD: await hub.acquaint(CYD, ANA),
        DAN: await hub.acquaint(DAN, BEN),
        BEN: await hub.acquaint(DAN, ANA),
    }
    speakers = {CYD: CYD, DAN: DAN, BEN: DAN}
    diaries = [Diary(hub, codec, await hub.device(ANA)) for codec in CODECS.values()]
    for diary in diaries:
        await diary.come()
    said = 0
    for what, whom, how in steps:
        match what:
            case "say" | "flood":
                for _ in range(how):
                    said += 1
                    call = hub.send(speakers[whom], threads[whom], f"m{said}", token=f"k{said}")
                    await call
            case "own":
                for _ in range(how):
                    said += 1
                    await hub.send(ANA, threads[CYD if whom == ANA else DAN], f"own{said}", token=f"k{said}")
            case "read":
                said += 1
                await hub.hub.pipeline.do(ANA, MarkRead(thread=threads[CYD], upto=Seq(said)))
                await hub.hub.pipeline.do(ANA, Archive(threads=(threads[DAN],), on=said % 2 == 0))
                await hub.hub.pipeline.do(ANA, SetProfile(as_=ANA, name=f"Ana {said}"))
                await hub.hub.pipeline.do(CYD, Typing(thread=threads[CYD]))
            case "cut":
                await diaries[whom].go(cut=how)
            case _:
                await diaries[whom].come()
    heads = {account: (await journal_of(hub, account))[-1] for account in (ANA, BEN)}
    for diary in diaries:
        await diary.whole(heads)
    for account, head in heads.items():
        first, second = (dict(diary.seen[account]) for diary in diaries)
        for diary in diaries:
            positions = [at for at, _ in diary.seen[account]]
            assert positions == list(range(positions[0], head + 1))
        assert all(first[at] == second[at] for at in first.keys() & second.keys() if first[at] and second[at])


@pytest.mark.slow
@pytest.mark.long
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, name=st.sampled_from(GROUNDS))
def test_any_interleaving_of_cuts_sends_and_returns_loses_and_doubles_nothing(
    steps: list[tuple[str, Any, Any]],
    name: str,
    password_hash: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    ground = Ground(name, password_hash, tmp_path_factory.mktemp("hub"))

    async def live() -> bool:
        async with ground.house() as hub:
            await _live_through(hub, steps)
        return True

    assert asyncio.run(live())


async def test_who_comes_back_is_shown_accounts_as_they_are_now(hub: House, codec: Codec) -> None:
    await hub.add(FAY, BEN, DAN)
    ben, first = await hub.sign_in(BEN, codec)
    await ben.close()
    for other in (FAY, DAN):
        await hub.acquaint(other, BEN)
    await hub.next().pipeline.do(FAY, SetProfile(as_=FAY, name="Fay Lima"))
    await hub.next().pipeline.do(AccountId(""), EraseAccount(account=DAN))

    back, _ = await hub.sign_in(BEN, codec, cursors=(leg_of(first, BEN)["cursor"],))
    await back.until(lambda: len(_appeared(back)) == 2)

    assert [(view["handle"], view["name"]) for view in _appeared(back)] == [
        ("fay", "Fay Lima"),
        ("", "deleted account"),
    ]


@pytest.mark.parametrize("speaks", [True, False])
async def test_no_name_that_was_erased_is_left_in_what_others_were_told(
    password_hash: str, tmp_path: Path, speaks: bool
) -> None:
    async with house(password_hash, config(store={"path": str(tmp_path / "hub.db")})) as hub:
        await hub.add(ANA, BEN, CYD)
        rename = SetProfile(as_=ANA, name="Quetzalcoatl", handle="quetzalcoatl")
        await hub.hub.pipeline.do(ANA, rename)
        if speaks:
            await hub.acquaint(ANA, CYD)
        await hub.tie(ANA, CYD, TieKind.FOLLOW)
        await hub.link(ANA, BEN)
        await hub.hub.pipeline.do(AccountId(""), EraseAccount(account=ANA))
        await erase_content(hub.hub.store, ANA)

        left = _counts(tmp_path, b"quetzalcoatl")

    assert left == dict.fromkeys(left, 0)


def _counts(folder: Path, canary: bytes) -> dict[str, int]:
    return {path.name: path.read_bytes().lower().count(canary) for path in folder.iterdir() if path.is_file()}


def _appeared(talker: Talker) -> list[Frame]:
    events = [frame["event"] for frame in talker.frames if frame.get("event", {}).get("others")]
    return [event["others"][0] for event in events]
