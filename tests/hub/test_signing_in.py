"""Who may come in, by which ways, and what everybody else hears."""

from typing import Any

import pytest
from argon2 import extract_parameters
from argon2.exceptions import VerifyMismatchError

from bridge.domain.deeds import ChangeAccount
from bridge.errors import CloseCode
from bridge.hub.auth import Passwords
from bridge.ids import AccountId
from bridge.wire.codec import Codec
from bridge.wire.commands import DeleteAccount, Link, RestoreAccount, UploadContacts
from bridge.wire.queries import CountUnread
from bridge.wire.sign_in import ChangePassword, ListDevices, Register, RevokeDevice, SignIn, SignOut
from bridge.wire.values import AccountState, Network
from tests.hub.grounds import Ground
from tests.hub.house import ANA, BEN, PASSWORD, House, config, house
from tests.hub.talker import Refused, Talker

BY_PASSWORD = SignIn(network=Network.DIRECT, handle="ana", password=PASSWORD, device="Ana's phone")


async def refusal(talker: Talker, operation: Any) -> str:
    """Give the code with which a call is refused."""
    with pytest.raises(Refused) as refused:
        await talker.ask(operation)
    return refused.value.code


async def test_a_password_makes_a_device_whose_token_signs_in_again(hub: House, codec: Codec) -> None:
    await hub.add(ANA)
    talker = await hub.connect(codec)

    first = await talker.ask(BY_PASSWORD)
    again = await hub.connect(codec)
    second = await again.ask(SignIn(token=first["token"]))

    assert first["device"] == second["device"]
    assert "token" not in second
    assert [account["id"] for account in second["accounts"]] == [ANA]
    assert second["max_frame"] == hub.hub.config.limits.frame_bytes


async def test_a_bearer_header_signs_in_without_credentials(hub: House) -> None:
    await hub.add(ANA)
    talker = await hub.connect(additional_headers={"Authorization": f"Bearer {hub.tokens[ANA]}"})

    signed_in = await talker.ask(SignIn())

    assert [account["id"] for account in signed_in["accounts"]] == [ANA]


async def test_a_wrong_bearer_is_refused_like_any_wrong_token(hub: House) -> None:
    talker = await hub.connect(additional_headers={"Authorization": "Bearer nonsense"})

    assert await refusal(talker, SignIn()) == "sign_in_failed"
    assert await talker.closed() == CloseCode.SIGN_IN_FAILED


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer " + "x" * 300])
async def test_a_header_that_is_no_bearer_token_counts_as_none(hub: House, header: str) -> None:
    await hub.add(ANA)
    talker = await hub.connect(additional_headers={"Authorization": header})

    assert await refusal(talker, SignIn()) == "invalid"
    assert (await talker.ask(BY_PASSWORD))["accounts"]


async def test_without_a_subprotocol_the_hub_speaks_json(hub: House) -> None:
    await hub.add(ANA)
    talker = await hub.connect(bare=True)

    assert (await talker.ask(SignIn(token=hub.tokens[ANA])))["device"]


async def test_an_unknown_handle_and_a_wrong_password_read_the_same(hub: House) -> None:
    await hub.add(ANA)
    heard = []
    for handle, password in (("ana", "wrong horse"), ("nobody", PASSWORD)):
        talker = await hub.connect()
        frame = await talker.raw(
            {"id": 1, "op": "sign_in", "network": "direct", "handle": handle, "password": password}
        )
        heard.append((frame, talker.bare, await talker.closed()))

    assert heard[0] == heard[1]
    assert heard[0][0]["error"]["code"] == "sign_in_failed"
    assert heard[0][2] == CloseCode.SIGN_IN_FAILED


