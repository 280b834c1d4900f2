"""What somebody may use, he may use once, at however many hubs."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from bridge.errors import BridgeError, CloseCode
from bridge.hub import usage
from bridge.wire.queries import FindAccount
from bridge.wire.sign_in import ListDevices, SignIn
from bridge.wire.values import Network
from tests.cluster.servers import Nats
from tests.cluster.test_homes import acquainted
from tests.cluster.town import OneMemory, Shared, Town, town
from tests.hub.house import ANA, BEN, CYD
from tests.hub.talker import Refused, Talker

GUESS = SignIn(network=Network.DIRECT, handle="ana", password="guess", device="mine")


async def code(who: Talker, call: FindAccount | SignIn) -> str:
    """Call, and say what came of it."""
    try:
        await who.ask(call)
    except Refused as refused:
        return refused.code
    return "ok"


async def guess(made: Town, number: int) -> str:
    """Try a password at a hub."""
    talker = await made[number].connect()
    found = await code(talker, GUESS)
    with suppress(BridgeError, OSError):
        await talker.close()
    return found


async def test_a_guesser_of_passwords_has_no_more_tries_at_two_hubs(
    password_hash: str, tmp_path: Path, nats: Nats
) -> None:
    limits = {"sign_ins_per_minute": 6}
    async with town(password_hash, OneMemory(), tmp_path, nats.url, limits=limits) as made:
        await acquainted(made)
        await made[0].add(ANA)
        first = [await guess(made, 0) for _ in range(6)]
        limited = await guess(made, 0)

        second = [await guess(made, 1) for _ in range(20)]

        assert set(first) == {"sign_in_failed"}
        assert limited == "rate_limited"
        assert second[-1] == "rate_limited"  # guesses take longer than it takes to be told
        assert second.count("sign_in_failed") <= 6


async def test_look_ups_at_one_hub_count_at_the_other(
    password_hash: str, tmp_path: Path, nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "TELL_S", 0.05)
    limits = {"look_ups_per_minute": 30}
    async with town(password_hash, OneMemory(), tmp_path, nats.url, limits=limits) as made:
        await acquainted(made)
        await made[0].add(ANA, CYD)
        here, there = await made.join(0, ANA), await made.join(1, ANA)
        call = FindAccount(network=Network.DIRECT, handle="cyd")
        for _ in range(30):
            assert await code(here, call) == "ok"

        found = ""
        for _ in range(30):
            found = await code(there, call)
            if found != "ok":
                break
            made.hub(0).server._services.usage.tell()

        assert found == "rate_limited"


async def test_a_hub_without_nats_lets_its_share_through(
    password_hash: str, tmp_path: Path, nats: Nats
) -> None:
    limits = {"look_ups_per_minute": 30}
    async with town(password_hash, OneMemory(), tmp_path, nats.url, limits=limits) as made:
        await acquainted(made)
        await made[0].add(ANA, CYD)
        ana = await made.join(0, ANA)
        made.hub(0).bus.is_up = False
        call = FindAccount(network=Network.DIRECT, handle="cyd")

        found = [await code(ana, call) for _ in range(20)]

        assert found.count("ok") == 15


async def test_a_person_has_no_more_connections_at_two_hubs(
    password_hash: str, tmp_path: Path, shared: Shared, nats: Nats
) -> None:
    limits = {"connections_per_person": 4}
    async with town(password_hash, shared, tmp_path, nats.url, limits=limits) as made:
        await acquainted(made)
        await made[0].add(ANA, BEN)
        await made[0].link(ANA, BEN)
        first = [await made.join(0, ANA), await made.join(0, BEN), await made.join(0, ANA)]
        fourth = await made.join(1, BEN)
        fifth = await made[1].connect()

        await fifth.begin(SignIn(token=made[1].tokens[ANA]))  # refused, or sent away a moment later
        closed = await fifth.closed()
        await first[0].close()
        async with asyncio.timeout(10):
            while made.hub(1).sessions.is_full([ANA, BEN]):  # noqa: ASYNC110 -- the bus tells its hub
                await asyncio.sleep(0)
        again = await made.join(1, ANA)
        await again.ask(ListDevices())

        assert closed == CloseCode.TOO_MANY
        assert [who.socket.close_code for who in (*first[1:], fourth, again)] == [None] * 4


async def test_a_person_whose_leaving_was_not_heard_is_refused_for_a_second_at_most(
    password_hash: str, tmp_path: Path, nats: Nats
) -> None:
    limits = {"connections_per_person": 3}
    async with town(password_hash, OneMemory(), tmp_path, nats.url, limits=limits) as made:
        await acquainted(made)
        await made[0].add(ANA)
        there = [await made.join(1, ANA), await made.join(1, ANA)]
        await made.join(0, ANA)
        async with asyncio.timeout(10):
            while not made.hub(0).sessions.is_full([ANA]):  # noqa: ASYNC110 -- the bus tells its hub
                await asyncio.sleep(0)
        deaf = made.hub(1).bus
        vars(deaf)["publish"] = lambda news: None
        for who in there:
            await who.close()
        async with asyncio.timeout(10):
            while made.hub(1).sessions.of_device(ANA):  # noqa: ASYNC110 -- nobody tells when a socket has ended
                await asyncio.sleep(0)
        del vars(deaf)["publish"]

        with pytest.raises(Refused):
            await made.join(0, ANA)
        async with asyncio.timeout(5):
            while made.hub(0).sessions.is_full([ANA]):  # noqa: ASYNC110 -- as above
                await asyncio.sleep(0)
        again = await made.join(0, ANA)

        assert again.socket.close_code is None


async def test_the_first_at_a_hub_is_sent_away_if_the_others_are_full(
    password_hash: str, tmp_path: Path, shared: Shared, nats: Nats
) -> None:
    limits = {"connections_per_person": 2}
    async with town(password_hash, shared, tmp_path, nats.url, limits=limits) as made:
        await acquainted(made)
        await made[0].add(ANA, BEN)
        await made[0].link(ANA, BEN)
        first = [await made.join(0, ANA), await made.join(0, BEN)]

        third = await made[1].connect()
        await third.begin(SignIn(token=made[1].tokens[BEN]))

        assert await third.closed() == CloseCode.TOO_MANY
        assert [who.socket.close_code for who in first] == [None] * 2


async def test_without_nats_a_person_has_a_share_of_connections_at_each_hub(
    password_hash: str, tmp_path: Path, nats: Nats
) -> None:
    limits = {"connections_per_person": 4}
    async with town(password_hash, OneMemory(), tmp_path, nats.url, limits=limits) as made:
        await acquainted(made)
        await made[0].add(ANA)
        made.hub(0).bus.is_up = False
        for _ in range(2):
            await made.join(0, ANA)

        with pytest.raises(Refused) as refused:
            await made.join(0, ANA)

        assert refused.value.code == "quota_exceeded"
