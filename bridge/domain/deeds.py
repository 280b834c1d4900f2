"""What the operator and the session layer do to accounts and devices: never asked for on the wire.

They take the same road as commands: decided purely, committed in a batch, audited.
"""

from msgspec import Struct

from bridge.domain.model import Device
from bridge.ids import AccountId, DeviceId
from bridge.wire.values import AccountState, Network


class CreateAccount(Struct, frozen=True, kw_only=True):
    """Make an account. ``password`` is its argon2id hash; empty: nobody can sign in yet.

    Attributes:
        account: Its id, where the caller must know it beforehand; absent: a fresh one.
        phone: A verified number (E.164), kept as a keyed hash only.
    """

    network: Network
    handle: str
    name: str
    password: str = ""
    account: AccountId | None = None
    region: str = ""
    phone: str = ""
    private: bool = False
    professional: bool = False
    minor: bool = False


class ChangeAccount(Struct, frozen=True, kw_only=True):
    """Change what only the operator may change; absent fields stay."""

    account: AccountId
    region: str | None = None
    phone: str | None = None
    professional: bool | None = None
    minor: bool | None = None
    suspected: bool | None = None
    state: AccountState | None = None


class SetPassword(Struct, frozen=True, kw_only=True):
    """Replace an account's password hash; its devices but ``keep`` are signed out.

    Attributes:
        proven: The hash of the password that was given for it; it must be the account's still. Empty: none.
    """

    account: AccountId
    password: str
    keep: DeviceId | None = None
    proven: str = ""


class PutDevice(Struct, frozen=True, kw_only=True):
    """Add a device, or note that one was revoked.

    Attributes:
        proven: The hash of the password by which it signs in; it must be the account's still. Empty: by none.
    """

    device: Device
    proven: str = ""


class SeeDevice(Struct, frozen=True, kw_only=True):
    """Note that a device signed in, in milliseconds since 1970; one that was revoked since stays so."""

    device: DeviceId
    at: int


class EraseAccount(Struct, frozen=True, kw_only=True):
    """Mark an account as deleted for good; its content is erased by the store, its devices are signed out.

    Attributes:
        due: Whether only if its grace time is over by then: it may have been taken back since it was listed.
    """

    account: AccountId
    due: bool = False


Deed = CreateAccount | ChangeAccount | SetPassword | PutDevice | SeeDevice | EraseAccount
