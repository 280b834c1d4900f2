"""``isthmus demo``: the main job before the reader's eyes: import, serve, converse, audit."""

import asyncio
import shlex
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

from cyclopts import Parameter

from bridge.app import offline, reading, running_hub
from bridge.archive.cast import demo_people, who_is_whom
from bridge.cli.exits import FAILED, INTERRUPTED, OK
from bridge.cli.options import NO_OPTIONS, Common
from bridge.cli.play import Play
from bridge.cli.printing import Printer, count
from bridge.cli.stopping import told_to_stop
from bridge.config import Config
from bridge.domain.deeds import CreateAccount, SetPassword
from bridge.domain.model import Account
from bridge.errors import SetupError
from bridge.hub.auth import Passwords
from bridge.hub.desk import Desk
from bridge.hub.pipeline import Pipeline
from bridge.ids import AccountId
from bridge.settings import load
from bridge.store.base import Progress, Store
from bridge.transfer import ImportOptions, ImportReport, import_archives
from bridge.wire.commands import Link, Upgrade
from bridge.wire.replies import Profile
from bridge.wire.values import Network

PASSWORD: Final = "saturday-at-the-lake"
"""Everybody's password in the demonstration."""

_OF_FRIENDS: Final = (
    "Ciao Cleo! Ana says you know where the boat is?",
    "It's Ben, by the way.",
    "Ben! The green one, behind the jetty. What about the zine?",
    "Forty copies, still warm.",
)
_OF_STRANGERS: Final = (
    "Hello from the other side!",
    "Anybody there?",
    "Hello! Who are you?",
    "Only a guest.",
)
_TITLES = {"direct": "Direct", "messenger": "Messenger"}
_GUEST = "guest"


def demo(
    *,
    archive: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    once: Annotated[bool, Parameter(negative="")] = False,
    port: int = 0,
    common: Common = NO_OPTIONS,
) -> int:
    """Import archives, serve them, play a conversation across two networks, and stay for you to join.

    Everything lies in a scratch folder that goes at the end.

    Args:
        archive: Take this official archive instead of the made-up cast; may be given often.
        once: Leave after the conversation: 0 if all went as told.
        port: TCP port; 0 takes a free one.
        common: Options of every command.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):  # else the scratch folder stays behind
        signal.signal(number, _as_by_ctrl_c)
    with tempfile.TemporaryDirectory(prefix="isthmus-demo-") as folder:
        given = {"store.path": str(Path(folder) / "demo.db"), "listen.port": str(port)}
        config = load(file=common.config, environ={}, given=given).config
        return asyncio.run(_Demo(config, Path(folder), common.printer).run(archive, once=once))


def _as_by_ctrl_c(number: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does: amid a loop that is to cancel what it runs, not to raise wherever it is."""
    signal.raise_signal(signal.SIGINT)


