"""``isthmus account``: what an operator does to accounts."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from bridge.cli.options import NO_OPTIONS, Common, new_password
from bridge.cli.printing import when
from bridge.cli.reach import ask
from bridge.errors import Invalid
from bridge.hub import orders
from bridge.ids import DeviceId
from bridge.wire.values import Network

app = App(
    name="account",
    help="Make, show, change and erase accounts. An account is named direct/ana, or by its id.",
)

Yes = Annotated[bool, Parameter(negative="")]
PasswordFile = Annotated[Path | None, Parameter(allow_leading_hyphen=True)]


@app.command
def create(
    account: str,
    /,
    *,
    name: str = "",
    password_file: PasswordFile = None,
    generate: Yes = False,
    no_password: Yes = False,
    region: str = "",
    phone: str | None = None,
    private: Yes = False,
    professional: Yes = False,
    minor: Yes = False,
    common: Common = NO_OPTIONS,
) -> None:
    """Make an account.

    Args:
        account: As direct/ana or messenger/ben.
        name: The name that people see; the handle if absent.
        password_file: A file that holds the password; - for stdin. Else it is asked for.
        generate: Make a password up and print it once.
        no_password: Nobody can sign in until one is set.
        region: For the roll-out of the upgrade.
        phone: A verified number, as +491701234567; only a keyed hash is kept.
        private: Follows need approval.
        professional: It speaks for a business.
        minor: The age floor protects it.
        common: Options of every command.
    """
    network, slash, handle = account.partition("/")
    if not slash or network not in tuple(Network) or not handle:
        raise Invalid(f"Name the account as direct/ana or messenger/ben, not {account!r}.", path="$.account")
    password, show = (None, False) if no_password else new_password(password_file, generate=generate)
    order = orders.CreateAccount(
        network=Network(network),
        handle=handle,
        name=name or handle,
        password=password,
        region=region,
        phone=phone,
        private=private,
        professional=professional,
        minor=minor,
    )
    made = ask(common.read(), order, common.printer, absent="made")
    common.printer.data({**made, **({"password": password} if show else {})})
    common.printer.line(f"Made {made['account']} ({made['name']}), id {made['id']}.")
    if show:
        common.printer.line(f"Password, shown once: {password}")
    if not made["can_sign_in"]:
        common.printer.line(f"Nobody can sign in yet: isthmus account passwd {made['account']}")


@app.command(name="list")
def list_(*, common: Common = NO_OPTIONS) -> None:
    """List all accounts."""
    config, after, found = common.read(), None, []
    while True:
        page = ask(config, orders.ListAccounts(after=after), common.printer)
        found += page["accounts"]
        after = page.get("next")
        if after is None:
            break
    for one in found:
        common.printer.data(one)
    common.printer.table(
        ("ACCOUNT", "NAME", "STATE", "LINKED TO", "HYBRID", "SIGNS IN", "ID"),
        (
            (
                one["account"],
                one["name"],
                "archive only" if one["placeholder"] else one["state"],
                one["linked_to"],
                one["hybrid"],
                one["can_sign_in"],
                one["id"],
            )
            for one in found
        ),
    )


@app.command
def show(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Show what is known of an account."""
    _show(common, ask(common.read(), orders.ShowAccount(account=account), common.printer))


@app.command(name="set")
def set_(
    account: str,
    /,
    *,
    name: str | None = None,
    handle: str | None = None,
    private: bool | None = None,
    region: str | None = None,
    phone: str | None = None,
    professional: bool | None = None,
    minor: bool | None = None,
    suspected: bool | None = None,
    common: Common = NO_OPTIONS,
) -> None:
    """Change an account; what is not named stays.

    Args:
        account: As direct/ana, or its id.
        name: The name that people see.
        handle: Its unique name on its network; the id never changes.
        private: Whether follows need approval.
        region: For the roll-out of the upgrade.
        phone: A verified number, as +491701234567.
        professional: Whether it speaks for a business.
        minor: Whether the age floor protects it.
        suspected: Whether the spam score is against it: its requests become hidden.
        common: Options of every command.
    """
    order = orders.ChangeAccount(
        account=account,
        name=name,
        handle=handle,
        private=private,
        region=region,
        phone=phone,
        professional=professional,
        minor=minor,
        suspected=suspected,
    )
    if order == orders.ChangeAccount(account=account):
        raise Invalid("Say what to change. See: isthmus account set --help")
    _show(common, ask(common.read(), order, common.printer))


