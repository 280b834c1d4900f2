"""The command line: one module a topic, loaded when its command is used, so that help comes at once."""

import difflib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from cyclopts import App, CycloptsError

from bridge import __version__
from bridge.cli.exits import FAILED, INTERRUPTED, NO_ROOM, OK, TRY_AGAIN, USAGE, exit_code
from bridge.cli.printing import Printer
from bridge.errors import BridgeError, Invalid

TOPICS: Final = {
    "serve": ("serve:serve", "Run the hub."),
    "demo": ("demo:demo", "See two networks talk: import archives, serve, and play a conversation."),
    "chat": ("chat:chat", "Join a hub from this terminal."),
    "account": ("account:app", "Make, show, change and erase accounts."),
    "token": ("token:app", "Mint, list and revoke devices' tokens."),
    "link": ("link:app", "Show, make and undo links between accounts."),
    "controls": ("controls:app", "Show, set, preview and explain message controls."),
    "import": ("archives:bring_in", "Import official archives."),
    "export": ("archives:take_out", "Write a person's data as official archives."),
    "audit": ("upkeep:audit", "Prove every chain and position of the database."),
    "audit-log": ("upkeep:audit_log", "Read the newest lines of the audit log."),
    "backup": ("upkeep:backup", "Copy the database while the hub runs."),
    "restore": ("upkeep:restore", "Restore a backup into an empty place."),
    "move": ("moving:move_in", "Carry a SQLite database over into PostgreSQL."),
    "migrate": ("moving:migrate", "Bring a database's schema up to date."),
    "config": ("config:app", "Write, check and show the settings."),
    "top": ("watch:top", "Watch a running hub."),
    "check": ("watch:check", "Probe a hub's health, for monitors."),
    "bench": ("bench:bench", "Run the benchmarks, in a clone of the project."),
    "version": ("version:version", "Tell the version."),
}
"""Every command: where it is, and what it is for."""


def new_app() -> App:
    """Put the command line together; nothing of a command is loaded before it is used."""
    app = App(
        name="isthmus",
        help="One road for messages between accounts of two networks.",
        version=__version__,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        help_formatter="default" if sys.stdout.isatty() else "plain",
    )
    for name, (place, meaning) in TOPICS.items():
        app.command(f"bridge.cli.{place}", name=name, help=meaning)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code.

    Mistakes and refusals are told in a sentence, with ``--json`` as data; never as a traceback.
    """
    printer = Printer(json="--json" in arguments)
    app = new_app()
    try:
        if not arguments:
            app.help_print([])
            return USAGE
        if arguments[0] not in TOPICS and not arguments[0].startswith("-"):
            near = difflib.get_close_matches(arguments[0], TOPICS, n=1)
            hint = f"Did you mean {near[0]}?" if near else "See: isthmus --help"
            raise Invalid(f"There is no command {arguments[0]!r}. {hint}")
        code = app(arguments, exit_on_error=False, print_error=False, help_on_error=False)
        sys.stdout.flush()
    except CycloptsError as wrong:
        _tell(printer, "usage", f"{str(wrong).strip()} See: isthmus {_topic(arguments)}--help")
        return USAGE
    except BridgeError as refused:
        _tell(printer, refused.code, refused.text, refused.path)
        return exit_code(refused)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _silence()  # whoever read us has gone
        return OK
    except OSError as wrong:
        full = wrong.errno in NO_ROOM
        hint = " Make room, then try again." if full else ""
        _tell(printer, "failed", f"The system says: {wrong}.{hint}")
        return TRY_AGAIN if full else FAILED
    return code if isinstance(code, int) else OK


def _tell(printer: Printer, code: str, text: str, path: str | None = None) -> None:
    """Tell what went wrong, on stderr if the output itself fails; if that does too, the exit code tells."""
    for one in (printer, Printer(json=False)):
        with suppress(OSError):
            one.error(code, text, path)
            break
    _silence()


def _silence() -> None:
    """Write no more, if what was written does not get through; the exit would try once more, and fail."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _topic(arguments: Sequence[str]) -> str:
    return f"{arguments[0]} " if arguments[0] in TOPICS else ""
