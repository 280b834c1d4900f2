"""What the pipeline is given: one command on its way, who hears its answer, and whom its outcome concerns."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Final, Protocol

from msgspec import Struct

from bridge.domain.deeds import Deed
from bridge.domain.keys import Key
from bridge.domain.model import Account, Controls, Device, Person, StoredRecord, Tie
from bridge.domain.outcome import Outcome, Scene
from bridge.errors import BridgeError
from bridge.ids import AccountId, DeviceId
from bridge.store.base import Batch
from bridge.wire.commands import Command
from bridge.wire.replies import Reply

NO_DEVICE: Final = DeviceId("")
"""Stands for the device where none asks."""


class Lane(Protocol):
    """Whoever submits work, and hears its answers; the works of one lane keep their order."""

    def answered(self, call: int, reply: Reply | BridgeError) -> None:
        """Hear the answer: what it says is on disk."""


class Work(Struct, eq=False):
    """One command on its way.

    Attributes:
        lane: Who submitted it.
        call: The lane's name for it.
        account: The account that the lane's device signed in to; empty for the operator.
        command: What to decide; or None, and
        run: what to compute from the facts, after all that was decided before it.
        proven: Accounts whose password was proven for this.
        device: Which device asks, if one does: where other nodes may revoke it, that is looked at again.
        counts: Whether the scene must say how much is in flight behind this; commands say so by their kind.
        doubtful: Whether another hub was given this and may decide it yet.
        weight: What it counts in turns and against limits: one, and more if it is long.
        waits: How often it waited for facts.
        lacks: Which facts it waits for, where they are many: pieces of them are loaded between batches.
    """

    lane: Lane
    call: int
    account: AccountId
    command: Command | Deed | None = None
    run: Callable[[Scene], Outcome] | None = None
    proven: frozenset[AccountId] = frozenset()
    device: DeviceId = NO_DEVICE
    counts: bool = False
    doubtful: bool = False
    weight: int = 1
    waits: int = 0
    lacks: Sequence[Key] = ()


class Decided(Struct):
    """A batch that was decided and is not committed yet."""

    batch: Batch
    done: list[tuple[Work, Outcome | BridgeError]]


def refuse(works: Iterable[Work], error: type[BridgeError]) -> None:
    """Answer all of these with an error."""
    for work in works:
        work.lane.answered(work.call, error())


class Unheard:
    """A lane for works whose answer nobody waits for."""

    def answered(self, call: int, reply: Reply | BridgeError) -> None:
        """Let it be."""


NOBODY: Final = Unheard()


class Ticket:
    """A lane of one work, whose answer is awaited."""

    def __init__(self) -> None:
        """Wait for the answer."""
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def answered(self, call: int, reply: Reply | BridgeError) -> None:
        """Hand the answer to whoever waits."""
        if self.reply.done():
            return  # whoever waited has gone
        if isinstance(reply, BridgeError):
            self.reply.set_exception(reply)
        else:
            self.reply.set_result(reply)


def moves_anybody(keys: Iterable[Key]) -> bool:
    """Say whether records of a kind that ``moved_by`` looks for are among those with these keys."""
    return any(map(_MOVERS.__contains__, map(itemgetter(0), keys)))


def moved_by(records: Sequence[StoredRecord]) -> frozenset[AccountId]:
    """Name the accounts whose sessions must look again at what they may use, and who may see them."""
    moved: set[AccountId] = set()
    for record in records:
        accounts = _MOVERS.get(type(record))
        if accounts is not None:
            moved.update(accounts(record))
    return frozenset(moved)


_MOVERS: dict[type, Callable[[Any], Iterable[AccountId]]] = {
    Person: lambda person: person.accounts,
    Account: lambda account: (account.id,),
    Device: lambda device: (device.account,) if device.revoked else (),
    Tie: lambda tie: (tie.owner,),
    Controls: lambda controls: (controls.account,),
}
"""Whose sessions a record's successor concerns."""
