"""The conversation printed in the protocol page comes true with a plain WebSocket client, on every ground."""

from pathlib import Path
from typing import Any

import websockets

from tests.hub.grounds import Ground
from tests.hub.house import ANA, BEN
from tests.wire.transcript import run_transcript, steps

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


async def test_the_printed_conversation_comes_true(ground: Ground) -> None:
    text = PAGE.read_text()
    async with ground.house() as hub:
        await hub.add(ANA, BEN)

        async def connect() -> Any:
            return await websockets.connect(hub.next().url, proxy=None)

        names = await run_transcript(text, connect)

    assert (names["ana"], names["ben"]) == (ANA, BEN)
    assert len(list(steps(text))) > 30
