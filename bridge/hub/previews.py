"""Previews of message controls: the past is read beside the pipeline, so that nobody waits for it."""

from functools import partial

from bridge.domain.rules.controls import looks_back, preview_controls
from bridge.hub.pipeline import Pipeline
from bridge.ids import AccountId
from bridge.store.base import Store
from bridge.wire.queries import PreviewControls
from bridge.wire.replies import ControlsPreview


async def controls_previewed(
    pipeline: Pipeline, store: Store, account: AccountId, query: PreviewControls
) -> ControlsPreview:
    """Show what a change of controls would do, and how the last days' messages would have fallen.

    Raises:
        BridgeError: If such a change would be refused, or the store is away.
    """
    own, since = await pipeline.consult(account, partial(looks_back, query=query))
    past = await store.arrivals(own, since=since)
    return await pipeline.consult(account, partial(preview_controls, query=query, past=past), counts=True)
