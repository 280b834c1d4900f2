"""Reading back: pages, times, imported history; lists of many threads; what threads are called."""

from dataclasses import replace
from datetime import datetime

from msgspec.structs import replace as changed

from bridge.ids import AccountId, ThreadId
from bridge.wire.events import Typed
from bridge.wire.values import Folder, Network
from clients.inbox import Inbox
from clients.terminal import words
from tests.clients.fake_hub import FakeHub
from tests.clients.fake_sockets import serving
from tests.clients.fake_state import AB, ANA, BEN, FakeThread, Seat
from tests.clients.terminal.people import Keyboard, Paper, at_keyboard

HOUR_MS = 3_600_000


async def lines_until(paper: Paper, end: str) -> list[str]:
    """Take lines until one that begins so."""
    lines = [await paper.has("")]
    while not lines[-1].startswith(end):
        lines.append(await paper.has(""))
    return lines


async def opened(keyboard: Keyboard, paper: Paper) -> None:
    keyboard.type("/threads")
    keyboard.type("/open 1")
    await paper.has("Open:")


async def test_history_goes_on_into_what_was_imported_from_before() -> None:
    hub = FakeHub()
    for text in ("long ago", "not so long ago"):
        hub.say(BEN, ANA, text)
    thread = hub.threads[AB]
    segment = FakeThread(ThreadId("segment"), thread.seats, thread.messages)
    hub.threads[AB] = FakeThread(AB, {ANA: Seat(Folder.INBOX), BEN: Seat(Folder.INBOX)})
    hub.threads[segment.id] = replace(segment, seats={ANA: Seat(), BEN: Seat()})
    hub.threads[AB].segments = (segment.id,)
    hub.say(BEN, ANA, "today", token="today")
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        await opened(keyboard, paper)
        first = await lines_until(paper, "There is more")
        keyboard.type("/history")
        before = await lines_until(paper, "That is the beginning.")

    assert first[1] == "1. From Ben via Messenger: today"
    assert before[0] == "Imported history; its messages cannot be answered by number:"
    assert before[2:4] == ["From Ben via Messenger: long ago", "From Ben via Messenger: not so long ago"]


async def test_a_chat_of_imported_history_alone_is_listed_and_read() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "long ago")
    segment = replace(hub.threads[AB], id=ThreadId("segment"), seats={ANA: Seat(), BEN: Seat()})
    hub.threads[segment.id] = segment
    hub.threads[AB] = FakeThread(AB, {ANA: Seat(Folder.INBOX), BEN: Seat()}, segments=(segment.id,))
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        keyboard.type("/threads")
        listed = await paper.has("1. ")
        keyboard.type("/open 1")
        await paper.has("From Ben via Messenger: long ago")

    assert listed == "1. Ben (ben on Messenger), as ana on Direct, imported history"


async def test_history_says_when_it_was_said_at_first_and_after_a_pause() -> None:
    hub = FakeHub()
    for number, at in enumerate((0, 1, HOUR_MS + 1, HOUR_MS + 3, 3 * HOUR_MS)):
        hub.say(BEN, ANA, str(number))
        messages = hub.threads[AB].messages
        messages[-1] = changed(messages[-1], at=at)
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        await opened(keyboard, paper)
        lines = await lines_until(paper, "5. ")

    def moment(at_ms: int) -> str:
        return f"{datetime.fromtimestamp(at_ms / 1_000):%Y-%m-%d, %H:%M}:"

    assert [line[:18] for line in lines] == [
        moment(0), *(f"{number}. From Ben via Me" for number in (1, 2, 3, 4)), moment(3 * HOUR_MS),
        "5. From Ben via Me",
    ]  # fmt: skip


async def test_many_threads_are_listed_a_few_at_a_time() -> None:
    hub = FakeHub()
    for number in range(45):
        other = AccountId(f"a-other{number}")
        hub.add_account(other, Network.DIRECT)
        hub.say(other, ANA, "hi")
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        for line in ("/more", "/threads", "/more", "/more", "/more", "/open 45"):
            keyboard.type(line)
        lines = await lines_until(paper, "Open:")

    said = [line for line in lines if not line[0].isdecimal()]
    assert said[:-1] == [
        "There is no more in the last list; /threads or /requests shows one.",
        "Your inbox: 45 threads.",
        "There are 25 more; /more lists them.",
        "There are 5 more; /more lists them.",
        "There is no more in the last list; /threads or /requests shows one.",
    ]
    assert [line.partition(".")[0] for line in lines if line[0].isdecimal()] == [
        str(number) for number in range(1, 46)
    ]


async def test_many_requests_are_answered_at_once() -> None:
    hub = FakeHub()
    for number in range(6):
        other = AccountId(f"a-other{number}")
        hub.add_account(other, Network.DIRECT)
        hub.strangers.add((ANA, other))
        hub.say(other, ANA, "may I?")
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        keyboard.type("/decline all")
        nothing = await paper.has("There is no request")
        for line in ("/requests", "/accept 2 3 2", "/requests", "/decline all", "/requests"):
            keyboard.type(line)
        lines = await lines_until(paper, "Your requests: nothing")

    assert nothing == "There is no request in the last list; /requests shows them."
    assert [line for line in lines if not line[0].isdecimal()] == [
        "Your requests: 6 threads.",
        "Accepted: 2 requests. They may see now what you have read.",
        "Your requests: 4 threads.",
        "Declined: 4 requests. They are not told.",
        "Your requests: nothing here.",
    ]


async def test_a_thread_is_called_by_its_name_and_who_types_there_by_theirs() -> None:
    hub = FakeHub()
    hub.say(BEN, ANA, "hi")
    hub.threads[AB].title = "Lake people"
    async with serving(hub) as url, at_keyboard(url, "token-ana") as (keyboard, paper):
        keyboard.type("/threads")
        keyboard.type("/open 1")
        await paper.has("Open: Lake people.")
        for wire in hub.wires:
            wire.pass_on(Typed(thread=AB, account=BEN))
        await paper.has("Ben (ben on Messenger) is typing.")


def test_a_group_without_a_name_is_called_by_a_few_of_its_people() -> None:
    people = [FakeHub().public(account) for account in (ANA, BEN)]

    assert words.all_names(people) == "Ana (ana on Direct), Ben (ben on Messenger)"
    assert words.all_names(people * 100).endswith("Ana (ana on Direct), 197 others")
    assert words.all_names([]) == "an empty thread"


def test_an_inbox_knows_names_and_imported_history_of_threads() -> None:
    hub, inbox = FakeHub(), Inbox()
    thread = hub.thread(ANA, BEN)
    thread.title, thread.segments = "Lake people", (ThreadId("s"),)

    inbox.load_thread(hub.view(thread, ANA))

    row = inbox.thread(AB)
    assert row is not None
    assert (row.title, row.segments) == ("Lake people", (ThreadId("s"),))
