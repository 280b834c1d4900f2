"""The hub's secrets: made once, kept in a file beside the database and never in it."""

import os
import secrets
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from bridge.config import Config
from bridge.errors import ConfigInvalid
from bridge.store.base import Store

_LOST: Final = (
    "If they are lost for good, `isthmus migrate --new-keys` has others used from now on; people's cursors "
    "and verified numbers are void then."
)


class Keys(Struct, frozen=True, kw_only=True):
    """The hub's secrets, kept in a file beside the database and never in it.

    Attributes:
        cursors: Authenticates cursors.
        phones: Hashes phone numbers; losing it loses who has whose number.
    """

    cursors: bytes
    phones: bytes

    @property
    def seal(self) -> int:
        """Give a number by which to know them, and nothing else of them."""
        return int.from_bytes(blake2b(self.cursors + self.phones, digest_size=7).digest())


NO_KEYS: Final = Keys(cursors=b"", phones=b"")
"""For whoever only reads a store: it makes no cursor and hashes no number."""


@runtime_checkable
class Sealed(Protocol):
    """A store that outlives its hubs, and knows with which secrets it is used."""

    async def is_used(self) -> bool:
        """Say whether anything may rest on secrets: it knows some, or there are accounts."""
        ...

    async def seal(self, own: int, *, anew: bool = False) -> int:
        """Keep by what to know the secrets, unless others' are kept already; give what is kept."""


async def settle_keys(config: Config, store: Store, *, anew: bool = False) -> Keys:
    """Read the hub's secrets, and make sure that they are those which its store is used with.

    Args:
        config: Names the file.
        store: The store.
        anew: Whether they are to be those from now on.

    Raises:
        ConfigInvalid: If the file is not one of ours, or others' secrets are in use.
    """
    if not isinstance(store, Sealed):
        return read_keys(config)
    path = path_of(config)
    if not anew and not path.exists() and await store.is_used():
        raise ConfigInvalid(
            f"This database is used, and the file of its secrets is not there: put {path} back, from a "
            f"backup or another hub. {_LOST}",
            path="$.store.keys",
        )
    keys = read_keys(config)
    if await store.seal(keys.seal, anew=anew) != keys.seal:
        raise ConfigInvalid(
            f"This database is used with other secrets than those of {path}: put the right ones back, from a "
            f"backup or another hub. {_LOST}",
            path="$.store.keys",
        )
    return keys


def path_of(config: Config) -> Path:
    """Say where the secrets lie of a store that is not in memory.

    Raises:
        ConfigInvalid: If they can lie beside no file, and no other place is named.
    """
    if config.store.keys is None and "://" in config.store.path:
        raise ConfigInvalid(
            "Hubs of one database share their secrets: name the file with --set store.keys=FILE.",
            path="$.store.keys",
        )
    return config.store.keys or Path(f"{config.store.path}.keys")


def read_keys(config: Config) -> Keys:
    """Read the hub's secrets, or make them; a store in memory has its own each time.

    Raises:
        ConfigInvalid: If the file is not one of ours, or cannot be one.
    """
    fresh = Keys(cursors=secrets.token_bytes(32), phones=secrets.token_bytes(32))
    if not config.store.path and config.store.keys is None:
        return fresh
    path = path_of(config)
    try:
        if not path.exists():
            _put(fresh, path)
        return msgspec.msgpack.decode(path.read_bytes(), type=Keys)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as wrong:
        raise ConfigInvalid(
            f"The hub's secrets can't be kept in {path}: {wrong.strerror}. Make its folder, or name another "
            "file with --set store.keys=FILE.",
            path="$.store.keys",
        ) from wrong
    except msgspec.DecodeError as wrong:
        raise ConfigInvalid(f"{path} is not a key file of isthmus; put the right one back.") from wrong


def _put(keys: Keys, path: Path) -> None:
    """Write a file that gets its name when all of it is on disk, unless another hub was first."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.msgpack.encode(keys))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
