"""Which accounts a session may use: live, in the same commit as the link, the upgrade or the unlink."""

import pytest

from bridge.domain.deeds import ChangeAccount, EraseAccount
from bridge.domain.model import Device
from bridge.errors import CloseCode
from bridge.ids import AccountId
from bridge.wire.codec import Codec
from bridge.wire.commands import (
    AnswerLink,
    AskLink,
    DeleteAccount,
    LeaveHybrid,
    Link,
    Send,
    SetLinkOptions,
    Typing,
    UndoUnlink,
    Unlink,
    Upgrade,
)
from bridge.wire.queries import CountUnread, GetThread, ListLinkAsks, ListThreads
from bridge.wire.sign_in import ChangePassword, SignIn
from bridge.wire.values import AccountState, Network
from tests.hub.house import ANA, BEN, CYD, DAN, PASSWORD, House
from tests.hub.talker import Frame, Refused, leg_of

LINK = Link(as_=ANA, network=Network.MESSENGER, handle="ben", password=PASSWORD)


def accounts(signed_in: Frame) -> list[str]:
    """Give the accounts that a sign-in opened."""
    return [account["id"] for account in signed_in["accounts"]]


async def test_a_link_alone_opens_no_second_account(hub: House) -> None:
    await hub.add(ANA, BEN)
    ana = await hub.join(ANA)

    linked = await ana.ask(LINK)
    await ana.settled()
    _, signed_in = await hub.sign_in(ANA)

    assert [account["id"] for account in linked["accounts"]] == [ANA, BEN]
    assert ana.events("leg_added") == []
    assert accounts(signed_in) == [ANA]


async def test_a_link_needs_the_proof_of_the_other_account_which_hears_of_each_try(hub: House) -> None:
    await hub.add(ANA, BEN)
    ana, ben = await hub.join(ANA), await hub.join(BEN)

    with pytest.raises(Refused, match="proof_failed"):
        await ana.ask(Link(as_=ANA, network=Network.MESSENGER, handle="ben", password="wrong horse"))
    with pytest.raises(Refused, match="proof_failed"):
        await ana.ask(Link(as_=ANA, network=Network.MESSENGER, handle="nobody", password=PASSWORD))

    assert (await ben.event("link_attempted"))["leg"] == BEN
    await ben.settled()
    assert len(ben.events("link_attempted")) == 1


@pytest.mark.parametrize("upgrades", [ANA, BEN])
async def test_an_upgrade_merges_the_inboxes_of_whoever_is_here(hub: House, upgrades: AccountId) -> None:
    await hub.add(ANA, BEN)
    await hub.link(ANA, BEN, upgrade=False)
    ana, ben = await hub.join(ANA), await hub.join(BEN)

    await (ana if upgrades == ANA else ben).ask(Upgrade(as_=upgrades))

    assert (await ana.event("leg_added"))["account"]["id"] == BEN
    assert (await ben.event("leg_added"))["account"]["id"] == ANA


async def test_single_sign_on_opens_both_accounts_and_closes_them_when_switched_off(hub: House) -> None:
    await hub.add(ANA, BEN)
    await hub.link(ANA, BEN, upgrade=False)
    ana = await hub.join(ANA)

    await ana.ask(SetLinkOptions(as_=ANA, single_sign_on=True))
    added = await ana.event("leg_added")
    talker, signed_in = await hub.sign_in(BEN)
    await talker.ask(SetLinkOptions(as_=BEN, single_sign_on=False))

    assert added["account"]["id"] == BEN
    assert sorted(accounts(signed_in)) == [ANA, BEN]
    assert (await ana.event("leg_removed"))["account"] == BEN
    assert (await talker.event("leg_removed"))["account"] == ANA


