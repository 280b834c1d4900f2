"""What all who live share: the order, the clock, what was done, and what contradicted a promise."""

import asyncio
from array import array
from collections import Counter
from time import perf_counter
from typing import Final

from msgspec import Struct, field

from benchmarks.load.generator import Percentiles
from benchmarks.load.hub_process import Running
from benchmarks.load.people import PASSWORD, Person
from bridge.ids import AccountId
from bridge.wire.values import Network

_FAULTS: Final = 20  # at most are told
_FEW: Final = 4
_QUIET_S: Final = 1.5  # receipts that follow what was heard come sooner
_PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.1


class Living(Struct, kw_only=True):
    """Who lives where, and for how long.

    Attributes:
        pairs: How many pairs of people.
        devices: How many devices each account has.
        seconds: For how long they live.
        every_s: How often to look at the hub.
        pause_s: About how long a person waits between what it does, on whichever device.
        seed: Of all chance.
        age_s: What is so many seconds old counts as 30 days old; 0: as it is.
        hubs: How many hubs there are.
        kill_every_s: How often one of them is killed, stopped or held, and goes on; 0: never.
        urls: Where to connect.
        target: Who the people are.
    """

    pairs: int
    seconds: float
    every_s: float
    pause_s: float
    devices: int = 2
    seed: int = 1
    age_s: float = 0.0
    hubs: int = 1
    kill_every_s: float = 0.0
    urls: list[str] = field(default_factory=list)
    target: Running = field(default_factory=lambda: Running(url="", pairs=[]))


class Seen(Struct, kw_only=True):
    """What an interval showed.

    Attributes:
        at_s: When it ended, in seconds from the start.
        rss_mib: The hubs' memory at its end.
        files: How many files and sockets the hubs had open.
        threads: How many threads they had.
        database_mib: The database and its log on disk.
        ended: How often a hub was killed or stopped so far.
        connected: How many devices were there.
        sent: Messages acknowledged so far.
        heard: Messages heard so far, by each device.
        cuts: Connections cut off so far.
        lives: How often a device came so far.
        done: What else was done so far, and what was refused, by name.
        ack: Time to acknowledgement in the interval, in milliseconds.
        faults: What contradicted a promise so far; must be empty.
    """

    at_s: float
    connected: int
    sent: int
    heard: int
    cuts: int
    lives: int
    done: dict[str, int]
    ack: Percentiles | None = None
    faults: list[str] = field(default_factory=list)
    rss_mib: float = 0.0
    files: int = 0
    threads: int = 0
    database_mib: float = 0.0
    ended: int = 0


class Somebody(Struct, kw_only=True):
    """One account, as those know who live with it: all that may change of it.

    Attributes:
        account: Its id; another one once it was erased and its owner came anew.
        network: Where it lives.
        handles: What its name there may be, the likeliest first.
        tokens: Of its devices, as they were made.
        passwords: What its password may be, the likeliest first.
        unlinked: Whom it was unlinked from last.
        deleted: Whether it was ever deleted: who cannot sign in any more then was erased.
    """

    account: AccountId
    network: Network
    handles: list[str]
    tokens: list[str]
    passwords: list[str] = field(default_factory=lambda: [PASSWORD])
    unlinked: "Somebody | None" = None
    deleted: bool = False

    @property
    def handle(self) -> str:
        """Its name, as far as anybody knows."""
        return self.handles[0]

    @classmethod
    def of(cls, person: Person) -> "Somebody":
        """Know somebody as he was made."""
        tokens = list(person.tokens)
        return cls(
            account=AccountId(person.account), network=Network(person.network), handles=[person.handle],
            tokens=tokens,
        )  # fmt: skip


def prefer(known: list[str], value: str) -> None:
    """Put the likeliest first, and forget the unlikeliest: the other device may know better for a moment."""
    known[:] = [value, *(one for one in known if one != value)][:_FEW]


class World(Struct):
    """What all share.

    Attributes:
        order: What to do.
        pairs: The people.
        begun: When it began, by ``perf_counter``.
        until: When to stop, by ``perf_counter``.
        done: What was done and refused, by name.
        acks: Times to acknowledgement since the last look, in seconds.
        faults: What contradicted a promise.
        connected: How many devices are there.
        told_at: When anybody heard anything that has a place in a journal, by ``perf_counter``.
        leaving: Accounts that were ever deleted: what was told of them changes when they are erased.
    """

    order: Living
    pairs: list[tuple[Somebody, Somebody]]
    begun: float
    until: float
    done: Counter[str] = field(default_factory=Counter)
    acks: "array[float]" = field(default_factory=lambda: array("d"))
    faults: list[str] = field(default_factory=list)
    connected: int = 0
    told_at: float = 0.0
    leaving: set[AccountId] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether it is time to stop."""
        return perf_counter() > self.until

    def fault(self, text: str) -> None:
        """Note what contradicted a promise; the first ones say enough."""
        self.done["faults"] += 1
        if len(self.faults) < _FAULTS:
            self.faults.append(f"{perf_counter() - self.begun:.0f} s: {text}")

    def may_be_erased(self, text: bytes) -> bool:
        """Say whether an event concerns somebody of whom nothing may be left."""
        return any(account.encode() in text for account in self.leaving)

    def told(self) -> None:
        """Note that somebody heard something."""
        self.told_at = perf_counter()

    async def quiet(self) -> None:
        """Wait until nobody hears anything any more."""
        begun = perf_counter()
        while perf_counter() - max(self.told_at, begun) < _QUIET_S:
            if perf_counter() - begun > _PATIENCE_S:
                return self.fault("it does not become quiet though nobody does anything")
            await asyncio.sleep(_LOOK_S)
