"""Moving a whole store into another engine, without losing an id, a cursor or a token."""

from typing import Protocol, runtime_checkable

from bridge.store.base import Audited, Progress
from bridge.store.dump import Source, Target, heard


@runtime_checkable
class Fillable(Target, Protocol):
    """An empty store that can be filled, and prove itself afterwards."""

    async def audit(self, progress: Progress | None = None) -> Audited:
        """Prove the whole store."""


async def move(source: Source, target: Fillable, progress: Progress | None = None) -> Audited:
    """Carry everything over: records, verdicts, devices, messages, journals and the epoch; then prove it.

    The source is read at one moment and stays as it is. What is written to it meanwhile
    stays behind, so that its hub should be stopped. The hub's keys are no part of the store:
    a node that starts on the target needs the same key file, or no cursor holds.

    Args:
        source: A store that can be walked through.
        target: An empty store.
        progress: Hears how far it has come.

    Returns:
        What the audit of the target found; anything but no problems was wrong in the source already.

    Raises:
        StoreNotEmpty: If there is anything in the target.
        CorruptStore: If something in the source is damaged; nothing was kept.
    """
    await target.fill(heard(source.dump(), progress))
    return await target.audit()
