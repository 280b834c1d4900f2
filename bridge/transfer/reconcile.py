"""Who of an archive's people is an account here: by both archives' agreement, or by the operator's word.

A name proves nothing. Where two archives agree on a chat, it becomes the
thread of the two accounts: its newest messages are the thread's own if nothing
was said in it yet, the rest a closed segment beside it. The testimonies stay
as they were told, shown no more. By the operator's word alone only the
owner's testimony moves beside the thread: it says nothing for the other.
"""

from collections.abc import AsyncIterator, Mapping

from msgspec import Struct

from bridge.domain.model import Account
from bridge.ids import AccountId, thread_of_pair
from bridge.store.base import Store
from bridge.transfer import union
from bridge.transfer.agreement import Agreement, Testimony, agreement
from bridge.transfer.errors import BadMap
from bridge.transfer.ledger import Ledger
from bridge.transfer.links import named
from bridge.transfer.model import Desk, ImportReport, Resolved
from bridge.transfer.names import shown_name
from bridge.transfer.owner import find_account, parsed_handle
from bridge.wire.values import Network


class Match(Struct, frozen=True):
    """Two testimonies that tell one chat: their paths, and how far they agree."""

    path: str
    account: Account
    theirs: Ledger
    their_path: str
    agreement: Agreement


async def read_maps(store: Store, network: Network, said: Mapping[str, str]) -> dict[str, Account]:
    """Read the operator's word on who is whom.

    Raises:
        BadMap: If an account does not exist, or is of another network.
    """
    maps: dict[str, Account] = {}
    for name, handle in said.items():
        meant, plain = parsed_handle(handle, BadMap)
        account = await find_account(store, meant, plain)
        if account is None or account.placeholder or meant is not network:
            raise BadMap(f"{name!r} cannot be {handle!r}: there is no such account on {network.value}.")
        maps[name] = account
    return maps


async def resolve(
    store: Store,
    desk: Desk,
    owner: Account,
    ledger: Ledger,
    maps: Mapping[str, Account],
    report: ImportReport,
) -> None:
    """Find out who the others of the owner's 1:1 threads are, and act on it."""
    work = _Resolving(store, desk, owner, ledger, maps, report)
    await work.by_both()
    await work.by_word()
    await work.newer()


