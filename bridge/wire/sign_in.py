"""Session calls: what concerns the sign-in itself, answered by the session."""

from typing import Annotated

from msgspec import Meta, field

from bridge.wire import replies
from bridge.wire.operation import Operation
from bridge.wire.values import (
    AccountRef,
    Cursor,
    DeviceName,
    DeviceRef,
    DisplayName,
    Handle,
    Network,
    Password,
    Secret,
)


class SignIn(Operation, frozen=True, kw_only=True):
    """Sign a device in: with its token, or with a password, which makes a new device.

    Attributes:
        token: A device's token, or
        network: where the account lives,
        handle: its handle,
        password: its password and
        device: how the list of devices should call this one.
        cursors: The newest cursor of each journal that the client has events of.
    """

    op = "sign_in"
    reply = replies.SignedIn

    token: Secret | None = None
    network: Network | None = None
    handle: Handle | None = None
    password: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    device: DeviceName = "unnamed device"
    cursors: Annotated[tuple[Cursor, ...], Meta(max_length=16)] = ()


class Register(Operation, frozen=True, kw_only=True):
    """Make an account and sign in to it, where the operator lets people do so."""

    op = "register"
    reply = replies.SignedIn

    network: Network
    handle: Handle
    name: DisplayName
    password: Password
    device: DeviceName = "unnamed device"


class SignOut(Operation, frozen=True, kw_only=True):
    """Revoke this device's token; the socket is closed."""

    op = "sign_out"
    reply = replies.Done


class ListDevices(Operation, frozen=True, kw_only=True):
    """List the devices that are signed in to the person's accounts."""

    op = "list_devices"
    reply = replies.Devices


class RevokeDevice(Operation, frozen=True, kw_only=True):
    """Sign a device out, wherever it is; its sockets are closed within a second."""

    op = "revoke_device"
    reply = replies.Done

    device: DeviceRef


class ChangePassword(Operation, frozen=True, kw_only=True):
    """Replace an own account's password; its other devices are signed out."""

    op = "change_password"
    reply = replies.Done

    as_: AccountRef = field(name="as")
    old: Annotated[str, Meta(min_length=1, max_length=200)]
    new: Password


SessionCall = SignIn | Register | SignOut | ListDevices | RevokeDevice | ChangePassword
