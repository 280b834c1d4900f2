"""Changing a password: whoever has the old one is out, however he hurries."""

import pytest

from bridge.domain.deeds import PutDevice, SetPassword
from bridge.hub.auth import new_device
from bridge.ids import AccountId
from bridge.wire.commands import Link, UndoUnlink, Unlink
from bridge.wire.sign_in import ChangePassword, SignIn
from bridge.wire.values import Network
from tests.hub.house import ANA, BEN, PASSWORD, House
from tests.hub.talker import Refused


def change_meanwhile(hub: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Ana's password changed while any is checked."""
    verify = hub.hub.passwords.verify

    async def changed_meanwhile(stored: str, password: str) -> bool:
        fits = await verify(stored, password)
        await hub.next().pipeline.do(AccountId(""), SetPassword(account=ANA, password="another hash"))
        return fits

    for one in hub.hubs:
        monkeypatch.setattr(one.passwords, "verify", changed_meanwhile)


async def test_nobody_signs_in_by_a_password_that_was_changed_while_it_was_checked(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA)
    change_meanwhile(hub, monkeypatch)
    thief = await hub.connect()
    with pytest.raises(Refused) as refused:
        await thief.ask(SignIn(network=Network.DIRECT, handle="ana", password=PASSWORD, device="thief"))

    assert refused.value.code == "sign_in_failed"


@pytest.mark.parametrize(
    "call",
    [
        Link(as_=BEN, network=Network.DIRECT, handle="ana", password=PASSWORD),
        UndoUnlink(as_=BEN, network=Network.DIRECT, handle="ana", password=PASSWORD),
    ],
    ids=lambda call: call.op,
)
async def test_nobody_links_by_a_password_that_was_changed_while_it_was_checked(
    hub: House, monkeypatch: pytest.MonkeyPatch, call: Link | UndoUnlink
) -> None:
    await hub.add(ANA, BEN)
    if isinstance(call, UndoUnlink):
        await hub.link(BEN, ANA)
        await hub.next().pipeline.do(BEN, Unlink(as_=BEN))
    thief = await hub.join(BEN)
    change_meanwhile(hub, monkeypatch)
    with pytest.raises(Refused) as refused:
        await thief.ask(call)

    assert refused.value.code == "proof_failed"


async def test_a_change_of_the_password_signs_out_who_signed_in_while_it_was_made(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA)
    ana = await hub.join(ANA)
    thief, token = new_device(ANA, "thief", 2)

    for one in hub.hubs:
        hashed = one.passwords.hash

        async def signed_in_meanwhile(password: str) -> str:
            await hub.next().pipeline.do(ANA, PutDevice(device=thief))
            return await hashed(password)  # noqa: B023 -- any of them hashes alike

        monkeypatch.setattr(one.passwords, "hash", signed_in_meanwhile)
    await ana.ask(ChangePassword(as_=ANA, old=PASSWORD, new="battery staple"))
    with pytest.raises(Refused) as refused:
        await (await hub.connect()).ask(SignIn(token=token))

    assert refused.value.code == "sign_in_failed"
