"""Listings: threads, tallies, ties, devices, accounts, refusals; each page goes on where the last ended."""

from hashlib import sha256

from msgspec.structs import replace

from bridge.domain.hold import Hold
from bridge.ids import AccountId
from bridge.store.base import Page, Store, Tally
from bridge.wire.values import Consent, Folder, Network, TieKind
from tests.builders import (
    ANA,
    BEN,
    CYD,
    DAN,
    Talk,
    keep,
    make_account,
    make_device,
    make_group,
    make_pair_thread,
    make_people,
    make_segment,
    make_tie,
    make_verdict,
)


def at(talk: Talk, last_at: int) -> Talk:
    talk.thread = replace(talk.thread, last_at=last_at)
    return talk


# --- threads


async def test_threads_are_listed_newest_first_with_the_side_of_their_account(store: Store) -> None:
    old, new = at(make_pair_thread(ANA, BEN), 5), at(make_pair_thread(ANA, DAN), 7)
    foreign = at(make_pair_thread(BEN, CYD), 6)
    await keep(store, *make_people(), *old.kept, *new.kept, *foreign.kept)

    listed = await store.threads([ANA], Folder.INBOX, limit=9)

    assert list(listed) == [(new.thread, new.sides[ANA]), (old.thread, old.sides[ANA])]


async def test_a_thread_moves_up_when_something_is_said(store: Store) -> None:
    one, two = at(make_pair_thread(ANA, BEN), 5), at(make_pair_thread(ANA, DAN), 7)
    await keep(store, *make_people(), *one.kept, *two.kept)
    await keep(store, one.say(BEN, "news", at=9), *one.records)

    listed = await store.threads([ANA], Folder.INBOX, limit=9)

    assert [thread.id for thread, _ in listed] == [one.id, two.id]
    assert listed[0] == (one.thread, one.sides[ANA])


async def test_a_folder_lists_only_what_lies_in_it(store: Store) -> None:
    talks = dict(zip(Folder, (make_group(ANA, BEN, name=f"g-{folder}") for folder in Folder), strict=True))
    for folder, talk in talks.items():
        talk.set(ANA, folder=folder)
    await keep(store, *make_people(ANA, BEN), *(record for talk in talks.values() for record in talk.kept))

    listed = {folder: await store.threads([ANA], folder, limit=9) for folder in Folder}

    assert {folder: [thread.id for thread, _ in rows] for folder, rows in listed.items()} == {
        folder: [talk.id] for folder, talk in talks.items()
    }


