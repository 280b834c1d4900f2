"""Seeded losses: a bus that forgets some of what it should send, put in by the tests alone."""

import random
from collections.abc import Callable

import pytest
from nats.aio.client import Client

import bridge.app
from bridge.bus.base import Bus
from bridge.bus.nats import NatsBus
from bridge.bus.options import options_of
from bridge.config import Config


class LosingBus(NatsBus):
    """Sends only what its chance lets through; who is served is still known to NATS."""

    loses: Callable[[], bool]

    async def _send(self, client: Client, subject: str, packet: bytes) -> None:
        if not self.loses():
            await super()._send(client, subject, packet)


def lose(monkeypatch: pytest.MonkeyPatch, share: float, seed: int = 7) -> None:
    """Have every hub that is started from here on lose so much of its news."""
    chance = random.Random(seed)

    async def open_bus(config: Config) -> Bus:
        bus = LosingBus(options_of(config.bus))
        bus.loses = lambda: chance.random() < share
        bus.begin()
        return bus

    monkeypatch.setattr(bridge.app, "open_bus", open_bus)
