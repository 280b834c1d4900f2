"""The line-mode client in bad surroundings: answers mistyped, tokens not kept, readers gone, lists late."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.app import Hub
from bridge.errors import Busy, CloseCode, RateLimited
from bridge.ids import AccountId
from bridge.wire import queries, sign_in
from bridge.wire.commands import Send
from bridge.wire.replies import Sent
from clients.outbox_file import OutboxFile
from clients.terminal.plain import NOT_SIGNED_IN, OK, UNDONE, chat
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_sockets import serving
from tests.clients.fake_state import AB, ANA, BEN
from tests.clients.terminal.people import (
    AT_ONCE,
    DIRECT,
    MESSENGER,
    PASSWORD,
    Keyboard,
    at_keyboard,
    chatted,
    person,
    thread_of,
)


async def test_a_network_that_is_none_is_asked_for_again(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana"):
        stdout = io.StringIO()
        stdin = io.StringIO(f"instagram\ndirect\n@ana\n{PASSWORD}\n")
        code = await chat(hub.url, keep=False, stdin=stdin, stdout=stdout, options=AT_ONCE)

    assert code == 0
    assert stdout.getvalue().count("Network (direct or messenger):") == 2


@pytest.mark.parametrize("typed", ["", "direct\n", "direct\nana\n"])
async def test_whoever_says_nothing_is_not_signed_in(hub: Hub, typed: str) -> None:
    stdout = io.StringIO()

    code = await chat(hub.url, keep=False, stdin=io.StringIO(typed), stdout=stdout)

    assert code == NOT_SIGNED_IN
    assert stdout.getvalue().endswith("so nobody is signed in.\n")


async def test_a_handle_may_be_given_with_its_sign(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana"):
        assert (await chatted(hub, DIRECT, "@ana", "/accounts"))[0].startswith("1. ana on Direct")


async def test_where_no_token_can_be_kept_one_chats_all_the_same(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    stdout = io.StringIO()
    async with person(hub, DIRECT, "Ana"):
        stdin = io.StringIO(f"{PASSWORD}\n/accounts\n")
        code = await chat(hub.url, network="direct", handle="ana", stdin=stdin, stdout=stdout)

    assert code == 0
    assert "The password will be asked for next time too" in stdout.getvalue()
    assert "1. ana on Direct" in stdout.getvalue()


class Closing(io.StringIO):
    """A pipe whose reader goes away after so many lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._left = lines

    def write(self, text: str) -> int:
        self._left -= text.count("\n")
        if self._left < 0:
            raise BrokenPipeError
        return len(text)


@pytest.mark.parametrize("lines", [0, 1, 2, 3, 4])
async def test_a_reader_that_goes_away_ends_it_wherever_that_is(hub: Hub, lines: int) -> None:
    async with person(hub, MESSENGER, "Ana") as ana, person(hub, MESSENGER, "Ben"):
        stdin = Keyboard()
        for line in ("/open ben on messenger", "hello", "/help"):
            stdin.type(line)

        with pytest.raises(BrokenPipeError):
            await chat(hub.url, token=ana.token, stdin=stdin, stdout=Closing(lines), options=AT_ONCE)
        stdin.end()


async def test_lists_that_cannot_be_read_at_first_are_read_later() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hello")
    hub.refuse.append((queries.ListThreads, Busy()))
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        hub.heartbeat()
        keyboard.type("/open ben on messenger")
        await paper.has("1. From Ben via Messenger: hello")


async def test_a_hub_that_asks_for_patience_is_not_called_absent() -> None:
    hub, stdout = FakeHub(), io.StringIO()
    hub.refuse.append((sign_in.SignIn, RateLimited(retry_after_s=0.01)))
    async with serving(hub) as url:
        code = await chat(url, token="token-ana", stdin=io.StringIO(), stdout=stdout, options=AT_ONCE)

    assert code == 0
    assert stdout.getvalue().startswith("That was too fast; wait a moment. It is tried again in 0 seconds.\n")


async def test_an_answer_and_what_is_typed_after_it_go_out_in_that_order(hub: Hub) -> None:
    async with person(hub, MESSENGER, "Ana") as ana, person(hub, MESSENGER, "Ben") as ben:
        thread = await thread_of(ben, ana)
        await ben.send(thread, "coming?")
        async with at_keyboard(hub.url, ana.token) as (keyboard, paper):
            for line in ("/open ben on messenger", "/reply 1 yes", "in an hour", "/reply 9 no"):
                keyboard.type(line)
            await paper.has("Sent as ana on Messenger, number 3.")
            await paper.has("Not sent: There is no such message in this thread.")

        said = [message.text async for message in ben.history(thread)]

    assert said == ["in an hour", "yes", "coming?"]


async def test_an_outage_is_said_once_however_often_it_is_tried_again() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hello")
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (_, paper):
        hub.refuse += [(sign_in.SignIn, Busy())] * 9
        hub.close_all(CloseCode.DRAINING)
        lost = await paper.has("Connection lost")
        following = await paper.has("")

    assert lost == "Connection lost; it is tried until it is back."
    assert following == "Connected again; nothing was missed."