@pytest.mark.one_hub
async def test_an_unknown_handle_costs_the_same_work_as_a_wrong_password(
    hub: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.add(ANA)
    loads: list[object] = []
    checks: list[bool] = []
    load, verify = hub.hub.store.load, hub.hub.passwords.verify

    async def counting_load(keys: Any) -> Any:
        loads.append(sorted(kind.__name__ for kind, _ in keys))
        return await load(keys)

    async def counting_verify(stored: str, password: str) -> bool:
        checks.append(await verify(stored, password))
        return checks[-1]

    monkeypatch.setattr(hub.hub.store, "load", counting_load)
    monkeypatch.setattr(hub.hub.passwords, "verify", counting_verify)
    work = []
    for handle in ("ana", "nobody"):
        loads.clear()
        talker = await hub.connect()
        await refusal(talker, SignIn(network=Network.DIRECT, handle=handle, password="wrong horse"))
        work.append(list(loads))

    assert work[1][-1] == work[0][-1] == ["Credential"]
    assert checks == [False, False]


@pytest.mark.parametrize("state", [AccountState.DELETED, AccountState.DEACTIVATED])
async def test_an_account_that_is_gone_reads_like_a_wrong_password(hub: House, state: AccountState) -> None:
    await hub.add(ANA)
    await hub.hub.pipeline.do(AccountId(""), ChangeAccount(account=ANA, state=state))

    assert await refusal(await hub.connect(), BY_PASSWORD) == "sign_in_failed"
    assert await refusal(await hub.connect(), SignIn(token=hub.tokens[ANA])) == "sign_in_failed"


async def test_a_deleted_account_can_sign_in_to_take_the_deletion_back(hub: House) -> None:
    await hub.add(ANA)
    ana = await hub.join(ANA)
    assert await refusal(ana, DeleteAccount(as_=ANA, password="wrong horse")) == "proof_failed"
    await ana.ask(DeleteAccount(as_=ANA, password=PASSWORD))

    again = await hub.join(ANA)
    await again.ask(RestoreAccount(as_=ANA))

    assert (await again.event("account_state_changed"))["account"]["id"] == ANA


async def test_whoever_does_not_sign_in_in_time_is_closed(password_hash: str) -> None:
    async with house(password_hash, config(limits={"sign_in_s": 0.02})) as hub:
        talker = await hub.connect()

        assert await talker.closed() == CloseCode.SIGN_IN_TIMEOUT


async def test_whoever_signed_in_in_time_stays(password_hash: str) -> None:
    async with house(password_hash, config(limits={"sign_in_s": 0.3}, hub={"heartbeat_s": 0.15})) as hub:
        await hub.add(ANA)
        ana = await hub.join(ANA)
        await ana.until(lambda: len(ana.heartbeats) > 3)

        assert await ana.ask(CountUnread()) == {}


async def test_calls_before_the_sign_in_are_refused_and_the_socket_lives(hub: House) -> None:
    await hub.add(ANA)
    talker = await hub.connect()

    assert await refusal(talker, CountUnread()) == "not_signed_in"
    assert await refusal(talker, ListDevices()) == "not_signed_in"
    assert await refusal(talker, SignIn()) == "invalid"
    assert (await talker.ask(BY_PASSWORD))["token"]


async def test_no_stranger_has_long_frames_read(hub: House) -> None:
    await hub.add(ANA)
    polite, rude = await hub.connect(), await hub.connect()

    await rude.send_raw({"id": 1, "op": "sign_in", "token": "x" * 20_000})
    await polite.ask(SignIn(token=hub.tokens[ANA]))

    assert await rude.closed() == CloseCode.PROTOCOL
    assert await polite.ask(UploadContacts(as_=ANA, phones=("+491511234567",) * 3_000)) == {}


async def test_a_socket_signs_in_once(hub: House) -> None:
    await hub.add(ANA, BEN)
    talker = await hub.connect()

    both = await talker.pipe(SignIn(token=hub.tokens[ANA]), SignIn(token=hub.tokens[BEN]))

    assert [account["id"] for account in both[0]["ok"]["accounts"]] == [ANA]
    assert both[1]["error"]["code"] == "not_allowed"
    assert await refusal(talker, SignIn(token=hub.tokens[BEN])) == "not_allowed"


async def test_tries_are_limited_by_address(password_hash: str) -> None:
    async with house(password_hash, config(limits={"sign_ins_per_minute": 3})) as hub:
        await hub.add(ANA)
        codes = []
        for _ in range(4):
            talker = await hub.connect()
            codes.append(await refusal(talker, SignIn(token="nonsense")))

        assert codes == ["sign_in_failed"] * 3 + ["rate_limited"]
        assert (await (await hub.connect()).ask(SignIn(token=hub.tokens[ANA])))["device"]


async def test_tries_of_one_account_are_limited_however_its_handle_is_written(password_hash: str) -> None:
    limits = {"sign_ins_per_minute": 2}
    behind = {"behind_proxy": True}
    async with house(password_hash, config(limits=limits, listen=behind)) as hub:
        await hub.add(ANA)
        for name in ("ana", "nobody"):
            codes = []
            for place, handle in enumerate((name, name.upper(), name.title())):
                headers = {"X-Forwarded-For": f"6.6.6.6, 10.0.{len(name)}.{place}"}
                talker = await hub.connect(additional_headers=headers)
                codes.append(
                    await refusal(
                        talker, SignIn(network=Network.DIRECT, handle=handle, password="wrong horse")
                    )
                )

            assert codes == ["sign_in_failed", "sign_in_failed", "rate_limited"]


async def test_whoever_has_an_ipv6_network_has_the_tries_of_one_address(password_hash: str) -> None:
    behind = {"behind_proxy": True}
    async with house(password_hash, config(limits={"sign_ins_per_minute": 3}, listen=behind)) as hub:
        codes = []
        for host in ("2001:db8::1", "2001:db8::2", "[2001:db8::3]:4711", "2001:db8::4", "2001:db8:0:1::4"):
            talker = await hub.connect(additional_headers={"X-Forwarded-For": host})
            codes.append(await refusal(talker, SignIn(token="nonsense")))

    assert codes == ["sign_in_failed"] * 3 + ["rate_limited", "sign_in_failed"]


async def test_passwords_of_many_accounts_are_tried_no_faster_by_whoever_is_signed_in(
    password_hash: str,
) -> None:
    async with house(password_hash, config(limits={"sign_ins_per_minute": 3})) as hub:
        await hub.add(ANA)
        ana = await hub.join(ANA)
        codes = [
            await refusal(
                ana, Link(as_=ANA, network=Network.MESSENGER, handle=f"guess{n}", password="wrong horse")
            )
            for n in range(4)
        ]

        assert codes == ["proof_failed"] * 3 + ["rate_limited"]


async def test_people_may_register_only_where_the_operator_lets_them(ground: Ground) -> None:
    call = Register(network=Network.MESSENGER, handle="newcomer", name="New Comer", password=PASSWORD)
    async with ground.house() as hub:
        assert await refusal(await hub.connect(), call) == "registration_closed"

    async with ground.house(policy={"register": True}) as open_house:
        await open_house.add(BEN)
        talker = await open_house.connect()
        signed_in = await talker.ask(call)
        assert signed_in["accounts"][0]["handle"] == "newcomer"
        assert signed_in["token"]

        taken = Register(network=Network.MESSENGER, handle="BEN", name="Ben", password=PASSWORD)
        other = await open_house.connect()
        assert await refusal(other, taken) == "handle_taken"
        assert (await other.ask(SignIn(token=signed_in["token"])))["device"] == signed_in["device"]


async def test_devices_are_listed_with_the_one_that_asks_marked(hub: House) -> None:
    await hub.add(ANA)
    talker = await hub.connect()
    signed_in = await talker.ask(BY_PASSWORD)

    devices = (await talker.ask(ListDevices()))["devices"]

    assert {device["name"] for device in devices} == {"test", "Ana's phone"}
    assert [device["id"] for device in devices if device.get("here")] == [signed_in["device"]]


async def test_a_revoked_device_is_closed_at_once_and_cannot_come_back(hub: House) -> None:
    await hub.add(ANA)
    lost, signed_in = await hub.sign_in(ANA)
    here = await hub.connect()
    await here.ask(BY_PASSWORD)

    await here.ask(RevokeDevice(device=signed_in["device"]))

    assert await lost.closed() == CloseCode.REVOKED
    assert await refusal(await hub.connect(), SignIn(token=hub.tokens[ANA])) == "sign_in_failed"
    assert await here.ask(CountUnread()) == {}
    assert await refusal(here, RevokeDevice(device=signed_in["device"])) == "not_found"


async def test_nobody_revokes_the_device_of_another(hub: House) -> None:
    await hub.add(ANA, BEN)
    _, signed_in = await hub.sign_in(ANA)
    ben = await hub.join(BEN)

    assert await refusal(ben, RevokeDevice(device=signed_in["device"])) == "not_found"


async def test_signing_out_is_answered_before_the_socket_closes(hub: House) -> None:
    await hub.add(ANA)
    ana = await hub.join(ANA)

    assert await ana.ask(SignOut()) == {}
    assert await ana.closed() == CloseCode.REVOKED
    assert await refusal(await hub.connect(), SignIn(token=hub.tokens[ANA])) == "sign_in_failed"


async def test_a_device_that_revokes_itself_is_answered_too(hub: House) -> None:
    await hub.add(ANA)
    ana, signed_in = await hub.sign_in(ANA)

    assert await ana.ask(RevokeDevice(device=signed_in["device"])) == {}
    assert await ana.closed() == CloseCode.REVOKED


async def test_a_new_password_signs_the_other_devices_out(hub: House) -> None:
    await hub.add(ANA)
    other = await hub.join(ANA)
    here = await hub.connect()
    await here.ask(BY_PASSWORD)

    assert (
        await refusal(here, ChangePassword(as_=ANA, old="wrong horse", new="battery staple"))
        == "proof_failed"
    )
    await here.ask(ChangePassword(as_=ANA, old=PASSWORD, new="battery staple"))

    assert await other.closed() == CloseCode.REVOKED
    assert await refusal(await hub.connect(), BY_PASSWORD) == "sign_in_failed"
    renewed = SignIn(network=Network.DIRECT, handle="ana", password="battery staple")
    assert (await (await hub.connect()).ask(renewed))["token"]
    assert await here.ask(CountUnread()) == {}


async def test_a_person_has_a_limited_number_of_connections(password_hash: str) -> None:
    async with house(password_hash, config(limits={"connections_per_person": 2})) as hub:
        await hub.add(ANA)
        first = await hub.join(ANA)
        await hub.join(ANA)
        third = await hub.connect()

        assert await refusal(third, SignIn(token=hub.tokens[ANA])) == "quota_exceeded"
        assert await third.closed() == CloseCode.TOO_MANY
        await first.close()
        assert (await (await hub.connect()).ask(SignIn(token=hub.tokens[ANA])))["device"]


async def test_too_many_waiting_passwords_are_answered_busy(password_hash: str) -> None:
    async with house(password_hash, config(limits={"passwords_waiting": 0})) as hub:
        await hub.add(ANA)

        assert await refusal(await hub.connect(), BY_PASSWORD) == "busy"


async def test_calls_are_limited_and_say_when_to_come_again(password_hash: str) -> None:
    limits = {"calls_per_second": 1.0, "calls_burst": 3}
    async with house(password_hash, config(limits=limits)) as hub:
        await hub.add(ANA)
        ana = await hub.join(ANA)

        answers = await ana.pipe(*[CountUnread()] * 4, ListDevices())
        malformed = await ana.raw({"id": 99, "op": "typing"})

        assert ["ok" in answer for answer in answers] == [True] * 3 + [False] * 2
        assert {answer["error"]["code"] for answer in answers[3:]} == {"rate_limited"}
        assert 0 < answers[3]["error"]["retry_after_s"] <= 1
        assert malformed["error"]["code"] == "rate_limited"


async def test_look_ups_have_a_tighter_limit_that_outlives_the_socket(password_hash: str) -> None:
    from bridge.wire.queries import FindAccount

    async with house(password_hash, config(limits={"look_ups_per_minute": 2})) as hub:
        await hub.add(ANA, BEN)
        look_up = FindAccount(network=Network.MESSENGER, handle="ben")
        ana = await hub.join(ANA)
        answers = await ana.pipe(look_up, look_up, look_up)
        again = await hub.join(ANA)

        assert ["ok" in answer for answer in answers] == [True, True, False]
        assert await refusal(again, look_up) == "rate_limited"
        assert await again.ask(CountUnread()) == {}


def test_the_hash_of_nobodys_password_is_worked_on_like_a_real_one() -> None:
    passwords = Passwords(1)
    try:
        assert extract_parameters(passwords._nobody) == extract_parameters(passwords._hasher.hash("any"))
        with pytest.raises(VerifyMismatchError):  # not: a hash that cannot be read, found out at once
            passwords._hasher.verify(passwords._nobody, "any")
    finally:
        passwords.close()
