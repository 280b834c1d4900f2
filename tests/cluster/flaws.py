"""Seeded bugs of hubs among others: each breaks one promise, most of them one that only several can break.

They are put into the runner of the tests alone, by name; the product knows nothing of them.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from bridge.bus.nats import NatsBus
from bridge.domain.model import Controls, StoredRecord, Tie
from bridge.domain.outcome import Scene
from bridge.domain.questions import Tightened
from bridge.hub.cluster import Cluster
from bridge.hub.homes import Homes
from bridge.hub.pipeline import Pipeline
from bridge.hub.sessions import Sessions
from bridge.hub.work import Work
from bridge.ids import AccountId
from bridge.store.base import Batch
from bridge.store.postgres import PostgresStore
from bridge.wire.commands import Send
from tests.faults import flaws
from tests.faults.flaws import acknowledge_before_commit, skip_one_at_resume

_GOVERNING: Final = (Controls, Tie, Tightened)


def honour_stale_controls() -> None:
    """Leave controls and blocks out of the versions that a commit checks, and out of the others' news.

    No thread has a home: it may be the hub where a control was set, which knows it.
    """
    commit, refresh = PostgresStore.commit, Pipeline.refresh

    async def lenient(self: PostgresStore, batch: Batch) -> Any:
        kept = {key: was for key, was in batch.versions.items() if key[0] not in _GOVERNING}
        return await commit(self, replace(batch, versions=kept))

    def deaf(self: Pipeline, records: Sequence[StoredRecord]) -> None:
        refresh(self, [record for record in records if not isinstance(record, Controls | Tie)])

    PostgresStore.commit = lenient  # type: ignore[method-assign]
    Pipeline.refresh = deaf  # type: ignore[method-assign, assignment]
    Homes.home = lambda self, thread: None  # type: ignore[method-assign]


def remember_tokens_of_this_hub_alone() -> None:
    """Find a token again only where it was sent first."""
    submit, here = Pipeline.submit, str(os.getpid())

    def own(self: Pipeline, work: Work) -> None:
        if isinstance(work.command, Send):
            work.command = replace(work.command, token=f"{work.command.token}-{here}")
        submit(self, work)

    Pipeline.submit = own  # type: ignore[method-assign]


def tell_no_other_hub() -> None:
    """Commit, tell whoever is here, and leave the others to find out when they come back."""

    async def look_at_nothing(self: Cluster) -> None:
        pass

    NatsBus._post = lambda self, subject, packet: None  # type: ignore[method-assign]
    Cluster._look_at_journals = look_at_nothing  # type: ignore[method-assign]


def overlook_lost_news() -> None:
    """Take the next news as they come, whether or not others should have come before them."""
    tell = Sessions._tell

    def careless(self: Sessions, bodies: Any, account: AccountId, position: int, listeners: Any) -> None:
        for session in listeners:
            leg = session.legs.get(account)
            if leg is not None and leg.live and leg.sent < position:
                leg.sent = position - 1
        tell(self, bodies, account, position, listeners)  # type: ignore[arg-type]

    Sessions._tell = careless  # type: ignore[method-assign]


def keep_revoked_sockets() -> None:
    """Let the open sockets of a revoked device be, and read their journals to them."""
    flaws.keep_revoked_sockets()
    Scene.is_shut_out = lambda self, device: False  # type: ignore[method-assign]


FLAWS: Final[dict[str, Callable[[], None]]] = {
    flaw.__name__: flaw
    for flaw in (
        acknowledge_before_commit,
        honour_stale_controls,
        remember_tokens_of_this_hub_alone,
        skip_one_at_resume,
        tell_no_other_hub,
        overlook_lost_news,
        keep_revoked_sockets,
    )
}
"""All of them, by name."""
