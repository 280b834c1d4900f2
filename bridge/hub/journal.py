"""Cursors: what a client comes back with, opaque to it, authenticated by the hub.

    cursor = <account>.<store epoch>.<account epoch>.<tag>.<position>

The tag authenticates the account and both epochs; it is computed once per
account, not per event. The position is left to its holder: it can only choose
where in its own journal to go on, which it may do anyway.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest

from msgspec import Struct

from bridge.ids import AccountId, Position
from bridge.wire.values import MAX_INT

_TAG_LENGTH = 9
_MOST_PREFIXES = 200_000


class Place(Struct, frozen=True):
    """What a cursor says: after this position of this account's journal, in these epochs."""

    account: AccountId
    store_epoch: int
    epoch: int
    position: Position


class Cursors:
    """Writes and reads cursors."""

    def __init__(self, key: bytes, store_epoch: int) -> None:
        """Take the hub's key, which never leaves it."""
        self._key = key
        self._store_epoch = store_epoch
        self._prefixes: dict[tuple[AccountId, int], str] = {}

    def prefix(self, account: AccountId, epoch: int) -> str:
        """Give what stands before the position in all cursors of a journal."""
        found = self._prefixes.get((account, epoch))
        if found is None:
            if len(self._prefixes) >= _MOST_PREFIXES:
                self._prefixes.clear()
            found = f"{account}.{self._store_epoch}.{epoch}.{self._tag(account, self._store_epoch, epoch)}."
            self._prefixes[account, epoch] = found
        return found

    def cursor(self, account: AccountId, epoch: int, position: int) -> str:
        """Write a cursor."""
        return self.prefix(account, epoch) + str(position)

    def read(self, cursor: str) -> Place | None:
        """Read a cursor; None if the hub never wrote it."""
        match cursor.split("."):
            case [account, store_epoch, epoch, tag, position] if (
                store_epoch.isdecimal() and epoch.isdecimal() and position.isdecimal() and len(position) < 17
            ):
                place = Place(AccountId(account), int(store_epoch), int(epoch), Position(int(position)))
                good = self._tag(place.account, place.store_epoch, place.epoch)
                if place.position <= MAX_INT and compare_digest(tag.encode(), good.encode()):
                    return place
        return None

    def is_current(self, place: Place, epoch: int) -> bool:
        """Say whether a place lies in the journal's present epochs."""
        return place.store_epoch == self._store_epoch and place.epoch == epoch

    def _tag(self, account: AccountId, store_epoch: int, epoch: int) -> str:
        seal = hmac_digest(self._key, f"{account}/{store_epoch}/{epoch}".encode(), sha256)[:_TAG_LENGTH]
        return urlsafe_b64encode(seal).decode().replace("=", "").replace(".", "_")
