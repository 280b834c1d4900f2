"""An archive into the store: its owner, lists, threads; then who of the others is an account here.

Whatever live people may touch goes through the desk, decided upon fresh facts
and all or nothing. The bulk, threads that nobody sees before they are whole,
goes straight into the store, piece by piece; a killed import goes on where it
was. No journal is written: each commit that shows something raises the
owner's epoch, so that clients take a snapshot.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from bridge.archive.reader import Archive, open_archive
from bridge.domain.model import Account, Member, Thread
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.policy import Policy
from bridge.errors import StorageFull
from bridge.ids import AccountId, ThreadId
from bridge.store.base import Store, TakesTurns
from bridge.transfer import edges, links
from bridge.transfer.desk import StoreDesk, gathered
from bridge.transfer.history import Chunk, Teller, grow
from bridge.transfer.ledger import Ledger, write
from bridge.transfer.model import Desk, ImportOptions, ImportReport, Progress
from bridge.transfer.owner import Claim, claim_of, make_owner
from bridge.transfer.reconcile import read_maps, resolve
from bridge.wire.values import Network

CUT_SHORT: Final = (
    "There is no room for all of it. What is in stays; make room, then run the same command again."
)


def _milliseconds() -> int:
    return int(time.time() * 1000)


async def import_archives(
    store: Store,
    paths: Sequence[Path],
    *,
    options: ImportOptions = ImportOptions(),  # noqa: B008  # a frozen value
    progress: Progress | None = None,
    desk: Desk | None = None,
) -> ImportReport:
    """Import the archive (all parts of it) of one person on one network.

    May be run again at any time: what is there already is left alone, and an
    import that was killed goes on. Of several into a shared store each waits for
    its turn.

    Args:
        store: Where to.
        paths: ZIP files or folders, all of one archive.
        options: How.
        progress: Hears how many bytes of message files are done.
        desk: The pipeline of a hub that runs on the store; absent: the store has no other writer.

    Raises:
        ArchiveError: If the archive cannot be used at all; nothing was changed.
        ImportRefused: If it is unclear whose it is, or ``options`` make no sense; nothing was changed.
        StorageFull: If there was no room for all of it; the same import goes on where it stopped.
    """
    if desk is None:
        desk = StoreDesk(store, Policy(), clock=_milliseconds, chance=os.urandom)
    archive = await asyncio.to_thread(
        open_archive, paths, owner_name=options.owner_name or None, limits=options.limits
    )
    shared = None if options.dry_run or not isinstance(store, TakesTurns) else store
    with archive:
        async with shared.turn() if shared else nullcontext(_alone) as look:
            claim = await claim_of(store, archive, options)
            maps = await read_maps(store, Network(claim.network), options.maps)
            work = _Import(store, desk, archive, claim, options, progress, look)
            try:
                await (work.look() if options.dry_run else work.run(maps))
            except StorageFull as full:
                raise StorageFull(CUT_SHORT) from full
    work.report.archive = archive.report.as_dict()
    return work.report


def _alone() -> None:
    """Whoever has the store alone cannot lose his turn."""


class _Import:
    """One import, step by step."""

    def __init__(
        self,
        store: Store,
        desk: Desk,
        archive: Archive,
        claim: Claim,
        options: ImportOptions,
        progress: Progress | None,
        look: Callable[[], None],
    ) -> None:
        self._store, self._desk, self._archive, self._see_turn = store, desk, archive, look
        self._claim, self._options, self._progress = claim, options, progress
        known = claim.account
        self._is_noted = False
        self.report = ImportReport(
            network=claim.network,
            account=known.id if known else "",
            handle=known.handle if known else claim.as_handle,
            name=claim.name,
            created=known is None,
            dry_run=options.dry_run,
        )

    async def run(self, maps: dict[str, Account]) -> None:
        """Do it."""
        owner = self._claim.account or await make_owner(
            self._store, self._desk, self._archive, self._claim, self._options
        )
        self.report.account = owner.id
        ledger = await Ledger.read(self._store, owner.id)
        if await edges.take_up(self._store, self._desk, self._archive, owner, ledger, self.report):
            self._is_noted = True
        await self._threads(owner, ledger)
        await links.connect(self._store, self._desk, owner, ledger, self._options, self.report)
        await resolve(self._store, self._desk, owner, ledger, maps, self.report)

    async def look(self) -> None:
        """Read everything and keep nothing."""
        owner = self._claim.account
        account = owner.id if owner else AccountId("")
        ledger = await Ledger.read(self._store, account) if owner else Ledger(account)
        edges.count(self._archive, self.report)
        links.claims(self._archive, self.report)
        teller = Teller(self._archive, account, await self._standing(account) if owner else {}, ledger)
        async with aclosing(self._chunks(teller)) as chunks:
            async for chunk in chunks:
                self._count(chunk)
        self._told(teller)

    async def _standing(self, owner: AccountId) -> dict[ThreadId, tuple[Thread, tuple[Member, ...]]]:
        return {thread.id: (thread, sides) async for thread, sides in self._store.all_threads(owner)}

    async def _threads(self, owner: Account, ledger: Ledger) -> None:
        teller = Teller(self._archive, owner.id, await self._standing(owner.id), ledger)
        async with aclosing(self._chunks(teller)) as chunks:
            async for chunk in chunks:
                await self._keep(owner, ledger, chunk)
        self._told(teller)

    async def _keep(self, owner: Account, ledger: Ledger, chunk: Chunk) -> None:
        self._see_turn()
        self._count(chunk)
        if chunk.pieces or chunk.records:
            await self._store.put_history(chunk.pieces, chunk.records)
        if chunk.grown:
            await self._desk.decide(partial(grow, pieces=chunk.grown))
        if chunk.done:
            await self._desk.decide(partial(self._show, owner=owner.id, chunk=chunk))
            self._is_noted = True
            for talk in chunk.done:
                ledger.take(talk.entry())

    async def _chunks(self, teller: Teller) -> AsyncGenerator[Chunk, None]:
        """Read in a worker thread, one chunk ahead of whoever keeps them."""
        telling = teller.chunks()
        ahead = asyncio.ensure_future(asyncio.to_thread(next, telling, None))
        try:
            while (chunk := await ahead) is not None:
                ahead = asyncio.ensure_future(asyncio.to_thread(next, telling, None))
                yield chunk
                if self._progress is not None:
                    self._progress(chunk.bytes_done, self._archive.message_bytes)
        finally:
            await asyncio.wait([ahead])  # the archive is closed next: nobody may be reading it then

    def _show(self, scene: Scene, owner: AccountId, chunk: Chunk) -> Outcome:
        """Show threads that are whole, where their sections want them, and note them in the ledger."""
        outcome = Outcome()
        new = [talk for talk in chunk.done if talk.before is None]
        known = [talk for talk in chunk.done if talk.before is not None]
        for records in (
            *gathered([partial(talk.grown, scene) for talk in known]),
            *(t.sealed() for t in new),
        ):
            outcome.records += records
        account = scene.facts.account(owner)
        write(scene, outcome, owner, account.network, (talk.entry() for talk in chunk.done))
        outcome.records.append(replace(account, epoch=account.epoch + 1))
        if not self._is_noted:
            outcome.audit.append(scene.note("import", owner, "an archive's threads"))
        return outcome

    def _count(self, chunk: Chunk) -> None:
        self.report.added += sum(len(piece.messages) for piece in (*chunk.pieces, *chunk.grown))
        self.report.placeholders += sum(isinstance(record, Account) for record in chunk.records)

    def _told(self, teller: Teller) -> None:
        self.report.threads, self.report.groups = teller.threads, teller.groups
        self.report.messages = teller.messages
