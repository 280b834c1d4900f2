"""``isthmus import`` and ``isthmus export``: official archives, in and out."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from bridge.app import reading
from bridge.cli.options import NO_OPTIONS, Common
from bridge.cli.printing import Printer, count
from bridge.cli.reach import ask
from bridge.config import Config
from bridge.errors import Invalid, NotFound
from bridge.hub import orders
from bridge.ids import AccountId
from bridge.store.base import Store

_COUNTS = {
    "threads": ("chat", "chats"),
    "groups": ("group", "groups"),
    "messages": ("message in the archive", "messages in the archive"),
    "added": ("of them new here", "of them new here"),
    "placeholders": ("person of whom only archives speak", "people of whom only archives speak"),
    "follows": ("follow", "follows"),
    "blocks": ("block", "blocks"),
    "restricts": ("restriction", "restrictions"),
    "confirmed": ("friendship that both sides tell", "friendships that both sides tell"),
    "claimed": ("tie that nobody else confirms yet", "ties that nobody else confirms yet"),
}
_ALWAYS = ("messages", "added")
_LEFT_OUT = {
    "broken_files": "files that cannot be read",
    "skipped_rows": "rows that cannot be read",
    "repeated": "files of which another version was read: are these parts of one download?",
}
_NAMED = 5


def bring_in(
    *paths: Path,
    owner: Annotated[str, Parameter(name=["--as", "--owner"])] = "",
    owner_name: str = "",
    region: str = "",
    maps: Annotated[tuple[str, ...], Parameter(name="--map", negative="")] = (),
    trust_links: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    common: Common = NO_OPTIONS,
) -> None:
    """Import one person's official archive of one network; doing it twice adds nothing.

    Args:
        paths: The archive: a ZIP, several parts of one, or a folder.
        owner: Whose it is, as direct/ana; else what the archive tells.
        owner_name: The owner's name in the threads, for an archive that does not tell.
        region: The region of an account that is made.
        maps: Who is whom, as "Ben Okafor=messenger/ben"; may be given often.
        trust_links: Make a link even if only one of the two accounts names it.
        dry_run: Read and report, change nothing.
        common: Options of every command.
    """
    if not paths:
        raise Invalid("Name the archive: isthmus import FILE.zip")
    known = {}
    for text in maps:
        name, equals, account = text.rpartition("=")
        if not equals or not name:
            raise Invalid(f'Write --map as "Ben Okafor=messenger/ben", not {text!r}.', path="$.maps")
        known[name] = account
    order = orders.Import(
        paths=tuple(str(path.absolute()) for path in paths),
        owner=owner,
        owner_name=owner_name,
        region=region,
        maps=known,
        trust_links=trust_links,
        dry_run=dry_run,
    )
    done = ask(common.read(), order, common.printer, absent="imagined" if dry_run else "made")
    common.printer.data(done)
    for line in import_lines(done):
        common.printer.line(line)


def import_lines(done: dict[str, Any]) -> list[str]:
    """Say what an import did, or would do."""
    what = "Would import" if done["dry_run"] else "Imported"
    lines = [f"{what} {done['network']}/{done['handle'] or '?'} ({done['name']}):"]
    lines += [
        f"  {done[field]:>9,} {one if done[field] == 1 else many}"
        for field, (one, many) in _COUNTS.items()
        if done[field] or field in _ALWAYS
    ]
    lines += [
        f"  link to {one['network'] or 'an unknown network'}/{one['handle'] or one['name']}: {one['state']}"
        for one in done["links"]
    ]
    lines += [f"  {one['name']} is {done['network']}/{one['handle']}" for one in done["resolved"]]
    lines += [f"  PROBLEM  {text}" for text in done["problems"]]
    for field, text in _LEFT_OUT.items():
        left_out = done["archive"].get(field, {"count": 0, "first": []})
        if left_out["count"]:
            lines.append(f"  {left_out['count']:>9,} {text}; the first:")
            lines += [f"            {one['path']}: {one['reason']}" for one in left_out["first"][:_NAMED]]
    return lines


def take_out(account: str, to: Path, /, *, common: Common = NO_OPTIONS) -> None:
    """Write what an account has, in the official shape; importing it again gives the same.

    Args:
        account: As direct/ana, or its id.
        to: The ZIP to write, a name that ends in .zip, else a folder; nothing may be there.
        common: Options of every command.
    """
    done = asyncio.run(_export(common.read(), account, to, common.printer))
    common.printer.data(done)
    common.printer.line(
        f"Wrote {done['path']}: {count(done['threads'], 'chat')}, groups included, "
        f"{count(done['messages'], 'message')}, {count(done['edges'], 'entry')} of lists."
    )


async def _export(config: Config, account: str, to: Path, printer: Printer) -> Any:
    from bridge.transfer import export_person

    async with reading(config) as store:
        found = await _find(store, account)
        return msgspec.to_builtins(await export_person(store, found, to, progress=printer.progress))


async def _find(store: Store, name: str) -> AccountId:
    after: AccountId | None = None
    while page := await store.accounts(after=after, limit=1_000):
        for account in page:
            if name in (account.id, f"{account.network}/{account.handle}"):
                return account.id
        after = page[-1].id
    raise NotFound(f"There is no account {name}. See: isthmus account list", path="$.account")