async def test_the_inbox_is_merged_only_once_linked_and_upgraded(hub: House) -> None:
    await hub.add(ANA, BEN, CYD, DAN)
    for own, other in ((ANA, CYD), (BEN, DAN)):
        await hub.acquaint(other, own)
    ana = await hub.join(ANA)

    async def inbox() -> list[str]:
        return sorted(thread["leg"] for thread in (await ana.ask(ListThreads())).get("threads", []))

    before = await inbox()
    await ana.ask(LINK)
    linked = await inbox()
    await ana.ask(Upgrade(as_=ANA))
    upgraded = await inbox()
    one_leg = (await ana.ask(ListThreads(as_=BEN)))["threads"]
    await ana.ask(LeaveHybrid(as_=ANA))

    assert (before, linked, upgraded) == ([ANA], [ANA], [ANA, BEN])
    assert [thread["leg"] for thread in one_leg] == [BEN]
    assert await inbox() == [ANA]


async def test_a_leg_comes_with_the_upgrade_and_hears_what_follows(hub: House, codec: Codec) -> None:
    await hub.add(ANA, BEN, DAN)
    thread = await hub.acquaint(DAN, BEN)
    ana = await hub.join(ANA, codec)
    await ana.ask(LINK)
    await ana.ask(Upgrade(as_=ANA))
    added = await ana.event("leg_added")

    await hub.send(DAN, thread, "to ben")
    await ana.event("message_sent")

    head = added["leg"]["head"]
    assert added["leg"]["state"] == "snapshot"
    assert ana.positions(BEN) == [head + 1]
    assert ana.messages()[0]["text"] == "to ben"


async def test_sends_of_a_merged_session_go_out_as_the_threads_own_account(hub: House) -> None:
    await hub.add(ANA, BEN, DAN)
    thread = await hub.acquaint(DAN, BEN)
    await hub.link(ANA, BEN)
    ana, dan = await hub.join(ANA), await hub.join(DAN)

    await ana.ask(Send(thread=thread, text="as ben", token="t"))
    await dan.event("message_sent")

    assert [message["sender"] for message in dan.messages()] == [BEN]


@pytest.mark.one_hub
@pytest.mark.parametrize("device_is_known", [True, False])
async def test_an_unlink_takes_the_leg_away_in_the_same_commit(hub: House, device_is_known: bool) -> None:
    """Sends that are decided behind the unlink, in one batch with it, are not told to the lost leg."""
    await hub.add(ANA, BEN, DAN)
    thread = await hub.acquaint(DAN, BEN)
    await hub.link(ANA, BEN)
    ana, signed_in = await hub.sign_in(ANA)
    if not device_is_known:
        hub.hub.pipeline.facts.forget([(Device, signed_in["device"])])

    await hub.in_order(
        (DAN, Send(thread=thread, text="before", token="1")),
        (ANA, Unlink(as_=BEN)),
        (DAN, Send(thread=thread, text="after", token="2")),
        (DAN, Typing(thread=thread)),
    )
    removed = await ana.event("leg_removed")
    await ana.settled()

    kinds = [frame["event"]["type"] for frame in ana.frames if "event" in frame]
    assert removed["account"] == BEN
    assert "after" not in [message["text"] for message in ana.messages()]
    assert [frame for frame in ana.frames if frame.get("account") == BEN] == [
        frame for frame in ana.frames[: ana.frames.index({"event": removed})] if frame.get("account") == BEN
    ]
    assert "typed" not in kinds
    assert hub.hub.counters.batch_max >= 3
    with pytest.raises(Refused, match="not_found"):
        await ana.ask(GetThread(thread=thread))


@pytest.mark.one_hub
async def test_what_is_known_late_is_told_late_but_whole(hub: House) -> None:
    """While it is not known which accounts a session may use, its own news wait in the journal."""
    await hub.add(ANA, BEN, CYD)
    thread = await hub.acquaint(CYD, ANA)
    await hub.link(ANA, BEN)
    ana, signed_in = await hub.sign_in(ANA)
    hub.hub.pipeline.facts.forget([(Device, signed_in["device"])])

    await hub.in_order(
        (ANA, Unlink(as_=BEN)),
        *[(CYD, Send(thread=thread, text=f"m{n}", token=f"{n}")) for n in range(5)],
    )
    await ana.event("leg_removed")
    await ana.until(lambda: [message["text"] for message in ana.messages()] == [f"m{n}" for n in range(5)])

    at = ana.positions(ANA)
    assert at == list(range(at[0], at[0] + len(at)))
    assert at[0] == leg_of(signed_in, ANA)["head"] + 1


