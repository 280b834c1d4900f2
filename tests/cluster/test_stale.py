"""What a hub holds in memory and another one moved: it is found out, whatever news were lost on the way."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from bridge.domain.deeds import ChangeAccount
from bridge.domain.model import Tie
from bridge.domain.questions import HandleOwner
from bridge.hub.auth import new_device
from bridge.ids import AccountId, DeviceId
from bridge.wire.calls import AnyCall
from bridge.wire.commands import DeleteAccount, Send, SetProfile, SetTie, Unlink
from bridge.wire.queries import CountUnread, FindAccount, ListThreads, PreviewControls, WhoIsHere
from bridge.wire.sign_in import ChangePassword, ListDevices, RevokeDevice
from bridge.wire.values import AccountState, Folder, Network, TieKind
from tests.cluster.losing import lose
from tests.cluster.servers import Nats
from tests.cluster.town import Shared, Town, town
from tests.hub.house import ANA, BEN, CYD, DAN, PASSWORD
from tests.hub.talker import Refused


@pytest.fixture
async def looking(
    password_hash: str, shared: Shared, tmp_path: Path, nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Town]:
    """Two hubs that lose all their news, and look each second."""
    lose(monkeypatch, 1.0)
    async with town(password_hash, shared, tmp_path, nats.url, hub={"heartbeat_s": 1.0}) as made:
        yield made


async def test_an_account_linked_elsewhere_is_heard_though_decisions_have_learned_of_it_before(
    looking: Town,
) -> None:
    await looking[0].add(ANA, BEN, DAN)
    thread = await looking[0].acquaint(DAN, BEN)
    there = await looking.join(1, ANA)

    await looking[0].link(ANA, BEN)
    await there.ask(CountUnread())  # finds memory stale, and loads what is so now
    await there.event("leg_added")
    await looking[0].send(DAN, thread, "to both of you")

    assert (await there.event("message_sent"))["message"]["text"] == "to both of you"


async def test_an_account_unlinked_elsewhere_is_no_longer_heard_though_decisions_have_learned_of_it_before(
    looking: Town,
) -> None:
    await looking[0].add(ANA, BEN, DAN)
    await looking[0].link(ANA, BEN)
    thread = await looking[0].acquaint(DAN, BEN)
    there = await looking.join(1, ANA)

    await looking[0].hub.pipeline.do(ANA, Unlink(as_=ANA))
    await there.ask(CountUnread())
    await looking.hub(1).pipeline.consult(BEN, lambda scene: scene.legs)
    await there.event("leg_removed")
    await looking[0].send(DAN, thread, "to Ben alone")
    await there.settled()

    assert there.messages() == []


async def test_an_account_closed_elsewhere_has_its_sessions_closed_though_decisions_have_learned_of_it_before(
    looking: Town,
) -> None:
    await looking[0].add(ANA)
    there = await looking.join(1, ANA)

    deed = ChangeAccount(account=ANA, state=AccountState.DEACTIVATED)
    await looking[0].hub.pipeline.do(AccountId(""), deed)
    await there.ask(CountUnread())

    assert await there.closed() == 4504


async def test_an_account_unlinked_elsewhere_while_somebody_signs_in_is_not_heard(
    deaf: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deaf[0].add(ANA, BEN)
    await deaf[0].link(ANA, BEN)
    bus = deaf.hub(1).bus
    settled = bus.settled

    async def unlinked_meanwhile() -> None:
        await deaf[0].hub.pipeline.do(ANA, Unlink(as_=ANA))
        await settled()

    with monkeypatch.context() as patch:
        patch.setattr(bus, "settled", unlinked_meanwhile)
        there = await deaf.join(1, ANA)

    assert (await there.event("leg_removed"))["account"] == BEN


ASKED: Final = {
    "count_unread": CountUnread(),
    "list_threads": ListThreads(folder=Folder.INBOX),
    "find_account": FindAccount(account=ANA),
    "list_devices": ListDevices(),
    "preview_controls": PreviewControls(as_=ANA, controls={}),
    "revoke_device": RevokeDevice(device=DeviceId("d-another")),
    "change_password": ChangePassword(as_=ANA, old=PASSWORD, new="battery staple"),
    "delete_account": DeleteAccount(as_=ANA, password=PASSWORD),
}


@pytest.mark.parametrize("call", ASKED.values(), ids=ASKED)
async def test_a_device_signed_out_elsewhere_does_and_learns_nothing_more(deaf: Town, call: AnyCall) -> None:
    await deaf[0].add(ANA)
    ana = await deaf.join(0, ANA)
    await deaf[0].put(replace(new_device(ANA, "another", 1)[0], id=DeviceId("d-another")))
    await deaf[0].device(ANA)
    gone, signed_in = await deaf[1].sign_in(ANA)

    await ana.ask(RevokeDevice(device=signed_in["device"]))
    with pytest.raises(Refused) as refused:
        await gone.ask(call)

    assert refused.value.code == "not_signed_in"


async def test_a_handle_that_was_nobodys_when_a_hub_looked_is_found_once_it_is_somebodys(pair: Town) -> None:
    await pair[0].add(ANA, CYD)
    ana = await pair.join(1, ANA)
    nobodys = HandleOwner, HandleOwner(Network.DIRECT, "cyd")
    pair.hub(1).pipeline.facts.learn(nobodys, None)  # stays while any facts at all are to be loaded

    found = await ana.ask(FindAccount(network=Network.DIRECT, handle="cyd"))

    assert found["account"]["id"] == CYD


async def test_a_handle_that_was_given_up_elsewhere_is_free(pair: Town) -> None:
    await pair[0].add(ANA, CYD)
    ana = await pair.join(1, ANA)
    await pair[0].hub.pipeline.do(CYD, SetProfile(as_=CYD, handle="sidney"))
    cyds = HandleOwner, HandleOwner(Network.DIRECT, "cyd")
    pair.hub(1).pipeline.facts.learn(cyds, CYD)

    changed = await ana.ask(SetProfile(as_=ANA, handle="cyd"))

    assert changed["account"]["handle"] == "cyd"


async def test_a_token_that_was_used_elsewhere_since_it_was_looked_for_is_found(pair: Town) -> None:
    await pair[0].add(ANA, CYD)
    thread = await pair[0].acquaint(ANA, CYD)
    here, there = await pair.join(0, ANA), await pair.join(1, ANA)
    too_long = Send(thread=thread, text="x" * 2_000, token="k1")
    with pytest.raises(Refused) as first:
        await there.ask(too_long)

    await here.ask(Send(thread=thread, text="short", token="k1"))
    with pytest.raises(Refused) as again:
        await there.ask(too_long)

    assert (first.value.code, again.value.code) == ("too_long", "token_reused")


async def test_late_news_of_what_was_before_a_block_show_nobody_who_is_here(
    pair: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pair[0].add(ANA, CYD)
    await pair[0].acquaint(ANA, CYD)
    await pair.join(0, ANA)
    cyd = await pair.join(1, CYD)
    pipeline = pair.hub(1).pipeline
    consult = pipeline.consult
    await pair[0].hub.pipeline.do(ANA, SetTie(as_=ANA, account=CYD, tie=TieKind.BLOCK))

    async def consult_and_hear(*asked: Any, **more: Any) -> Any:
        found = await consult(*asked, **more)
        pipeline.refresh([Tie(owner=ANA, other=CYD)])
        return found

    monkeypatch.setattr(pipeline, "consult", consult_and_hear)

    assert await cyd.ask(WhoIsHere(accounts=(ANA,))) == {"online": []}


async def test_a_list_shows_nothing_of_an_account_that_was_unlinked_elsewhere_while_it_was_read(
    deaf: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deaf[0].add(ANA, BEN, DAN)
    await deaf[0].link(ANA, BEN)
    thread = await deaf[0].acquaint(DAN, BEN)
    there = await deaf.join(1, ANA)
    before = await there.ask(ListThreads())
    store = deaf.hub(1).store
    threads = store.threads

    async def threads_after_an_unlink(*asked: Any, **more: Any) -> Any:
        await deaf[0].hub.pipeline.do(ANA, Unlink(as_=ANA))
        return await threads(*asked, **more)

    monkeypatch.setattr(store, "threads", threads_after_an_unlink)
    after = await there.ask(ListThreads())

    assert [shown["id"] for shown in before["threads"]] == [thread]
    assert after["threads"] == []
