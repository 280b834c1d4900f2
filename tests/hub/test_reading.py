"""Pages: listed in order, continued without gaps or doubles, and refused when their cursor is not ours."""

import asyncio
from functools import partial
from typing import Any

import pytest

from bridge.hub import pages as pages_of
from bridge.ids import AccountId, Seq
from bridge.wire.commands import Accept, OpenThread, Send, SetControls, SetProfile, SetTie, Unlink
from bridge.wire.queries import (
    CountUnread,
    Explain,
    GetThread,
    History,
    ListThreads,
    ListTies,
    PreviewControls,
    Search,
    WhoIsHere,
)
from bridge.wire.values import Folder, TieKind
from tests.hub.grounds import Ground
from tests.hub.house import ANA, BEN, CYD, DAN, EVE, House, house
from tests.hub.talker import Frame, Refused, Talker


async def pages(talker: Talker, call: Any, name: str, **more: object) -> list[Frame]:
    """Read all pages of a listing."""
    found: list[Frame] = []
    before = None
    while True:
        page = await talker.ask(type(call)(**{**more, "before": before, "limit": 2}))
        assert len(page[name]) <= 2
        found += page[name]
        before = page.get("next")
        if before is None:
            return found


async def test_threads_come_newest_first_page_by_page(hub: House) -> None:
    await hub.add(ANA, BEN, CYD, DAN, EVE)
    others = [BEN, CYD, DAN, EVE]
    for other in others:
        await hub.acquaint(other, ANA)
    ana = await hub.join(ANA)

    threads = await pages(ana, ListThreads(), "threads")

    assert sorted(thread["others"][0]["id"] for thread in threads) == others
    times = [thread["last_at"] for thread in threads]
    assert times == sorted(times, reverse=True)
    assert all(thread["last"]["seq"] == thread["tip"] == 2 for thread in threads)
    for cursor in ("nonsense", "1/2", "x/y/z", "99999999999999999/t/a"):
        with pytest.raises(Refused, match="invalid"):
            await ana.ask(ListThreads(before=cursor))


async def test_long_texts_make_short_pages_shown_in_pieces_and_none_is_left_out(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_of, "A_PAGE", 2_000)
    monkeypatch.setattr(pages_of, "A_PIECE", 900)
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    for n in range(3, 13):
        await hub.send(BEN, thread, f"word {n} " + "x" * 400)
    ana = await hub.join(ANA)
    consulted = 0
    pieces = [one.pipeline.consult for one in hub.hubs]

    async def count(consult: Any, *given: Any, **more: Any) -> Any:
        nonlocal consulted
        consulted += 1
        return await consult(*given, **more)

    for one, consult in zip(hub.hubs, pieces, strict=True):
        monkeypatch.setattr(one.pipeline, "consult", partial(count, consult))

    newest = await ana.ask(History(thread=thread))
    shown, consults = [message["seq"] for message in newest["messages"]], consulted
    while newest.get("more"):
        newest = await ana.ask(History(thread=thread, before=Seq(shown[-1])))
        shown += [message["seq"] for message in newest["messages"]]
    forward = await ana.ask(History(thread=thread, after=2))
    hits = await ana.ask(Search(text="word"))
    rest = await ana.ask(Search(text="word", before=hits["next"]))

    assert shown == list(range(12, 0, -1))
    assert consults == 1 + 2, "who asks has a seat; then two pieces of two messages"
    assert [message["seq"] for message in forward["messages"]] == [3, 4, 5, 6]
    assert forward["more"]
    assert [hit["seq"] for hit in hits["messages"] + rest["messages"]] == [12, 11, 10, 9, 8, 7, 6, 5]


async def test_what_a_page_lacks_is_loaded_together(password_hash: str) -> None:
    async with house(password_hash) as hub:
        await hub.add(ANA, BEN, CYD, DAN, EVE)
        for other in (BEN, CYD, DAN, EVE):
            await hub.acquaint(other, ANA)
        ana = await hub.join(ANA)
        await ana.ask(ListThreads(limit=1))
        hub.hub.pipeline.facts.shrink(0)
        load, loads = hub.hub.store.load, 0

        async def count(keys: Any) -> Any:
            nonlocal loads
            loads += 1
            return await load(keys)

        hub.hub.store.load = count  # type: ignore[method-assign]
        await ana.ask(ListThreads(limit=1))
        one = loads
        hub.hub.pipeline.facts.shrink(0)
        await ana.ask(ListThreads())

    assert one > 0
    assert loads - one <= one + 1, "not so many for each thread"


