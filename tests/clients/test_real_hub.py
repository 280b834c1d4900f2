"""The client and the real hub: the promises of delivery, seen from the client's side."""

import asyncio
from random import Random

import pytest

from bridge.app import Hub
from bridge.errors import NotAccepting, SignInFailed
from bridge.wire.events import MessageSent, Read
from bridge.wire.sign_in import Register
from bridge.wire.values import Folder, OutcomeOf, TieKind
from clients import Backoff, Client, ConnectionClosed, Options
from clients.inbox import Inbox, SendState
from tests.clients.cutting import cut_wire
from tests.clients.terminal.people import DIRECT, MESSENGER, PASSWORD, own, person, thread_of

VERIFYING = Options(backoff=Backoff(min_s=0, max_s=0), verify=True)


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_over_a_wire_that_keeps_breaking_all_is_said_once_and_heard_once(hub: Hub, codec: str) -> None:
    chance = Random(7)
    cuts = [(chance.randrange(200, 4_000), chance.randrange(400, 9_000)) for _ in range(40)]
    async with person(hub, DIRECT, "Ana") as ana, person(hub, DIRECT, "Bea") as bea:
        thread = await thread_of(ana, bea)
        await ana.send(thread, "0")
        await bea.accept(thread)
        async with cut_wire(hub.url, cuts) as url:
            one = Client(url, token=ana.token, codec=codec, options=VERIFYING)
            other = Client(url, token=bea.token, codec=codec, options=VERIFYING)
            stream = bea.events()
            async with one, other:
                for number in range(1, 60):
                    await (one, other)[number % 2].send(thread, str(number))
            heard = []
            async for push in stream:
                if isinstance(push.event, MessageSent):
                    heard.append((push.event.message.seq, push.event.message.text))
                    if len(heard) == 59:
                        break

        texts = [message.text async for message in bea.history(thread, after=0, page=7)]
    assert texts == [str(number) for number in range(60)]
    assert heard == [(number + 1, str(number)) for number in range(1, 60)]
    assert (one.chain_breaks, other.chain_breaks) == ([], [])


async def test_an_inbox_heard_live_equals_one_that_is_read(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, MESSENGER, "Ben") as ben:
        live, stream = Inbox(), ana.events()
        me = own(ana)
        assert ana.signed is not None
        live.load(me, ())
        thread = await thread_of(ben, ana)
        await ben.send(thread, "may I?")
        await ana.accept(thread)
        for number in range(5):
            await ben.send(thread, f"news {number}")
        await ana.mark_read(thread, (await ana.get_thread(thread)).thread.last.seq)  # type: ignore[union-attr]
        await ana.send(thread, "thanks")
        await ben.mark_read(thread, (await ben.get_thread(thread)).thread.last.seq)  # type: ignore[union-attr]
        await ben.send(thread, "one more")
        async for push in stream:
            live.hear(push)
            if isinstance(push.event, MessageSent) and push.event.message.text == "one more":
                break
        read = Inbox()
        read.load(me, [view async for view in ana.threads(Folder.INBOX)])

        (message,) = [said async for said in ana.history(thread) if said.text == "thanks"]
    (row,), (same,) = live.threads(), read.threads()
    assert (row.unread, row.tip, row.read, row.folder, row.consent, row.answered, row.last) == (
        same.unread, same.tip, same.read, same.folder, same.consent, same.answered, same.last
    )  # fmt: skip
    assert [live.state_of(message), read.state_of(message)] == [SendState.READ] * 2
    assert live.unsure == []


async def test_a_refusal_tells_the_sender_nothing_and_the_receiver_all_it_owns(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, MESSENGER, "Ben") as ben:
        thread = await thread_of(ben, ana)
        controls = await ana.get_controls(own(ana))
        await ana.set_controls(own(ana), controls.version, {"others_on_messenger": "none"})
        with pytest.raises(NotAccepting) as refusal:
            await ben.send(thread, "hello")
        decision = (await ana.explain(own(ana), account=own(ben))).decision

    assert "control" not in refusal.value.text
    assert decision.outcome is OutcomeOf.NONE


async def test_receipts_reach_the_sender_by_themselves_once_accepted(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, DIRECT, "Bea") as bea:
        await bea.set_tie(own(bea), own(ana), TieKind.FOLLOW)
        thread = await thread_of(ana, bea)
        await ana.send(thread, "hello")
        await bea.send(thread, "hi")
        waiting = asyncio.create_task(ana.wait_for(Read))
        await bea.mark_read(thread, (await ana.send(thread, "again")).seq)

        assert (await waiting).upto == 3


async def test_a_person_registers_once_even_if_the_answer_is_lost(hub: Hub) -> None:
    register = Register(network=DIRECT, handle="ana", name="Ana", password=PASSWORD, device="tests")
    async with (
        cut_wire(hub.url, [(1 << 20, 250)]) as url,
        Client(url, register=register, options=VERIFYING) as ana,
    ):
        accounts = list(ana.accounts)

    assert len(accounts) == 1


@pytest.mark.parametrize("cut", range(200, 700, 50))
async def test_a_person_registers_wherever_the_wire_is_cut_on_the_way(hub: Hub, cut: int) -> None:
    register = Register(network=DIRECT, handle="ana", name="Ana", password=PASSWORD, device="tests")
    async with (
        cut_wire(hub.url, [(cut, 1 << 20)]) as url,
        Client(url, register=register, options=VERIFYING) as ana,
    ):
        accounts = list(ana.accounts)

    assert len(accounts) == 1


async def test_a_device_that_is_revoked_elsewhere_is_closed_and_cannot_come_back(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana:
        other = Client(hub.url, network=DIRECT, handle="ana", password=PASSWORD, device="lost phone")
        await other.connect()
        stream, token = other.events(), other.token
        (lost,) = [device for device in (await ana.list_devices()).devices if device.name == "lost phone"]
        await ana.revoke_device(lost.id)
        kinds = [type(push.event).__name__ async for push in stream]

        with pytest.raises(ConnectionClosed):
            await other.count_unread()
        await other.close()
        with pytest.raises(SignInFailed):
            await Client(hub.url, token=token).connect()
    assert kinds[-1] == "Closed"


async def test_a_password_change_and_a_profile_are_answered_by_their_types(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana:
        me = own(ana)
        await ana.change_password(me, PASSWORD, "battery staple")
        profile = await ana.set_profile(me, name="Ana B.", private=True)
        ties = await ana.list_ties(me, TieKind.FOLLOW)
        await ana.upload_contacts(me, ["+4915112345678"])
        await ana.delete_account(me, "battery staple")
        await ana.restore_account(me)
        preview = await ana.preview_controls(me, {"followers": "none"})

    assert (profile.account.name, profile.account.private) == ("Ana B.", True)
    assert (ties.ties, preview.moved) == ((), ())
