"""What a hub holds in memory and another one moved: it is found out, whatever news were lost on the way."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.wire.commands import Unlink
from bridge.wire.queries import CountUnread
from tests.cluster.losing import lose
from tests.cluster.servers import Nats
from tests.cluster.town import Shared, Town, town
from tests.hub.house import ANA, BEN, DAN


@pytest.fixture
async def deaf(
    password_hash: str, shared: Shared, tmp_path: Path, nats: Nats, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Town]:
    """Two hubs that lose all their news, and do not look at persons while a test lasts."""
    lose(monkeypatch, 1.0)
    async with town(password_hash, shared, tmp_path, nats.url) as made:
        yield made


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