class _Demo:
    """One demonstration."""

    def __init__(self, config: Config, folder: Path, printer: Printer) -> None:
        self._config = config
        self._folder = folder
        self._printer = printer
        self._owners: list[str] = []
        self._guest = (Network.MESSENGER, _GUEST)

    async def run(self, archives: tuple[Path, ...], *, once: bool) -> int:
        """Do all of it; return the exit code."""
        async with offline(self._config) as (pipeline, store):
            await (self._bring_in(archives, pipeline, store) if archives else self._cast(pipeline, store))
            await self._set_passwords(pipeline, store)
        async with running_hub(self._config) as hub:
            told = told_to_stop()
            async with AsyncExitStack() as stack:
                play = Play(hub.url, PASSWORD, self._printer, stack)
                playing = asyncio.ensure_future(self._play(play, bool(archives)))
                await asyncio.wait([playing, told], return_when=asyncio.FIRST_COMPLETED)
                if not playing.done():
                    playing.cancel()
                    await asyncio.wait([playing])
                    return INTERRUPTED
                playing.result()
            clean = await self._audit()
            if not once:
                self._invite(hub.url)
                await asyncio.wait([told, hub.stopped], return_when=asyncio.FIRST_COMPLETED)
        return OK if clean else FAILED

    # --- before the hub runs

    async def _cast(self, pipeline: Pipeline, store: Store) -> None:
        """Write the made-up cast's archives and import them; a second time to tell who is whom."""
        self._printer.line("Official archives of five made-up people, imported:")
        written = demo_people(self._folder / "archives")
        for one in written:
            report = await self._import(pipeline, store, one.path, {})
            self._tell_import(one.path, report)
        for one in written:
            await self._import(pipeline, store, one.path, who_is_whom(one))

    async def _bring_in(self, archives: tuple[Path, ...], pipeline: Pipeline, store: Store) -> None:
        self._printer.line("Your archives, imported:")
        for path in archives:
            report = await self._import(pipeline, store, path, {}, self._printer.progress)
            self._tell_import(path, report)
        await self._invite_guest(pipeline)

    async def _invite_guest(self, pipeline: Pipeline) -> None:
        """Make somebody on both networks, linked and upgraded, who may write across them."""
        made: dict[Network, AccountId] = {}
        for network in Network:
            deed = CreateAccount(network=network, handle=_GUEST, name="Gus Guest")
            reply = await pipeline.do(AccountId(""), deed)
            assert isinstance(reply, Profile), "an account that was made is shown"
            made[network] = reply.account.id
        own = made[Network.DIRECT]
        link = Link(as_=own, network=Network.MESSENGER, handle=_GUEST, password="-")
        await pipeline.do(own, link, proven=frozenset(made.values()))
        await pipeline.do(own, Upgrade(as_=own))
        first = Network(self._owners[0].partition("/")[0])
        self._guest = (next(network for network in Network if network is not first), _GUEST)
        self._owners.append(f"{self._guest[0]}/{_GUEST}")

    async def _import(
        self,
        pipeline: Pipeline,
        store: Store,
        path: Path,
        maps: dict[str, str],
        progress: Progress | None = None,
    ) -> ImportReport:
        options = ImportOptions(maps=maps)
        return await import_archives(store, [path], options=options, progress=progress, desk=Desk(pipeline))

    def _tell_import(self, path: Path, report: ImportReport) -> None:
        owner = f"{report.network}/{report.handle}"
        if owner not in self._owners:
            self._owners.append(owner)
        linked = (
            ", linked to the other account" if any(link.state == "linked" for link in report.links) else ""
        )
        chats = report.threads + report.groups
        self._printer.line(
            f"   {path.name:<20} {report.name} on {_TITLES[report.network]}: "
            f"{count(chats, 'chat')}, {count(report.messages, 'message')}{linked}"
        )
        self._printer.data(
            {"what": "imported", "file": path.name, "account": owner, "messages": report.messages}
        )

    async def _set_passwords(self, pipeline: Pipeline, store: Store) -> None:
        """Give everybody the demonstration's password."""
        passwords = Passwords(10)
        try:
            hashed = await passwords.hash(PASSWORD)
        finally:
            passwords.close()
        for account in await _owners(store):
            if not account.placeholder:
                await pipeline.do(AccountId(""), SetPassword(account=account.id, password=hashed))

    # --- while it runs

    async def _play(self, play: Play, is_own: bool) -> None:
        if is_own:
            host, stranger = await play.enter(*_split(self._owners[0])), await play.enter(*self._guest)
            await play.refuse(stranger, host, await play.meet(stranger, host, _OF_STRANGERS))
            return
        ana = await play.enter(Network.DIRECT, "ana")
        ben = await play.enter(Network.MESSENGER, "ben")
        cleo = await play.enter(Network.DIRECT, "cleo")
        await play.show_inbox(ana)
        await play.refuse(ben, cleo, await play.meet(ben, cleo, _OF_FRIENDS))
        await play.part(ana, ben)

    async def _audit(self) -> bool:
        async with reading(self._config) as store:
            found = await store.audit()
        text = (
            f"The audit proves {count(found.threads, 'thread')} with {count(found.messages, 'message')} and "
            f"{count(found.journals, 'journal')} with {count(found.entries, 'entry')}: "
            f"{len(found.problems) or 'no'} problems."
        )
        self._printer.line()
        self._printer.line(text)
        self._printer.data({"what": "audited", "problems": len(found.problems), "messages": found.messages})
        return not found.problems

    def _invite(self, url: str) -> None:
        """Say how to join from two terminals."""
        command = "python3 go.py chat" if Path(sys.argv[0]).name == "__main__.py" else "isthmus chat"
        self._printer.line()
        self._printer.line(f"The hub stays up. Join from two terminals; the password is {PASSWORD}")
        chosen = self._owners if len(self._owners) <= 2 else ["direct/cleo", "messenger/ben"]
        for owner in chosen:
            network, _, handle = owner.partition("/")
            line = f"{command} --plain --network {network} --handle {shlex.quote(handle)} --forget {url}"
            self._printer.line(f"   {line}")
            self._printer.data({"what": "join", "account": owner, "password": PASSWORD, "command": line})
        self._printer.line(f"Others to be: {', '.join(self._owners)}. End it with Ctrl-C.")


async def _owners(store: Store) -> list[Account]:
    found: list[Account] = []
    while page := await store.accounts(after=found[-1].id if found else None, limit=500):
        found += page
    if not found:
        raise SetupError("The archives name nobody.")
    return found


def _split(owner: str) -> tuple[Network, str]:
    network, _, handle = owner.partition("/")
    return Network(network), handle