async def test_paging_by_equal_times_meets_every_thread_once(store: Store) -> None:
    talks = [at(make_group(ANA, BEN, name=f"g-{number}"), number // 5) for number in range(17)]
    await keep(store, *make_people(ANA, BEN), *(record for talk in talks for record in talk.kept))
    seen: list[tuple[int, str, str]] = []
    after = None

    while page := await store.threads([ANA], Folder.INBOX, after=after, limit=3):
        seen.extend((thread.last_at, thread.id, side.account) for thread, side in page)
        after = Page(*seen[-1])

    assert seen == sorted(seen, key=lambda row: (-row[0], row[1]))
    assert {name for _, name, _ in seen} == {talk.id for talk in talks}
    assert len(seen) == 17


async def test_a_page_may_end_between_the_two_sides_of_one_thread(store: Store) -> None:
    between = at(make_pair_thread(ANA, BEN), 7)
    await keep(store, *make_people(), *between.kept)

    ((first, side),) = await store.threads([ANA, BEN], Folder.INBOX, limit=1)
    rest = await store.threads(
        [ANA, BEN], Folder.INBOX, after=Page(first.last_at, first.id, side.account), limit=9
    )

    assert [side, *(other for _, other in rest)] == [between.sides[ANA], between.sides[BEN]]


async def test_several_accounts_have_one_inbox_in_one_order(store: Store) -> None:
    mine = at(make_pair_thread(ANA, DAN), 5)
    twins, between = at(make_pair_thread(BEN, CYD), 6), at(make_pair_thread(ANA, BEN), 7)
    await keep(store, *make_people(), *mine.kept, *twins.kept, *between.kept)

    listed = await store.threads([BEN, ANA], Folder.INBOX, limit=9)

    assert list(listed) == [
        (between.thread, between.sides[ANA]),
        (between.thread, between.sides[BEN]),
        (twins.thread, twins.sides[BEN]),
        (mine.thread, mine.sides[ANA]),
    ]
    assert list(await store.threads([], Folder.INBOX, limit=9)) == []


async def test_segments_are_not_listed_but_known_to_the_thread_beside_them(store: Store) -> None:
    talk = make_pair_thread()
    newer, older = at(make_segment(talk, "one"), 8), at(make_segment(talk, "two"), 3)
    await keep(store, *make_people(ANA, BEN), *talk.kept, *newer.kept, *older.kept)

    assert [thread.id for thread, _ in await store.threads([ANA], Folder.INBOX, limit=9)] == [talk.id]
    assert list((await store.segments([talk.id]))[talk.id]) == [older.id, newer.id]
    assert list((await store.segments([older.id]))[older.id]) == []


async def test_a_tally_counts_unread_threads_and_messages_and_requests(store: Store) -> None:
    unread, seen, asked = make_pair_thread(ANA, BEN), make_pair_thread(ANA, DAN), make_pair_thread(ANA, CYD)
    for sender in (ANA, BEN, ANA, BEN, BEN):
        unread.say(sender, "x")
    unread.read(ANA, 2)
    seen.say(DAN, "x")
    seen.read(ANA, 1)
    asked.say(CYD, "x")
    asked.set(ANA, folder=Folder.REQUESTS, consent=Consent.PENDING)
    segment = make_segment(unread)
    segment.say(BEN, "long ago")
    await keep(store, *make_people(), *unread.kept, *seen.kept, *asked.kept, *segment.kept)

    assert await store.tally([ANA]) == Tally(threads=1, messages=2, requests=1)
    assert await store.tally([DAN, CYD]) == Tally(threads=0, messages=0, requests=0)
    assert await store.tally([ANA, BEN]) == Tally(threads=2, messages=4, requests=1)
    assert await store.tally([]) == Tally(threads=0, messages=0, requests=0)


# --- ties


async def test_follows_are_listed_outgoing_and_incoming_asked_or_on(store: Store) -> None:
    out, asked = make_tie(BEN, CYD, follows=True), make_tie(BEN, ANA, follow_asked=True)
    back, wanted = make_tie(CYD, BEN, follow_asked=True), make_tie(DAN, BEN, follows=True)
    others = (make_tie(ANA, BEN, friend=True, blocks=True), make_tie(ANA, DAN, follows=True))
    await keep(store, out, asked, back, wanted, *others)

    listed = await store.ties(BEN, TieKind.FOLLOW, limit=9)

    assert list(listed) == [(asked, False), (out, False), (back, True), (wanted, True)]


async def test_friendships_are_listed_as_each_side_holds_them(store: Store) -> None:
    mine, yours = make_tie(ANA, BEN, friend=True), make_tie(BEN, ANA, friend=True)
    asked = make_tie(CYD, ANA, friend_asked=True)
    await keep(store, mine, yours, asked, make_tie(ANA, DAN, follows=True, confirmed=True, hides=True))

    assert list(await store.ties(ANA, TieKind.FRIEND, limit=9)) == [
        (mine, False),
        (yours, True),
        (asked, True),
    ]


async def test_blocks_and_restrictions_are_known_to_their_owner_only(store: Store) -> None:
    blocks, restricts = make_tie(ANA, BEN, blocks=True), make_tie(ANA, CYD, restricts=True)
    await keep(store, blocks, restricts)

    assert list(await store.ties(ANA, TieKind.BLOCK, limit=9)) == [(blocks, False)]
    assert list(await store.ties(ANA, TieKind.RESTRICT, limit=9)) == [(restricts, False)]
    assert list(await store.ties(BEN, TieKind.BLOCK, limit=9)) == []
    assert list(await store.ties(CYD, TieKind.RESTRICT, limit=9)) == []


async def test_what_an_unlink_copied_is_listed_to_nobody(store: Store) -> None:
    mixed = make_tie(ANA, BEN, blocks=Hold.COPIED, restricts=True)
    await keep(store, mixed, make_tie(ANA, CYD, blocks=True, restricts=Hold.COPIED, hides=Hold.COPIED))

    blocked = await store.ties(ANA, TieKind.BLOCK, limit=9)
    restricted = await store.ties(ANA, TieKind.RESTRICT, limit=9)

    assert [tie.other for tie, _ in blocked] == [CYD]
    assert list(restricted) == [(mixed, False)]


async def test_paging_ties_meets_each_once_in_order(store: Store) -> None:
    others = [AccountId(f"x{number}") for number in range(7)]
    out = [(make_tie(ANA, other, follows=True), False) for other in others]
    back = [(make_tie(other, ANA, follows=True), True) for other in others]
    await keep(store, *(tie for tie, _ in out + back))
    seen: list[tuple[str, bool]] = []
    after = None

    while page := await store.ties(ANA, TieKind.FOLLOW, after=after, limit=3):
        seen.extend((tie.owner if incoming else tie.other, incoming) for tie, incoming in page)
        after = f"{seen[-1][0]}/{int(seen[-1][1])}"

    assert seen == [(other, incoming) for other in others for incoming in (False, True)]


# --- devices, accounts, refusals


async def test_devices_are_listed_newest_first_without_the_revoked(store: Store) -> None:
    phone, laptop = make_device("phone", ANA, created_at=3), make_device("laptop", ANA, created_at=9)
    tablet, lost = make_device("tablet", BEN, created_at=5), make_device("lost", ANA, revoked=True)
    await keep(store, phone, laptop, tablet, lost, make_device("foreign", CYD))

    assert list(await store.devices([ANA, BEN])) == [laptop, tablet, phone]
    assert list(await store.devices([])) == []


async def test_a_device_is_found_by_its_token_even_if_revoked(store: Store) -> None:
    phone, lost = make_device("phone"), make_device("lost", revoked=True)
    await keep(store, phone, lost)

    assert await store.device_by_token(phone.token) == phone
    assert await store.device_by_token(lost.token) == lost
    assert await store.device_by_token(sha256(b"other").digest()) is None


async def test_accounts_are_listed_by_id_in_pages(store: Store) -> None:
    names = ["a-Z", "a-a", "a-é", "a-é2", "B", "a-𝒂"]
    accounts = [make_account(AccountId(name), Network.DIRECT, handle=f"h{i}") for i, name in enumerate(names)]
    await keep(store, *accounts)
    ordered = sorted(accounts, key=lambda account: account.id)

    assert list(await store.accounts(limit=9)) == ordered
    assert list(await store.accounts(limit=2)) == ordered[:2]
    assert list(await store.accounts(after=ordered[3].id, limit=9)) == ordered[4:]
    assert list(await store.accounts(after=ordered[-1].id, limit=9)) == []


async def test_refused_messages_are_listed_for_their_receiver_newest_first(store: Store) -> None:
    kept_out = [
        make_verdict(BEN if number % 2 else CYD, f"k{number}", code="not_accepting", receiver=ANA, at=number)
        for number in range(1, 6)
    ]
    await keep(store, *kept_out, make_verdict(ANA, "own", code="not_accepting", receiver=BEN, at=3))
    await keep(store, make_verdict(BEN, "taken", at=4), make_verdict(BEN, "bad", code="rate_limited", at=4))

    assert list(await store.refused(ANA, since=2, limit=9)) == kept_out[:0:-1]
    assert list(await store.refused(ANA, since=0, limit=2)) == kept_out[:2:-1]
    assert list(await store.refused(DAN, since=0, limit=9)) == []