class _Resolving:
    def __init__(
        self,
        store: Store,
        desk: Desk,
        owner: Account,
        ledger: Ledger,
        maps: Mapping[str, Account],
        report: ImportReport,
    ) -> None:
        self._store, self._desk = store, desk
        self._owner, self._ledger = owner, ledger
        self._maps, self._report = maps, report
        self._by_name: dict[str, list[str]] = {}
        for path, entry in ledger.threads.items():
            if entry.is_pair:
                self._by_name.setdefault(ledger.other_name(path), []).append(path)

    def _open_paths(self) -> Mapping[str, list[str]]:
        """Give the threads whose chat is not told by both sides yet, by the other's name."""
        resolved = self._ledger.resolved
        return {
            name: left
            for name, paths in self._by_name.items()
            if (
                left := [path for path in paths if path not in resolved or not resolved[path].is_told_by_both]
            )
        }

    async def by_both(self) -> None:
        """Look for the other side's archive of each chat."""
        taken: dict[str, Match | None] = {}
        async for match in self._matches():
            if match.path in taken:
                self._report.problem(f"{match.path}: two accounts tell this chat alike; it was left alone.")
                taken[match.path] = None
            else:
                taken[match.path] = match
        for found in taken.values():
            if found is not None:
                await self._unite(found)

    async def _matches(self) -> AsyncIterator[Match]:
        open_paths = self._open_paths()
        by_shown: dict[str, list[str]] = {}
        for name, paths in open_paths.items():
            by_shown.setdefault(shown_name(name), []).extend(paths)
        async for account in named(self._store, self._owner.network, open_paths):
            if account.id == self._owner.id:
                continue
            theirs = await Ledger.read(self._store, account.id)
            for path in by_shown[shown_name(theirs.owner.name)] if theirs.owner else ():
                match = await self._match(path, account, theirs)
                if match is not None:
                    yield match

    async def _match(self, path: str, account: Account, theirs: Ledger) -> Match | None:
        """Compare a thread with all that this account's archive has with somebody of the owner's name."""
        vouched = self._vouched(path)
        if theirs.owner is None or self._ledger.owner is None or vouched not in (None, account.id):
            return None
        for their_path, entry in theirs.threads.items():
            known = theirs.resolved.get(their_path)
            if (
                not entry.is_pair
                or theirs.other_name(their_path) != self._ledger.owner.name
                or (known is not None and (known.is_told_by_both or known.account != self._owner.id))
            ):
                continue
            found = await agreement(
                self._store,
                self._testimony(self._ledger, path, account.id),
                self._testimony(theirs, their_path, self._owner.id),
            )
            is_vouched = vouched == account.id or known is not None
            if found.is_proof or (is_vouched and found.agreed > 0):
                return Match(path, account, theirs, their_path, found)
        return None

    def _vouched(self, path: str) -> AccountId | None:
        """Give the account that the operator named for a thread, now or before."""
        account = self._mapped(path)
        if account is not None:
            return account.id
        known = self._ledger.resolved.get(path)
        return None if known is None else known.account

    def _mapped(self, path: str) -> Account | None:
        """A thread's path is meant exactly; a name only if one thread bears it."""
        if path in self._maps:
            return self._maps[path]
        name = self._ledger.other_name(path)
        return self._maps.get(name) if len(self._by_name[name]) == 1 else None

    @staticmethod
    def _testimony(ledger: Ledger, path: str, other: AccountId) -> Testimony:
        entry = ledger.threads[path]
        return Testimony(entry.thread, entry.count, ledger.account, other)

    async def _unite(self, match: Match) -> None:
        own = self._side(match.path, match.account.id)
        theirs = union.Side(
            match.theirs,
            match.their_path,
            self._testimony(match.theirs, match.their_path, self._owner.id),
            match.theirs.is_friend(match.their_path),
        )
        await union.unite(self._store, self._desk, self._owner.network, (own, theirs), match.agreement)
        self._report.confirmed += own.names_friend and theirs.names_friend
        self._note(match.path, match.account, match.agreement)

    def _side(self, path: str, other: AccountId) -> union.Side:
        ledger = self._ledger
        return union.Side(ledger, path, self._testimony(ledger, path, other), ledger.is_friend(path))

    async def by_word(self) -> None:
        """Move the threads of which the operator says who it is beside the thread of the two."""
        for name in self._maps.keys() - self._ledger.threads.keys():
            if len(found := self._by_name.get(name, ())) != 1:
                self._report.problem(f"{len(found)} threads are with {name!r}: name one of them by its path.")
        for path, entry in self._ledger.threads.items():
            account = self._mapped(path) if entry.is_pair else None
            if account is None or path in self._ledger.resolved:
                continue
            if account.id == self._owner.id:
                self._report.problem(f"{path}: nobody writes to himself.")
                continue
            await union.put_beside(self._desk, self._owner.network, self._side(path, account.id))
            self._note(path, account, Agreement(entry.count, 0, set()))

    async def newer(self) -> None:
        """Show what a newer archive adds to chats that were united before."""
        for path, known in self._ledger.resolved.items():
            entry = self._ledger.threads[path]
            if known.is_told_by_both and entry.count > known.count:
                await union.add_newer(
                    self._store, self._desk, self._owner.network, self._side(path, known.account)
                )

    def _note(self, path: str, account: Account, found: Agreement) -> None:
        self._report.resolved.append(
            Resolved(
                name=self._ledger.other_name(path),
                path=path,
                account=account.id,
                handle=account.handle,
                thread=thread_of_pair(self._owner.id, account.id),
                agreed=found.agreed,
                messages=found.rows,
            )
        )