@pytest.mark.one_hub
async def test_a_page_that_was_looked_up_before_an_unlink_is_looked_up_again(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA, BEN, DAN)
    await hub.acquaint(DAN, BEN)
    await hub.link(ANA, BEN)
    ana = await hub.join(ANA)
    store, pages = hub.hub.store, 0
    segments = store.segments

    async def unlinking(threads):  # type: ignore[no-untyped-def]
        nonlocal pages
        pages += 1
        if pages == 1:
            await hub.hub.pipeline.do(ANA, Unlink(as_=BEN))
        return await segments(threads)

    monkeypatch.setattr(store, "segments", unlinking)
    listed = await ana.ask(ListThreads())

    assert listed == {"threads": []}
    assert pages == 1
    assert [frame for frame in ana.frames if "re" in frame][-1] is ana.frames[-1]


async def test_an_undone_unlink_brings_the_leg_back(hub: House) -> None:
    await hub.add(ANA, BEN)
    await hub.link(ANA, BEN)
    ana = await hub.join(ANA)
    effects = await ana.ask(Unlink(as_=BEN))
    await ana.event("leg_removed")

    undo = UndoUnlink(as_=ANA, network=Network.MESSENGER, handle="ben", password=PASSWORD)
    undone = await ana.ask(undo)
    added = await ana.event("leg_added")

    assert effects["undo_until"] > 0
    assert [account["id"] for account in undone["accounts"]] == [ANA, BEN]
    assert added["account"]["id"] == BEN


async def test_a_link_may_be_approved_from_a_device_of_the_other_account(hub: House) -> None:
    await hub.add(ANA, BEN)
    ana, ben = await hub.join(ANA), await hub.join(BEN)

    await ana.ask(AskLink(as_=ANA, network=Network.MESSENGER, handle="ben"))
    asked = await ben.event("link_asked")
    await ben.ask(AnswerLink(as_=BEN, account=asked["account"]["id"], accept=True))

    assert (await ana.event("link_answered"))["accepted"] is True
    assert (await ana.event("link_changed"))["linked_to"][0]["id"] == BEN


async def test_access_gained_through_single_sign_on_ends_with_the_unlink(hub: House) -> None:
    await hub.add(ANA, BEN, DAN)
    thread = await hub.acquaint(DAN, BEN)
    await hub.link(ANA, BEN, upgrade=False)
    await hub.hub.pipeline.do(ANA, SetLinkOptions(as_=ANA, single_sign_on=True))
    ana, signed_in = await hub.sign_in(ANA)
    cursors = tuple(leg["cursor"] for leg in signed_in["legs"])
    assert (await ana.ask(GetThread(thread=thread)))["thread"]["leg"] == BEN

    ben = await hub.join(BEN)
    await ben.ask(Unlink(as_=BEN))
    await ana.event("leg_removed")
    _, again = await hub.sign_in(ANA, cursors=cursors)

    assert accounts(again) == [ANA]
    assert again["removed"] == [BEN]
    assert [leg["account"] for leg in again["legs"]] == [ANA]
    with pytest.raises(Refused, match="not_found"):
        await ana.ask(ChangePassword(as_=BEN, old=PASSWORD, new="battery staple"))


