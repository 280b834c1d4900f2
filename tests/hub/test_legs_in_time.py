"""Legs that come and go while a session signs in, catches up, or looks again: it never hears what it lost."""

import asyncio

import pytest
from msgspec.structs import replace

from bridge.domain.deeds import PutDevice
from bridge.domain.model import Device
from bridge.errors import CloseCode, Unavailable
from bridge.hub.errands import Errands
from bridge.hub.work import NOBODY, Work
from bridge.ids import AccountId
from bridge.wire.commands import Command, SetLinkOptions, Unlink
from bridge.wire.sign_in import SignIn
from tests.hub.house import ANA, BEN, DAN, House
from tests.hub.talker import Refused, Talker

pytestmark = pytest.mark.one_hub


def behind_a_look(
    hub: House, monkeypatch: pytest.MonkeyPatch, account: AccountId, *commands: Command | PutDevice
) -> None:
    """Put commands right behind the next time that an account's session asks what it may use."""
    pipeline, waiting = hub.hub.pipeline, list(commands)
    submit = pipeline.submit

    def submit_more(work: Work) -> None:
        submit(work)
        if work.run is not None and work.account == account:
            while waiting:
                submit(Work(lane=NOBODY, call=0, account=account, command=waiting.pop(0)))

    monkeypatch.setattr(pipeline, "submit", submit_more)


async def heard_of(hub: House, talker: Talker, thread: str) -> list[str]:
    """Have Dan speak to Ben, and give what came of it."""
    await hub.send(DAN, thread, "to ben alone")  # type: ignore[arg-type]
    await talker.settled()
    return [message["text"] for message in talker.messages() if message["text"] == "to ben alone"]


async def test_who_signs_in_right_before_an_unlink_hears_nothing_of_the_other(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA, BEN, DAN)
    thread = await hub.acquaint(DAN, BEN)
    await hub.link(ANA, BEN)
    behind_a_look(hub, monkeypatch, ANA, Unlink(as_=BEN))

    ana, signed_in = await hub.sign_in(ANA)

    assert [account["id"] for account in signed_in["accounts"]] == [ANA]
    assert await heard_of(hub, ana, thread) == []


async def device_of(hub: House, account: AccountId) -> Device:
    """Give an account's only device."""
    (device,) = await hub.hub.store.devices([account])
    return device


def signed_out(device: Device) -> PutDevice:
    """Sign a device out."""
    return PutDevice(device=replace(device, revoked=True))


async def test_a_device_that_is_signed_out_while_it_signs_in_hears_nothing(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA)
    behind_a_look(hub, monkeypatch, ANA, signed_out(await device_of(hub, ANA)))

    talker = await hub.connect()
    await talker.begin(SignIn(token=hub.tokens[ANA]))

    assert await talker.closed() in (CloseCode.REVOKED, CloseCode.SIGN_IN_FAILED)


async def test_a_device_that_is_signed_out_while_it_waits_at_the_door_is_not_let_in(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA)
    device, find = await device_of(hub, ANA), hub.hub.store.device_by_token

    async def found(token: bytes) -> Device | None:
        known = await find(token)
        await hub.hub.pipeline.do(ANA, signed_out(device))
        return known

    monkeypatch.setattr(hub.hub.store, "device_by_token", found)
    talker = await hub.connect()
    await talker.begin(SignIn(token=hub.tokens[ANA]))

    assert await talker.closed() in (CloseCode.REVOKED, CloseCode.SIGN_IN_FAILED)


async def test_what_was_seen_late_gives_no_leg_back_that_was_lost_meanwhile(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA, BEN, DAN)
    thread = await hub.acquaint(DAN, BEN)
    await hub.link(ANA, BEN)
    ana, signed_in = await hub.sign_in(ANA)
    device = await device_of(hub, ANA)
    behind_a_look(hub, monkeypatch, ANA, PutDevice(device=device), Unlink(as_=BEN))
    hub.hub.pipeline.facts.forget([(Device, signed_in["device"])])

    await hub.hub.pipeline.do(ANA, SetLinkOptions(as_=ANA, single_sign_on=True))
    await ana.event("leg_removed")

    assert await heard_of(hub, ana, thread) == []


async def test_a_leg_that_comes_back_while_its_forerunner_catches_up_is_heard(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA, BEN, DAN)
    thread = await hub.acquaint(DAN, BEN)
    await hub.link(ANA, BEN, upgrade=False)
    await hub.hub.pipeline.do(ANA, SetLinkOptions(as_=ANA, single_sign_on=True))
    first, signed_in = await hub.sign_in(ANA)
    cursors = tuple(leg["cursor"] for leg in signed_in["legs"])
    await first.close()
    await hub.send(DAN, thread, "missed")
    store, reads, goes_on = hub.hub.store, asyncio.Event(), asyncio.Event()
    replay = store.replay

    async def held(account: AccountId, *more: int) -> object:
        found = await replay(account, *more)  # type: ignore[arg-type]
        if account == BEN:
            reads.set()
            await goes_on.wait()
        return found

    monkeypatch.setattr(store, "replay", held)
    ana, _ = await hub.sign_in(ANA, cursors=cursors)
    await reads.wait()

    for on in (False, True):
        await hub.hub.pipeline.do(ANA, SetLinkOptions(as_=ANA, single_sign_on=on))
    await ana.event("leg_added")
    goes_on.set()

    assert await heard_of(hub, ana, thread) == ["to ben alone"]


async def test_a_sign_in_that_fails_half_way_leaves_no_half_a_session(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA)
    monkeypatch.setattr(hub.hub.store, "heads", away)
    talker = await hub.connect()

    with pytest.raises(Refused, match="unavailable"):
        await talker.ask(SignIn(token=hub.tokens[ANA]))

    assert await talker.closed() == CloseCode.FAULT


async def away(accounts: object) -> None:
    raise Unavailable


async def test_nothing_begins_any_more_for_a_session_that_is_gone() -> None:
    errands = Errands(lambda: None)
    begun: list[bool] = []

    async def join() -> None:
        begun.append(True)

    errands.cancel()
    errands.start(join())
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)

    assert begun == []
