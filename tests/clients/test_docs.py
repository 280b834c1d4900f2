"""The examples of docs/sdk.md, run against the real hub; the SDK's methods, held against the wire."""

import asyncio
import inspect
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bridge.app import Hub
from bridge.ids import ThreadId
from bridge.wire.codec import OPERATIONS
from bridge.wire.events import MessageSent
from bridge.wire.values import Folder
from clients import Client, ConnectionClosed, Options, Push, SendOptions, SessionOpened, SocketOptions
from clients.inbox import Inbox
from tests.clients.terminal.people import DIRECT, MESSENGER, own, person, thread_of

PAGE = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text()


def examples() -> dict[str, Any]:
    """Run the page's definitions, top to bottom, in one namespace."""
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs/sdk.md", "exec"), names)  # the page is ours
    return names


async def test_the_first_example_sends(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    async with person(hub, DIRECT, "Ana"), person(hub, MESSENGER, "Ben"):
        await examples()["main"](hub.url)

    assert capsys.readouterr().out == "on disk, in order, as number 1\n"


async def test_the_examples_of_asking_and_sending_work(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, DIRECT, "Ben") as ben:
        thread = await thread_of(ana, ben)
        await ana.send(thread, "hello")
        await examples()["ask"](ana, thread, own(ana))
        await ben.accept(thread)
        await examples()["send_for_sure"](hub.url, ana.token, thread, tmp_path / "outbox")

        texts = [message.text async for message in ben.history(thread)]
    assert "one message until they answer" in capsys.readouterr().out
    assert texts == ["said once", "hello"]


async def test_the_examples_of_listening_work(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, MESSENGER, "Ben") as ben:
        client, inbox = Client(hub.url, token=ana.token), Inbox()
        stream = client.events()
        async with client:
            await examples()["watch"](client, inbox, stream)
            listening = asyncio.create_task(examples()["listen"](client))
            thread = await thread_of(ben, ana)
            await ben.send(thread, "hello")
            await listening

            views = [view.id async for view in client.threads(Folder.INBOX)]
    assert views == [thread]
    assert capsys.readouterr().out.startswith("0 0 []\n")


async def test_a_program_that_starts_again_goes_on_where_it_stood(hub: Hub, tmp_path: Path) -> None:
    heard: list[str | None] = []
    told_again = ["last", "between", "last"]
    opened: asyncio.Queue[bool] = asyncio.Queue()

    async def handle(client: Client, push: Push) -> str | None:
        if isinstance(push.event, SessionOpened):
            opened.put_nowait(push.event.resumed)
        elif isinstance(push.event, MessageSent):
            heard.append(push.event.message.text)
            return "stop" if heard in (["before", "last"], ["before", "last", *told_again]) else None
        return None

    async with person(hub, DIRECT, "Ana") as ana, person(hub, DIRECT, "Bea") as bea:
        thread = await thread_of(bea, ana)
        go_on = examples()["go_on"]
        running = asyncio.create_task(go_on(hub.url, ana.token, tmp_path / "places", handle))
        resumed = [await opened.get()]
        await bea.send(thread, "before")
        await ana.accept(thread)
        await bea.send(thread, "last")
        await running
        await bea.send(thread, "between")
        running = asyncio.create_task(go_on(hub.url, ana.token, tmp_path / "places", handle))
        resumed.append(await opened.get())
        await bea.send(thread, "last")
        await running

    assert heard == ["before", "last", *told_again]
    assert resumed == [False, True]


async def test_two_bots_give_one_answer_and_a_refused_one_ends_neither(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, running = examples(), []
    async with person(hub, DIRECT, "Echo") as bot, person(hub, DIRECT, "Bea") as bea:
        thread = await thread_of(bea, bot)
        done: asyncio.Queue[str | None] = asyncio.Queue()

        async def handle(client: Client, push: Push) -> None:
            await page["echo"](client, push)
            if isinstance(push.event, MessageSent) and push.event.message.sender == own(bea):
                done.put_nowait(push.event.message.text)
            elif isinstance(push.event, SessionOpened):
                done.put_nowait(None)

        for number in range(2):
            go_on = page["go_on"](hub.url, bot.token, tmp_path / f"places{number}", handle)
            running.append(asyncio.create_task(go_on))
            await done.get()
        await bea.send(thread, "hello")
        await asyncio.gather(done.get(), done.get())
        (said,) = [one async for one in bot.history(thread) if one.sender == own(bea)]
        await page["echo"](bot, Push(MessageSent(message=replace(said, thread=ThreadId("not-its-own")))))
        await bea.send(thread, "again")
        await asyncio.gather(done.get(), done.get())
        texts = [message.text async for message in bea.history(thread)]
        await bot.sign_out()
        ended = await asyncio.gather(*running, return_exceptions=True)

    assert texts == ["again", "again", "hello", "hello"]
    assert capsys.readouterr().out == "not answered: not_found\n"
    assert [type(error) for error in ended] == [ConnectionClosed, ConnectionClosed]
    assert json.loads((tmp_path / "places0").read_text()) == json.loads((tmp_path / "places1").read_text())


async def test_the_example_without_a_loop_works(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, DIRECT, "Bea") as bea:
        thread = await thread_of(ana, bea)
        await ana.send(thread, "hello")
        await bea.accept(thread)
        await asyncio.to_thread(examples()["script"], hub.url, ana.token)

        texts = [message.text async for message in bea.history(thread)]
    assert texts == ["from a script", "hello"]


@pytest.mark.parametrize(
    "op", sorted(set(OPERATIONS) - {"sign_in", "register", "history", "send", "sign_out"})
)
def test_every_operation_is_a_method_with_its_fields(op: str) -> None:
    method = inspect.signature(getattr(Client, op))

    taken = {name.rstrip("_") for name in method.parameters} - {"self"}
    assert taken == {
        name.rstrip("_") for name in (field.name for field in msgspec.structs.fields(OPERATIONS[op]))
    }


@pytest.mark.parametrize("op", ["history", "send", "sign_out"])
def test_the_operations_with_a_meaning_of_their_own_are_methods_too(op: str) -> None:
    assert callable(getattr(Client, op))


def test_every_option_stands_on_the_page() -> None:
    for field in Options.__dataclass_fields__:
        assert f"`{field}`" in PAGE
    assert {SendOptions.__name__, SocketOptions.__name__} <= set(re.findall(r"`(\w+)`", PAGE))
