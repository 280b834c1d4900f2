"""A slow disk costs time, not messages: commits gather what waits, and the loop waits for no disk."""

import asyncio
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import msgspec
import pytest

from benchmarks.load.generator import Load, Measured, run
from benchmarks.load.hub_process import Order, Running
from benchmarks.load.processes import started
from bridge.config import Config, Listen, StoreSettings
from tests.faults.moments import a_moment
from tests.faults.tracing import injecting, needs_strace


def order_for(folder: Path, pairs: int) -> Order:
    """Say what hub to run."""
    config = Config(listen=Listen(port=0), store=StoreSettings(path=str(folder / "hub.db")))
    return Order(config=config, pairs=pairs, fresh=True)


async def page(url: str, path: str) -> tuple[str, float]:
    """Read a page of the hub; give it and the seconds that it took."""
    place = urlsplit(url)
    begun = perf_counter()
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
    text = (await reader.read()).decode()
    writer.close()
    return text, perf_counter() - begun


@pytest.mark.slow
async def test_a_disk_that_takes_20_ms_a_sync_still_takes_1000_messages_a_second(tmp_path: Path) -> None:
    needs_strace("a slow disk is met by larger batches")
    slow = injecting("fdatasync", "delay_exit=20000", when="50+")
    with started("benchmarks.load.hub_process", order=order_for(tmp_path, 16), before=slow) as (hub, line):
        target = msgspec.json.decode(line, type=Running)
        found = await run(Load(pid=hub.pid, target=target, window=32, warm_up_s=0.5, seconds=3.0, chain=True))
    assert found.faults == []
    assert found.rate >= 1_000
    assert found.commits <= found.seconds / 0.02


@pytest.mark.slow
async def test_while_the_disk_stalls_for_seconds_the_hub_still_answers(tmp_path: Path) -> None:
    needs_strace("a stalled disk does not stall the hub")
    stall = injecting("fdatasync", "delay_exit=3000000", when="60")
    with started("benchmarks.load.hub_process", order=order_for(tmp_path, 8), before=stall) as (hub, line):
        target = msgspec.json.decode(line, type=Running)
        load = Load(pid=hub.pid, target=target, warm_up_s=0.1, seconds=4.0)
        talk: asyncio.Task[Measured] = asyncio.create_task(run(load))
        waits = []
        while not talk.done():
            waits.append((await page(target.url, "/healthz"))[1])
            await a_moment(0.02)
        found = await talk
        metrics, _ = await page(target.url, "/metrics")
    longest = next(line for line in metrics.splitlines() if line.startswith("isthmus_commit_max_seconds "))
    assert found.faults == []
    assert float(longest.split()[1]) > 2.5  # the stall was there
    assert max(waits) < 1.0
