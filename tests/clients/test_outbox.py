"""The outbox: in order, at most once, over lost connections and crashes."""

import asyncio
import gc
import resource
import signal
import stat
import threading
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Invalid, TooLong
from bridge.ids import Seq, ThreadId
from bridge.wire.commands import Send
from clients import (
    ConnectionClosed,
    Failed,
    Options,
    OutboxBroken,
    OutboxFull,
    OutboxInUse,
    SendOptions,
    SendSettled,
    State,
)
from clients.outbox import Outbox, new_token
from clients.outbox_file import OutboxFile
from clients.outbox_records import FRAME
from tests.clients.bench import Bench
from tests.clients.fake_state import AB, ANA, BEN
from tests.clients.fake_time import settle


def message(number: int, thread: str = "t") -> Send:
    return Send(thread=ThreadId(thread), text=f"text {number} ✨", reply_to=Seq(1), token=f"k{number:03}")


@given(threads=st.text("abc", max_size=20), seed=st.integers(0, 2**32))
def test_each_thread_goes_out_in_order_one_at_a_time_until_all_is_settled(threads: str, seed: int) -> None:
    chance = Random(seed)
    outbox = Outbox(limit=50, in_flight=2)
    said = [message(number, thread) for number, thread in enumerate(threads)]
    for send in said:
        outbox.add(send, 0)
    settled: list[Send] = []
    on_way = []
    while len(outbox):
        on_way += outbox.due()
        assert len(on_way) <= 2
        assert len({entry.send.thread for entry in on_way}) == len(on_way)
        entry = on_way.pop(chance.randrange(len(on_way)))
        if chance.random() < 0.5:
            outbox.settle(entry)
            settled.append(entry.send)
        else:
            outbox.back(entry)

    assert sorted(settled, key=lambda send: send.token) == said
    for thread in "abc":
        mine = [send for send in settled if send.thread == thread]
        assert mine == [send for send in said if send.thread == thread]


def test_a_full_outbox_takes_nothing_more() -> None:
    outbox = Outbox(limit=1, in_flight=1)
    outbox.add(message(1), 0)

    with pytest.raises(OutboxFull):
        outbox.add(message(2), 0)

    assert [entry.send for entry in outbox.entries()] == [message(1)]


def test_a_message_that_must_wait_holds_its_thread_but_no_other() -> None:
    outbox = Outbox(limit=9, in_flight=9)
    outbox.add(message(1, "a"), 0)
    outbox.add(message(2, "a"), 0)
    outbox.add(message(3, "b"), 0)
    first, other = outbox.due()

    outbox.back(first, waiting=True)

    assert other.send == message(3, "b")
    assert outbox.due() == []
    assert "k002" in outbox


def test_tokens_begin_with_the_time_and_fit_the_wire() -> None:
    early, late = new_token(1_000, b"\xff" * 10), new_token(2_000, b"\x00" * 10)

    assert early < late
    assert len(late) <= 64


