"""A wire that can be cut: a TCP relay that breaks after a number of bytes, in either direction."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Scissors:
    """Where to cut: for each connection in turn, after how many bytes up and down; then never again."""

    def __init__(self, cuts: Iterable[tuple[int, int]]) -> None:
        self._cuts = iter(cuts)

    def next(self) -> tuple[int, int]:
        return next(self._cuts, (1 << 60, 1 << 60))


@asynccontextmanager
async def cut_wire(url: str, cuts: Iterable[tuple[int, int]]) -> AsyncIterator[str]:
    """Relay to a hub over a wire that is cut; gives the address to connect to."""
    port, scissors = urlsplit(url).port, Scissors(cuts)
    talks: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int) -> None:
        while left and (data := await reader.read(min(left, 65_536))):
            writer.write(data)
            left -= len(data)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        up, down = scissors.next()
        ends, ways = [writer], set[asyncio.Task[None]]()
        try:
            to, away = await asyncio.open_connection("127.0.0.1", port)
            ends.append(away)
            ways.add(asyncio.create_task(relay(reader, away, up)))
            ways.add(asyncio.create_task(relay(to, writer, down)))
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:  # whoever ends this a second time, while it waits, finds both ends cut
            for end in ends:
                end.transport.abort()
            for way in ways:
                way.cancel()
            talks.discard(task)
            await asyncio.gather(*ways, return_exceptions=True)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in talks:
            task.cancel()
        if talks:
            await asyncio.wait(talks)
