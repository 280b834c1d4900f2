"""What people may use, over all hubs: rates whose busy keys hubs announce to each other."""

import asyncio
import logging
from collections.abc import Callable
from itertools import islice
from typing import Final

import msgspec

from bridge.bus.base import Bus
from bridge.config import Limits
from bridge.hub.limits import Rate

log = logging.getLogger("bridge.hub")

TELL_S: Final = 0.5
"""How often busy keys are announced: so long a limit may be used at each hub anew."""

_AT_ONCE: Final = 10_000  # keys in one announcement

_Told = dict[str, list[tuple[str, float]]]
_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(_Told)


class Usage:
    """The rates of a hub.

    Attributes:
        calls: Calls of a person.
        look_ups: Look-ups and links asked for.
        tries: Sign-ins and proofs of a password, by address and by account.
    """

    def __init__(self, bus: Bus, limits: Limits, clock: Callable[[], float]) -> None:
        """Begin with nothing used."""

        def rate(per_second: float, burst: float) -> Rate:
            return Rate(per_second, burst, clock, hubs=lambda: 1 + len(bus.nodes), deaf=lambda: not bus.is_up)

        self._bus = bus
        self.calls = rate(limits.calls_per_second, limits.calls_burst)
        self.look_ups = rate(limits.look_ups_per_minute / 60, limits.look_ups_per_minute)
        self.tries = rate(limits.sign_ins_per_minute / 60, limits.sign_ins_per_minute)
        self._rates = {"calls": self.calls, "look_ups": self.look_ups, "tries": self.tries}

    async def run(self) -> None:
        """Announce again and again, for ever; not at all where there are no others."""
        while self._bus.connects:
            await asyncio.sleep(TELL_S)
            self.tell()

    def tell(self) -> None:
        """Announce what was used since the last time."""
        for name, rate in self._rates.items():
            told = iter(rate.told())
            while some := list(islice(told, _AT_ONCE)):
                self._bus.announce(_encode({name: some}))

    def heard(self, data: bytes) -> None:
        """Take in what was used at another hub."""
        try:
            told = _decoder.decode(data)
        except msgspec.DecodeError as wrong:
            log.warning("an announcement can't be read: %s", wrong)
            return
        for name, used in told.items():
            if name in self._rates:
                self._rates[name].heard(used)
