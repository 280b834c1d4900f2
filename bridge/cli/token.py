"""``isthmus token``: devices' tokens, for programs that sign in without a password."""

from cyclopts import App

from bridge.cli.account import show_devices
from bridge.cli.options import NO_OPTIONS, Common
from bridge.cli.reach import ask
from bridge.hub import orders
from bridge.ids import DeviceId

app = App(name="token", help="Mint, list and revoke devices' tokens.")


@app.command
def mint(account: str, /, *, name: str = "minted by the operator", common: Common = NO_OPTIONS) -> None:
    """Make a device for an account and print its token, once.

    Args:
        account: As direct/ana, or its id.
        name: How the list of devices calls it.
        common: Options of every command.
    """
    done = ask(common.read(), orders.MintToken(account=account, name=name), common.printer)
    common.printer.data(done)
    common.printer.line(done["token"])


@app.command(name="list")
def list_(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """List an account's devices; their tokens are kept nowhere."""
    show_devices(common, ask(common.read(), orders.ListDevices(account=account), common.printer))


@app.command
def revoke(account: str, device: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Revoke a device's token.

    Args:
        account: As direct/ana, or its id.
        device: The device's id, from ``isthmus token list``.
        common: Options of every command.
    """
    done = ask(common.read(), orders.SignOut(account=account, device=DeviceId(device)), common.printer)
    common.printer.data(done)
    common.printer.line(f"Revoked {device} of {account}.")
