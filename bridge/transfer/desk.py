"""A desk for a store without a hub: decides on what is on disk, and keeps what was decided."""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from bridge.domain.facts import Facts, Missing
from bridge.domain.keys import key_of
from bridge.domain.model import StoredRecord
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.policy import Policy
from bridge.errors import BridgeError, Unavailable
from bridge.ids import AccountId
from bridge.store.base import Batch, Store
from bridge.wire.replies import Reply

T = TypeVar("T")

_MOST_TRIES: Final = 50


class StoreDesk:
    """The desk of a command line that has the store to itself."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        *,
        clock: Callable[[], int],
        chance: Callable[[int], bytes],
    ) -> None:
        """Serve a store that nobody else writes to."""
        self._store, self._policy = store, policy
        self._clock, self._chance = clock, chance

    async def decide(self, run: Callable[[Scene], Outcome]) -> Reply:
        """Decide, keep, answer."""
        scene = Scene(
            facts=Facts(), policy=self._policy, account=AccountId(""), now=self._clock(), chance=self._chance
        )
        for _ in range(_MOST_TRIES):
            try:
                outcome = run(scene)
            except Missing as lacking:
                for key, value in (await self._store.load(lacking.keys)).items():
                    scene.facts.learn(key, value)
                continue
            await self._keep(outcome)
            if isinstance(outcome.reply, BridgeError):
                raise outcome.reply
            return outcome.reply
        raise Unavailable

    async def _keep(self, outcome: Outcome) -> None:
        records: dict[tuple[type, object], StoredRecord] = {key_of(one): one for one in outcome.records}
        if records or outcome.messages or outcome.audit:
            await self._store.commit(
                Batch(
                    records=records,
                    messages=outcome.messages,
                    told=[(told, accounts) for told, accounts in outcome.told],
                    audit=outcome.audit,
                    versions={},
                )
            )


def gathered(asks: Iterable[Callable[[], T]]) -> list[T]:
    """Ask the facts many things, so that all that is missing is loaded at once.

    Raises:
        Missing: If anything is missing, naming all of it.
    """
    answers: list[T] = []
    missing: dict[object, None] = {}
    for ask in asks:
        try:
            answers.append(ask())
        except Missing as lacking:
            missing |= dict.fromkeys(lacking.keys)
    if missing:
        raise Missing(*missing)  # type: ignore[arg-type]  # these are the keys that were named
    return answers


def in_pieces(things: Collection[T], size: int) -> Iterator[list[T]]:
    """Cut a long list of things for one commit each."""
    rest = iter(things)
    while piece := list(islice(rest, size)):
        yield piece
