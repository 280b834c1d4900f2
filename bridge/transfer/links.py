"""Links between accounts that archives tell: made where both sides tell them, else only reported.

One side alone would let a liar into another's inbox. Display names are shared
by many, so at least one side must name the other by its handle, and nobody
else may answer to the same description.
"""

from collections.abc import AsyncIterator, Collection
from typing import Final

from msgspec.structs import replace

from bridge.archive.model import LinkedAccount
from bridge.archive.reader import Archive
from bridge.domain.model import Account, Person, Thread
from bridge.domain.networks import NETWORKS, handle_key
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.rules.links import joined
from bridge.ids import AccountId, PersonId
from bridge.store.base import Store
from bridge.transfer.ledger import Ledger
from bridge.transfer.model import Desk, ImportOptions, ImportReport, LinkFound
from bridge.transfer.names import ledger_of, shown_name
from bridge.transfer.owner import find_account, load_account
from bridge.wire.values import Hybrid, Network

_PAGE: Final = 1_000


def claims(archive: Archive, report: ImportReport) -> None:
    """Report what the archive says, for a dry run."""
    report.links = [LinkFound(one.network or "", one.name, "claimed") for one in archive.links()]


async def named(store: Store, network: Network, names: Collection[str]) -> AsyncIterator[Account]:
    """Find accounts whose archives' owners bear these names: candidates, never proof."""
    wanted = {shown_name(name) for name in names}
    after: AccountId | None = None
    while wanted and (page := await store.accounts(after=after, limit=_PAGE)):
        real = [one for one in page if one.network is network and not one.placeholder]
        ledgers = await store.load([(Thread, ledger_of(one.id)) for one in real])
        for account in real:
            ledger = ledgers[Thread, ledger_of(account.id)]
            if isinstance(ledger, Thread) and ledger.title in wanted:
                yield account
        after = page[-1].id


async def connect(
    store: Store, desk: Desk, owner: Account, ledger: Ledger, options: ImportOptions, report: ImportReport
) -> None:
    """Make the links that both accounts' archives tell."""
    for link in ledger.owner.linked() if ledger.owner else ():
        if link.network is None or link.network == owner.network.value:
            report.links.append(LinkFound(link.network or "", link.name, "claimed"))
            continue
        report.links.append(await _connected(store, desk, owner, ledger, link, options, report))


async def _connected(
    store: Store,
    desk: Desk,
    owner: Account,
    ledger: Ledger,
    link: LinkedAccount,
    options: ImportOptions,
    report: ImportReport,
) -> LinkFound:
    network = Network(str(link.network))
    candidates = await _candidates(store, network, link.name)
    confirmed = [
        (other, theirs) for other, theirs in candidates if _confirms(owner, ledger, other, theirs, link)
    ]
    if len(confirmed) == 1 and not await _has_rival(store, owner, ledger, *confirmed[0]):
        other, theirs = confirmed[0]
        return await _link(store, desk, owner, other, link, [ledger, theirs], report)
    if not confirmed and options.trust_links and len(candidates) == 1:
        other, theirs = candidates[0]
        return await _link(store, desk, owner, other, link, [ledger, theirs], report)
    if confirmed:
        report.problem(f"Several accounts answer to the link to {network.value}/{link.name}; none was made.")
        return LinkFound(network.value, link.name, "ambiguous")
    return LinkFound(network.value, link.name, "claimed")


async def _candidates(store: Store, network: Network, name: str) -> list[tuple[Account, Ledger]]:
    found = {account.id: account async for account in named(store, network, [name])}
    by_handle = await find_account(store, network, name)
    if by_handle is not None and not by_handle.placeholder:
        found[by_handle.id] = by_handle
    return [(account, await Ledger.read(store, account.id)) for account in found.values()]


def _confirms(owner: Account, ledger: Ledger, other: Account, theirs: Ledger, link: LinkedAccount) -> bool:
    """Say whether the other's archive names the owner, and one of the two names the other by handle."""
    if ledger.owner is None or theirs.owner is None:
        return False
    by_handle = handle_key(link.name) == handle_key(other.handle)
    for back in theirs.owner.linked():
        if back.network == owner.network.value:
            names_handle = handle_key(back.name) == handle_key(owner.handle)
            if names_handle or (by_handle and back.name == ledger.owner.name):
                return True
    return False


async def _has_rival(store: Store, owner: Account, ledger: Ledger, other: Account, others: Ledger) -> bool:
    """Say whether a namesake of the owner claims the same account."""
    name = ledger.owner.name if ledger.owner else owner.name
    other_name = others.owner.name if others.owner else other.name
    async for rival in named(store, owner.network, [name]):
        if rival.id == owner.id:
            continue
        theirs = await Ledger.read(store, rival.id)
        for link in theirs.owner.linked() if theirs.owner else ():
            if link.network == other.network.value and (
                handle_key(link.name) == handle_key(other.handle) or link.name == other_name
            ):
                return True
    return False


async def _link(
    store: Store,
    desk: Desk,
    owner: Account,
    other: Account,
    link: LinkedAccount,
    ledgers: list[Ledger],
    report: ImportReport,
) -> LinkFound:
    network = other.network.value
    one, two = await load_account(store, owner.id), await load_account(store, other.id)
    assert one is not None, "accounts are never removed"
    assert two is not None, "accounts are never removed"
    if one.person == two.person:
        return LinkFound(network, link.name, "linked", other.id, other.handle)
    for account in (one, two):
        if len(await _people_of(store, account.person)) > 1:
            report.problem(f"{account.network.value}/{account.handle} is linked to another account already.")
            return LinkFound(network, link.name, "claimed", other.id, other.handle)
    took = _took_upgrade(ledgers, {one.id: one.network, two.id: two.network})
    await desk.decide(lambda scene: _joined(scene, one.id, two.id, took))
    return LinkFound(network, link.name, "linked", other.id, other.handle)


async def _people_of(store: Store, person: PersonId) -> tuple[AccountId, ...]:
    found = (await store.load([(Person, person)]))[Person, person]
    return found.accounts if isinstance(found, Person) else ()


def _took_upgrade(ledgers: list[Ledger], networks: dict[AccountId, Network]) -> bool:
    """Say whether the person took the upgrade: by the word of the network that has one, else of the other."""
    told = {
        NETWORKS[networks[ledger.account]].upgrade: ledger.owner.upgrade[0]
        for ledger in ledgers
        if ledger.owner is not None and ledger.owner.upgrade is not None
    }
    return told.get(True, told.get(False, False))


def _joined(scene: Scene, one: AccountId, two: AccountId, took: bool) -> Outcome:
    """Make one person of both, as a link would; clients see it in their snapshot."""
    accounts = [scene.facts.account(one), scene.facts.account(two)]
    accounts.sort(key=lambda account: account.network is not (scene.policy.link_from or account.network))
    outcome = joined(scene, *accounts)
    outcome.told.clear()
    moved = {record.id: record for record in outcome.records if isinstance(record, Account)}
    for account in accounts:
        after = moved.get(account.id, account)
        hybrid = Hybrid.ON if took and after.hybrid is Hybrid.NEVER else after.hybrid
        outcome.records.append(replace(after, hybrid=hybrid, epoch=after.epoch + 1))
    return outcome
