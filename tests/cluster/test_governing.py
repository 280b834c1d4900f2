"""What was acknowledged at one hub governs what another hub takes from then on."""

import asyncio
import random
from contextlib import suppress

from websockets.exceptions import ConnectionClosed

from bridge.wire.commands import Send, SetControls, SetTie
from bridge.wire.sign_in import RevokeDevice
from bridge.wire.values import OutcomeOf, TieKind
from tests.cluster.town import Town
from tests.hub.house import ANA, BEN, CYD, DAN
from tests.hub.talker import Refused, Talker


async def outcome(who: Talker, call: Send) -> str:
    """Send, and say what became of it."""
    try:
        await who.ask(call)
    except Refused as refused:
        return refused.code
    return "ok"


async def test_a_block_at_one_hub_governs_sends_at_the_other(pair: Town, release: bool) -> None:
    await pair[0].add(ANA, CYD)
    thread = await pair[0].acquaint(ANA, CYD)
    ana, cyd = await pair.join(0, ANA), await pair.join(1, CYD)
    during, after, lifted = [], [], []

    for n in range(500 if release else 50):
        racing = asyncio.ensure_future(outcome(ana, Send(thread=thread, text="now?", token=f"r{n}")))
        await cyd.ask(SetTie(as_=CYD, account=ANA, tie=TieKind.BLOCK, on=True))
        after.append(await outcome(ana, Send(thread=thread, text="still?", token=f"a{n}")))
        during.append(await racing)
        await cyd.ask(SetTie(as_=CYD, account=ANA, tie=TieKind.BLOCK, on=False))
        lifted.append(await outcome(ana, Send(thread=thread, text="again", token=f"l{n}")))

    assert set(after) == {"not_accepting"}
    assert set(during) <= {"ok", "not_accepting"}
    assert set(lifted) == {"ok"}


async def test_a_control_at_one_hub_governs_sends_at_the_other(pair: Town, release: bool) -> None:
    await pair[0].add(ANA, BEN)
    await pair[0].upgrade_alone(ANA)
    thread = await pair[0].acquaint(ANA, BEN)
    ana, ben = await pair.join(0, ANA), await pair.join(1, BEN)
    after, lifted, version = [], [], 0

    for n in range(500 if release else 50):
        racing = asyncio.ensure_future(outcome(ana, Send(thread=thread, text="now?", token=f"r{n}")))
        shut = SetControls(
            as_=BEN, if_version=version, controls={"others_on_direct": OutcomeOf.NONE}, keep_connected=False
        )
        version = (await ben.ask(shut))["version"]
        after.append(await outcome(ana, Send(thread=thread, text="still?", token=f"a{n}")))
        await racing
        open_again = SetControls(
            as_=BEN, if_version=version, controls={"others_on_direct": OutcomeOf.REQUESTS}
        )
        version = (await ben.ask(open_again))["version"]
        lifted.append(await outcome(ana, Send(thread=thread, text="again", token=f"l{n}")))

    assert set(after) == {"not_accepting"}
    assert set(lifted) == {"ok"}


async def test_a_device_revoked_at_one_hub_sends_nothing_more_at_the_other(pair: Town, release: bool) -> None:
    await pair[0].add(ANA, DAN)
    await pair[0].upgrade_alone(ANA)
    chance = random.Random(11)
    thread = await pair[0].acquaint(ANA, DAN)
    ana = await pair.join(0, ANA)
    codes, seqs = [], []

    for n in range(500 if release else 50):
        await pair[0].device(ANA)
        other, answer = await pair[chance.randrange(2)].sign_in(ANA)
        await ana.ask(RevokeDevice(device=answer["device"]))
        with suppress(ConnectionClosed):  # the hub may have been faster
            await other.begin(Send(thread=thread, text="mine?", token=f"d{n}"))
        codes.append(await other.closed())
        seqs.append((await ana.ask(Send(thread=thread, text="mine", token=f"m{n}")))["seq"])

    assert set(codes) == {4504}
    assert seqs == list(range(3, 3 + len(seqs)))  # nothing of the others came between
