"""A thread that several hubs write to is decided at one of them, and people notice nothing of it."""

import asyncio
from pathlib import Path

import pytest

from bridge.domain.model import Thread
from bridge.hub import post
from bridge.hub.homes import home_among
from bridge.hub.letters import Answer, letter, pack, unpack
from bridge.hub.post import Post
from bridge.hub.work import NOBODY, Ticket, Work
from bridge.ids import Seq, ThreadId
from bridge.wire.commands import Send, SetTie
from bridge.wire.values import TieKind
from tests.cluster.servers import Nats
from tests.cluster.test_governing import outcome
from tests.cluster.town import OneMemory, Town, page, town
from tests.hub.house import ANA, CYD
from tests.hub.talker import Talker


async def acquainted(made: Town) -> None:
    """Wait until the hubs know of each other."""
    async with asyncio.timeout(20):
        while any(len(house.hub.bus.nodes) < len(made.houses) - 1 for house in made.houses):  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0)


def contend(made: Town, thread: ThreadId) -> tuple[int, int]:
    """Have a thread seem to be contended by two hubs; give which is its home, and which is not."""
    names = [made.hub(number).bus.name for number in (0, 1)]
    for number in (0, 1):
        homes = made.hub(number).pipeline.post.homes
        homes.moved([(Thread, thread)])
        homes.wrote(names[1 - number], [thread])
    home = names.index(home_among(thread, names))
    return home, 1 - home


async def contended(made: Town) -> tuple[ThreadId, int, int]:
    """Have two hubs seem to contend for a thread of Ana and Cyd; give it, its home and the other hub."""
    await acquainted(made)
    await made[0].add(ANA, CYD)
    thread = await made[0].acquaint(ANA, CYD)
    return thread, *contend(made, thread)


def carried(made: Town) -> int:
    """Count what hubs decided for each other."""
    return sum(house.hub.counters.carried_total for house in made.houses)


async def test_both_sides_write_as_fast_as_they_can_and_see_one_order(pair: Town) -> None:
    await acquainted(pair)
    await pair[0].add(ANA, CYD)
    thread = await pair[0].acquaint(ANA, CYD)
    ana, cyd = await pair.join(0, ANA), await pair.join(1, CYD)
    contend(pair, thread)

    await asyncio.gather(
        *(
            who.ask(Send(thread=thread, text=f"{name}{n}", token=f"{name}{n}"))
            for n in range(100)
            for name, who in (("a", ana), ("c", cyd))
        )
    )
    await ana.until(lambda: len(ana.messages()) == 200)
    await cyd.until(lambda: len(cyd.messages()) == 200)

    texts = [message["text"] for message in ana.messages()]
    assert texts == [message["text"] for message in cyd.messages()]
    for name in "ac":  # each sender's own order is kept
        assert [text for text in texts if text[0] == name] == [f"{name}{n}" for n in range(100)]
    assert carried(pair) > 0


async def test_two_hubs_find_out_by_themselves_that_they_contend(pair: Town) -> None:
    await acquainted(pair)
    await pair[0].add(ANA, CYD)
    thread = await pair[0].acquaint(ANA, CYD)
    ana, cyd = await pair.join(0, ANA), await pair.join(1, CYD)

    async def talk(who: Talker, name: str) -> None:
        said = 0
        while not carried(pair) and said < 5_000:
            said += 1
            await who.ask(Send(thread=thread, text="mine", token=f"{name}{said}"))

    await asyncio.gather(talk(ana, "a"), talk(cyd, "c"))

    assert carried(pair) > 0


async def test_a_block_at_the_home_governs_what_is_carried_to_it_and_what_is_not(pair: Town) -> None:
    await acquainted(pair)
    await pair[0].add(ANA, CYD)
    thread = await pair[0].acquaint(ANA, CYD)
    for turn in range(20):
        home, away = contend(pair, thread)
        sender, blocker = (away, home) if turn % 2 else (home, away)
        ana, cyd = await pair.join(sender, ANA), await pair.join(blocker, CYD)
        racing = asyncio.ensure_future(outcome(ana, Send(thread=thread, text="now?", token=f"r{turn}")))

        await cyd.ask(SetTie(as_=CYD, account=ANA, tie=TieKind.BLOCK, on=True))
        after = await outcome(ana, Send(thread=thread, text="still?", token=f"a{turn}"))
        await racing
        again = await outcome(ana, Send(thread=thread, text="still?", token=f"a{turn}"))
        await cyd.ask(SetTie(as_=CYD, account=ANA, tie=TieKind.BLOCK, on=False))

        assert (after, again) == ("not_accepting", "not_accepting")
    assert carried(pair) > 0


