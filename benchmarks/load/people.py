"""Makes accounts that can sign in at once: for loads, where hashing passwords would be most of the work."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from bridge.domain.deeds import CreateAccount, PutDevice
from bridge.domain.outcome import Notice
from bridge.hub.auth import new_device
from bridge.hub.pipeline import Pipeline
from bridge.hub.services import now_ms
from bridge.ids import AccountId
from bridge.store.base import Batch, Store
from bridge.store.sqlite.tails import MOST
from bridge.wire.events import ControlsChanged
from bridge.wire.values import Network

PASSWORD: Final = "correct horse battery"
"""Of everybody, where they have one."""

_LINES: Final = 5_000  # of journals, told in one commit


class Person(Struct, frozen=True):
    """An account and how to sign in to it.

    Attributes:
        account: Its id.
        network: Where it lives.
        handle: Its name there.
        token: A device of it.
        more: Its other devices.
    """

    account: str
    network: str
    handle: str
    token: str
    more: tuple[str, ...] = ()

    @property
    def tokens(self) -> tuple[str, ...]:
        """All its devices."""
        return (self.token, *self.more)


async def make_people(
    pipeline: Pipeline, wanted: Iterable[tuple[Network, str]], devices: int = 1, password: str = ""
) -> list[Person]:
    """Make an account with devices, and with a password's hash, for each network and handle."""
    made = (_make(pipeline, network, handle, devices, password) for network, handle in wanted)
    return list(await asyncio.gather(*made))


async def tell_much(store: Store, accounts: Sequence[AccountId]) -> None:
    """Tell them so much that each commit lays lines into journals, as in a hub that runs for long."""
    events = 1 + 2 * MOST // len(accounts)
    told: list[Notice] = [
        (ControlsChanged(account=accounts[0], version=number), tuple(accounts)) for number in range(events)
    ]
    some = max(1, _LINES // len(accounts))
    for at in range(0, events, some):
        await store.commit(Batch({}, [], told[at : at + some], [], {}))


async def _make(pipeline: Pipeline, network: Network, handle: str, devices: int, password: str) -> Person:
    account = AccountId(f"a-{network}-{handle}")
    nobody = AccountId("")
    deed = CreateAccount(
        network=network, handle=handle, name=handle.title(), account=account, password=password
    )
    await pipeline.do(nobody, deed)
    tokens = []
    for _ in range(devices):
        device, token = new_device(account, "load", now_ms())
        await pipeline.do(nobody, PutDevice(device=device))
        tokens.append(token)
    return Person(account, network.value, handle, tokens[0], tuple(tokens[1:]))
