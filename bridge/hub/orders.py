"""What an operator may ask of a hub: one type per order, sent by the command line as a line of JSON.

An order names accounts as people do, ``direct/ana``, or by their ids. Orders are
not part of the wire: they reach a hub over its admin socket only.
"""

from typing import Annotated, Any, Final

from msgspec import Meta, Struct, field

from bridge.wire.values import (
    AccountRef,
    AccountState,
    DeviceName,
    DeviceRef,
    DisplayName,
    Handle,
    Hybrid,
    Network,
    Password,
    Phone,
)

Name = Annotated[str, Meta(min_length=1, max_length=200)]  # ``network/handle`` or an id
Limit = Annotated[int, Meta(ge=1, le=1_000)]
Region = Annotated[str, Meta(max_length=64, pattern=r"^[!-~]*(?![\s\S])")]

MAX_LINE: Final = 1 << 20
"""The longest line of the admin socket, in bytes."""

VERSION: Final = 1
"""The version of these orders; a hub takes no other."""


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """The base of all orders."""


class CreateAccount(Order, frozen=True, kw_only=True, tag="create_account"):
    """Make an account; without a password nobody can sign in to it yet."""

    network: Network
    handle: Handle
    name: DisplayName
    password: Password | None = None
    region: Region = ""
    phone: Phone | None = None
    private: bool = False
    professional: bool = False
    minor: bool = False


class ListAccounts(Order, frozen=True, kw_only=True, tag="list_accounts"):
    """List accounts by id, from after one."""

    after: AccountRef | None = None
    limit: Limit = 500


class ShowAccount(Order, frozen=True, kw_only=True, tag="show_account"):
    """Show what is known of one account."""

    account: Name


class ChangeAccount(Order, frozen=True, kw_only=True, tag="change_account"):
    """Change what only the operator may, and the name; absent fields stay."""

    account: Name
    name: DisplayName | None = None
    handle: Handle | None = None
    private: bool | None = None
    region: Region | None = None
    phone: Phone | None = None
    professional: bool | None = None
    minor: bool | None = None
    suspected: bool | None = None
    active: bool | None = None


class SetPassword(Order, frozen=True, kw_only=True, tag="set_password"):
    """Replace an account's password; all its devices are signed out."""

    account: Name
    password: Password


class DeleteAccount(Order, frozen=True, kw_only=True, tag="delete_account"):
    """Make an account unreachable now and erase it after the grace time."""

    account: Name


class RestoreAccount(Order, frozen=True, kw_only=True, tag="restore_account"):
    """Take a deletion back in time."""

    account: Name


class EraseAccount(Order, frozen=True, kw_only=True, tag="erase_account"):
    """Erase an account and its content now, for good."""

    account: Name


class ListDevices(Order, frozen=True, kw_only=True, tag="list_devices"):
    """List the devices signed in to an account."""

    account: Name


class SignOut(Order, frozen=True, kw_only=True, tag="sign_out"):
    """Sign one device of an account out, or all of them."""

    account: Name
    device: DeviceRef | None = None


class MintToken(Order, frozen=True, kw_only=True, tag="mint_token"):
    """Make a device for an account; the answer holds its token, which is kept nowhere."""

    account: Name
    name: DeviceName


class Act(Order, frozen=True, kw_only=True, tag="act"):
    """Do one of a person's own operations for an account; audited as the operator's.

    Attributes:
        account: For whom.
        op: The operation's name on the wire; those of ``operator.ACTS`` may be done, or asked.
        arguments: Its fields without ``as`` and ``password``.
        proven: Another account whose consent the operator vouches for, as for a link.
    """

    account: Name
    op: Annotated[str, Meta(max_length=32)]
    arguments: dict[str, Any] = field(default_factory=dict)
    proven: Name | None = None


class Explain(Order, frozen=True, kw_only=True, tag="explain"):
    """Tell where a message would land and why, with every fact; looking is audited."""

    account: Name
    sender: Name


class ReadAudit(Order, frozen=True, kw_only=True, tag="read_audit"):
    """Read the newest lines of the audit log."""

    account: Name | None = None
    limit: Limit = 50


class ReadStatus(Order, frozen=True, kw_only=True, tag="read_status"):
    """Read the hub's counters."""


class Import(Order, frozen=True, kw_only=True, tag="import"):
    """Import one person's archive of one network; the hub reads the files itself.

    Attributes:
        paths: The archive's parts: ZIPs or folders, by absolute path.
        owner: Whose it is, as ``network/handle``; empty: what the archive tells.
        owner_name: The owner's name in its threads, for an archive that does not tell.
        region: The region of an account that is made.
        maps: Who is whom: a name in the archive, or a thread's path, to ``network/handle``.
        trust_links: Whether a link that only one of two accounts names is made all the same.
        dry_run: Whether to read and report only.
    """

    paths: Annotated[tuple[str, ...], Meta(min_length=1, max_length=1_000)]
    owner: Annotated[str, Meta(max_length=200)] = ""
    owner_name: Annotated[str, Meta(max_length=200)] = ""
    region: Region = ""
    maps: dict[str, str] = field(default_factory=dict)
    trust_links: bool = False
    dry_run: bool = False


AnyOrder = (
    CreateAccount
    | ListAccounts
    | ShowAccount
    | ChangeAccount
    | SetPassword
    | DeleteAccount
    | RestoreAccount
    | EraseAccount
    | ListDevices
    | SignOut
    | MintToken
    | Act
    | Explain
    | ReadAudit
    | ReadStatus
    | Import
)


# --- answers


class AccountSheet(Struct, frozen=True, kw_only=True):
    """What an operator sees of an account. Times in milliseconds since 1970.

    Attributes:
        id: The account.
        account: As people name it: ``network/handle``.
        name: For display.
        person: Whose it is.
        linked_to: The person's other accounts, as people name them.
        hybrid: Whether it takes part in chats across networks.
        state: Whether it can be reached.
        can_sign_in: Whether it has a password.
        private: Whether follows need approval.
        region: For the roll-out of the upgrade.
        professional: Whether it speaks for a business.
        minor: Whether the age floor protects it.
        suspected: Whether the spam score is against it.
        has_phone: Whether it has a verified number.
        placeholder: Whether only archives speak of it.
        erase_at: When it is erased; 0: never.
        online: Whether anybody is signed in right now; absent while no hub runs.
    """

    id: str
    account: str
    name: str
    person: str
    linked_to: tuple[str, ...]
    hybrid: Hybrid
    state: AccountState
    can_sign_in: bool
    private: bool
    region: str
    professional: bool
    minor: bool
    suspected: bool
    has_phone: bool
    placeholder: bool
    erase_at: int
    online: bool | None = None


class AccountPage(Struct, frozen=True, kw_only=True):
    """A page of accounts; ``next`` continues it."""

    accounts: tuple[AccountSheet, ...]
    next: str | None = None


class Minted(Struct, frozen=True, kw_only=True):
    """A new device and its token: shown once."""

    device: str
    token: str


class Explanation(Struct, frozen=True, kw_only=True):
    """A decision, whole."""

    outcome: str
    rule: str
    category: str
    facts: tuple[str, ...]
    controls_version: int


class Status(Struct, frozen=True, kw_only=True):
    """How a hub does.

    Attributes:
        version: The product's version.
        process: The hub's process id.
        url: Where clients connect.
        up_s: For how many seconds it has run.
        metrics: Every metric by name; one with labels is an object by label.
    """

    version: str
    process: int
    url: str
    up_s: float
    metrics: dict[str, Any]
