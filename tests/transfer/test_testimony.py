"""Archives are testimony: two sides prove a chat, one speaks for himself, a forgery gains nobody an inbox."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.archive.model import EdgeKind, MessageRecord, Section
from bridge.domain.content import unpack
from bridge.domain.model import Decision, Thread, ThreadKind
from bridge.ids import AccountId, ThreadId, thread_of_pair
from bridge.transfer import union
from bridge.wire.commands import Accept
from bridge.wire.replies import Reply
from bridge.wire.values import Consent, Folder, Network
from tests.transfer.making import NOON, Chat, House, archive, chat

ANA, BEN = "Ana Lima", "Ben Okafor"
TALK = chat(ANA, BEN, 30)


def anas(tmp_path: Path, rows: Sequence[MessageRecord] = TALK, file: str = "ana.zip", **more: object) -> Path:
    return archive(tmp_path / file, "messenger", ANA, "ana", Chat(BEN, rows), **more)  # type: ignore[arg-type]  # passed on


def bens(tmp_path: Path, rows: Sequence[MessageRecord] = TALK, file: str = "ben.zip", **more: object) -> Path:
    return archive(tmp_path / file, "messenger", BEN, "ben", Chat(ANA, rows), **more)  # type: ignore[arg-type]  # passed on


async def decision_of(house: House, thread: str) -> Decision:
    (newest,) = await house.store.history(ThreadId(thread), limit=1)
    assert newest.decision is not None
    return newest.decision


async def test_both_sides_of_one_chat_become_one_thread(house: House, tmp_path: Path) -> None:
    first = await house.take(anas(tmp_path))
    second = await house.take(bens(tmp_path))

    assert await house.said_between(first.account, second.account) == [row.text for row in TALK]
    (found,) = second.resolved
    assert (found.name, found.account, found.agreed, found.messages) == (ANA, first.account, 30, 30)
    for account, other in ((first.account, BEN), (second.account, ANA)):
        inbox = await house.folder(account, Folder.INBOX)
        assert {name: thread.tip for name, thread in inbox.items()} == {other: 30}
        assert len(await house.store.search([AccountId(account)], "line 7", limit=9)) == 1
        assert (await house.store.tally([AccountId(account)])).messages == 0
    assert not (await house.store.audit()).problems


async def test_their_people_write_to_each_other_at_once(house: House, tmp_path: Path) -> None:
    ana, ben = (await house.take(anas(tmp_path))).account, (await house.take(bens(tmp_path))).account

    there = await house.say(ana, ben, "and now live")
    back = await house.say(ben, ana, "so it is")

    assert (there.seq, back.seq) == (31, 32)
    assert (await decision_of(house, there.thread)).rule == "accepted"
    assert not (await house.store.audit()).problems


async def test_what_only_one_side_tells_says_so(house: House, tmp_path: Path) -> None:
    only_ben = MessageRecord(ANA, NOON + 90_000, "I owe you a thousand")
    ana = (await house.take(anas(tmp_path))).account
    ben = (await house.take(bens(tmp_path, [*TALK[:2], only_ben, *TALK[2:]]))).account

    rows = await house.store.history(thread_of_pair(AccountId(ana), AccountId(ben)), after=0, limit=99)
    contents = [unpack(row.content or b"") for row in rows]
    assert [one.text for one in contents][:4] == ["line 0", "line 1", "I owe you a thousand", "line 2"]
    assert [one.extras for one in contents if one.extras] == [{"told_by": ben}]
    assert len(rows) == 31


async def test_archives_may_differ_by_a_second(house: House, tmp_path: Path) -> None:
    later = [MessageRecord(row.sender_name, row.at_ms + 900, row.text) for row in TALK]

    ana = (await house.take(anas(tmp_path))).account
    ben = (await house.take(bens(tmp_path, later))).account

    assert len(await house.said_between(ana, ben)) == 30


@pytest.mark.parametrize(
    "rows",
    [
        chat(ANA, BEN, 19),
        [MessageRecord(ANA, row.at_ms, row.text) for row in TALK],
        [],
    ],
    ids=["too few agree", "only one speaks", "nothing was said"],
)
async def test_less_than_that_is_no_proof(rows: list[MessageRecord], house: House, tmp_path: Path) -> None:
    ana = (await house.take(anas(tmp_path, rows))).account
    report = await house.take(bens(tmp_path, rows))

    assert report.resolved == []
    assert await house.said_between(ana, report.account) == []
    for account in (ana, report.account):
        (thread,) = (await house.folder(account, Folder.INBOX)).values()
        assert thread.members != tuple(sorted((ana, report.account)))


async def test_two_of_one_name_stay_two(house: House, tmp_path: Path) -> None:
    one, two = chat(ANA, "Sam Reed", 30), chat(ANA, "Sam Reed", 25, start=NOON + 50, about="other ")
    ana = archive(
        tmp_path / "a.zip", "messenger", ANA, "ana",
        Chat("Sam Reed", one, number=1), Chat("Sam Reed", two, number=2),
        edges=[(EdgeKind.FRIEND, "Sam Reed"), (EdgeKind.FRIEND, "Sam Reed")],
    )  # fmt: skip
    first = await house.take(ana)
    names = {side.id: side.name for side in await house.store.accounts(limit=9) if side.placeholder}
    assert sorted(names.values()) == ["Sam Reed", "Sam Reed"]

    sams = [
        await house.take(
            archive(tmp_path / f"{handle}.zip", "messenger", "Sam Reed", handle, Chat(ANA, rows),
                    edges=[(EdgeKind.FRIEND, ANA)])
        )
        for handle, rows in (("sam", one), ("samuel", two))
    ]  # fmt: skip

    assert await house.said_between(first.account, sams[0].account) == [row.text for row in one]
    assert await house.said_between(first.account, sams[1].account) == [row.text for row in two]
    assert not (
        await house.tie(first.account, sams[0].account)
    ).friend  # which Sam the list means, nobody knows


async def test_friends_are_friends_once_both_archives_say_so(house: House, tmp_path: Path) -> None:
    ana = (await house.take(anas(tmp_path, edges=[(EdgeKind.FRIEND, BEN)]))).account
    report = await house.take(bens(tmp_path, edges=[(EdgeKind.FRIEND, ANA)]))

    assert report.confirmed == 1
    assert (await house.tie(ana, report.account)).friend
    assert (await house.tie(report.account, ana)).friend


async def test_a_friendship_that_one_archive_tells_is_only_claimed(house: House, tmp_path: Path) -> None:
    ana = (await house.take(anas(tmp_path))).account
    ben = (await house.take(bens(tmp_path, edges=[(EdgeKind.FRIEND, ANA)]))).account

    tie = await house.tie(ben, ana)
    assert (tie.friend, tie.claimed) == (False, "friend")
    assert not (await house.tie(ana, ben)).friend


async def test_a_forged_archive_gains_nobody_an_inbox(house: House, tmp_path: Path) -> None:
    ana = (await house.take(anas(tmp_path, links=[("direct", "ana")]))).account
    forged = archive(
        tmp_path / "mallory.zip", "messenger", "Mallory Grey", "mallory",
        Chat(ANA, chat(ANA, "Mallory Grey", 40)),
        edges=[(EdgeKind.FRIEND, ANA)], links=[("direct", "ana")],
    )  # fmt: skip
    report = await house.take(forged)

    sent = await house.say(report.account, ana, "dear friend")

    assert [link.state for link in report.links] == ["claimed"]
    assert (await decision_of(house, sent.thread)).outcome.value == "requests"
    assert set(await house.folder(ana, Folder.REQUESTS)) == {"Mallory Grey"}
    assert await house.said_between(ana, report.account) == ["dear friend"]


async def test_not_even_the_operators_word_makes_a_forged_chat_consent(house: House, tmp_path: Path) -> None:
    ana = (await house.take(anas(tmp_path))).account
    forged = archive(
        tmp_path / "m.zip", "messenger", "Mallory", "mallory", Chat(ANA, chat(ANA, "Mallory", 40))
    )

    report = await house.take(forged, maps={ANA: "messenger/ana"})

    pair = thread_of_pair(AccountId(ana), AccountId(report.account))
    (mine,) = (await house.folder(report.account, Folder.INBOX)).values()
    assert (mine.id, mine.tip) == (pair, 0)
    (segment,) = (await house.store.segments([pair]))[pair]
    assert len(await house.texts(segment)) == 40
    assert await house.side(segment, ana) is None
    assert set(await house.folder(ana, Folder.INBOX)) == {BEN}
    sent = await house.say(report.account, ana, "remember me?")
    assert (await decision_of(house, sent.thread)).outcome.value == "requests"
    assert not (await house.store.audit()).problems


async def test_the_operators_word_and_few_messages_unite_a_chat(house: House, tmp_path: Path) -> None:
    few = chat(ANA, BEN, 4)
    ana = (await house.take(anas(tmp_path, few))).account

    report = await house.take(bens(tmp_path, few), maps={ANA: "messenger/ana"})

    assert [one.agreed for one in report.resolved] == [4]
    assert await house.said_between(ana, report.account) == [row.text for row in few]
    sent = await house.say(ana, report.account)
    assert (await decision_of(house, sent.thread)).rule == "accepted"


async def test_a_chat_mapped_first_is_united_when_the_other_side_comes(house: House, tmp_path: Path) -> None:
    ben = (await house.take(archive(tmp_path / "b0.zip", "messenger", BEN, "ben"))).account
    ana = (await house.take(anas(tmp_path), maps={BEN: "messenger/ben"})).account
    pair = thread_of_pair(AccountId(ana), AccountId(ben))
    assert len((await house.store.segments([pair]))[pair]) == 1

    await house.take(bens(tmp_path, [*TALK]))

    assert await house.texts(pair) == [row.text for row in TALK]
    assert (await house.store.segments([pair]))[pair] == []
    assert not (await house.store.audit()).problems


async def test_a_word_that_fits_two_threads_is_reported(house: House, tmp_path: Path) -> None:
    ben = await house.make(Network.MESSENGER, "ben")
    two = archive(
        tmp_path / "a.zip", "messenger", ANA, "ana",
        Chat(BEN, TALK, number=1), Chat(BEN, chat(ANA, BEN, 3, start=NOON - 9), number=2),
    )  # fmt: skip

    vague = await house.take(two, maps={BEN: "messenger/ben"})
    exact = await house.take(two, maps={"inbox/benokafor_2": "messenger/ben"})

    assert vague.resolved == []
    assert vague.problems == ["2 threads are with 'Ben Okafor': name one of them by its path."]
    assert [(one.path, one.account) for one in exact.resolved] == [("inbox/benokafor_2", ben)]


async def test_nobody_is_mapped_to_himself(house: House, tmp_path: Path) -> None:
    await house.take(anas(tmp_path))

    report = await house.take(anas(tmp_path), maps={BEN: "messenger/ana"})

    assert report.resolved == []
    assert "nobody writes to himself" in report.problems[0]


async def test_two_accounts_that_tell_a_chat_alike_are_both_left_alone(house: House, tmp_path: Path) -> None:
    await house.take(bens(tmp_path))
    await house.take(archive(tmp_path / "x.zip", "messenger", BEN, "ben.two", Chat(ANA, TALK)))

    report = await house.take(anas(tmp_path))

    assert report.resolved == []
    assert "two accounts tell this chat alike" in report.problems[0]


async def test_beside_a_live_thread_history_is_a_closed_segment(house: House, tmp_path: Path) -> None:
    ana, ben = await house.make(Network.MESSENGER, "ana"), await house.make(Network.MESSENGER, "ben")
    await house.say(ana, ben, "live already")
    await house.do(ben, Accept(threads=(thread_of_pair(ana, ben),)))
    await house.take(anas(tmp_path), owner="messenger/ana")

    await house.take(bens(tmp_path), owner="messenger/ben")

    pair = thread_of_pair(ana, ben)
    assert await house.texts(pair) == ["live already"]
    (segment,) = (await house.store.segments([pair]))[pair]
    assert await house.texts(segment) == [row.text for row in TALK]
    found = (await house.store.load([(Thread, segment)]))[Thread, segment]
    assert isinstance(found, Thread)
    assert (found.kind, found.beside, found.tip) == (ThreadKind.SEGMENT, pair, 30)
    assert set(await house.folder(ana, Folder.INBOX)) == {"Ben"}
    sent = await house.say(ben, ana, "still live")
    assert (sent.thread, sent.seq) == (pair, 2)
    assert not (await house.store.audit()).problems


async def test_a_message_said_while_history_is_put_in_place_stays_first(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = (await house.take(anas(tmp_path))).account
    ben = await house.make(Network.MESSENGER, "ben")
    once = [house.say(ana, str(ben), "just now")]
    lines = union._Rows.take

    async def slow(self: object, most: int) -> object:
        taken = await lines(self, most)  # type: ignore[arg-type]  # it is one
        while once:
            await once.pop()
        return taken

    monkeypatch.setattr(union._Rows, "take", slow)
    await house.take(bens(tmp_path), owner="messenger/ben")

    pair = thread_of_pair(AccountId(ana), ben)
    assert await house.texts(pair) == ["just now"]
    (segment,) = (await house.store.segments([pair]))[pair]
    assert await house.texts(segment) == [row.text for row in TALK]
    assert not (await house.store.audit()).problems


async def test_a_long_chat_keeps_its_newest_as_the_threads_own(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.transfer.union.TAIL", 10)
    ana, ben = (await house.take(anas(tmp_path))).account, (await house.take(bens(tmp_path))).account

    pair = thread_of_pair(AccountId(ana), AccountId(ben))
    assert await house.texts(pair) == [row.text for row in TALK[20:]]
    (segment,) = (await house.store.segments([pair]))[pair]
    assert await house.texts(segment) == [row.text for row in TALK[:20]]
    for account in (ana, ben):
        assert len(await house.store.search([AccountId(account)], "line 7", limit=9)) == 1


async def test_a_newer_download_of_a_united_chat_shows_beside_it(house: House, tmp_path: Path) -> None:
    longer = chat(ANA, BEN, 33)
    ana, ben = (await house.take(anas(tmp_path))).account, (await house.take(bens(tmp_path))).account

    report = await house.take(anas(tmp_path, longer, file="new.zip"))
    again = await house.take(anas(tmp_path, longer, file="new.zip"))

    assert (report.added, again.added) == (3, 0)
    pair = thread_of_pair(AccountId(ana), AccountId(ben))
    assert len(await house.texts(pair)) == 30
    (segment,) = (await house.store.segments([pair]))[pair]
    assert await house.texts(segment) == ["line 30", "line 31", "line 32"]
    assert not (await house.store.audit()).problems


async def test_a_request_that_was_never_answered_stays_one(house: House, tmp_path: Path) -> None:
    request = [MessageRecord(BEN, NOON, "hello?")]
    path = archive(tmp_path / "a.zip", "messenger", ANA, "ana", Chat(BEN, request, Section.REQUESTS))
    ana = (await house.take(path)).account
    (thread,) = (await house.folder(ana, Folder.REQUESTS)).values()

    reply: Reply = await house.do(ana, Accept(threads=(thread.id,)))

    assert reply is not None
    side = await house.side(thread.id, ana)
    assert side is not None
    assert (side.folder, side.consent) == (Folder.INBOX, Consent.ACCEPTED)
