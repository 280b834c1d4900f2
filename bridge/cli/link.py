"""``isthmus link``: links between accounts, made and undone for people who cannot do it themselves."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from bridge.cli.options import NO_OPTIONS, Common
from bridge.cli.printing import count, when
from bridge.cli.reach import ask
from bridge.hub import orders

app = App(
    name="link",
    help="Show, make and undo links. The operator vouches for what people prove by password.",
)

NOTHING = "nothing else changes"
"""What a change without effects does."""

DEEDS = (
    "link",
    "ask_link",
    "link_failed",
    "unlink",
    "undo_unlink",
    "upgrade",
    "leave_hybrid",
    "set_link_options",
)
"""What the audit log calls the deeds that concern links."""


@app.command
def show(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Show to what an account is linked, and whether it takes part in chats across networks."""
    one = ask(common.read(), orders.ShowAccount(account=account), common.printer)
    common.printer.data({name: one[name] for name in ("account", "person", "linked_to", "hybrid")})
    linked = ", ".join(one["linked_to"]) or "no other account"
    common.printer.line(f"{one['account']} is linked to {linked}; hybrid messaging: {one['hybrid']}.")


@app.command
def make(account: str, other: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Link two accounts to one person, as if each had been proven by its password.

    Args:
        account: The one from which the link starts, as direct/ana.
        other: The other one, as messenger/ana.
        common: Options of every command.
    """
    done = _act(common, account, "link", proven=other)
    common.printer.data(done)
    common.printer.line(f"{account} and {other} are one person now. Next: isthmus link upgrade {account}")


@app.command
def preview(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Show what an unlink would do, without doing it."""
    _effects(common, f"Unlinking {account} would do this:", _act(common, account, "preview_unlink"))


@app.command
def unlink(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Take an account out of its person; look with ``isthmus link preview`` first."""
    done = _act(common, account, "unlink")
    _effects(common, f"{account} stands alone now:", done)


@app.command
def undo(account: str, other: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Undo an unlink within its 14 days; what was tightened since stays tight.

    Args:
        account: The one that left, as direct/ana.
        other: The one that it was linked to.
        common: Options of every command.
    """
    done = _act(common, account, "undo_unlink", proven=other)
    common.printer.data(done)
    common.printer.line(f"{account} and {other} are one person again.")


@app.command
def upgrade(account: str, /, *, common: Common = NO_OPTIONS) -> None:
    """Take hybrid messaging for an account: chats across networks, in one inbox."""
    _effects(common, f"{account} takes part in chats across networks:", _act(common, account, "upgrade"))


@app.command
def leave(
    account: str, /, *, look: Annotated[bool, Parameter(name="--preview", negative="")] = False,
    common: Common = NO_OPTIONS,
) -> None:  # fmt: skip
    """Leave hybrid messaging for an account; the link stays.

    Args:
        account: As direct/ana, or its id.
        look: Show what it would do, without doing it.
        common: Options of every command.
    """
    op = "preview_leave_hybrid" if look else "leave_hybrid"
    title = "would leave" if look else "leaves"
    _effects(common, f"{account} {title} chats across networks:", _act(common, account, op))


@app.command
def audit(account: str | None = None, /, *, limit: int = 200, common: Common = NO_OPTIONS) -> None:
    """Read what the audit log says of links, newest first.

    Args:
        account: Of which account; of all if absent.
        limit: Look at so many of the newest lines.
        common: Options of every command.
    """
    lines = ask(common.read(), orders.ReadAudit(account=account, limit=limit), common.printer)
    show_audit(common, [line for line in lines if line["deed"] in DEEDS])


def show_audit(common: Common, lines: list[dict[str, Any]]) -> None:
    """Print lines of the audit log."""
    for line in lines:
        common.printer.data(line)
    common.printer.table(
        ("WHEN", "WHO", "DEED", "ACCOUNT", "DETAIL"),
        (
            (
                when(line["at"]),
                line["actor"] or "operator",
                line["deed"],
                line["account"],
                line.get("detail", ""),
            )
            for line in lines
        ),
    )


def _act(common: Common, account: str, op: str, *, proven: str | None = None) -> Any:
    return ask(common.read(), orders.Act(account=account, op=op, proven=proven), common.printer)


def _effects(common: Common, title: str, effects: dict[str, Any]) -> None:
    common.printer.data(effects)
    common.printer.line(title)
    for line in effect_lines(effects):
        common.printer.line(f"  {line}")


def effect_lines(effects: dict[str, Any]) -> list[str]:
    """Say what a change does, or did, in sentences."""
    counted = {
        "threads_closed": ("chat across networks", "read-only from now on"),
        "threads_opened": ("chat across networks", "open again"),
        "groups_left": ("group", "with a member less"),
        "requests_lapsed": ("unanswered request", "at an end"),
        "in_flight": ("message", "on its way, which gets its verdict first"),
    }
    lines = [
        f"{count(effects[name], noun)}: {text}" for name, (noun, text) in counted.items() if effects.get(name)
    ]
    named = {
        "categories_added": "controls that appear: ",
        "categories_removed": "controls that no longer apply: ",
        "reset": "controls set back to requests: ",
    }
    lines += [text + ", ".join(effects[name]) for name, text in named.items() if effects.get(name)]
    if effects.get("leaves_hybrid"):
        lines.append("the account leaves chats across networks")
    if effects.get("undo_until"):
        lines.append(f"can be undone until {when(effects['undo_until'])}")
    return lines or [NOTHING]
