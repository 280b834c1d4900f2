"""The conversation printed in the protocol page comes true with a plain WebSocket client."""

from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.hub.house import ANA, BEN, config, house
from tests.wire.transcript import run_transcript, steps

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
async def test_the_printed_conversation_comes_true(engine: str, password_hash: str, tmp_path: Path) -> None:
    text = PAGE.read_text()
    path = str(tmp_path / "isthmus.db") if engine == "sqlite" else ""
    async with house(password_hash, config(store={"path": path})) as hub:
        await hub.add(ANA, BEN)

        async def connect() -> Any:
            return await websockets.connect(hub.hub.url, proxy=None)

        names = await run_transcript(text, connect)

    assert (names["ana"], names["ben"]) == (ANA, BEN)
    assert len(list(steps(text))) > 30
