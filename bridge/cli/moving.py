"""``isthmus move`` and ``migrate``: from SQLite to PostgreSQL, and from a schema to the next."""

import asyncio
from pathlib import Path

import msgspec

from bridge.app import is_shared, must_be_there, open_store
from bridge.cli.exits import FAILED, OK
from bridge.cli.options import NO_OPTIONS, Common
from bridge.cli.printing import Printer, shown
from bridge.config import Config
from bridge.errors import SetupError
from bridge.hub.keys import settle_keys
from bridge.store.base import Audited
from bridge.store.move import Fillable, move
from bridge.store.sqlite.ownership import Ownership
from bridge.store.sqlite.walk import SqliteFile


def move_in(source: Path, /, *, common: Common = NO_OPTIONS) -> int:
    """Carry a SQLite database over into an empty PostgreSQL one; no id, cursor or token is lost.

    Stop its hub first.

    Args:
        source: The SQLite database, which stays as it is.
        common: Options of every command; --db names the database to fill, as postgresql://user@host/database.
    """
    config = common.read()
    if not is_shared(config):
        raise SetupError("Name the database to move to with --db postgresql://user@host/database.")
    if not source.is_file():
        raise SetupError(f"There is no database at {source}.")
    found = asyncio.run(_move(config, source, common.printer))
    for problem in found.problems:
        common.printer.line(f"PROBLEM  {problem.kind}  {problem.where}: {problem.text}")
    common.printer.data(msgspec.to_builtins(found))
    common.printer.line(
        f"Moved {found.threads:,} threads with {found.messages:,} messages, and {found.journals:,} journals "
        f"with {found.entries:,} entries: {len(found.problems) or 'no'} problems. "
        f"Start its hubs with the same keys: --set store.keys={config.store.keys or f'{source}.keys'}"
    )
    return FAILED if found.problems else OK


async def _move(config: Config, source: Path, printer: Printer) -> Audited:
    ownership = Ownership(source)  # nobody may write what would stay behind
    try:
        store = await open_store(config)
        try:
            assert isinstance(store, Fillable), "a shared store can be filled"
            return await move(SqliteFile(source), store, printer.progress)
        finally:
            await store.close()
    finally:
        ownership.release()


def migrate(*, new_keys: bool = False, common: Common = NO_OPTIONS) -> None:
    """Bring a database's schema up to date, which each hub does when it starts; a newer one is left alone.

    Args:
        new_keys: Have the secrets of store.keys used from now on, where those of before are lost.
        common: Options of every command; --db names the database.
    """
    config = common.read()
    must_be_there(config)
    asyncio.run(_migrate(config, new_keys=new_keys))
    common.printer.data({"database": shown(config.store.path)})
    common.printer.line("The database is up to date.")


async def _migrate(config: Config, *, new_keys: bool) -> None:
    store = await open_store(config)
    try:
        if new_keys:
            await settle_keys(config, store, anew=True)
    finally:
        await store.close()
