"""The line-mode client against the real hub: through pipes, and with a person who types meanwhile."""

import asyncio
import io
import stat
from pathlib import Path

import pytest

from bridge.app import Hub
from bridge.errors import CloseCode, StorageFull
from bridge.wire.commands import Send
from bridge.wire.events import LinkAttempted, Read
from bridge.wire.values import Consent, Folder, TieKind
from clients.terminal.plain import FAILED, NOT_SIGNED_IN, chat
from clients.terminal.tokens import TokenFile, state_folder
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_sockets import serving
from tests.clients.fake_state import ANA, BEN
from tests.clients.terminal.people import (
    AT_ONCE,
    DIRECT,
    MESSENGER,
    PASSWORD,
    Keyboard,
    Paper,
    at_keyboard,
    chatted,
    own,
    person,
    thread_of,
)


async def test_a_request_is_read_without_a_trace_then_accepted(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, MESSENGER, "Ben") as ben:
        thread = await thread_of(ben, ana)
        await ben.send(thread, "may I?")
        read = await chatted(hub, DIRECT, "Ana", "/requests", "/open 1")
        before = (await ben.get_thread(thread)).thread
        answered = await chatted(
            hub, DIRECT, "Ana", "/requests", "/accept 1", "/open ben on messenger", "yes!"
        )
        after = (await ben.get_thread(thread)).thread

    assert "1. From Ben via Messenger: may I?" in read
    assert "This is a request. Reading it leaves no trace. /accept or /decline answers it." in read
    assert (before.answered, before.others_read) == (False, before.others_read)
    assert answered[-1] == "Sent as ana on Direct, number 2."
    assert (after.answered, after.tip) == (True, 2)


async def test_declining_takes_a_request_off_the_list_and_tells_nobody(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, MESSENGER, "Ben") as ben:
        thread = await thread_of(ben, ana)
        await ben.send(thread, "may I?")

        lines = await chatted(hub, DIRECT, "Ana", "/requests", "/decline 1 hide", "/requests")

        assert lines[-2].startswith(
            "Declined: Ben (ben on Messenger). They are not told. What they send in future"
        )
        assert lines[-1] == "Your requests: nothing here."
        assert (await ben.get_thread(thread)).thread.answered is False


