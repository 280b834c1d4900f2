"""The line-mode client in a real terminal: two people, a hidden password, a hub that goes and comes back."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest

from bridge.app import Hub
from bridge.errors import CloseCode
from bridge.wire.values import Network
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_sockets import serving
from tests.clients.fake_state import ANA, BEN
from tests.clients.terminal.people import DIRECT, MESSENGER, PASSWORD, person, thread_of

ROOT = Path(__file__).parents[3]

# From Python 3.12 on a terminal made in a process with threads warns; the child is another program at once.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


class Terminal:
    """One person's terminal: what is typed into it, and all that it showed."""

    def __init__(self, child: "pexpect.spawn[str]") -> None:
        self._child = child
        self.shown = ""

    async def has(self, text: str) -> None:
        """Wait until it shows a text."""
        await asyncio.to_thread(self._child.expect_exact, text, timeout=20)
        self.shown += self._child.before + text

    async def type(self, line: str) -> None:
        """Type a line."""
        await asyncio.to_thread(self._child.sendline, line)

    async def leave(self, how: str = "/quit") -> int | None:
        """Leave, and give the exit code."""
        await self.type(how)
        self.shown += await asyncio.to_thread(self._child.read)
        await asyncio.to_thread(self._child.wait)
        return self._exit()

    async def close(self) -> None:
        """Close the window, and wait for the end."""
        await asyncio.to_thread(os.kill, self._child.pid, signal.SIGHUP)
        await asyncio.to_thread(self._child.expect, pexpect.EOF, timeout=20)

    def _exit(self) -> int | None:
        code: int | None = self._child.exitstatus
        return code


@asynccontextmanager
async def terminal(
    url: str, network: Network, name: str, home: Path, *, forget: bool = False, **more: str
) -> AsyncIterator[Terminal]:
    """Open a terminal with the client in it; it is gone at the end."""
    env = {**os.environ, "XDG_STATE_HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "200", **more}
    arguments = ["-m", "clients.terminal", url, "--network", network, "--handle", name]
    arguments += ["--forget"] * forget
    child: Any = await asyncio.to_thread(
        lambda: pexpect.spawn(
            sys.executable, arguments, env=env, encoding="utf-8", dimensions=(40, 200), cwd=str(ROOT)
        )
    )
    try:
        yield Terminal(child)
    finally:
        await asyncio.to_thread(child.close, True)


async def test_two_people_talk_over_both_networks_from_two_terminals(hub: Hub, tmp_path: Path) -> None:
    async with person(hub, DIRECT, "Ana"), person(hub, MESSENGER, "Ben"):
        pass
    async with (
        terminal(hub.url, DIRECT, "ana", tmp_path / "ana") as ana,
        terminal(hub.url, MESSENGER, "ben", tmp_path / "ben", TERM="dumb", NO_COLOR="1") as ben,
    ):
        for side, name in ((ana, "ana on Direct"), (ben, "ben on Messenger")):
            await side.has(f"Password of {name} (not shown):")
            await side.type(PASSWORD)
            await side.has(f"Signed in as {name}.")
            await side.has("Unread messages: 0. Requests waiting: 0.")
        await ben.type("/open ana on direct")
        await ben.has("Open: Ana (ana on Direct). What you type goes out as ben on Messenger.")
        await ben.type("hello from over there")
        await ben.has("Sent as ben on Messenger, number 1.")
        await ben.type("hello?")
        await ben.has("Not sent: You can send more once your first message is answered.")

        await ana.has("New request. From Ben via Messenger: hello from over there")
        await ana.type("/requests")
        await ana.has("1. Ben (ben on Messenger), as ana on Direct, 1 unread")
        await ana.type("/open 1")
        await ana.has("This is a request. Reading it leaves no trace.")
        await ana.type("/accept")
        await ana.has("Accepted: Ben (ben on Messenger).")
        await ana.type("hello Ben")
        await ana.has("Sent as ana on Direct, number 2.")
        await ben.has("From Ana via Direct: hello Ben")
        await ben.type("/help")
        await ben.has("/quit: Leave.")

        codes = [await ana.leave(), await ben.leave()]

    assert codes == [0, 0]
    for side in (ana, ben):
        assert PASSWORD not in side.shown
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", side.shown)


async def test_a_hub_that_goes_away_comes_back_before_the_readers_eyes(tmp_path: Path) -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "first")
    async with serving(hub) as url, terminal(url, DIRECT, "ana", tmp_path) as ana:
        await ana.has("not shown):")
        await ana.type(PASSWORD)
        await ana.has("Unread messages: 1.")
        await ana.type("/open ben on messenger")
        await ana.has("Type yes to go on:")
        await ana.type("yes")
        await ana.has("1. From Ben via Messenger: first")
        hub.close_all(CloseCode.DRAINING)
        await ana.has("Connection lost; it is tried until it is back.")
        hub.say(BEN, ANA, "while you were away")
        await ana.has("Connected again; nothing was missed.")
        await ana.has("From Ben via Messenger: while you were away")

        code = await ana.leave("\x04")

    assert code == 0
    assert ana.shown.count("while you were away") == 1


async def test_a_line_that_the_terminal_cut_is_not_sent(hub: Hub, tmp_path: Path) -> None:
    async with person(hub, MESSENGER, "Ana") as ana, person(hub, MESSENGER, "Ben") as ben:
        thread = await thread_of(ben, ana)
        await ben.send(thread, "tell me all")
        async with terminal(hub.url, MESSENGER, "ana", tmp_path) as screen:
            await screen.has("(not shown):")
            await screen.type(PASSWORD)
            await screen.has("Requests waiting: 1")
            await screen.type("/requests")
            await screen.type("/open 1")
            await screen.has("1. From Ben")
            await screen.type("x" * 5_000)
            await screen.has("Nothing was done")
            await screen.type("y" * 4_000)
            await screen.has("Sent as ana on Messenger, number 2.")
            await screen.leave()
        said = [message.text async for message in ben.history(thread)]

    assert said == ["y" * 4_000, "tell me all"]


async def test_a_mistyped_password_may_be_typed_again(hub: Hub, tmp_path: Path) -> None:
    async with person(hub, DIRECT, "Ana"):
        pass
    async with terminal(hub.url, DIRECT, "ana", tmp_path) as ana:
        await ana.has("(not shown):")
        await ana.type("wrong horse")
        await ana.has("not accepted. Check the network, the name and the password.")
        await ana.has("(not shown):")
        await ana.type(PASSWORD)
        await ana.has("Signed in as ana on Direct.")

        assert await ana.leave() == 0


async def test_who_closes_the_terminal_is_signed_out_where_nothing_is_kept(hub: Hub, tmp_path: Path) -> None:
    async with person(hub, DIRECT, "Ana") as ana:
        async with terminal(hub.url, DIRECT, "ana", tmp_path, forget=True) as sitting:
            await sitting.has("(not shown):")
            await sitting.type(PASSWORD)
            await sitting.has("Requests waiting: 0.")
            among = [device.name for device in (await ana.list_devices()).devices]
            await sitting.close()
        left = [device.name for device in (await ana.list_devices()).devices]

    assert sorted(among) == ["isthmus chat", "tests"]
    assert left == ["tests"]
