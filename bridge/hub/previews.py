"""Previews of message controls: the past is read beside the pipeline, so that nobody waits for it."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from bridge.domain.questions import Arrived
from bridge.domain.rules.controls import looks_back, preview_controls, shut_by
from bridge.hub.pages import A_PIECE, show_each
from bridge.hub.pipeline import Pipeline
from bridge.hub.work import NO_DEVICE
from bridge.ids import AccountId, DeviceId
from bridge.store.base import Store
from bridge.wire.queries import PreviewControls
from bridge.wire.replies import ControlsPreview
from bridge.wire.values import OutcomeOf

_SENDERS: Final = 100  # at once, of each of whom a handful of facts is asked


async def controls_previewed(
    pipeline: Pipeline,
    store: Store,
    account: AccountId,
    query: PreviewControls,
    device: DeviceId = NO_DEVICE,
) -> ControlsPreview:
    """Show what a change of controls would do, and how the last days' messages would have fallen.

    Raises:
        BridgeError: If such a change would be refused, or the store is away.
    """
    own, since = await pipeline.consult(account, partial(looks_back, query=query), device=device)
    past = await store.arrivals(own, since=since)
    undecided = [one for one in past if not one.category and one.outcome is not OutcomeOf.NONE]
    past = [*(one for one in past if one.category), *await _shut(pipeline, account, undecided, query)]
    return await pipeline.consult(account, partial(preview_controls, query=query, past=past), counts=True)


async def _shut(
    pipeline: Pipeline, account: AccountId, past: Sequence[Arrived], query: PreviewControls
) -> list[Arrived]:
    """Find what the change would refuse of what came by no control, in pieces: others wait for one."""
    show = partial(shut_by, query=query)
    seen: list[Arrived] = []
    while len(seen) < len(past):
        piece = past[len(seen) : len(seen) + _SENDERS]
        seen += await pipeline.consult(account, partial(show_each, rows=piece, show=show, most=A_PIECE))
    return seen