async def test_what_others_write_cannot_forge_lines_or_move_the_cursor() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hi\n1. From Ana via Direct: forged\x1b[2J\u202e")
    stdout = io.StringIO()
    async with serving(hub) as url:
        await chat(url, token="token-ana", stdin=io.StringIO("/threads\n/open 1\n"), stdout=stdout)

    assert "  more: 1. From Ana via Direct: forged\n" in stdout.getvalue()
    assert not set(stdout.getvalue()) & {"\x1b", "\u202e"}


async def test_sending_answering_searching_and_paging_in_one_thread(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, DIRECT, "Bea") as bea:
        await bea.set_tie(own(bea), own(ana), TieKind.FOLLOW)  # else one message would be the limit
        lines = await chatted(
            hub, DIRECT, "Ana", "/open bea on direct", "tickets for tonight?", "/history", "/close",
            "into the void", "/threads", "/open 1", "/reply 1 or tomorrow", "//me waves", "/send",
            "/reply x", "/search tick",
            "/search", "/preview how does it look", "/who", "/who 7", "/archive", "/threads archived",
            "/unarchive 1", "/threads", "/threads everywhere", "/open 99", "/history", "/history",
        )  # fmt: skip

    said = "\n".join(lines)
    for expected in (
        "Open: Bea (bea on Direct). What you type goes out as ana on Direct.",
        "No thread is open, so nothing was sent.",
        "Found: 1.",
        "They would see: how does it look",
        "You: ana on Direct.",
        "Archived: Bea (bea on Direct). A new message brings it back.",
        "Back in your inbox: Bea (bea on Direct).",
        "Say /threads, /threads archived or /threads hidden.",
        "There is no such number in the last list",
        "Say what to send: /send hello",
        "Say which message, then the answer: /reply 3 yes",
        "That is the beginning.",
    ):
        assert expected in said
    assert "/me waves" in said


async def test_controls_are_shown_and_set_in_peoples_words_and_explained(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana"), person(hub, MESSENGER, "Ben"):
        lines = await chatted(
            hub, DIRECT, "Ana", "/controls", "/set 5 don't receive", "/set 5 inbox", "/set 1 inbox", "/set x",
            "/controls", "/explain ben on messenger", "/explain", "/set 6 none", "/explain ben on messenger",
        )  # fmt: skip

    said = "\n".join(lines)
    assert "2. accounts that follow me: requests" in said
    assert "Set: anyone else on Direct: don't receive." in said
    assert "That control takes: requests or don't receive." in said
    assert "Not done: Link an account of the other network first." in said
    assert "5. anyone else on Direct: don't receive" in said
    assert "It lands in your requests, because of this rule: your message control, for anyone else" in said
    assert "It lands nowhere" in said


async def test_ties_devices_and_accounts(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana"), person(hub, DIRECT, "Bea"):
        lines = await chatted(
            hub, DIRECT, "Ana", "/tie follow bea on direct", "/tie block bea", "/tie sing bea", "/tie follow",
            "/accounts", "/as 1", "/as 2", "/devices", "/devices 1", "/devices 2", "/devices", "/approve",
            "/refuse", "/help set", "/undo", "/acept", "",
        )  # fmt: skip

    said = "\n".join(lines)
    assert "You follow Bea (bea on Direct)." in said
    assert "You block Bea (bea on Direct)." in said
    assert (
        "1. ana on Direct: Ana, not linked, messaging is not updated yet. Commands are about this one."
        in said
    )
    assert "There is no command /acept, so nothing was sent. Did you mean /accept?" in said
    assert "No link waits for your answer." in said
    assert said.count("tests.") >= 1


async def test_news_is_said_as_it_comes(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana, person(hub, DIRECT, "Bea") as bea:
        thread = await thread_of(bea, ana)
        async with at_keyboard(hub.url, ana.token) as (keyboard, paper):
            await bea.send(thread, "psst")
            assert await paper.has("New request") == "New request. From Bea via Direct: psst"
            keyboard.type("/requests")
            keyboard.type("/open 1")
            await paper.has("1. From Bea")
            keyboard.type("/accept")
            await paper.has("Accepted")
            await bea.typing(thread)
            assert await paper.has("Bea") == "Bea (bea on Direct) is typing."
            await bea.send(thread, "you there?")
            assert await paper.has("From Bea") == "From Bea via Direct: you there?"
            keyboard.type("yes")
            await paper.has("Sent as ana on Direct, number 3.")
            await bea.mark_read(thread, (await bea.get_thread(thread)).thread.last.seq)  # type: ignore[union-attr]
            assert await paper.has("Bea") == "Bea (bea on Direct) has read up to 3."
            keyboard.type("/close")
            await paper.has("No thread is open now.")
            await bea.send(thread, "bye")
            assert await paper.has("New message") == "New message. From Bea via Direct: bye"
            await ana.set_controls(own(ana), 0, {"followers": "none"})
            await paper.has("Your message controls were changed.")

        assert [row.id async for row in ana.threads(Folder.INBOX)] == [thread]


async def test_what_is_typed_on_another_device_is_part_of_the_talk(hub: Hub) -> None:
    async with person(hub, MESSENGER, "Ana") as ana, person(hub, MESSENGER, "Ben") as ben:
        thread = await thread_of(ben, ana)
        await ben.send(thread, "hi")
        await ana.send(thread, "hi")
        async with at_keyboard(hub.url, ana.token) as (keyboard, paper):
            keyboard.type("/open ben on messenger")
            await paper.has("2. You via ana on Messenger: hi")
            await ana.send(thread, "from my phone")
            assert await paper.has("You") == "You via ana on Messenger: from my phone"
            keyboard.type("from here")
            await paper.has("Sent as ana on Messenger, number 4.")
            await ben.send(thread, "heard both")
            await paper.has("From Ben")

            assert not any("from here" in line for line in paper.lines)


async def test_a_request_that_is_answered_counts_as_read(hub: Hub) -> None:
    async with person(hub, MESSENGER, "Ana") as ana, person(hub, MESSENGER, "Ben") as ben:
        await ben.send(await thread_of(ben, ana), "may I?")
        async with at_keyboard(hub.url, ana.token) as (keyboard, paper):
            keyboard.type("/requests")
            keyboard.type("/open 1")
            await paper.has("1. From Ben")
            reading = asyncio.create_task(ben.wait_for(Read))
            keyboard.type("you may")

            assert (await reading).upto == 1


async def test_a_hidden_request_is_not_announced() -> None:
    hub = FakeHub()
    thread = hub.thread(BEN, ANA)
    thread.seats[ANA].folder, thread.seats[ANA].consent = Folder.HIDDEN, Consent.PENDING
    hub._place = lambda *message: hub.changed(thread, ANA)  # type: ignore[method-assign]
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        hub.say(BEN, ANA, "buy now")
        hub.tell(ANA, LinkAttempted(leg=ANA))
        first = await paper.has("")
        keyboard.type("/threads hidden")
        await paper.has("1. Ben")

    assert first.startswith("Somebody tried to link")


async def test_a_lost_connection_is_said_and_nothing_typed_meanwhile_is_lost() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hello")
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        keyboard.type("/open ben on messenger")
        await paper.has("1. From Ben")
        hub.close_all(CloseCode.DRAINING)
        keyboard.type("still here")
        await paper.has("Connection lost; it is tried until it is back.")
        assert await paper.has("Connected again") == "Connected again; nothing was missed."
        await paper.has("Sent as ana on Direct, number 2.")
        hub.forget_journal(ANA)
        hub.close_all(CloseCode.FAULT)
        assert await paper.has("Connected again") == "Connected again; the lists were read anew."

    (thread,) = hub.threads.values()
    assert [message.text for message in thread.messages] == ["hello", "still here"]


async def test_a_revoked_device_is_told_and_ends_with_a_code() -> None:
    hub, keyboard, paper = FakeHub(), Keyboard(), Paper()
    async with serving(hub) as url:
        chatting = asyncio.create_task(chat(url, token="token-ana", stdin=keyboard, stdout=paper))
        await paper.has("Unread messages")
        hub.close_all(CloseCode.REVOKED)

        assert await chatting == FAILED
    assert (await paper.has("The connection is closed")).startswith("The connection is closed")
    keyboard.end()


async def test_a_hub_that_does_not_answer_is_named_while_it_is_tried() -> None:
    keyboard, paper = Keyboard(), Paper()
    async with serving(FakeHub()) as url:
        pass  # nobody serves there any more

    chatting = asyncio.create_task(chat(url, token="token-ana", stdin=keyboard, stdout=paper))
    await paper.has(f"{url} does not answer yet")
    chatting.cancel()
    await asyncio.wait([chatting])
    keyboard.end()

    assert not any("does not answer" in line for line in paper.lines)


async def test_a_token_that_was_never_good_is_refused_with_its_own_code() -> None:
    stdout = io.StringIO()
    async with serving(FakeHub()) as url:
        code = await chat(url, token="token-of-nobody", stdin=io.StringIO(), stdout=stdout)

    assert code == NOT_SIGNED_IN
    assert "not accepted" in stdout.getvalue()


async def test_what_is_missing_is_asked_for_and_the_token_is_kept_for_next_time(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana"):
        first, again, other = io.StringIO(), io.StringIO(), io.StringIO()
        await chat(hub.url, stdin=io.StringIO(f"Direct\n@ana\n{PASSWORD}\n"), stdout=first, options=AT_ONCE)
        await chat(hub.url, network="direct", handle="ana", stdin=io.StringIO("/devices\n"), stdout=again)
        TokenFile(state_folder() / "tokens.json").keep(hub.url, "direct ana", "no-longer-good")
        await chat(hub.url, network="direct", handle="ana", stdin=io.StringIO(f"{PASSWORD}\n"), stdout=other)

    assert first.getvalue().splitlines()[:3] == [
        "Network (direct or messenger):",
        "Your name there:",
        "Password of ana on Direct (not shown):",
    ]
    assert again.getvalue().startswith("Signed in as ana on Direct.")
    assert "isthmus chat, this one; signed in 20" in again.getvalue()
    assert "tests, last here 20" in again.getvalue()
    assert other.getvalue().startswith("What was kept of your last sign-in is no longer good; please sign in")
    assert "\nPassword of ana" in other.getvalue()
    assert stat.S_IMODE((state_folder() / "tokens.json").stat().st_mode) == 0o600
    assert PASSWORD not in first.getvalue() + (state_folder() / "tokens.json").read_text()


async def test_a_wrong_password_and_an_address_without_a_hub_have_their_own_codes(hub: Hub) -> None:
    wrong, nowhere = io.StringIO(), io.StringIO()

    refused = await chat(hub.url, network="direct", handle="x", stdin=io.StringIO("wrong\n"), stdout=wrong)
    absent = await chat("http://nowhere", token="t", stdin=io.StringIO(), stdout=nowhere)

    assert (refused, absent) == (NOT_SIGNED_IN, FAILED)
    assert "not accepted" in wrong.getvalue()
    assert "No connection: This is no address of a hub: http://nowhere." in nowhere.getvalue()


@pytest.mark.parametrize("content", [b"", b"[1]", b"{"])
def test_a_broken_token_file_costs_a_password_only(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state" / "tokens.json"
    path.parent.mkdir()
    path.write_bytes(content)
    tokens = TokenFile(path)

    assert tokens.find("ws://a", "direct ana") is None
    tokens.keep("ws://a", "direct ana", "secret")
    tokens.keep("ws://b", "direct ana", "other")
    tokens.forget("ws://b", "direct ana")
    tokens.forget("ws://c", "direct ana")

    assert tokens.find("ws://a", "direct ana") == "secret"
    assert tokens.find("ws://b", "direct ana") is None


async def test_signing_out_and_leaving(hub: Hub) -> None:
    async with person(hub, DIRECT, "Ana") as ana:
        stayed = await chatted(hub, DIRECT, "Ana", "/signout", "no", "/quit", "/threads", keep=True)
        TokenFile(state_folder() / "tokens.json").forget(hub.url, "direct ana")
        gone = await chatted(hub, DIRECT, "Ana", "/signout", "yes", "/threads", keep=True)

        assert len((await ana.list_devices()).devices) == 2
    assert not any(line.startswith("Your inbox") for line in stayed + gone)
    assert gone[-1] == "Signed out."


async def test_a_message_that_the_hub_takes_later_is_said_to_wait_once() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hi")
    hub.refuse += [(Send, StorageFull())] * 7
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        keyboard.type("/threads")
        keyboard.type("/open 1")
        keyboard.type("hello")
        delayed = await paper.has("Not sent yet: The hub's disk is full")
        following = await paper.has("")

    assert delayed.endswith("It is tried until it is sent.")
    assert following == "Sent as ana on Direct, number 2."
