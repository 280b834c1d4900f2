"""``isthmus audit``, ``audit-log``, ``backup`` and ``restore``: proving, reading and copying the database."""

import asyncio
import os
from pathlib import Path
from shlex import quote
from typing import Annotated

import msgspec
from cyclopts import Parameter

from bridge.app import back_up, is_shared, reading, restore_backup
from bridge.cli.exits import FAILED, OK
from bridge.cli.link import show_audit
from bridge.cli.options import NO_OPTIONS, Common
from bridge.cli.printing import Printer, shown
from bridge.cli.reach import ask
from bridge.config import Config
from bridge.errors import SetupError
from bridge.hub import orders
from bridge.store.base import Audited
from bridge.store.unfinished import unfinished


def audit(*, common: Common = NO_OPTIONS) -> int:
    """Prove every chain, digest, position and count of the database; exit with 1 if anything contradicts.

    A hub may run meanwhile.
    """
    found = asyncio.run(_audit(common.read(), common.printer))
    for problem in found.problems:
        common.printer.line(f"PROBLEM  {problem.kind}  {problem.where}: {problem.text}")
    common.printer.data(msgspec.to_builtins(found))
    common.printer.line(
        f"Proved {found.threads:,} threads with {found.messages:,} messages, and {found.journals:,} journals "
        f"with {found.entries:,} entries: {len(found.problems) or 'no'} problems."
    )
    return FAILED if found.problems else OK


async def _audit(config: Config, printer: Printer) -> Audited:
    async with reading(config) as store:
        return await store.audit(printer.progress)


def audit_log(account: str | None = None, /, *, limit: int = 50, common: Common = NO_OPTIONS) -> None:
    """Read the newest lines of the audit log.

    Args:
        account: Of which account; of all if absent.
        limit: At most so many lines.
        common: Options of every command.
    """
    show_audit(common, ask(common.read(), orders.ReadAudit(account=account, limit=limit), common.printer))


def backup(to: Path, /, *, common: Common = NO_OPTIONS) -> None:
    """Write a consistent copy of the database, and of its keys, while the hub runs or not.

    Args:
        to: The copy's file; nothing may be there. Its keys are put beside it, as FILE.keys: keep them secret.
        common: Options of every command.
    """
    config = common.read()
    keys = config.store.keys or Path(f"{config.store.path}.keys")
    secret = _secret_for(Path(f"{to}.keys"), keys)
    asyncio.run(back_up(config, to, common.printer.progress))
    has_keys, size = secret is not None, to.stat().st_size
    if secret is not None:
        _put(secret, Path(f"{to}.keys"))
    common.printer.data({"backup": str(to), "bytes": size, "has_keys": has_keys})
    how = "and its keys" if has_keys else f"without its keys, as {keys} is not there; it is of little use so"
    common.printer.line(f"Wrote {to} ({size:,} bytes) {how}. Restore it with: isthmus restore {to} --db NEW")


def restore(backup: Annotated[Path, Parameter(name="BACKUP")], /, *, common: Common = NO_OPTIONS) -> None:
    """Make a database of a backup, where there is none; clients start anew from it.

    Args:
        backup: The copy that ``isthmus backup`` wrote.
        common: Options of every command; --db names the new database.
    """
    config = common.read()
    if not config.store.path:
        raise SetupError("Name the new database with --db.")
    to, keys = shown(config.store.path), Path(f"{backup}.keys")
    own_place = config.store.keys is None and not is_shared(config)  # those of another place stay there
    secret = _secret_for(Path(f"{to}.keys"), keys) if own_place else None
    asyncio.run(restore_backup(config, backup, common.printer.progress))
    if secret is not None:
        _put(secret, Path(f"{to}.keys"))
    elif keys.is_file() and config.store.keys is None:
        common.printer.line(f"Its hubs need the keys of before: --set store.keys={keys}")
    elif config.store.keys is None:
        common.printer.line(
            f"It is restored without its keys, as {keys} is not there: a hub will ask for them."
        )
    common.printer.data({"database": to})
    common.printer.line(f"Restored {to}. Prove it with: isthmus audit --db {quote(to)}")


def _secret_for(to: Path, source: Path) -> bytes | None:
    """Read secrets that are to be copied, if there are any, and see that they take the place of no others.

    Raises:
        SetupError: If they cannot be read, or there are others.
    """
    if not source.is_file():
        return None
    try:
        secret = source.read_bytes()
        if os.path.lexists(to) and to.read_bytes() != secret:
            raise SetupError(f"{to} is there and holds other secrets; move it away, or name another place.")
    except OSError as wrong:
        raise SetupError(f"The keys in {wrong.filename} can't be read: {wrong.strerror}.") from wrong
    return secret


def _put(secret: bytes, to: Path) -> None:
    """Write a file that only its owner may read, whole or not at all, unless it is there."""
    if not to.exists():
        with unfinished(to) as part:
            part.write_bytes(secret)
