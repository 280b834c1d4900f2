"""Ids of what an archive speaks of: the same archive names the same things at each import."""

from hashlib import blake2b
from typing import Final

from bridge.domain.model import Account, Person
from bridge.domain.networks import NETWORKS, handle_key
from bridge.ids import AccountId, ThreadId, home_of
from bridge.transfer.forms import clean_name
from bridge.wire.values import AccountState, Network

NAME_LIMIT: Final = 100


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


def other_of_thread(owner: AccountId, path: str) -> AccountId:
    """Name the placeholder for the other side of a 1:1 thread in the owner's archive."""
    return AccountId("a" + _digest("thread", owner, path))


def one_of_group(owner: AccountId, path: str, name: str) -> AccountId:
    """Name the placeholder for somebody in a group of the owner's archive."""
    return AccountId("a" + _digest("group", owner, path, name))


def one_of_list(owner: AccountId, name: str) -> AccountId:
    """Name the placeholder for somebody in the owner's lists, where lists hold display names."""
    return AccountId("a" + _digest("list", owner, name))


def one_with_handle(network: Network, handle: str) -> AccountId:
    """Name the placeholder for whoever bears a handle that no account on this hub has."""
    return AccountId("a" + _digest("handle", network, handle_key(handle)))


def group_of(owner: AccountId, path: str) -> ThreadId:
    """Name the thread of a group in the owner's archive."""
    return ThreadId("g" + _digest(owner, path))


def ledger_of(owner: AccountId) -> ThreadId:
    """Name the owner's ledger: a thread, shown nowhere, that keeps what an archive says besides messages."""
    return ThreadId("l" + _digest(owner))


def placeholder(account: AccountId, network: Network, name: str) -> tuple[Account, Person]:
    """Make an account of which only an archive speaks: nobody signs in to it, nothing can be sent to it."""
    made = Account(
        id=account,
        network=network,
        handle=account,
        name=shown_name(name),
        person=home_of(account),
        hybrid=NETWORKS[network].starts_hybrid,
        state=AccountState.DEACTIVATED,
        placeholder=True,
    )
    return made, Person(id=made.person, accounts=(account,))


def shown_name(name: str) -> str:
    """Give a name the form in which accounts and threads bear it."""
    return clean_name(name)[:NAME_LIMIT].strip() or "unknown"