@pytest.mark.one_hub
async def test_a_session_that_signs_in_while_its_link_ends_names_no_leg_that_is_gone(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA, BEN)
    await hub.link(ANA, BEN)
    heads, asked = hub.hub.store.heads, 0

    async def unlinking(accounts):  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += 1
        if asked == 1:
            await hub.hub.pipeline.do(ANA, Unlink(as_=BEN))
        return await heads(accounts)

    monkeypatch.setattr(hub.hub.store, "heads", unlinking)
    _, signed_in = await hub.sign_in(ANA)

    assert accounts(signed_in) == [ANA]
    assert [leg["account"] for leg in signed_in["legs"]] == [ANA]


async def test_a_revoked_session_hears_nothing_more(hub: House) -> None:
    from bridge.wire.sign_in import RevokeDevice

    await hub.add(ANA, BEN)
    thread = await hub.acquaint(BEN, ANA)
    lost, signed_in = await hub.sign_in(ANA)
    here = await hub.connect()
    await here.ask(SignIn(network=Network.DIRECT, handle="ana", password=PASSWORD))

    await here.ask(RevokeDevice(device=signed_in["device"]))
    await hub.send(BEN, thread, "secret")
    await here.event("message_sent")

    assert await lost.closed() == CloseCode.REVOKED
    await lost.gone()
    assert lost.messages() == []
    assert "messages" in await here.ask(CountUnread())


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_an_account_that_the_operator_closes_leaves_all_sockets_until_it_is_opened_again(
    hub: House, is_deleted: bool
) -> None:
    await hub.add(ANA, BEN, CYD)
    await hub.link(ANA, BEN)
    thread = await hub.acquaint(ANA, CYD)
    ana, ben = await hub.join(ANA), await hub.join(BEN)
    if is_deleted:
        await ana.ask(DeleteAccount(as_=ANA, password=PASSWORD))

    await hub.next().pipeline.do(AccountId(""), ChangeAccount(account=ANA, state=AccountState.DEACTIVATED))

    assert await ana.closed() == CloseCode.REVOKED
    assert (await ben.event("leg_removed"))["account"] == ANA
    with pytest.raises(Refused, match="not_found"):
        await ben.ask(Send(thread=thread, text="still here", token="token-1"))
    await hub.next().pipeline.do(AccountId(""), ChangeAccount(account=ANA, state=AccountState.ACTIVE))
    assert (await ben.event("leg_added"))["account"]["id"] == ANA
    await ben.ask(Send(thread=thread, text="here again", token="token-1"))


async def test_an_erased_account_is_nobodys_to_use(hub: House) -> None:
    await hub.add(ANA, BEN, CYD)
    await hub.link(ANA, BEN)
    thread = await hub.acquaint(ANA, CYD)
    ana, ben = await hub.join(ANA), await hub.join(BEN)

    await hub.next().pipeline.do(AccountId(""), EraseAccount(account=ANA))

    assert await ana.closed() == CloseCode.REVOKED
    assert (await ben.event("leg_removed"))["account"] == ANA
    with pytest.raises(Refused, match="not_found"):
        await ben.ask(Send(thread=thread, text="from the grave", token="token-1"))
    _, signed_in = await hub.sign_in(BEN)
    assert accounts(signed_in) == [BEN]


async def test_a_device_that_comes_later_hears_which_links_wait_at_any_hub(hub: House, codec: Codec) -> None:
    await hub.add(ANA, BEN)
    early = await hub.join(BEN, codec)
    before = await early.ask(ListLinkAsks(as_=BEN))
    ana = await hub.join(ANA)
    await ana.ask(AskLink(as_=ANA, network=Network.MESSENGER, handle="ben"))

    later = await hub.join(BEN, codec)
    waiting = [await one.ask(ListLinkAsks(as_=BEN)) for one in (later, early)]
    await later.ask(AnswerLink(as_=BEN, account=ANA, accept=False))
    answered = [await one.ask(ListLinkAsks(as_=BEN)) for one in (early, later)]

    assert before["asks"] == []
    assert [[ask["account"]["handle"] for ask in one["asks"]] for one in waiting] == [["ana"], ["ana"]]
    assert [one["asks"] for one in answered] == [[], []]