async def test_that_a_message_is_sent_is_said_before_what_follows_it() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hello")
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        keyboard.type("/threads")
        keyboard.type("/open 1")
        await paper.has("1. From Ben")
        send = hub.send

        def answered_at_once(account: AccountId, message: Send) -> Sent:
            if account == ANA:
                asyncio.get_running_loop().call_soon(hub.say, BEN, ANA, f"{message.text} yourself")
            return send(account, message)

        hub.send = answered_at_once  # type: ignore[assignment, method-assign]
        for number in range(20):
            keyboard.type(f"hey {number}")
            assert await paper.has("") == f"Sent as ana on Direct, number {2 * number + 2}."
            assert await paper.has("") == f"From Ben via Messenger: hey {number} yourself"


async def test_a_disk_that_keeps_no_message_ends_no_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: OutboxFile, send: Send) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(OutboxFile, "add", full)
    hub = FakeHub()
    hub.say(BEN, ANA, "hello")
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        for line in ("/threads", "/open 1", "hey", "/accounts"):
            keyboard.type(line)
        refused = await paper.has("Not sent")
        await paper.has("1. ana on Direct")

    assert "No space left on device" in refused


async def test_keys_that_are_no_letters_leave_nothing_in_what_is_sent() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hello")
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        for line in ("/threads", "/open 1", "\x1b[Ahel\x1b[Dlo\x07\tthere \u200f\U0001f469\u200d\U0001f680"):
            keyboard.type(line)
        await paper.has("Sent as")

    assert hub.threads[AB].messages[-1].text == "hello\tthere \u200f\U0001f469\u200d\U0001f680"


async def test_what_is_no_request_is_neither_accepted_nor_declined() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hello")
    hub.say(ANA, BEN, "hello")
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        for line in ("/threads", "/decline 1", "/accept 1"):
            keyboard.type(line)
        declined = await paper.has("Ben")
        accepted = await paper.has("Ben")

    assert declined.startswith("Ben (ben on Messenger) is no request; nothing was declined. /archive puts")
    assert accepted == "Ben (ben on Messenger) is no request, so there is nothing to accept."


@pytest.mark.parametrize(
    ("line", "code"),
    [("hello", OK), ("/accounts", OK), ("//quoted", OK), ("/acounts", UNDONE), ("/accept", UNDONE),
     ("/reply 9 nobody said that", UNDONE), ("/open nobody on direct", UNDONE)],
)  # fmt: skip
async def test_a_script_hears_whether_all_was_done(hub: Hub, line: str, code: int) -> None:
    stdout, typed = io.StringIO(), f"/open ben on messenger\n{line}\n"
    async with person(hub, MESSENGER, "Ana") as ana, person(hub, MESSENGER, "Ben"):
        ended = await chat(hub.url, token=ana.token, stdin=io.StringIO(typed), stdout=stdout)

    assert ended == code, stdout.getvalue()


async def test_numbers_without_end_are_no_numbers(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana"):
        long = "9" * 5_000
        lines = await chatted(
            hub, DIRECT, "Ana", f"/open {long}", f"/as {long}", f"/set {long} x", f"/reply {long} x",
            f"/devices {long}", "/accounts",
        )  # fmt: skip

    assert lines[-1].startswith("1. ana on Direct")


async def test_of_several_links_that_are_asked_for_one_is_named(hub: Hub) -> None:
    async with (
        person(hub, DIRECT, "Ana"), person(hub, DIRECT, "Eve"), person(hub, MESSENGER, "Annie") as annie,
        at_keyboard(hub.url, annie.token) as (keyboard, paper),
    ):  # fmt: skip
        await chatted(hub, DIRECT, "Ana", "/asklink annie on messenger")
        await paper.has("Ana (ana on Direct) asks")
        await chatted(hub, DIRECT, "Eve", "/asklink annie on messenger")
        await paper.has("Eve (eve on Direct) asks")
        keyboard.type("/approve")
        await paper.has("2. Eve (eve on Direct) asks")
        keyboard.type("/refuse 2")
        await paper.has("Refused: Eve (eve on Direct) was not linked.")
        keyboard.type("/approve")
        linked = await paper.has("Linked:")

    assert "ana on Direct" in linked


async def test_a_terminal_that_is_gone_is_the_end_of_input(hub: Hub) -> None:
    class Gone(Keyboard):
        def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # the base knows bytes only
            yield "/accounts\n"
            raise OSError(5, "Input/output error")

    stdout = io.StringIO()
    async with person(hub, DIRECT, "Ana") as ana, asyncio.timeout(20):
        code = await chat(hub.url, token=ana.token, stdin=Gone(), stdout=stdout, options=AT_ONCE)

    assert code == 0
    assert "1. ana on Direct" in stdout.getvalue()