@app.command
def passwd(
    account: str,
    /,
    *,
    password_file: PasswordFile = None,
    generate: Yes = False,
    common: Common = NO_OPTIONS,
) -> None:
    """Set an account's password; all its devices are signed out.

    Args:
        account: As direct/ana, or its id.
        password_file: A file that holds the password; - for stdin. Else it is asked for.
        generate: Make one up and print it once.
        common: Options of every command.
    """
    password, show = new_password(password_file, generate=generate)
    done = ask(common.read(), orders.SetPassword(account=account, password=password), common.printer)
    common.printer.data({**done, **({"password": password} if show else {})})
    common.printer.line(f"The password of {account} is set; {done['signed_out']} devices were signed out.")
    if show:
        common.printer.line(f"Password, shown once: {password}")


@app.command
def deactivate(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Make an account unreachable, until it is activated again."""
    _show(common, ask(common.read(), orders.ChangeAccount(account=account, active=False), common.printer))


@app.command
def activate(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Make an account reachable again."""
    _show(common, ask(common.read(), orders.ChangeAccount(account=account, active=True), common.printer))


@app.command
def delete(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Delete an account: unreachable now, erased after the grace time; export comes first."""
    done = ask(common.read(), orders.DeleteAccount(account=account), common.printer)
    common.printer.data(done)
    common.printer.line(
        f"{done['account']} is deleted. It is erased on {when(done['erase_at'])}; until then: "
        f"isthmus account restore {done['account']}"
    )


@app.command
def restore(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Take back a deletion within the grace time."""
    _show(common, ask(common.read(), orders.RestoreAccount(account=account), common.printer))


@app.command
def erase(account: str, /, *, yes: Yes = False, common: Common = NO_OPTIONS) -> None:
    """Erase an account and all it said, now and for good; others keep that something was said.

    Args:
        account: As direct/ana, or its id.
        yes: Say that this is meant.
        common: Options of every command.
    """
    if not yes:
        raise Invalid(f"This cannot be undone. If it is meant: isthmus account erase {account} --yes")
    done = ask(common.read(), orders.EraseAccount(account=account), common.printer)
    common.printer.data(done)
    common.printer.line(f"Erased {account}: {done['messages_erased']} messages.")


@app.command
def sessions(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """List the devices that are signed in to an account."""
    show_devices(common, ask(common.read(), orders.ListDevices(account=account), common.printer))


@app.command
def sign_out(account: str, device: str | None = None, /, *, common: Common = NO_OPTIONS) -> None:
    """Sign one device of an account out, or all of them; their sockets are closed.

    Args:
        account: As direct/ana, or its id.
        device: A device's id, from ``isthmus account sessions``; all if absent.
        common: Options of every command.
    """
    done = ask(common.read(), orders.SignOut(account=account, device=_device(device)), common.printer)
    common.printer.data(done)
    common.printer.line(f"Signed out: {done['signed_out']} devices of {account}.")


def _device(name: str | None) -> DeviceId | None:
    return None if name is None else DeviceId(name)


def show_devices(common: Common, devices: list[dict[str, Any]]) -> None:
    """Print a list of devices."""
    for device in devices:
        common.printer.data(device)
    common.printer.table(
        ("DEVICE", "NAME", "SINCE", "SEEN"),
        ((one["device"], one["name"], when(one["created_at"]), when(one["seen_at"])) for one in devices),
    )


def _show(common: Common, one: dict[str, Any]) -> None:
    common.printer.data(one)
    rows = [
        (name.replace("_", " "), when(value) if name == "erase_at" else value) for name, value in one.items()
    ]
    common.printer.table(("FIELD", "VALUE"), rows)
