"""Lists of people and links: the owner's own count, others' are claims, two accounts join by both' word."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.archive.model import EdgeKind, MessageRecord
from bridge.domain.model import Decision
from bridge.errors import NotAccepting
from bridge.ids import AccountId, ThreadId
from bridge.transfer.errors import OwnerNotTold
from bridge.wire.commands import SetTie
from bridge.wire.values import Folder, Hybrid, Network, TieKind
from tests.transfer.making import Chat, House, archive, chat

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


async def test_a_block_by_name_falls_on_whom_a_chat_proves(house: House, tmp_path: Path) -> None:
    ana = (
        await house.take(anas(tmp_path, edges=[(EdgeKind.BLOCKED, BEN), (EdgeKind.BLOCKED, "Eve")]))
    ).account
    ben = (await house.take(bens(tmp_path))).account

    assert (await house.tie(ana, ben)).blocks
    with pytest.raises(NotAccepting):
        await house.say(ben, ana)


async def test_a_restriction_by_name_covers_the_united_thread(house: House, tmp_path: Path) -> None:
    ana = (await house.take(anas(tmp_path, edges=[(EdgeKind.RESTRICTED, BEN)]))).account
    ben = (await house.take(bens(tmp_path))).account

    assert (await house.tie(ana, ben)).restricts
    assert set(await house.folder(ana, Folder.REQUESTS)) == {BEN}
    await house.do(ana, SetTie(as_=AccountId(ana), account=AccountId(ben), tie=TieKind.RESTRICT, on=False))
    assert set(await house.folder(ana, Folder.INBOX)) == {BEN}


async def test_a_list_that_comes_after_the_proof_falls_on_the_account(house: House, tmp_path: Path) -> None:
    ana, ben = (await house.take(anas(tmp_path))).account, (await house.take(bens(tmp_path))).account

    await house.take(anas(tmp_path, file="new.zip", edges=[(EdgeKind.RESTRICTED, BEN)]))

    assert (await house.tie(ana, ben)).restricts
    assert set(await house.folder(ana, Folder.REQUESTS)) == {BEN}


def direct(tmp_path: Path, name: str, handle: str, *edges: tuple[EdgeKind, str], file: str = "") -> Path:
    return archive(
        tmp_path / (file or f"{handle}.zip"), "direct", name, handle,
        Chat("Somebody", chat(name, "Somebody", 2), number=len(handle)), edges=edges,
    )  # fmt: skip


async def test_follows_wait_for_whom_they_name(house: House, tmp_path: Path) -> None:
    ana = (
        await house.take(
            direct(tmp_path, ANA, "ana", (EdgeKind.FOLLOWING, "cleo"), (EdgeKind.BLOCKED, "Eve"))
        )
    ).account
    cleo = (await house.take(direct(tmp_path, "Cleo", "cleo", (EdgeKind.FOLLOWER, "ana")))).account
    eve = (await house.take(direct(tmp_path, "Eve", "eve"))).account

    assert (await house.tie(ana, cleo)).follows
    assert (await house.tie(ana, eve)).blocks
    assert (await house.tie(cleo, ana)).claimed == ""
    sent = await house.say(cleo, ana)
    assert (await decision_of(house, sent.thread)).rule == "follows"


async def test_followers_are_claimed_until_they_say_so(house: House, tmp_path: Path) -> None:
    cleo = (await house.take(direct(tmp_path, "Cleo", "cleo"))).account
    ana = (await house.take(direct(tmp_path, ANA, "ana", (EdgeKind.FOLLOWER, "cleo")))).account
    assert (await house.tie(ana, cleo)).claimed == "follows"
    assert not (await house.tie(cleo, ana)).follows

    await house.take(direct(tmp_path, "Cleo", "cleo", (EdgeKind.FOLLOWING, "ana"), file="new.zip"))

    assert (await house.tie(ana, cleo)).claimed == ""
    assert (await house.tie(cleo, ana)).follows


async def test_a_live_threads_other_side_is_covered_by_a_restriction(house: House, tmp_path: Path) -> None:
    ana, cleo = await house.make(Network.DIRECT, "ana"), await house.make(Network.DIRECT, "cleo")
    await house.say(ana, cleo)

    await house.take(direct(tmp_path, ANA, "ana", (EdgeKind.RESTRICTED, "cleo")), owner="direct/ana")

    assert set(await house.folder(ana, Folder.REQUESTS)) == {"Cleo"}


async def test_a_restriction_that_waited_covers_too(house: House, tmp_path: Path) -> None:
    ana = (await house.take(direct(tmp_path, ANA, "ana", (EdgeKind.RESTRICTED, "cleo")))).account
    cleo = await house.make(Network.DIRECT, "cleo")
    await house.say(ana, cleo)

    await house.take(direct(tmp_path, "Cleo", "cleo"), owner="direct/cleo")

    assert (await house.tie(ana, cleo)).restricts
    assert "Cleo" in await house.folder(ana, Folder.REQUESTS)


async def test_what_was_undone_here_is_not_done_again(house: House, tmp_path: Path) -> None:
    await house.take(direct(tmp_path, "Cleo", "cleo"))
    path = direct(tmp_path, ANA, "ana", (EdgeKind.FOLLOWING, "cleo"))
    report = await house.take(path)
    cleo = next(one.id for one in await house.store.accounts(limit=99) if one.handle == "cleo")
    await house.do(
        report.account, SetTie(as_=AccountId(report.account), account=cleo, tie=TieKind.FOLLOW, on=False)
    )

    await house.take(path)

    assert not (await house.tie(report.account, cleo)).follows


def both_of_ana(tmp_path: Path, *, upgraded: bool | None = True) -> tuple[Path, Path]:
    return (
        archive(
            tmp_path / "ig.zip", "direct", ANA, "ana", Chat("Cleo", chat(ANA, "Cleo", 3)),
            links=[("messenger", ANA)], upgraded=upgraded,
        ),
        archive(
            tmp_path / "fb.zip", "messenger", ANA, "ana.lima", Chat(BEN, chat(ANA, BEN, 3)),
            links=[("direct", "ana")],
        ),
    )  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
async def test_the_archives_of_one_person_become_one_person(
    turned: bool, house: House, tmp_path: Path
) -> None:
    paths = both_of_ana(tmp_path)[:: -1 if turned else 1]
    first, second = [await house.take(path) for path in paths]

    assert [link.state for link in first.links] == ["claimed"]
    assert [link.state for link in second.links] == ["linked"]
    one, two = await house.account(first.account), await house.account(second.account)
    assert one.person == two.person
    assert {one.hybrid, two.hybrid} == {Hybrid.ON}
    rows = await house.store.threads([one.id, two.id], Folder.INBOX, limit=9)
    assert len(rows) == 2
    again = await house.take(paths[0])
    assert [link.state for link in again.links] == ["linked"]


@pytest.mark.parametrize("upgraded", [False, None])
async def test_linked_is_not_upgraded(upgraded: bool | None, house: House, tmp_path: Path) -> None:
    reports = [await house.take(path) for path in both_of_ana(tmp_path, upgraded=upgraded)]

    accounts = [await house.account(report.account) for report in reports]
    assert accounts[0].person == accounts[1].person
    assert accounts[0].hybrid is Hybrid.NEVER


async def test_a_link_that_one_side_tells_is_made_only_by_the_operators_word(
    house: House, tmp_path: Path
) -> None:
    instagram, _ = both_of_ana(tmp_path)
    silent = archive(tmp_path / "fb.zip2.zip", "messenger", ANA, "ana.lima", Chat(BEN, chat(ANA, BEN, 3)))
    facebook = await house.take(silent)

    claimed = await house.take(instagram)
    trusted = await house.take(instagram, trust_links=True)

    assert [link.state for link in claimed.links] == ["claimed"]
    assert [link.state for link in trusted.links] == ["linked"]
    one, two = await house.account(facebook.account), await house.account(trusted.account)
    assert one.person == two.person


async def test_a_namesake_who_claims_the_same_account_stops_the_link(house: House, tmp_path: Path) -> None:
    instagram, facebook = both_of_ana(tmp_path)
    liar = archive(
        tmp_path / "liar.zip", "messenger", ANA, "real.ana", Chat(BEN, chat(ANA, BEN, 2), number=5),
        links=[("direct", "ana")],
    )  # fmt: skip
    await house.take(liar)
    await house.take(facebook)

    report = await house.take(instagram)

    assert [link.state for link in report.links] == ["ambiguous"]
    assert len(report.problems) == 1


async def test_who_is_linked_already_is_not_linked_again(house: House, tmp_path: Path) -> None:
    for path in both_of_ana(tmp_path):
        await house.take(path)
    other = archive(
        tmp_path / "x.zip", "messenger", "Ana Other", "x", Chat(BEN, chat("Ana Other", BEN, 2), number=5),
        links=[("direct", "ana")],
    )  # fmt: skip

    report = await house.take(other, trust_links=True)

    assert [link.state for link in report.links] == ["claimed"]
    assert "linked to another account already" in report.problems[0]


async def test_an_archive_whose_user_name_nobody_could_type_needs_the_operators_word(
    house: House, tmp_path: Path
) -> None:
    forged = archive(
        tmp_path / "forged.zip", "direct", "Mal", "mal\x1b[31mlory", Chat("Eve", chat("Mal", "Eve", 2))
    )

    with pytest.raises(OwnerNotTold, match="cannot be a handle"):
        await house.take(forged)
    assert (await house.take(forged, owner="direct/mallory")).handle == "mallory"
