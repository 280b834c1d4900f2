"""``isthmus controls``: who may write to an account, and why."""

from typing import Any

from cyclopts import App

from bridge.cli.link import effect_lines
from bridge.cli.options import NO_OPTIONS, Common
from bridge.cli.reach import ask
from bridge.errors import Invalid
from bridge.hub import orders

app = App(name="controls", help="Show, set, preview and explain message controls.")


@app.command
def show(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Show an account's message controls, most specific category first."""
    _show(common, _act(common, account, "get_controls"))


@app.command(name="set")
def set_(
    account: str,
    /,
    *changes: str,
    keep_connected: bool | None = None,
    if_version: int | None = None,
    common: Common = NO_OPTIONS,
) -> None:
    """Change an account's message controls; what is not named stays.

    Args:
        account: As direct/ana, or its id.
        changes: As others_on_messenger=none; the outcomes are inbox, requests and none.
        keep_connected: Whether a none for the other network refuses strangers only.
        if_version: Change it only if the controls have this version; else the present one is taken.
        common: Options of every command.
    """
    arguments = _changes(changes, keep_connected)
    if if_version is None:
        if_version = _act(common, account, "get_controls")["version"]
    done = _act(common, account, "set_controls", {**arguments, "if_version": if_version})
    common.printer.data(done)
    common.printer.line(f"The controls of {account} have version {done['version']} now:")
    for line in effect_lines(done["effects"]):
        common.printer.line(f"  {line}")


@app.command
def preview(
    account: str, /, *changes: str, keep_connected: bool | None = None, common: Common = NO_OPTIONS
) -> None:
    """Show what a change would do, and how the last 30 days' messages would have fallen.

    Args:
        account: As direct/ana, or its id.
        changes: As others_on_messenger=none.
        keep_connected: Whether a none for the other network refuses strangers only.
        common: Options of every command.
    """
    done = _act(common, account, "preview_controls", _changes(changes, keep_connected))
    common.printer.data(done)
    common.printer.line("It would do this:")
    for line in effect_lines(done["effects"]):
        common.printer.line(f"  {line}")
    for moved in done["moved"]:
        common.printer.line(
            f"  {moved['messages']} of {moved['category']}: {moved['would_be']} instead of {moved['was']}"
        )


@app.command
def explain(account: str, sender: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Tell where a sender's next message would land, with every fact; looking is audited.

    Args:
        account: The receiver, as direct/ana.
        sender: The sender, as messenger/ben.
        common: Options of every command.
    """
    found = ask(common.read(), orders.Explain(account=account, sender=sender), common.printer)
    common.printer.data(found)
    common.printer.line(f"A message of {sender} to {account} lands in: {found['outcome']}")
    common.printer.line(f"  rule: {found['rule']}")
    if found["facts"]:
        common.printer.line(f"  facts: {', '.join(found['facts'])}")
    if found["category"]:  # else no control had a say
        common.printer.line(
            f"  category: {found['category']}, in version {found['controls_version']} of the controls"
        )


def _changes(changes: tuple[str, ...], keep_connected: bool | None) -> dict[str, Any]:
    controls = {}
    for change in changes:
        category, equals, outcome = change.partition("=")
        if not equals:
            raise Invalid(f"Write a change as others_on_messenger=none, not {change!r}.", path="$.controls")
        controls[category] = outcome
    if not controls and keep_connected is None:
        raise Invalid("Say what to change, as others_on_messenger=none.", path="$.controls")
    kept = {} if keep_connected is None else {"keep_connected": keep_connected}
    return {"controls": controls, **kept}


def _show(common: Common, found: dict[str, Any]) -> None:
    common.printer.data(found)
    common.printer.table(
        ("CATEGORY", "NOW", "MAY BE", "APPLIES"),
        (
            (one["category"], one["outcome"], one["options"], one.get("available", True))
            for one in found["controls"]
        ),
    )
    kept = "yes" if found.get("keep_connected") else "no"
    common.printer.line(f"Version {found['version']}; keeps accepted chats across networks: {kept}.")


def _act(common: Common, account: str, op: str, arguments: dict[str, Any] | None = None) -> Any:
    return ask(common.read(), orders.Act(account=account, op=op, arguments=arguments or {}), common.printer)
