"""How an order gets to the one who owns the database: the running hub, or else this very process."""

import asyncio
import os
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from bridge.app import is_shared, offline_operator
from bridge.cli.printing import Printer
from bridge.config import Config
from bridge.errors import BridgeError, Invalid, SetupError, Unavailable, all_errors
from bridge.hub.admin import Orders, orders_to, read_order
from bridge.hub.operator import only_reads
from bridge.hub.orders import AnyOrder, ReadStatus

NO_HUB: Final = "No hub answers on this database. Start one with: isthmus serve"
ONE_BY_ONE: Final = "Hubs on PostgreSQL are asked one by one: GET /readyz, /metrics at each."

STATUS_S: Final = 5.0
"""A hub that has not said within so many seconds how it does, does not do well."""

Absent = Literal["missed", "made", "imagined"]


def ask(config: Config, order: AnyOrder, printer: Printer, *, absent: Absent = "missed") -> Any:
    """Have an order done; give its answer as plain data.

    Args:
        config: All settings; the store's path says which hub.
        order: What to do.
        printer: Shows how far a long order has come.
        absent: What becomes of a database that is not there; ``imagined`` is for a look.

    Raises:
        BridgeError: If it was refused.
    """
    return asyncio.run(_ask(config, order, printer, absent))


async def _ask(config: Config, order: AnyOrder, printer: Printer, absent: Absent) -> Any:
    path = config.store.path
    if not path:
        raise SetupError("A database in memory has no operator: name a file with --db.")
    try:
        written = msgspec.json.encode(order)
    except UnicodeEncodeError:
        raise Invalid("What this command names is no UTF-8 text; give it another name.") from None
    async with orders_to(path) as hub:
        if hub is not None:
            try:
                async with asyncio.timeout(STATUS_S if isinstance(order, ReadStatus) else None):
                    return await _answer(hub, order, printer)
            except TimeoutError:
                raise Unavailable(
                    f"The hub has not answered for {STATUS_S:g} s; its log may say why."
                ) from None
            except asyncio.CancelledError:  # by Ctrl-C
                printer.error("interrupted", "Nobody waits any more; the hub does it all the same.")
                raise
    if not is_shared(config) and not os.path.isfile(path):  # noqa: ASYNC240 -- nothing else runs here
        if absent == "missed":
            hint = "Name it with --db, or begin with: isthmus account create"
            raise SetupError(f"There is no database at {path}. {hint}")
        if absent == "imagined":
            config = replace(config, store=replace(config.store, path=""))
    if isinstance(order, ReadStatus):
        raise Unavailable(ONE_BY_ONE if is_shared(config) else NO_HUB)
    checked = read_order(written)
    async with offline_operator(config, read_only=only_reads(checked)) as operator:
        return msgspec.to_builtins(await operator.do(checked, printer.progress), enc_hook=str)


async def _answer(hub: Orders, order: AnyOrder, printer: Printer) -> Any:
    async for said in hub.ask(order):
        if "progress" in said:
            printer.progress(*said["progress"])
        elif "error" in said:
            raise _refusal(**said["error"])
        else:
            return said["ok"]
    raise Unavailable


def _refusal(code: str, text: str, path: str | None, temporary: bool) -> BridgeError:
    """Raise here what was raised in the hub."""
    kind = next((kind for kind in all_errors() if kind.code == code), None)
    if kind is not None and kind.__init__ is BridgeError.__init__:
        return kind(text, path=path)
    refusal = BridgeError(text, path=path)
    refusal.code, refusal.temporary = code, temporary
    return refusal
