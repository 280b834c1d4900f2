"""Whoever catches up from a journal hears nothing that came after he lost it, whatever news were lost."""

from bridge.domain.deeds import ChangeAccount
from bridge.ids import AccountId
from bridge.wire.commands import Unlink
from bridge.wire.sign_in import RevokeDevice
from bridge.wire.values import AccountState
from tests.cluster.town import Town
from tests.hub.house import ANA, BEN, DAN, EVE


async def test_nothing_is_heard_of_an_account_after_it_was_unlinked_elsewhere(deaf: Town) -> None:
    await deaf[0].add(ANA, BEN, DAN)
    await deaf[0].link(ANA, BEN)
    thread = await deaf[0].acquaint(DAN, BEN)
    there = await deaf.join(1, ANA)

    await deaf[0].hub.pipeline.do(ANA, Unlink(as_=ANA))
    await deaf[0].send(DAN, thread, "to Ben alone")
    await there.event("leg_removed", account=BEN)
    await there.settled()

    assert there.messages() == []


async def test_a_device_signed_out_elsewhere_hears_nothing_that_came_later(deaf: Town) -> None:
    await deaf[0].add(ANA, EVE)
    thread = await deaf[0].acquaint(EVE, ANA)
    ana = await deaf.join(0, ANA)
    await deaf[0].device(ANA)
    gone, signed_in = await deaf[1].sign_in(ANA)

    await ana.ask(RevokeDevice(device=signed_in["device"]))
    await deaf[0].send(EVE, thread, "to Ana alone")

    assert await gone.closed() == 4504
    assert gone.messages() == []


async def test_an_account_closed_elsewhere_hears_nothing_that_came_later(deaf: Town) -> None:
    await deaf[0].add(ANA)
    there = await deaf.join(1, ANA)

    deed = ChangeAccount(account=ANA, state=AccountState.DEACTIVATED)
    await deaf[0].hub.pipeline.do(AccountId(""), deed)

    assert await there.closed() == 4504
    assert there.positions(ANA) == []