async def test_requests_lie_in_their_own_folder_and_are_counted_apart(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.open(BEN, ANA)
    await hub.send(BEN, thread, "hello")
    ana = await hub.join(ANA)

    assert await ana.ask(ListThreads()) == {"threads": []}
    (request,) = (await ana.ask(ListThreads(folder=Folder.REQUESTS)))["threads"]
    assert (request["id"], request["consent"], request["unread"]) == (thread, "pending", 1)
    assert await ana.ask(CountUnread()) == {"requests": 1}
    await ana.ask(Accept(threads=(thread,)))
    assert await ana.ask(CountUnread()) == {"threads": 1, "messages": 1}


async def test_history_is_read_both_ways(hub: House) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    for n in range(3, 8):
        await hub.send(BEN, thread, f"{n}")
    ana = await hub.join(ANA)

    newest = await ana.ask(History(thread=thread, limit=3))
    older = await ana.ask(History(thread=thread, before=Seq(5), limit=10))
    forward = await ana.ask(History(thread=thread, after=2, limit=3))

    assert [message["seq"] for message in newest["messages"]] == [7, 6, 5]
    assert [message["seq"] for message in older["messages"]] == [4, 3, 2, 1]
    assert [message["seq"] for message in forward["messages"]] == [3, 4, 5]
    assert (newest["more"], "more" in older, forward["more"]) == (True, False, True)
    with pytest.raises(Refused, match="invalid"):
        await ana.ask(History(thread=thread, before=Seq(5), after=2))
    with pytest.raises(Refused, match="not_found"):
        await ana.ask(History(thread=type(thread)("t-nowhere")))


async def test_a_quoted_message_is_shown_live_and_again(hub: House) -> None:
    await hub.add(DAN, BEN)
    thread = await hub.acquaint(BEN, DAN)
    dan, ben = await hub.join(DAN), await hub.join(BEN)
    await ben.ask(Send(thread=thread, text="answer", reply_to=Seq(1), token="r"))
    await dan.event("message_sent")

    (live,) = dan.messages()
    again = (await dan.ask(History(thread=thread, limit=1)))["messages"][0]
    assert live == again
    assert live["reply_to"] == 1


async def test_search_finds_one_s_own_threads_page_by_page(hub: House) -> None:
    await hub.add(ANA, BEN, CYD)
    for other in (BEN, CYD):
        thread = await hub.acquaint(other, ANA)
        for n in range(3):
            await hub.send(other, thread, f"café number {n}", token=f"{other}{n}")
    ana, ben = await hub.join(ANA), await hub.join(BEN)

    hits = await pages(ana, Search(text="x"), "messages", text="cafe num")
    bens = await ben.ask(Search(text="CAFÉ"))
    one = await ana.ask(Search(text="number", thread=hits[0]["thread"]))

    assert len(hits) == 6
    assert {hit["sender"] for hit in bens["messages"]} == {BEN}
    assert {hit["thread"] for hit in one["messages"]} == {hits[0]["thread"]}
    with pytest.raises(Refused, match="invalid"):
        await ana.ask(Search(text="x", before="nonsense"))


async def test_relations_are_listed_both_ways_page_by_page(hub: House) -> None:
    await hub.add(ANA, CYD, EVE, BEN, DAN)
    ana = await hub.join(ANA)
    for follower in (CYD, EVE):
        await hub.tie(follower, ANA, TieKind.FOLLOW)
    await ana.ask(SetTie(as_=ANA, account=CYD, tie=TieKind.FOLLOW))
    await hub.tie(BEN, DAN, TieKind.FRIEND)
    dan = await hub.join(DAN)

    ties = await pages(ana, ListTies(as_=ANA, tie=TieKind.FOLLOW), "ties", as_=ANA, tie=TieKind.FOLLOW)
    asked = (await dan.ask(ListTies(as_=DAN, tie=TieKind.FRIEND)))["ties"]

    assert [(tie["account"]["id"], tie.get("incoming", False)) for tie in ties] == [
        (CYD, False),
        (CYD, True),
        (EVE, True),
    ]
    assert [(tie["account"]["id"], tie["state"], tie["incoming"]) for tie in asked] == [(BEN, "asked", True)]


async def test_who_blocked_one_account_is_not_shown_the_other_that_an_unlink_parted_from_it(
    hub: House,
) -> None:
    await hub.add(ANA, BEN, CYD)
    await hub.link(ANA, BEN)
    ana, cyd = await hub.join(ANA), await hub.join(CYD)
    thread = (await ana.ask(OpenThread(as_=BEN, account=CYD, confirm=True)))["thread"]["id"]
    for kind in (TieKind.BLOCK, TieKind.RESTRICT):
        await cyd.ask(SetTie(as_=CYD, account=ANA, tie=kind))

    await ana.ask(Unlink(as_=ANA))

    for kind in (TieKind.BLOCK, TieKind.RESTRICT):
        shown = (await cyd.ask(ListTies(as_=CYD, tie=kind)))["ties"]
        assert [tie["account"]["id"] for tie in shown] == [ANA]
    explained = await cyd.ask(Explain(as_=CYD, account=BEN))
    assert explained["decision"]["rule"] != "blocked"
    ben = await hub.join(BEN)
    with pytest.raises(Refused, match="not_accepting"):
        await ben.ask(Send(thread=thread, text="still me", token="one"))


async def test_an_identity_is_proposed_and_confirmed_once(hub: House) -> None:
    await hub.add(ANA, BEN, DAN, EVE)
    await hub.link(ANA, BEN)
    ana = await hub.join(ANA)

    proposed = await ana.ask(OpenThread(account=DAN))
    opened = await ana.ask(OpenThread(as_=BEN, account=DAN, confirm=True))
    again = await ana.ask(OpenThread(account=DAN))

    assert proposed == {"propose": BEN, "other": proposed["other"]}
    assert opened["thread"]["leg"] == BEN
    assert again["thread"]["id"] == opened["thread"]["id"]


async def test_nobody_is_watched_who_does_not_show_himself(hub: House) -> None:
    await hub.add(ANA, BEN, CYD)
    await hub.acquaint(BEN, ANA)
    ben = await hub.join(BEN)
    ana = await hub.join(ANA)

    assert await ben.ask(WhoIsHere(accounts=(ANA, CYD, type(ANA)("a-nobody")))) == {"online": [ANA]}
    await ana.close()
    assert (await ben.event("presence_changed"))["account"] == ANA
    await ben.close()
    back = await hub.join(ANA)
    await back.settled()
    assert back.events() == []


async def test_watching_lasts_whatever_the_watched_one_does_meanwhile(hub: House) -> None:
    await hub.add(ANA, BEN, CYD)
    await hub.acquaint(BEN, ANA)
    ben, ana = await hub.join(BEN), await hub.join(ANA)
    assert await ben.ask(WhoIsHere(accounts=(ANA,))) == {"online": [ANA]}

    await ana.ask(SetTie(as_=ANA, account=CYD, tie=TieKind.FOLLOW))
    await ana.ask(SetProfile(as_=ANA, name="Ana Maria"))
    await ana.close()
    assert await ben.event("presence_changed", account=ANA, online=False)
    await hub.join(ANA)

    assert await ben.event("presence_changed", account=ANA, online=True)


async def test_a_thread_knows_how_far_the_other_side_came(hub: House) -> None:
    from bridge.wire.commands import MarkRead

    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ana, ben = await hub.join(ANA), await hub.join(BEN)
    await ana.ask(MarkRead(thread=thread, upto=Seq(2)))
    read = await ben.event("read")

    view = (await ben.ask(GetThread(thread=thread)))["thread"]
    assert (read["upto"], view["others_read"], view["answered"]) == (2, 2, True)


@pytest.mark.one_hub
async def test_nobody_waits_while_a_preview_looks_at_the_past(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    ana, ben = await hub.join(ANA), await hub.join(BEN)
    begun, may_end, arrivals = asyncio.Event(), asyncio.Event(), hub.hub.store.arrivals

    async def slow(account: AccountId, *, since: int) -> Any:
        begun.set()
        await may_end.wait()
        return await arrivals(account, since=since)

    monkeypatch.setattr(hub.hub.store, "arrivals", slow)
    previewed = await ana.begin(PreviewControls(as_=ANA, controls={"others_on_messenger": "none"}))
    await begun.wait()
    async with asyncio.timeout(5):
        await ben.ask(Send(thread=thread, text="meanwhile", token="meanwhile"))
    assert not previewed.done()
    may_end.set()

    moved = ana.ok(await previewed)["moved"]
    assert [(row["was"], row["messages"]) for row in moved] == [("inbox", 1), ("requests", 1)]


async def test_a_preview_tells_of_accepted_chats_that_a_control_would_close(hub: House) -> None:
    await hub.add(ANA, BEN, DAN)
    await hub.link(ANA, BEN)
    thread = await hub.acquaint(DAN, ANA)
    await hub.send(ANA, thread, "and more", token="more")
    dan = await hub.join(DAN)

    preview = await dan.ask(PreviewControls(as_=DAN, controls={"others_on_direct": "none"}))

    moved = [(row["category"], row["was"], row["would_be"]) for row in preview["moved"]]
    assert ("others_on_direct", "inbox", "none") in moved
    await dan.ask(SetControls(as_=DAN, if_version=0, controls={"others_on_direct": "none"}))
    with pytest.raises(Refused, match="not_accepting"):
        await (await hub.join(ANA)).ask(Send(thread=thread, text="still there?", token="late"))


@pytest.mark.one_hub
async def test_a_page_of_threads_asks_once_for_their_segments(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA, BEN, CYD, DAN)
    for other in (BEN, CYD, DAN):
        await hub.acquaint(other, ANA)
    ana = await hub.join(ANA)
    asked, segments = list[int](), hub.hub.store.segments

    async def counted(threads: Any) -> Any:
        asked.append(len(threads))
        return await segments(threads)

    monkeypatch.setattr(hub.hub.store, "segments", counted)
    await ana.ask(ListThreads())

    assert asked == [3]


async def test_no_page_is_so_long_that_its_reader_looks_too_slow(ground: Ground) -> None:
    async with ground.house(limits={"send_queue_bytes": 1024 * 1024}) as hub:
        await hub.add(BEN, DAN)
        thread = await hub.acquaint(DAN, BEN)
        for n in range(20):
            await hub.send(DAN, thread, f"{n} " + "\N{PARROT}" * 15_000, token=f"{n}")
        ben = await hub.join(BEN)

        found, sizes, page = list[Frame](), list[int](), Frame(more=True)
        while page.get("more"):
            before = found[-1]["seq"] if found else None
            page = await ben.ask(History(thread=thread, before=before, limit=200))
            sizes.append(len(page["messages"]))
            found += page["messages"]
        hits = await ben.ask(Search(text="\N{PARROT}", limit=200))
        await ben.ask(CountUnread())

        assert [message["seq"] for message in found] == list(range(22, 0, -1))
        assert len(sizes) > 1
        assert min(sizes) > 0
        assert 0 < len(hits["messages"]) < 20
        assert hits["next"]


@pytest.mark.one_hub
async def test_a_page_of_threads_counts_what_they_show(hub: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await hub.add(ANA, BEN, CYD, DAN, EVE)
    for other in (BEN, CYD, DAN, EVE):
        await hub.acquaint(other, ANA)
    ana = await hub.join(ANA)
    monkeypatch.setattr(pages_of, "A_PIECE", 300)
    monkeypatch.setattr(pages_of, "A_PAGE", 300)  # of two short messages

    first = await ana.ask(ListThreads())
    threads = await pages(ana, ListThreads(), "threads")

    assert 0 < len(first["threads"]) < 4
    assert sorted(thread["others"][0]["id"] for thread in threads) == [BEN, CYD, DAN, EVE]


async def test_who_is_here_is_answered_where_a_control_asks_for_friends_of_friends(hub: House) -> None:
    await hub.add(ANA, BEN, DAN)
    await hub.link(ANA, BEN)
    thread = await hub.acquaint(DAN, ANA)
    ana, dan = await hub.join(ANA), await hub.join(DAN)
    await ana.ask(Send(thread=thread, text="so there you are", token="token-of-ana"))
    await ana.ask(SetControls(as_=ANA, if_version=0, controls={"phone_contacts": "none"}))

    async with asyncio.timeout(20):
        assert await dan.ask(WhoIsHere(accounts=(ANA,))) == {"online": [ANA]}
