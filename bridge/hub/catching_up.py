"""Catching up: what a session missed of a journal is read from the store, until it meets the news."""

import logging
from typing import Final, Protocol

from bridge.domain.facts import Facts, for_each
from bridge.domain.model import Message
from bridge.domain.outcome import Scene
from bridge.domain.views import with_names
from bridge.errors import BridgeError, CloseCode, Fault, Unavailable
from bridge.hub.services import Services
from bridge.hub.sessions import Bodies, Leg
from bridge.hub.sockets import Socket
from bridge.ids import AccountId, DeviceId, Position
from bridge.store.base import Entry
from bridge.wire.codec import Codec

log = logging.getLogger("bridge.wire")

_PAGE: Final = 100  # journal entries read and encoded at once: others wait for that long


class Behind(Protocol):
    """A session that is behind in a journal."""

    account: AccountId
    device: DeviceId
    codec: Codec

    def look_again(self) -> None:
        """Find out anew which accounts the session may use."""

    def is_behind(self, account: AccountId, leg: Leg) -> bool:
        """Say whether a leg still is the one that catches up, and somebody may hear it."""


async def catch_up(client: Behind, socket: Socket, services: Services, account: AccountId, leg: Leg) -> None:
    """Read the journal until it meets the news, without a seam.

    Whether there is more is asked and answered within one turn of the loop; so
    nothing can come in between.
    """
    try:
        while client.is_behind(account, leg):
            if leg.sent >= services.sessions.heads.get(account, 0):
                leg.live = True
                return
            services.counters.replayed_total += await _page(client, socket, services, account, leg)
    except Unavailable:  # the store is away, or this hub stops: another one goes on
        socket.close(CloseCode.FAULT, Unavailable.code)
    except BridgeError as fault:
        log.exception("could not catch up")
        socket.close(CloseCode.FAULT, fault.code)
    finally:
        leg.catches_up = False


def _body(facts: Facts, entry: Entry, codec: Codec, viewer: AccountId) -> bytes:
    told = entry.told if isinstance(entry.told, Message) else with_names(facts, entry.told)
    return Bodies(facts, told).body(codec, viewer)


async def _page(client: Behind, socket: Socket, services: Services, account: AccountId, leg: Leg) -> int:
    """Tell some of what follows; give how many entries, as far as anybody hears them.

    Raises:
        Fault: If the journal does not go on where it stood.
    """
    entries = await services.store.replay(account, Position(leg.sent), _PAGE)
    if not entries:
        raise Fault(f"journal of {account} ends at {leg.sent}, before its head")

    def bodies_of(scene: Scene) -> list[bytes] | None:
        if services.bus.connects and (scene.is_shut_out(client.device) or account not in scene.legs):
            return None
        return for_each(entries, lambda entry: _body(scene.facts, entry, client.codec, account))

    bodies = await services.pipeline.consult(client.account, bodies_of)
    if bodies is None:  # another node said so, and its news are late or lost
        services.pipeline.between(client.look_again)
        return 0
    for entry, body in zip(entries, bodies, strict=True):
        await socket.room()  # a long resume must not count as slow reading
        if not client.is_behind(account, leg):
            return 0
        if entry.position != leg.sent + 1:
            raise Fault(f"journal of {account} jumps from {leg.sent} to {entry.position}")
        socket.send(leg.envelope(body, entry.position))
        leg.sent = entry.position
    return len(entries)