def test_what_was_never_settled_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    with OutboxFile(path) as file:
        for number in range(4):
            file.add(message(number))
        file.done("k001")
        file.done("k001")  # settled twice is settled

    with OutboxFile(path) as file:
        assert file.unsent() == [message(0), message(2), message(3)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@settings(max_examples=60)
@given(data=st.data())
def test_a_crash_at_any_byte_keeps_every_whole_record(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("outbox") / "outbox"
    sizes = []
    with OutboxFile(path) as file:
        for number in range(3):
            file.add(message(number))
            sizes.append(path.stat().st_size)
    cut = data.draw(st.integers(0, sizes[-1]))
    kept = path.read_bytes()[:cut]
    path.write_bytes(kept + data.draw(st.sampled_from([b"", b"\x00" * 7])))

    with OutboxFile(path) as file:
        assert file.unsent() == [message(number) for number, size in enumerate(sizes) if size <= cut]
        file.add(message(9))
    with OutboxFile(path) as file:
        assert file.unsent()[-1] == message(9)


@settings(max_examples=30)
@given(data=st.data())
def test_damage_anywhere_costs_what_is_damaged_and_is_kept_aside(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("outbox") / "outbox"
    starts = []
    with OutboxFile(path) as file:
        for number in range(4):
            starts.append(path.stat().st_size)
            file.add(message(number))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(starts[0], len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    hit = sum(start <= at for start in starts) - 1
    kept = [message(number) for number in range(4) if number != hit]

    with OutboxFile(path) as file:
        assert file.unsent() == kept
        assert file.set_aside is not None
        assert file.set_aside.read_bytes() == content[starts[hit] : [*starts, len(content)][hit + 1]]
        assert stat.S_IMODE(file.set_aside.stat().st_mode) == 0o600
        file.add(message(9))
    with OutboxFile(path) as file:
        assert (file.unsent(), file.set_aside) == ([*kept, message(9)], None)


async def test_damage_of_the_outbox_is_told_and_the_rest_goes_out(bench: Bench, tmp_path: Path) -> None:
    bench.hub.thread(ANA, BEN)
    path = tmp_path / "outbox"
    with OutboxFile(path) as file:
        for number in range(3):
            file.add(Send(thread=AB, text=f"text {number}", token=f"k{number}"))
    path.write_bytes(path.read_bytes().replace(b"text 1", b"texd 1"))
    told: list[Failed] = []

    client = bench.client(outbox=path)
    client.on(Failed)(told.append)
    await client.connect()
    await client.drain()

    assert [said.text for said in bench.hub.threads[AB].messages] == ["text 0", "text 2"]
    assert [type(failed.error) for failed in told] == [OutboxBroken]
    assert f"set aside in {path}.damaged" in str(told[0].error)


def test_a_file_that_is_no_outbox_is_left_alone(tmp_path: Path) -> None:
    for number, content in enumerate([b"precious notes\n" * 9, b"\x93\x01\x02\x03", b"\xc1" * 40]):
        path = tmp_path / str(number)
        path.write_bytes(content)

        with pytest.raises(OutboxBroken):
            OutboxFile(path)

        assert path.read_bytes() == content


def test_a_record_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    OutboxFile(path).close()
    record = b"\x92\xa4sing\x01"
    path.write_bytes(path.read_bytes() + FRAME.pack(len(record), crc32(record)) + record)

    with pytest.raises(OutboxBroken):
        OutboxFile(path)


def test_two_clients_cannot_share_an_outbox(tmp_path: Path) -> None:
    with OutboxFile(tmp_path / "outbox"), pytest.raises(OutboxInUse):
        OutboxFile(tmp_path / "outbox")

    OutboxFile(tmp_path / "outbox").close()  # free again


def test_an_emptied_file_shrinks(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    with OutboxFile(path) as file:
        file.add(Send(thread=ThreadId("t"), text="x" * 1_100_000, token="big"))
        file.done("big")

        assert path.stat().st_size < 100


def test_a_file_that_is_never_empty_shrinks_too_and_stays_locked(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    with OutboxFile(path) as file:
        file.add(message(1))
        for number in range(2, 14):
            file.add(Send(thread=ThreadId("t"), text="x" * 100_000, token=f"k{number:03}"))
            file.done(f"k{number:03}")
        file.add(message(99))

        assert path.stat().st_size < 500_000
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(OutboxInUse):
            OutboxFile(path)

    with OutboxFile(path) as file:
        assert file.unsent() == [message(1), message(99)]


def test_a_message_that_the_disk_took_in_part_hides_none_that_follow(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    with OutboxFile(path) as file:
        file.add(message(1))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        signal_before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                file.add(message(2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, signal_before)
        file.add(message(3))

    with OutboxFile(path) as file:
        assert file.unsent() == [message(1), message(3)]


async def test_more_messages_than_the_limit_that_an_earlier_client_left_go_out(
    bench: Bench, tmp_path: Path
) -> None:
    bench.hub.thread(ANA, BEN)
    with OutboxFile(tmp_path / "outbox") as file:
        for number in range(3):
            file.add(Send(thread=AB, text=str(number), token=f"k{number}"))

    options = Options(sending=SendOptions(limit=2), acknowledge=False)
    client = bench.client(options, outbox=tmp_path / "outbox")
    await client.connect()
    await client.drain()

    assert [said.text for said in bench.hub.threads[AB].messages] == ["0", "1", "2"]


async def test_what_was_said_before_a_crash_goes_out_after_it_under_the_same_token(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.hub.thread(ANA, BEN)
    bench.unreachable = [bench.cannot() for _ in range(3)]
    on_disk = threading.Event()

    class Noting(OutboxFile):
        def add(self, send: Send) -> None:
            super().add(send)
            on_disk.set()

    monkeypatch.setattr("clients.sender.OutboxFile", Noting)
    first = bench.client(outbox=tmp_path / "outbox")
    await first.connect(wait=False)
    sending = asyncio.create_task(first.send(AB, "before the crash", token="mine"))
    await asyncio.to_thread(on_disk.wait)
    await first.close()  # the process dies: nothing was sent
    assert (await asyncio.gather(sending, return_exceptions=True))[0] is not None
    bench.unreachable = []

    second = bench.client(outbox=tmp_path / "outbox")
    await second.connect()
    await second.drain()

    assert [said.text for said in bench.hub.threads[AB].messages] == ["before the crash"]
    assert [token for _, token in bench.hub.tokens] == ["mine"]
    with OutboxFile(tmp_path / "outbox") as file:
        assert file.unsent() == []


async def test_a_message_that_was_taken_before_the_crash_is_not_said_twice(
    bench: Bench, tmp_path: Path
) -> None:
    bench.hub.thread(ANA, BEN)
    with OutboxFile(tmp_path / "outbox") as file:
        file.add(Send(thread=AB, text="said", token="mine"))
    bench.hub.say(ANA, BEN, "said", token="mine")  # it was taken, and the answer was lost in the crash

    client = bench.client(outbox=tmp_path / "outbox")
    await client.connect()
    await client.drain()

    assert len(bench.hub.threads[AB].messages) == 1


async def test_a_disk_that_cannot_keep_a_message_refuses_it(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.hub.thread(ANA, BEN)
    client = bench.client(outbox=tmp_path / "outbox")
    await client.connect()

    def full(self: OutboxFile, send: Send) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(OutboxFile, "add", full)
    settling = asyncio.create_task(client.wait_for(SendSettled))

    with pytest.raises(OSError, match="No space"):
        await client.send(AB, "never said")
    settled = await settling
    assert (settled.seq, type(settled.error)) == (None, OutboxBroken)
    assert (client.unsent, bench.hub.threads[AB].messages) == (0, [])


async def test_a_disk_that_cannot_drop_a_message_says_so_and_troubles_nobody(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(self: OutboxFile, token: str) -> None:
        raise OSError(28, "No space left on device")

    bench.hub.thread(ANA, BEN)
    monkeypatch.setattr(OutboxFile, "done", full)
    client = bench.client(outbox=tmp_path / "outbox")
    await client.connect()

    taken = await client.send(AB, "said")
    await client.close()
    gc.collect()

    assert (taken.seq, client.unsent) == (1, 0)
    assert "what was settled cannot be dropped: [Errno 28]" in caplog.text
    assert "never retrieved" not in caplog.text


async def test_a_cancelled_connect_lets_go_of_the_outbox(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, may_open = threading.Event(), threading.Event()

    class Slow(OutboxFile):
        def __init__(self, path: Path) -> None:
            opening.set()
            may_open.wait()
            super().__init__(path)

    monkeypatch.setattr("clients.sender.OutboxFile", Slow)
    client = bench.client(outbox=tmp_path / "outbox")
    connecting = asyncio.create_task(client.connect())
    await asyncio.to_thread(opening.wait)

    connecting.cancel()
    await settle()
    may_open.set()
    with pytest.raises(asyncio.CancelledError):
        await connecting

    OutboxFile(tmp_path / "outbox").close()
    await client.connect()  # and it can be tried again
    assert client.state is State.CONNECTED


async def test_a_connect_that_is_cancelled_twice_lets_go_of_the_outbox(bench: Bench, tmp_path: Path) -> None:
    bench.deaf = 1
    client = bench.client(outbox=tmp_path / "outbox")
    connecting = asyncio.create_task(client.connect())
    while not bench.pipes:
        await asyncio.to_thread(lambda: None)  # the outbox is opened in a thread

    connecting.cancel()
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting

    OutboxFile(tmp_path / "outbox").close()


async def test_a_client_without_its_outbox_does_not_start(bench: Bench, tmp_path: Path) -> None:
    with OutboxFile(tmp_path / "outbox"):
        client = bench.client(outbox=tmp_path / "outbox")

        with pytest.raises(OutboxInUse):
            await client.connect()

    assert client.state is State.DISCONNECTED


async def test_one_token_said_twice_at_once_is_one_message(bench: Bench) -> None:
    client = await bench.connected()
    bench.hub.thread(ANA, BEN)

    one, two = await asyncio.gather(client.send(AB, "x", token="k"), client.send(AB, "x", token="k"))

    assert one == two
    assert len(bench.hub.threads[AB].messages) == 1


async def test_more_than_the_limit_is_refused_at_once(bench: Bench) -> None:
    client = await bench.connected(Options(sending=SendOptions(limit=2), acknowledge=False))
    bench.hub.thread(ANA, BEN)
    bench.cut()
    await settle()
    waiting = [asyncio.create_task(client.send(AB, str(number))) for number in range(2)]
    await settle()

    with pytest.raises(OutboxFull):
        await client.send(AB, "too many")

    await bench.clock.advance(20)
    assert [(await task).seq for task in waiting] == [1, 2]


async def test_a_text_that_no_frame_can_say_is_refused_without_harm(bench: Bench) -> None:
    client = await bench.connected()
    bench.hub.thread(ANA, BEN)

    with pytest.raises(Invalid):
        await client.send(AB, "half \ud800")

    assert (await client.send(AB, "whole")).seq == 1


@pytest.mark.parametrize("wrong", [{"text": None}, {"text": b"x"}, {"thread": object()}, {"reply_to": "1"}])
async def test_what_is_no_message_gets_into_no_outbox(
    bench: Bench, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    bench.unreachable = [bench.cannot()]
    client = bench.client(outbox=tmp_path / "outbox")
    await client.connect(wait=False)

    with pytest.raises(Invalid, match=rf"belongs. \(\$.{next(iter(wrong))}\)"):
        await client.send(**{"thread": AB, "text": "x", **wrong})
    await client.close()

    with OutboxFile(tmp_path / "outbox") as file:
        assert file.unsent() == []


async def test_a_message_that_no_frame_can_hold_is_refused_and_the_client_lives(
    bench: Bench, tmp_path: Path
) -> None:
    client = bench.client(outbox=tmp_path / "outbox")
    await client.connect()
    bench.hub.thread(ANA, BEN)

    with pytest.raises(TooLong, match="the hub takes"):
        await client.send(AB, "x" * 70_000)

    assert (await client.send(AB, "short")).seq == 1
    assert client.unsent == 0


async def test_draining_a_client_that_ended_says_why_instead_of_waiting(bench: Bench) -> None:
    bench.unreachable = [bench.cannot() for _ in range(9)]
    client = bench.client()
    await client.connect(wait=False)
    sending = asyncio.create_task(client.send(AB, "never said"))
    await settle()
    await client.close()

    with pytest.raises(ConnectionClosed):
        await client.drain()
    with pytest.raises(ConnectionClosed):
        await sending
