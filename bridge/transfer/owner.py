"""Whose archive it is: the account that the archive's owner gets or has."""

import os
import re
from typing import Final

import msgspec

from bridge.archive.model import ArchiveOwner
from bridge.archive.reader import Archive
from bridge.domain.deeds import CreateAccount
from bridge.domain.keys import Key
from bridge.domain.model import Account
from bridge.domain.networks import handle_key
from bridge.domain.outcome import Outcome, Scene
from bridge.domain.questions import HandleOwner
from bridge.domain.rules.accounts import create_account
from bridge.ids import AccountId
from bridge.store.base import Store
from bridge.transfer.errors import BadMap, OwnerNotTold
from bridge.transfer.ledger import Ledger, OwnerEntry, write
from bridge.transfer.model import Desk, ImportOptions
from bridge.transfer.names import shown_name
from bridge.wire.values import Handle, Network

_UNUSUAL: Final = re.compile(r"[^\w]+")
_HANDLE_LIMIT: Final = 60
_ID_LENGTH: Final = 8
_MOST_NAMESAKES: Final = 1_000


def parsed_handle(said: str, error: type[BadMap | OwnerNotTold]) -> tuple[Network, str]:
    """Read ``network/handle``.

    Raises:
        BadMap: Or whichever error is asked for, if it is none.
    """
    network, slash, handle = said.partition("/")
    handle = handle.removeprefix("@")
    if not slash or not handle or network not in set(Network):
        raise error(f"{said!r} is no network/handle; the networks are direct and messenger.")
    return Network(network), handle


async def find_account(store: Store, network: Network, handle: str) -> Account | None:
    """Find an account by its handle."""
    question: Key = (HandleOwner, HandleOwner(network, handle_key(handle)))
    found = (await store.load([question]))[question]
    return None if found is None else await load_account(store, AccountId(str(found)))


async def load_account(store: Store, account: AccountId) -> Account | None:
    """Load an account by its id."""
    found = (await store.load([(Account, account)]))[Account, account]
    assert found is None or isinstance(found, Account), "a key's answer is of its kind"
    return found


class Claim(ArchiveOwner, frozen=True):
    """Which account the archive's owner is to be; ``account`` is None where it must be made."""

    account: Account | None = None
    as_handle: str = ""


async def claim_of(store: Store, archive: Archive, options: ImportOptions) -> Claim:
    """Find the owner's account, or the handle under which to make it.

    Raises:
        OwnerNotTold: If its own word alone would give it to a live person's account, or another network's.
    """
    told = archive.owner
    network = Network(told.network)
    if options.owner:
        meant, handle = parsed_handle(options.owner, OwnerNotTold)
        if meant is not network:
            raise OwnerNotTold(f"The archive is from {network.value}, not from {meant.value}.")
        _check(handle)
        return Claim(told.network, told.name, told.handle, await find_account(store, network, handle), handle)
    if told.handle:
        _check(told.handle)
        found = await find_account(store, network, told.handle)
        if found is not None and not await _is_its_archive(store, found, told):
            raise OwnerNotTold(
                f"{told.handle!r} is an account already, and nothing tells that the archive is its owner's; "
                f"if it is, say so: --as {network.value}/{told.handle}."
            )
        return Claim(told.network, told.name, told.handle, found, told.handle)
    return await _by_name(store, archive, network)


def _check(handle: str) -> None:
    """Refuse a handle that nobody could type or see for what it is."""
    try:
        msgspec.convert(handle, Handle)
    except msgspec.ValidationError as error:
        raise OwnerNotTold(f"{handle!r} cannot be a handle; say another: --as NETWORK/HANDLE.") from error


async def _is_its_archive(store: Store, account: Account, told: ArchiveOwner) -> bool:
    ledger = await Ledger.read(store, account.id)
    return ledger.owner is not None and (ledger.owner.name, ledger.owner.handle) == (told.name, told.handle)


async def _by_name(store: Store, archive: Archive, network: Network) -> Claim:
    """Choose a handle made of the name; who bears the name already is the same only if the threads are."""
    told = archive.owner
    base = _UNUSUAL.sub(".", shown_name(told.name).casefold()).strip(".")[:_HANDLE_LIMIT] or "somebody"
    paths = set(archive.thread_paths())
    for number in range(1, _MOST_NAMESAKES):
        handle = base if number == 1 else f"{base}.{number}"
        found = await find_account(store, network, handle)
        if found is None:
            return Claim(told.network, told.name, told.handle, None, handle)
        if _shares_threads(await Ledger.read(store, found.id), paths):
            return Claim(told.network, told.name, told.handle, found, handle)
    raise OwnerNotTold(f"Too many people are called {told.name!r} here; say whose archive this is.")


def _shares_threads(ledger: Ledger, paths: set[str]) -> bool:
    """Say whether these threads come from the same person's archive, as far as any did."""
    owner = ledger.owner
    if owner is None or owner.handle is not None:
        return False
    known = {path for path in (owner.path, *ledger.threads) if path}
    return bool(known & paths) or not (known or paths)


async def make_owner(
    store: Store, desk: Desk, archive: Archive, claim: Claim, options: ImportOptions
) -> Account:
    """Make the owner's account, with a note of whose archive it is for.

    Its owner can sign in once the operator sets a password.
    """
    note = OwnerEntry(claim.name, claim.handle, min(archive.thread_paths(), default=""))
    deed = CreateAccount(
        network=Network(claim.network),
        handle=claim.as_handle,
        name=shown_name(claim.name),
        account=AccountId("a" + os.urandom(_ID_LENGTH).hex()),  # the same however often the rule runs
        region=options.region,
    )

    def run(scene: Scene) -> Outcome:
        outcome = create_account(scene, deed)
        (made,) = (record for record in outcome.records if isinstance(record, Account))
        write(scene, outcome, made.id, made.network, [note])
        return outcome

    await desk.decide(run)
    made = await find_account(store, deed.network, deed.handle)
    assert made is not None, "what was decided is on disk"
    return made