async def test_a_home_that_does_not_answer_costs_a_pause(
    password_hash: str, tmp_path: Path, nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "PATIENCE_S", 0.1)
    monkeypatch.setattr(post, "_LOOK_S", 0.05)
    async with town(password_hash, OneMemory(), tmp_path, nats.url) as made:
        thread, home, away = await contended(made)
        deaf = made.hub(home).pipeline.post
        monkeypatch.setattr(deaf, "wrote", lambda hub, data: None)
        ana = await made.join(away, ANA)

        seqs = await asyncio.gather(
            *(ana.ask(Send(thread=thread, text=f"{n}", token=f"{n}")) for n in range(20))
        )

        assert [answer["seq"] for answer in seqs] == list(range(3, 23))
        assert carried(made) == 0


async def test_a_home_that_decides_too_late_finds_even_the_refusal_that_nobody_else_would_keep(
    password_hash: str, tmp_path: Path, nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "PATIENCE_S", 0.1)
    monkeypatch.setattr(post, "_LOOK_S", 0.05)
    async with town(password_hash, OneMemory(), tmp_path, nats.url) as made:
        thread, home, away = await contended(made)
        slow = made.hub(home).pipeline.post
        on_their_way: list[tuple[str, bytes]] = []
        monkeypatch.setattr(slow, "wrote", lambda hub, data: on_their_way.append((hub, data)))
        ana, cyd = await made.join(away, ANA), await made.join(home, CYD)
        too_soon = Send(thread=thread, text="as you say", token="early", reply_to=Seq(2))

        refused = await outcome(ana, too_soon)
        await made[home].upgrade_alone(ANA)
        for hub, data in on_their_way:
            Post.wrote(slow, hub, data)
        last = await cyd.ask(Send(thread=thread, text="anything?", token="next"))

        assert on_their_way
        assert (refused, await outcome(ana, too_soon)) == ("not_supported", "not_supported")
        assert last["seq"] == 3


async def test_what_came_back_undecided_is_carried_to_nobody_else(pair: Town) -> None:
    thread, _, away = await contended(pair)
    box = pair.hub(away).pipeline.post
    send = Send(thread=thread, text="whose?", token="once")
    lane = Ticket()
    fresh, back = (Work(lane=lane, call=0, account=ANA, command=send, doubtful=how) for how in (False, True))

    assert box.carry([back], stops=False) == [back]
    assert box.carry([fresh], stops=False) == []
    assert box.clear() == [fresh]


def test_letters_go_in_packets_that_nats_takes_in_their_order() -> None:
    command = Send(thread=ThreadId("t1"), text="é" * 30_000, token="k")
    work = Work(lane=NOBODY, call=0, account=ANA, command=command)
    letters = [letter(7, number, work) for number in range(40)]

    packets = list(pack(letters, [Answer(1, 2)]))

    mail = [unpack(packet) for packet in packets]
    assert max(map(len, packets)) < 2**20
    assert [one.number for some in mail for one in some.letters] == list(range(40))
    assert [len(some.answers) for some in mail] == [0] * (len(mail) - 1) + [1]
    assert list(pack([], [])) == []


async def test_a_hub_that_stops_answers_what_it_carried(
    password_hash: str, tmp_path: Path, nats: Nats
) -> None:
    async with town(password_hash, OneMemory(), tmp_path, nats.url) as made:
        thread, _, away = await contended(made)
        ana = await made.join(away, ANA)

        asked = [
            asyncio.ensure_future(ana.ask(Send(thread=thread, text=f"{n}", token=f"{n}"))) for n in range(5)
        ]
        await ana.until(lambda: made.hub(away).counters.calls_total >= 5 or bool(ana.messages()))
        made.hub(away).pipeline.stop()
        answers = await asyncio.gather(*asked, return_exceptions=True)

        assert all(isinstance(one, dict) or "unavailable" in str(one) for one in answers), answers


async def test_a_hub_that_leaves_is_known_to_be_gone_at_once(pair: Town) -> None:
    await acquainted(pair)
    before = len(pair.hub(0).bus.nodes)

    await pair.hub(1).bus.close()

    async with asyncio.timeout(2):
        while len(pair.hub(0).bus.nodes):  # noqa: ASYNC110 -- the bus tells its hub, not us
            await asyncio.sleep(0)
    assert before == 1
    assert (await page(pair.hub(0), "/readyz"))[0] == 200
